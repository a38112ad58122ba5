"""The files of a folder of images, by split and class, each once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
from torchvision.datasets.folder import IMG_EXTENSIONS

from carsmoo.nets.data.spec import DatasetSpec, expanded
from carsmoo.nets.data.splits import stratified
from carsmoo.nets.data.walks import Tree, layout, readable, require_inside, scan, walk

Files: TypeAlias = list[tuple[str, int]]


class Listing(NamedTuple):
    """Files of images by split, with the numbers of their classes, and the classes' names.

    Attributes:
        root: the folder that all are in.
        files: of ``"train"`` and of those of ``"validation"`` and ``"test"`` that the folder has of its own.
        classes: names in the order of their numbers.
    """

    root: Path
    files: dict[str, Files]
    classes: tuple[str, ...]

    @property
    def paths(self) -> list[str]:
        """All files, of every split."""
        return [path for part in self.files.values() for path, _ in part]


def listed(request: DatasetSpec) -> Listing:
    """Return the files that ``folder:PATH`` or ``imagenet:DIR`` means, of those for training as many as asked for.

    No link is followed, and no file comes twice.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming what is wrong with its directories.
    """
    root, splits = _imagenet(request) if request.name == "imagenet" else _folder(request)
    held = {split: scan(request.name, folder) for split, folder in splits.items()}
    names = held["train"].directories
    if len(names) < 2:
        raise ValueError(
            f"{request.name}: expected at least 2 directories, one a class, in {readable(splits['train'])}, got "
            f"{len(names)}"
        )
    for split, found in held.items():
        if strange := [name for name in found.directories if name not in names]:
            raise ValueError(
                f"{request.name}: expected the classes of train, got {strange[0]!r} in {readable(splits[split])}"
            )
    trees = {
        split: {names.index(name): walk(request.name, splits[split] / name) for name in found.directories}
        for split, found in held.items()
    }
    links = [link for found in held.values() for link in found.links]
    links += scan(request.name, root).links if request.name == "folder" else []
    around = Tree([os.fspath(folder) for folder in splits.values()], [], links)
    require_inside(request.name, root, [around, *(tree for part in trees.values() for tree in part.values())])
    files = _once(request.name, trees)
    labels = np.array([label for _, label in files["train"]], dtype=np.int64)
    counts = np.bincount(labels, minlength=len(names))
    empty = [splits["train"] / name for name, count in zip(names, counts, strict=True) if count == 0]
    empty += [splits[split] for split, part in files.items() if not part]
    if empty:
        raise ValueError(
            f"{request.name}: expected images ({', '.join(IMG_EXTENSIONS)}) in {readable(empty[0])}, got none"
        )
    request.require_images(len(labels))
    if request.images is not None:
        files["train"] = [files["train"][k] for k in stratified(labels, request.images, request.split_seed)]
    return Listing(root, files, tuple(names))


def _folder(request: DatasetSpec) -> tuple[Path, dict[str, Path]]:
    if not request.where:
        raise ValueError("data: expected folder:PATH, got 'folder' without a path")
    root = expanded(request.where).resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"folder: expected a directory with one directory a class, got nothing at {root}")
    return root, layout(request.name, root)


def _imagenet(request: DatasetSpec) -> tuple[Path, dict[str, Path]]:
    default = os.path.join(os.environ.get("CARSMOO_IMAGES", "data"), "imagenet")
    root = expanded(request.where or default).resolve()
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


def _once(name: str, trees: dict[str, dict[int, Tree]]) -> dict[str, Files]:
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
                            f"{name}: expected each image in one class of one split, got one file as "
                            f"{readable(first)} and {readable(path)}"
                        )
                    if first != path:
                        continue
                files[split].append((path, label))
    return files
