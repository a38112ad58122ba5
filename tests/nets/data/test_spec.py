import re
from pathlib import Path

import pytest

from carsmoo.nets.data import load
from carsmoo.nets.data.spec import DatasetSpec, absolute, with_options


def test_a_name_says_what_where_and_how() -> None:
    assert DatasetSpec.parse("digits") == DatasetSpec(name="digits")
    asked = DatasetSpec.parse("folder:/a/b:c?images=60&size=32x48&split_seed=3&pad=2&flip=no")
    told = {"images": 60, "size": (32, 48), "split_seed": 3, "pad": 2, "flip": False}
    assert asked == DatasetSpec(name="folder", where="/a/b:c", **told)
    assert asked.title == "folder:b:c?images=60&size=32x48&split_seed=3"
    assert DatasetSpec.parse("npz:what?.npz?").where == "what?.npz"
    assert DatasetSpec.parse("cifar10?size=16").size == (16, 16)


def test_a_path_with_a_nul_is_told_wherever_it_comes_from() -> None:
    for make in (absolute, DatasetSpec.parse, load, lambda text: DatasetSpec(name="npz", where=text)):
        for text in ("npz:a\0b", "folder:a\0b?size=3"):
            with pytest.raises(ValueError, match=r"^data: expected a path, got '.*a\\x00b(\?size=3)?'$"):
                make(text)


def test_a_home_that_is_not_known_is_a_path_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError, match=r"got nothing at .*~nobody-of-that-name/photos$"):
        load("folder:~nobody-of-that-name/photos")
    assert absolute("npz:~nobody-of-that-name/a.npz").endswith("/~nobody-of-that-name/a.npz")


def test_a_name_with_its_path_made_absolute_means_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = tmp_path.resolve()
    assert absolute("folder:photos?size=3x4&flip=no") == f"folder:{here}/photos?size=3x4&flip=no"
    assert absolute("npz:../a.npz") == f"npz:{here.parent}/a.npz"
    assert absolute(f"cifar10:{here}") == f"cifar10:{here}"
    for name in ("digits", "digits?images=60", "cifar10", "nothing?at=all", "?"):
        assert absolute(name) == name
    (tmp_path / "what?").mkdir()
    monkeypatch.chdir(tmp_path / "what?")
    assert DatasetSpec.parse(absolute("folder:photos")) == DatasetSpec(name="folder", where=f"{here}/what?/photos")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("digits?image=3", "data: expected options among images, size, split_seed, pad, flip, stream, got 'image=3'"),
        ("digits?images=3&images=4", "data: expected images once, got it twice"),
        ("digits?images=many", "data: expected images=NUMBER, a whole number, got 'images=many'"),
        ("digits?images=0", "data: expected images of at least 1, got 0"),
        ("digits?images=", "data: expected images=NUMBER"),
        ("digits?size=0x3", "data: expected size=HEIGHTxWIDTH or size=SIDE in pixels, got 'size=0x3'"),
        ("digits?size=3x3x3", "data: expected size=HEIGHTxWIDTH"),
        ("digits?flip=1", "data: expected flip=yes or flip=no, got 'flip=1'"),
        ("digits?pad=-1", "data: expected pad=NUMBER"),
        ("digits?images=1798", "data: expected images of at most 1797, got 1798"),
        ("digits?images=12", "class '0': expected at least 3 images, one for each split, got [12]"),
        ("digits?\n", "data: expected options among"),
        (
            "folder:what?/photos",
            "data: expected options among images, size, split_seed, pad, flip, stream, got '/photos'; after a",
        ),
        ("what\never", "data: expected one of digits"),
        ("folder:a\0b", "data: expected a path, got 'a\\\\x00b'"),
    ],
)
def test_wrong_options_are_refused_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        load(text)
    assert re.match(re.sub(r"([().])", r"\\\1", says), str(caught.value))
    assert "\n" not in str(caught.value)


def test_options_are_added_to_a_name() -> None:
    assert with_options("folder:/a?flip=no", size=(32, 48), images=60) == "folder:/a?flip=no&size=32x48&images=60"
    assert with_options("digits", images=60) == "digits?images=60"
    assert with_options("npz:what?.npz?", size=(8, 8)) == "npz:what?.npz?size=8x8"
    assert DatasetSpec.parse(with_options("folder:/a", size=(3, 4))).size == (3, 4)
