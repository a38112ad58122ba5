import os
from pathlib import Path

import pytest

from carsmoo.nets.data.walks import layout, readable, scan, walk


def make(root: Path, *names: str) -> Path:
    """Write empty files, or directories where a name ends with a slash."""
    for name in names:
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    return root


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ("train val test", {"train": "train", "validation": "val", "test": "test"}),
        ("train valid test", {"train": "train", "validation": "valid", "test": "test"}),
        ("train dev test", {"train": "train", "validation": "dev", "test": "test"}),
        ("Train Test", {"train": "Train", "test": "Test"}),
        ("TRAIN Validation", {"train": "TRAIN", "validation": "Validation"}),
        ("training testing __MACOSX .git @eaDir", {"train": "training", "test": "testing"}),
        ("train", {"train": "train"}),
        ("ant bee", {"train": "."}),
        ("trains testimonial bullet_train", {"train": "."}),
        ("__MACOSX ant $RECYCLE.BIN", {"train": "."}),
        ("", {"train": "."}),
    ],
)
def test_splits_are_known_by_their_common_names(tmp_path: Path, names: str, splits: dict[str, str]) -> None:
    make(tmp_path, *(f"{name}/" for name in names.split()))
    assert layout("folder", tmp_path) == {split: tmp_path / name for split, name in splits.items()}


@pytest.mark.parametrize(
    "names",
    [
        "boat train",
        "train val validation",
        "Train train test",
        "test val",
        "test",
        "train test extra",
        "train_images test_images",
        "train2017 val2017",
        "trainset testset",
        "Training-Set",
        "train eval",
        "valid invalid",
    ],
)
def test_what_may_be_splits_but_is_not_certain_is_refused(tmp_path: Path, names: str) -> None:
    make(tmp_path, *(f"{name}/" for name in names.split()))
    with pytest.raises(ValueError, match=r"folder: expected classes, or train .*, got '.*goes into train/$") as caught:
        layout("folder", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_directory_is_scanned_in_order_without_what_systems_leave(tmp_path: Path) -> None:
    passed = ["__MACOSX/b/", ".ipynb_checkpoints/", "@eaDir/", "Thumbs.db", "._a.png", "notes.txt", "lost+found/"]
    make(tmp_path, *passed, "c/", "a/", "B/", "2.PNG", "10.jpeg", "folder.png/")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "again").symlink_to(".")
    (tmp_path / "link.png").symlink_to("2.PNG")
    (tmp_path / "self").symlink_to("self")
    found = scan("folder", tmp_path)
    assert found.directories == ["B", "a", "c", "folder.png"]
    assert [Path(path).name for path in found.images] == ["10.jpeg", "2.PNG"]
    assert [Path(path).name for path in found.links] == ["again", "link.png"]


def test_a_walk_is_in_the_order_of_directories_and_follows_no_link(tmp_path: Path) -> None:
    make(tmp_path, "a/z.png", "a/b/c/w.png", "a/b/y.png", "a/b-c/x.png", "a/b/@eaDir/y.png", "a/b/.hidden/y.png")
    (tmp_path / "a" / "b" / "up").symlink_to("..")
    tree = walk("folder", tmp_path / "a")
    found = [os.path.relpath(path, tmp_path) for path in tree.images]
    assert found == ["a/z.png", "a/b/y.png", "a/b-c/x.png", "a/b/c/w.png"]
    assert tree.links == [os.fspath(tmp_path / "a" / "b" / "up")]
    assert {os.path.relpath(path, tmp_path) for path in tree.directories} == {"a", "a/b", "a/b-c", "a/b/c"}
    with pytest.raises(ValueError, match=r"folder: expected a directory that can be read, got .*none \(No such file"):
        scan("folder", tmp_path / "none")


def test_splits_within_a_class_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "cat/train/1.png", "cat/Test/1.png", "car/train/1.png")
    with pytest.raises(ValueError, match=r"expected splits around classes, .*, got Test and train in .*cat$"):
        walk("folder", tmp_path / "cat")
    assert len(walk("folder", tmp_path / "car").images) == 1


def test_a_path_is_told_on_one_line() -> None:
    assert readable("a/ü b.png") == "a/ü b.png"
    assert readable("a\nb") == "'a\\nb'"
    assert readable("a\udcff") == "'a\\udcff'"
