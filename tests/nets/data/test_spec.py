import re
from pathlib import Path

import numpy as np
import pytest
import torch

from carsmoo.nets.data import spec
from carsmoo.nets.data.load import load
from carsmoo.nets.data.spec import DatasetSpec, absolute, fitted, natural, require_memory
from carsmoo.nets.data.transforms import Augmentation


def test_a_name_says_what_where_and_how() -> None:
    assert DatasetSpec.parse("digits") == DatasetSpec(name="digits")
    asked = DatasetSpec.parse("folder:/a/b:c?images=60&size=32x48&split_seed=3&pad=2&flip=no")
    told = {"images": 60, "size": (32, 48), "split_seed": 3, "pad": 2, "flip": False}
    assert asked == DatasetSpec(name="folder", where="/a/b:c", **told)
    assert asked.title == "folder:b:c?images=60&size=32x48&split_seed=3"
    assert DatasetSpec.parse("npz:what?.npz?").where == "what?.npz"
    assert DatasetSpec.parse("cifar10?size=16").size == (16, 16)


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
        ("digits?images=12", "class 0: expected at least 3 images, one for each split, got [12]"),
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


def test_fewer_images_keep_the_shares_of_the_classes_and_the_seed_chooses() -> None:
    all_of_them, few = load("digits"), load("digits?images=200")
    assert sum(len(part) for part in (few.train, few.validation, few.test)) == 200
    labels = np.concatenate([part.labels for part in (few.train, few.validation, few.test)])
    every = np.concatenate([part.labels for part in (all_of_them.train, all_of_them.validation, all_of_them.test)])
    assert np.abs(np.bincount(labels) - np.bincount(every) * 200 / 1797).max() < 1
    assert few.name == "digits?images=200"
    assert few.digest() == load("digits?images=200").digest()
    assert few.digest() != load("digits?images=200&split_seed=1").digest()


def test_images_are_scaled_to_cover_and_cropped_in_the_middle() -> None:
    column = np.arange(40, dtype=np.uint8) * 5
    X = np.broadcast_to(column, (2, 1, 20, 40))
    square = fitted(X, (10, 10))  # half the height covers; the middle 10 of 20 columns stay
    assert square.shape == (2, 1, 10, 10)
    expected = 5 * (2 * np.arange(5, 15) + 0.5)
    assert np.abs(square[0, 0] - expected).max() <= 1
    assert fitted(X, (20, 40)) is X
    floats = fitted(X.astype(np.float32), (10, 10))
    assert floats.dtype == np.float32
    assert np.abs(floats[0, 0] - expected).max() < 1e-3
    assert load("digits?size=12x10").image_shape == (1, 12, 10)


def test_augmentation_is_cifars_for_colour_and_none_for_grey_unless_asked_for() -> None:
    assert natural((9, 3, 32, 32)) == Augmentation(pad=4, flip=True)
    assert natural((9, 3, 64, 40)) == Augmentation(pad=5, flip=True)
    assert natural((9, 1, 32, 32)) == natural((9, 32, 32)) == Augmentation()
    assert load("digits").augmentation == Augmentation()
    assert load("digits?pad=1&flip=yes").augmentation == Augmentation(pad=1, flip=True)


def test_images_that_do_not_fit_tell_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spec, "physical_memory", lambda: 16 * 2**30)
    require_memory(50_000, (3, 32, 32))
    says = r"8,589,934,592 bytes, got 192,851,343,360 bytes \(1281167 images of 3x224x224\); ask for fewer"
    with pytest.raises(ValueError, match=says.replace("192,851,343,360", f"{1281167 * 3 * 224 * 224:,}")):
        require_memory(1_281_167, (3, 224, 224))
    monkeypatch.setattr(spec, "physical_memory", lambda: None)
    require_memory(1_281_167, (3, 224, 224))


def test_bytes_stay_bytes_and_their_moments_are_those_of_wide_numbers() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3000, 3, 5, 7), dtype=np.uint8)
    X[:, 1] //= 3
    data = load((X, np.arange(3000) % 7))
    assert data.train.images.dtype == data.test.images.dtype == torch.uint8
    wide = data.train.images.double().transpose(0, 1).flatten(1)
    assert torch.allclose(data.mean.double(), wide.mean(dim=1), rtol=1e-6)
    assert torch.allclose(data.std.double(), wide.std(dim=1), rtol=1e-6)
