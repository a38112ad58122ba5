"""Images in folders, one directory a class."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torchvision.datasets.folder import IMG_EXTENSIONS, make_dataset

from carsmoo.nets.augment import Augmentation
from carsmoo.nets.request import Found, Request, require_memory
from carsmoo.nets.splits import stratified

SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
"""Directories of a folder that has its own splits, and which split each is."""

GREY = ("1", "L", "LA", "I;16", "I;16B", "I;16L", "I")
"""Modes of Pillow without colour."""

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


def read_folder(request: Request) -> Found:
    """Read ``folder:PATH``: one directory a class, or such a folder in each of train/, val/ (validation/) and test/.

    Classes are numbered by their sorted names. Files whose names begin with a dot or do not end as images do are passed
    over. All images must be of one size unless ``size`` is given; they are grey if all are, else in colour.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the file or the class that is wrong.
    """
    return _read(listed(request), request, request.size, None)


def read_imagenet(request: Request) -> Found:
    """Read ``imagenet:DIR`` in torchvision's layout, its val/ as the test split, at 224x224 in colour if not said.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the file or the class that is wrong, or the bytes that would not fit in memory.
    """
    return _read(listed(request), request, request.size or (224, 224), "RGB")


def listed(request: Request) -> Listing:
    """Return the files that ``folder:PATH`` or ``imagenet:DIR`` means, of those for training as many as asked for.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming what is wrong with its directories.
    """
    root, layout = _imagenet(request) if request.name == "imagenet" else _folder(request)
    names = _classes(layout["train"])
    if len(names) < 2:
        raise ValueError(
            f"{request.name}: expected at least 2 directories, one a class, in {layout['train']}, got {len(names)}"
        )
    files = {split: _files(request.name, folder, names) for split, folder in layout.items()}
    labels = np.array([label for _, label in files["train"]])
    counts = np.bincount(labels, minlength=len(names))
    if not counts.all():
        empty = layout["train"] / names[int(np.argmin(counts))]
        raise ValueError(f"{request.name}: expected images ({', '.join(IMG_EXTENSIONS)}) in {empty}, got none")
    request.require_images(len(labels))
    if request.images is not None:
        files["train"] = [files["train"][k] for k in stratified(labels, request.images, request.split_seed)]
    return Listing(root, files, tuple(names))


def _read(listing: Listing, request: Request, size: tuple[int, int] | None, mode: str | None) -> Found:
    paths = [path for part in listing.files.values() for path, _ in part]
    if size is None or mode is None:
        seen, modes = _headers(request.name, paths, size)
        size = size or seen
        mode = mode or ("L" if modes <= set(GREY) else "RGB")
    require_memory(len(paths), (3 if mode == "RGB" else 1, *size))
    pairs = {
        split: (_decoded(request.name, part, size, mode), [label for _, label in part])
        for split, part in listing.files.items()
    }
    natural = Augmentation(pad=4, flip=True) if request.name == "imagenet" else None
    return Found(pairs["train"], pairs.get("validation"), pairs.get("test"), listing.classes, natural)


def _folder(request: Request) -> tuple[Path, dict[str, Path]]:
    if not request.where:
        raise ValueError("data: expected folder:PATH, got 'folder' without a path")
    root = Path(request.where).expanduser().resolve()
    if not root.is_dir():
        raise FileNotFoundError(f"folder: expected a directory with one directory a class, got nothing at {root}")
    return root, _layout(root)


def _imagenet(request: Request) -> tuple[Path, dict[str, Path]]:
    default = Path(os.environ.get("CARSMOO_IMAGES", "data")) / "imagenet"
    root = (Path(request.where) if request.where else default).expanduser().resolve()
    layout = {"train": root / "train", "test": root / "val"}
    if not all(folder.is_dir() for folder in layout.values()):
        raise FileNotFoundError(
            f"imagenet: expected {root / 'train'} and {root / 'val'}, one directory a class, got nothing there; get "
            "the archives from image-net.org, unpack them as torchvision.datasets.ImageNet does, or say imagenet:DIR"
        )
    return root, layout


def _layout(root: Path) -> dict[str, Path]:
    """Return the folder of each split, or the root as the only one."""
    found = _classes(root)
    splits = {SPLITS[name]: root / name for name in found if name in SPLITS}
    if "train" in splits and len(found) > 1 and set(found) <= set(SPLITS):
        if len(splits) < len(found):
            raise ValueError(f"folder: expected one of val and validation in {root}, got both")
        return splits
    return {"train": root}


def _classes(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def _files(name: str, folder: Path, classes: list[str]) -> Files:
    strange = set(_classes(folder)) - set(classes)
    if strange:
        raise ValueError(f"{name}: expected the classes of train, got {sorted(strange)[0]!r} in {folder}")
    number = {label: k for k, label in enumerate(classes)}
    found: Files = make_dataset(str(folder), number, is_valid_file=_is_image, allow_empty=True)
    if not found:
        raise ValueError(f"{name}: expected images ({', '.join(IMG_EXTENSIONS)}) in {folder}, got none")
    return found


def _is_image(path: str) -> bool:
    return not Path(path).name.startswith(".") and path.lower().endswith(IMG_EXTENSIONS)


def _headers(name: str, paths: Iterable[str], size: tuple[int, int] | None) -> tuple[tuple[int, int], set[str]]:
    """Return the one size and all modes of images without decoding them."""
    first, modes = "", set()
    for path in paths:
        try:
            with Image.open(path) as image:
                turned = image.getexif().get(0x0112, 1) >= 5  # on its side, as cameras write
                here = (image.width, image.height) if turned else (image.height, image.width)
                modes.add(image.mode)
        except Exception as error:  # Pillow's readers raise all kinds for damaged files
            raise _damaged(name, path, error) from error
        if size is None:
            size, first = here, path
        if first and here != size:
            raise ValueError(
                f"{name}: expected images of one size, or ?size=HEIGHTxWIDTH, got {size[0]}x{size[1]} ({first}) and "
                f"{here[0]}x{here[1]} ({path})"
            )
    if size is None:
        raise ValueError(f"{name}: expected images, got none")
    return size, modes


def _decoded(name: str, files: Files, size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    result = np.empty((len(files), 3 if mode == "RGB" else 1, *size), dtype=np.uint8)
    for k, (path, _) in enumerate(files):
        whole = decoded(name, path, mode)
        if whole.size != size[::-1]:
            whole = ImageOps.fit(whole, size[::-1], Image.Resampling.BILINEAR)
        pixels: NDArray[Any] = np.asarray(whole)
        result[k] = pixels if mode == "L" else pixels.transpose(2, 0, 1)
    return result


def decoded(name: str, path: str, mode: str) -> Image.Image:
    """Return the picture of a file, upright, as 8-bit grey ("L") or colour ("RGB").

    Args:
        name: of the source, for what is raised.
        path: of the file.
        mode: Pillow's name of the colours.

    Raises:
        ValueError: naming the file if it is damaged.
    """
    try:
        with Image.open(path) as image:
            return converted(ImageOps.exif_transpose(image), mode)
    except Exception as error:  # Pillow's readers raise all kinds for damaged files
        raise _damaged(name, path, error) from error


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Return an image as 8-bit grey or colour; transparency is dropped, 16 bits are cut to 8."""
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) // 256).astype(np.uint8))
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def _damaged(name: str, path: str, error: Exception) -> ValueError:
    told = " ".join(str(error).replace(path, "it").split())[:120]
    return ValueError(f"{name}: expected an image, got a damaged one in {path} ({type(error).__name__}: {told})")
