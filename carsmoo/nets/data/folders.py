"""Images in folders, one directory a class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from carsmoo.nets.data.listings import Files, Listing, listed
from carsmoo.nets.data.pixels import White, flat, is_cut, is_deep, mode_of, require_pixels, to_bytes, white_of
from carsmoo.nets.data.spec import DatasetSpec, Found, require_memory
from carsmoo.nets.data.transforms import Augmentation
from carsmoo.nets.data.walks import readable

IN_BYTES = (".jpg", ".jpeg", ".bmp", ".webp")
"""Endings of files that hold at most 8 bits a colour."""


class Header(NamedTuple):
    """What is known of a picture before it is decoded.

    Attributes:
        size: (height, width) once it is turned upright.
        mode: Pillow's name of its colours.
    """

    size: tuple[int, int]
    mode: str


def read_folder(request: DatasetSpec) -> Found:
    """Read ``folder:PATH``: one directory a class, or such a folder in each of train/, val/ and test/.

    Splits may be called otherwise (:data:`carsmoo.nets.data.walks.SPLITS`). Classes are numbered by their sorted names.
    Files and directories whose names begin with a dot, those of systems, and files that do not end as images do are
    passed over. All images must be of one size unless ``size`` is given; they are grey if all are, else in colour.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the file or the class that is wrong.
    """
    return _read(listed(request), request, request.size, None)


def read_imagenet(request: DatasetSpec) -> Found:
    """Read ``imagenet:DIR`` in torchvision's layout, its val/ as the test split, at 224x224 in colour if not said.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: naming the file or the class that is wrong, or the bytes that would not fit in memory.
    """
    return _read(listed(request), request, request.size or (224, 224), "RGB")


def _read(listing: Listing, request: DatasetSpec, size: tuple[int, int] | None, mode: str | None) -> Found:
    paths = listing.paths
    if size is None or mode is None:
        headers = [_header(request.name, path) for path in paths]
        size = size or _one_size(request.name, paths, headers)
        mode = mode or mode_of({one.mode for one in headers})
    require_memory(len(paths), (3 if mode == "RGB" else 1, *size))
    white = white_in(request.name, paths)
    pairs = {
        split: (_decoded(request.name, part, size, mode, white), [label for _, label in part])
        for split, part in listing.files.items()
    }
    natural = Augmentation(pad=4, flip=True) if request.name == "imagenet" else None
    return Found(pairs["train"], pairs.get("validation"), pairs.get("test"), listing.classes, natural)


def _header(name: str, path: str) -> Header:
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(0x0112, 1) >= 5  # on its side, as cameras write
            size = (image.width, image.height) if turned else (image.height, image.width)
            return Header(size, image.mode)
    except Exception as error:  # Pillow's readers raise all kinds for damaged files
        raise _damaged(name, path, error) from error


def white_in(name: str, paths: Iterable[str]) -> White:
    """Return what means white in a set of images, found by decoding those of more than 8 bits.

    Raises:
        ValueError: naming a file that is damaged, or whose numbers are no pixels or do not fit those of others.
    """
    highest = dict.fromkeys(("whole", "floating", "cut"), (0.0, ""))
    for path in paths:
        if path.lower().endswith(IN_BYTES):
            continue
        try:
            with Image.open(path) as image:
                deep, cut = is_deep(image), is_cut(image)
        except Exception as error:  # Pillow's readers raise all kinds for damaged files
            raise _damaged(name, path, error) from error
        if deep:
            pixels = np.asarray(_upright(name, path))
            require_pixels(f"{name}: {readable(path)}", pixels)
            kind, most = "floating" if np.issubdtype(pixels.dtype, np.floating) else "whole", float(pixels.max())
        elif cut:
            higher = np.asarray(decoded(name, path, "RGB", White()))
            kind, most = "cut", 256.0 * float(higher.max()) + 255
        else:
            continue
        highest[kind] = max(highest[kind], (most, path))
    white = {
        kind: white_of(f"{name}: {readable(path)}", most, kind == "floating") for kind, (most, path) in highest.items()
    }
    if highest["cut"][1] and white["cut"] < 2**16 - 1:
        raise ValueError(
            f"{name}: expected colours of 16 bits up to 65535, got them up to {highest['cut'][0]:.0f} at most, in "
            f"{readable(highest['cut'][1])}; save them as 8 bits"
        )
    return White(int(white["whole"]), white["floating"])


def _one_size(name: str, paths: list[str], headers: list[Header]) -> tuple[int, int]:
    size = headers[0].size
    for path, found in zip(paths, headers, strict=True):
        if found.size != size:
            raise ValueError(
                f"{name}: expected images of one size, or ?size=HEIGHTxWIDTH, got {size[0]}x{size[1]} "
                f"({readable(paths[0])}) and {found.size[0]}x{found.size[1]} ({readable(path)})"
            )
    return size


def _decoded(name: str, files: Files, size: tuple[int, int], mode: str, white: White) -> NDArray[np.uint8]:
    result = np.empty((len(files), 3 if mode == "RGB" else 1, *size), dtype=np.uint8)
    for k, (path, _) in enumerate(files):
        whole = decoded(name, path, mode, white)
        if whole.size != size[::-1]:
            whole = ImageOps.fit(whole, size[::-1], Image.Resampling.BILINEAR)
        pixels: NDArray[Any] = np.asarray(whole)
        result[k] = pixels if mode == "L" else pixels.transpose(2, 0, 1)
    return result


def decoded(name: str, path: str, mode: str, white: White) -> Image.Image:
    """Return the picture of a file, upright, as 8-bit grey ("L") or colour ("RGB").

    Args:
        name: of the source, for what is raised.
        path: of the file.
        mode: Pillow's name of the colours.
        white: what means white in the set of images.

    Raises:
        ValueError: naming the file if it is damaged or its numbers are beyond white.
    """
    image = _upright(name, path)
    if is_deep(image):
        image = Image.fromarray(to_bytes(f"{name}: {readable(path)}", np.asarray(image), white))
    try:
        return flat(image, mode)
    except Exception as error:  # some modes of Pillow have no way to others
        raise _damaged(name, path, error) from error


def _upright(name: str, path: str) -> Image.Image:
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except Exception as error:  # Pillow's readers raise all kinds for damaged files
        raise _damaged(name, path, error) from error


def _damaged(name: str, path: str, error: Exception) -> ValueError:
    told = " ".join(str(error).replace(path, "it").split())[:120]
    what = "one that cannot be read" if isinstance(error, OSError) and error.errno else "a damaged one"
    return ValueError(f"{name}: expected an image, got {what} in {readable(path)} ({type(error).__name__}: {told})")
