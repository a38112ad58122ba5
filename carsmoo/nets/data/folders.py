"""The files of a folder of images, by split and class, each once; what systems leave and links are passed over."""

from __future__ import annotations

import os
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from torchvision.datasets.folder import IMG_EXTENSIONS

from carsmoo.nets.data.spec import DatasetSpec, readable
from carsmoo.nets.data.splits import stratified
from carsmoo.utils.validation import short

SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Directories of a folder that has its own splits, in small letters, and which split each is."""

OTHER_ENDINGS = (".avif", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jxl")  # of pictures that are not read
PASSED_OVER = re.compile(  # names, in small letters, of what is hidden and of what systems leave
    r"\..*|__macosx|__pycache__|@eadir|@recycle|@tmp|#recycle|#snapshot|\$recycle\.bin|lost\+found"
    r"|system volume information",
    re.DOTALL,
)
ADDED = "set|sets|images?|imgs?|pictures|photos|data|dataset|split|folder|dir|files"
LIKE_A_SPLIT = re.compile(  # a name, in small letters, that alone tells of a split
    rf"(?:(?:{ADDED})[\W_]*)?(?:{'|'.join(SPLITS)}|trainval|eval|evaluation|hold[\W_]*out)[\W_]*(?:{ADDED}|\d+)?"
)
PART = {*SPLITS, "trainval", "eval", "evaluation", "holdout", "pred", "prediction", "predictions", "query", "gallery"}
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")  # trainA has two

Files: TypeAlias = list[tuple[str, int]]


class Listing(NamedTuple):
    """Files of images, with the numbers of their classes."""

    root: Path  # that all are in
    files: dict[str, Files]  # of "train", and of "validation" and "test" if the folder has them of its own
    classes: tuple[str, ...]  # names in the order of their numbers

    @property
    def paths(self) -> list[str]:
        """All files, of every split."""
        return [path for part in self.files.values() for path, _ in part]


class Held(NamedTuple):
    """What a directory holds (:func:`scan`), or it and all below it (:func:`walk`)."""

    directories: list[str]  # names of its own; of a walk the paths of all, the first its own
    images: list[str]  # paths of regular files whose names end as those of images do, by directory and name
    links: list[str]  # paths of those that lead to a directory or are called as an image
    others: list[str]  # paths of regular files whose names end as those of pictures that are not read


def listed(request: DatasetSpec) -> Listing:
    """Return the files that ``folder:PATH`` or ``imagenet:DIR`` means, of those for training as many as asked for.

    No link is followed, and no file comes twice. Pictures of other endings are passed over with a warning.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming what is wrong with its directories.
    """
    source = request.name
    root, splits = _imagenet(request) if source == "imagenet" else _folder(request)
    held = {split: scan(source, folder) for split, folder in splits.items()}
    names = held["train"].directories
    if len(names) < 2:
        raise ValueError(
            f"{source}: expected at least 2 directories, one a class, in {readable(splits['train'])}, got {len(names)}"
        )
    for split, found in held.items():
        if strange := [name for name in found.directories if name not in names]:
            raise ValueError(
                f"{source}: expected the classes of train, got {strange[0]!r} in {readable(splits[split])}"
            )
    trees = {
        split: {names.index(name): walk(source, splits[split] / name) for name in found.directories}
        for split, found in held.items()
    }
    links = [link for found in held.values() for link in found.links]
    links += scan(source, root).links if source == "folder" else []
    around = Held([os.fspath(folder) for folder in splits.values()], [], links, [])
    below = [tree for part in trees.values() for tree in part.values()]
    _require_inside(source, root, [around, *below])
    files = _once(source, trees)
    labels = np.array([label for _, label in files["train"]], dtype=np.int64)
    counts = np.bincount(labels, minlength=len(names))
    empty = [splits["train"] / name for name, count in zip(names, counts, strict=True) if count == 0]
    empty += [splits[split] for split, part in files.items() if not part]
    if empty:
        raise ValueError(f"{source}: expected images ({', '.join(IMG_EXTENSIONS)}) in {readable(empty[0])}, got none")
    request.require_images(len(labels))
    if request.images is not None:
        files["train"] = [files["train"][k] for k in stratified(labels, request.images, request.split_seed)]
    _tell_others(source, root, [path for tree in below for path in tree.others])
    return Listing(root, files, tuple(names))


def layout(source: str, root: Path) -> dict[str, Path]:
    """Return the directory of each split that a folder has of its own, or the folder as the only one, for train.

    Refused are directories that are called like splits where it is not certain which they are.
    """
    names = scan(source, root).directories
    alike = [name for name in names if LIKE_A_SPLIT.fullmatch(name.casefold())] or _counterparts(names)
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


def scan(source: str, folder: str | Path) -> Held:
    """Return what a directory holds, without what begins with a dot or is a system's, and following no link."""
    found = Held([], [], [], [])
    try:
        with os.scandir(folder) as opened:
            entries = sorted(opened, key=lambda entry: entry.name)
        for entry in entries:
            if PASSED_OVER.fullmatch(entry.name.casefold()):
                continue
            name = entry.name.lower()
            is_image = name.endswith(IMG_EXTENSIONS)
            if entry.is_symlink():
                if is_image or os.path.isdir(entry.path):
                    found.links.append(entry.path)
            elif entry.is_dir():
                found.directories.append(entry.name)
            elif is_image and entry.is_file():
                found.images.append(entry.path)
            elif name.endswith(OTHER_ENDINGS) and entry.is_file():
                found.others.append(entry.path)
    except OSError as error:
        raise ValueError(
            f"{source}: expected a directory that can be read, got {readable(folder)} ({error.strerror})"
        ) from error
    return found


def walk(source: str, folder: str | Path) -> Held:
    """Return all that is in a directory of one class and below it, none of which has splits of its own."""
    found, waiting = Held([], [], [], []), [os.fspath(folder)]
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
        found.others.extend(held.others)
        waiting.extend(os.path.join(here, name) for name in held.directories)
    found.images.sort(key=os.path.split)
    return found


def _counterparts(names: list[str]) -> list[str]:
    """Return the names that others equal but for the word of a split; one such as ``bullet_train`` alone is none."""
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name in names:
        words = [word.casefold() for word in WORD.findall(name)]
        for k, word in enumerate(words):
            if word in PART:
                alike[(*words[:k], "*", *words[k + 1 :])].append(name)
    return [name for group in alike.values() if len(group) > 1 for name in group]


def _folder(request: DatasetSpec) -> tuple[Path, dict[str, Path]]:
    if not request.where:
        raise ValueError("data: expected folder:PATH, got 'folder' without a path")
    root = request.path().resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"folder: expected a directory with one directory a class, got nothing at {root}")
    return root, layout(request.name, root)


def _imagenet(request: DatasetSpec) -> tuple[Path, dict[str, Path]]:
    root = request.path("imagenet").resolve()
    splits = {"train": root / "train", "test": root / "val"}
    if not all(folder.is_dir() for folder in splits.values()):
        raise FileNotFoundError(
            f"imagenet: expected {root / 'train'} and {root / 'val'}, one directory a class, got nothing there; get "
            "the archives from image-net.org, unpack them as torchvision.datasets.ImageNet does, or say imagenet:DIR"
        )
    for folder in splits.values():
        if folder.is_symlink():
            raise ValueError(f"imagenet: expected a directory of its own, got a link, {readable(folder)}")
    return root, splits


def _require_inside(source: str, root: Path, trees: Iterable[Held]) -> None:
    """Check that links lead only to what is read without them, so that passing over them loses nothing."""
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


def _tell_others(source: str, root: Path, others: list[str]) -> None:
    if others:
        endings = sorted({os.path.splitext(path)[1].lower() for path in others})
        warnings.warn(
            f"{source}: expected pictures that end with {', '.join(IMG_EXTENSIONS)}, got {len(others)} that end with "
            f"{', '.join(endings)} in {readable(root)}, which are passed over",
            RuntimeWarning,
            stacklevel=1,
        )


def _once(source: str, trees: dict[str, dict[int, Held]]) -> dict[str, Files]:
    """Return the files of each split with their labels; of hard links to one file in one class the first."""
    met: dict[tuple[int, int], tuple[str, int, str]] = {}
    files: dict[str, Files] = {split: [] for split in trees}
    for split, part in trees.items():
        for label, tree in part.items():
            for path in tree.images:
                found = os.lstat(path)
                if found.st_nlink > 1:
                    *where, first = met.setdefault((found.st_dev, found.st_ino), (split, label, path))
                    if where != [split, label]:
                        raise ValueError(
                            f"{source}: expected each image in one class of one split, got one file as "
                            f"{readable(first)} and {readable(path)}"
                        )
                    if first != path:
                        continue
                files[split].append((path, label))
    return files
