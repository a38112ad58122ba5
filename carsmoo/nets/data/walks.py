"""Directories of images: which are splits, which are classes, which files are pictures and what is passed over."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from torchvision.datasets.folder import IMG_EXTENSIONS

from carsmoo.utils.validation import short

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Directories of a folder that has its own splits, in small letters, and which split each is."""

SYSTEM = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "@recycle",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "lost+found",
    "system volume information",
}
"""Directories that systems leave, in small letters; beside them all whose names begin with a dot."""

ADDED = "set|sets|images?|imgs?|pictures|photos|data|dataset|split|folder|dir|files"
LIKE_A_SPLIT = re.compile(
    rf"(?:(?:{ADDED})[\W_]*)?(?:{'|'.join(SPLITS)}|trainval|eval|evaluation|hold[\W_]*out)[\W_]*(?:{ADDED}|\d+)?"
)


class Scan(NamedTuple):
    """What a directory holds, sorted by name.

    Attributes:
        directories: names of its own directories.
        images: paths of its own regular files whose names end as those of images do.
        links: paths of links that lead to a directory or are called as an image.
    """

    directories: list[str]
    images: list[str]
    links: list[str]


class Tree(NamedTuple):
    """All that is in a directory and below it.

    Attributes:
        directories: paths, its own first.
        images: regular files in the order of their directories and names.
        links: as of :class:`Scan`.
    """

    directories: list[str]
    images: list[str]
    links: list[str]


def scan(source: str, folder: str | Path) -> Scan:
    """Return what a directory holds, without what begins with a dot or is a system's, and following no link.

    Args:
        source: what the images are called in what is raised.
        folder: the directory.

    Raises:
        ValueError: if it cannot be read.
    """
    found = Scan([], [], [])
    try:
        with os.scandir(folder) as opened:
            entries = sorted(opened, key=lambda entry: entry.name)
        for entry in entries:
            if entry.name.startswith(".") or entry.name.casefold() in SYSTEM:
                continue
            is_image = entry.name.lower().endswith(IMG_EXTENSIONS)
            if entry.is_symlink():
                if is_image or os.path.isdir(entry.path):
                    found.links.append(entry.path)
            elif entry.is_dir():
                found.directories.append(entry.name)
            elif is_image and entry.is_file():
                found.images.append(entry.path)
    except OSError as error:
        raise ValueError(
            f"{source}: expected a directory that can be read, got {readable(folder)} ({error.strerror})"
        ) from error
    return found


def walk(source: str, folder: str | Path) -> Tree:
    """Return all that is in a directory of one class and below it.

    Raises:
        ValueError: if one cannot be read, or has splits of its own.
    """
    found, waiting = Tree([], [], []), [os.fspath(folder)]
    while waiting:
        here = waiting.pop()
        held = scan(source, here)
        splits = [name for name in held.directories if name.casefold() in SPLITS]
        if len({SPLITS[name.casefold()] for name in splits}) > 1:
            raise ValueError(
                f"{source}: expected splits around classes, such as train/CLASS and test/CLASS, got "
                f"{' and '.join(splits)} in {readable(here)}"
            )
        found.directories.append(here)
        found.images.extend(held.images)
        found.links.extend(held.links)
        waiting.extend(os.path.join(here, name) for name in held.directories)
    found.images.sort(key=os.path.split)
    return found


def layout(source: str, root: Path) -> dict[str, Path]:
    """Return the directory of each split that a folder has of its own, or the folder as the only one, for train.

    Splits are called as in :data:`SPLITS`, in small letters or not.

    Raises:
        ValueError: if some directories are called like splits, but which they are is not certain.
    """
    names = scan(source, root).directories
    alike = [name for name in names if LIKE_A_SPLIT.fullmatch(name.casefold())]
    if not alike:
        return {"train": root}
    known = {name: SPLITS[name.casefold()] for name in names if name.casefold() in SPLITS}
    if len(known) == len(set(known.values())) == len(names) and "train" in known.values():
        return {split: root / name for name, split in known.items()}
    told = ", ".join(short(name, 30) for name in list(dict.fromkeys([*alike, *names]))[:4])
    raise ValueError(
        f"{source}: expected classes, or train (training) with at most one of val (valid, validation, dev) and one of "
        f"test (testing) and nothing else, got {told} in {readable(root)}; a class of such a name goes into train/"
    )


def require_inside(source: str, root: Path, trees: Iterable[Tree]) -> None:
    """Check that links lead only to what is read without them, so that passing over them loses nothing.

    Args:
        source: what the images are called in what is raised.
        root: the folder, without links in its path.
        trees: what is read, and links.

    Raises:
        ValueError: naming a link out of the folder, to nothing, or to what is not read.
    """
    held = list(trees)
    links = sorted(link for tree in held for link in tree.links)
    read = {os.fspath(path) for path in (root, *root.parents)}
    if links:
        read.update(path for tree in held for path in (*tree.directories, *tree.images))
    for link in links:
        leads = os.path.realpath(link)
        if leads not in read:
            raise ValueError(
                f"{source}: expected directories and images of the folder's own, got a link, {readable(link)}, to "
                f"{readable(leads)}; put a copy in its place, as cp -rL does"
            )


def readable(path: str | Path) -> str:
    """Return a path as text on one line."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)
