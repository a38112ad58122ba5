import os
import shutil
from pathlib import Path

import pytest

from carsmoo.nets.data.folders import layout, listed, scan, walk
from carsmoo.nets.data.spec import DatasetSpec, readable
from tests.support.images import draw_folder


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
        ("bullet_train crash_test art_gallery Valley", {"train": "."}),
        ("trainer tester contest device", {"train": "."}),
        ("shuttle_train_a shuttle_bus_a query_a", {"train": "."}),
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
        "seg_train seg_test seg_pred",
        "seg_train seg_pred",
        "Seg-Train Seg-Validation",
        "trainA testA trainB testB",
        "bounding_box_train bounding_box_test query gallery",
        "query gallery",
        "images_train images_val",
        "chest_xray_test_2 chest_xray_train_2 extra",
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


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos", {"a": 3, "b": 4}, size=(4, 4))


def paths(root: Path) -> list[str]:
    found = listed(DatasetSpec(name="folder", where=os.fspath(root)))
    return [os.path.relpath(path, root) for path in found.paths]


def test_pictures_of_other_endings_are_passed_over_with_a_warning(root: Path) -> None:
    before = paths(root)
    make(root, "a/1.gif", "a/deep/2.HEIC", "b/3.gif", "b/notes.txt", "b/.4.gif", "b/folder.gif/")
    says = rf"^folder: expected pictures that end with .*, got 3 that end with \.gif, \.heic in {root}, which"
    with pytest.warns(RuntimeWarning, match=says):
        assert paths(root) == before


def test_links_within_the_folder_count_nothing_twice(root: Path) -> None:
    before = paths(root)
    assert before == [f"a/00{k}.png" for k in range(3)] + [f"b/00{k}.png" for k in range(4)]
    (root / "a" / "here").symlink_to(".")
    (root / "a" / "up").symlink_to("..")
    (root / "out").symlink_to("..")
    (root / "c").symlink_to("b")
    (root / "b" / "000 copy.png").symlink_to("000.png")
    (root / "b" / "other.png").symlink_to("../a/001.png")
    (root / "a" / "self").symlink_to("self")
    assert paths(root) == before


@pytest.mark.parametrize("kind", ["file", "directory", "class", "nothing", "itself", "hidden"])
def test_a_link_to_what_is_not_read_otherwise_is_refused(root: Path, tmp_path: Path, kind: str) -> None:
    away = tmp_path / "away"
    shutil.copytree(root / "a", away)
    shutil.copytree(root / "a", root / ".hidden")
    link, leads = {
        "file": (root / "a" / "x.png", away / "000.png"),
        "directory": (root / "a" / "x", away),
        "class": (root / "x", away),
        "nothing": (root / "a" / "x.png", away / "none.png"),
        "itself": (root / "a" / "x.png", root / "a" / "x.png"),
        "hidden": (root / "a" / "x", root / ".hidden"),
    }[kind]
    link.symlink_to(leads)
    with pytest.raises(
        ValueError, match=r"folder: expected .* of the folder's own, got a link, .*x(\.png)?, to /.*; put"
    ):
        listed(DatasetSpec(name="folder", where=os.fspath(root)))


def test_hard_links_count_once_in_a_class_and_are_refused_across(root: Path) -> None:
    before = paths(root)
    os.link(root / "a" / "000.png", root / "a" / "again.png")
    assert paths(root) == before
    os.link(root / "a" / "000.png", root / "b" / "again.png")
    says = r"folder: expected each image in one class of one split, got one file as .*a/000\.png and .*b/again\.png"
    with pytest.raises(ValueError, match=says):
        paths(root)


def test_one_file_in_two_splits_is_refused(tmp_path: Path) -> None:
    for split in ("train", "test"):
        draw_folder(tmp_path / split, {"a": 2, "b": 2}, size=(4, 4))
    os.link(tmp_path / "train" / "a" / "001.png", tmp_path / "test" / "a" / "9.png")
    with pytest.raises(ValueError, match=r"one file as .*test/a/9\.png and .*train/a/001\.png"):
        paths(tmp_path)


def test_the_folder_itself_may_be_a_link(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("photos")
    assert len(listed(DatasetSpec(name="folder", where=os.fspath(tmp_path / "link"))).files["train"]) == 7


def test_imagenets_splits_are_no_links_and_what_is_beside_them_is_left_alone(tmp_path: Path) -> None:
    draw_folder(tmp_path / "train", {"a": 2, "b": 2}, size=(4, 4))
    (tmp_path / "devkit").symlink_to("/")
    (tmp_path / "val").symlink_to("train")
    request = DatasetSpec(name="imagenet", where=os.fspath(tmp_path))
    with pytest.raises(ValueError, match=r"imagenet: expected a directory of its own, got a link, .*val$"):
        listed(request)
    (tmp_path / "val").unlink()
    draw_folder(tmp_path / "val", {"a": 2}, size=(4, 4))
    draw_folder(tmp_path / "val" / "__MACOSX", {"a": 2}, size=(4, 4))
    assert {split: len(files) for split, files in listed(request).files.items()} == {"train": 4, "test": 2}


def test_names_of_any_kind_are_classes_and_files(root: Path) -> None:
    strange = "ü  b\n\U0001f41c"
    (root / "b").rename(root / strange)
    (root / strange / "000.png").rename(root / strange / "a\nb \udcff.png")
    found = listed(DatasetSpec(name="folder", where=os.fspath(root)))
    assert found.classes == ("a", strange)
    (root / "none\n").mkdir()
    with pytest.raises(ValueError, match=r"expected images .* in '.*none\\n', got none") as caught:
        paths(root)
    assert "\n" not in str(caught.value)
