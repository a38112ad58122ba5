import os
import shutil
from pathlib import Path

import pytest

from carsmoo.nets.data.listings import listed
from carsmoo.nets.data.spec import DatasetSpec
from tests.support.images import draw_folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos", {"a": 3, "b": 4}, size=(4, 4))


def paths(root: Path) -> list[str]:
    found = listed(DatasetSpec(name="folder", where=os.fspath(root)))
    return [os.path.relpath(path, root) for path in found.paths]


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
