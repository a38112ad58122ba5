"""What the numbers of arrays and of pictures in files mean: bytes from whichever range, colours before rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageOps
from PIL.TiffImagePlugin import TiffImageFile

from carsmoo.nets.data.spec import readable
from carsmoo.utils.validation import shown

GREY = ("1", "L", "LA", "La", "F")  # Pillow's modes without colour, beside those of whole numbers, which begin with I
BITS = (8, 10, 12, 14, 16)  # widths that whole numbers beyond bytes may have
FARTHEST = 20  # ranges of two splits differ by no more than this factor if both mean the same


class White(NamedTuple):
    """The number that means white in a set of images, beside 255 of those in bytes."""

    whole: int = 255  # of whole numbers of more than 8 bits, 2^bits - 1
    floating: float = 1.0  # or 255


def white_of(what: str, highest: float, floating: bool) -> float:
    """Return the number that means white where the highest of a whole set of images is known.

    Floating numbers up to 1 have it at 1, others at 255; whole ones at the first of 2^8 - 1, 2^10 - 1, 2^12 - 1,
    2^14 - 1 and 2^16 - 1 that is not exceeded. What exceeds all is refused.
    """
    whites = (1.0, 255.0) if floating else tuple(float(2**bits - 1) for bits in BITS)
    for white in whites:
        if highest <= white:
            return white
    ranges = "floating pixels in 0..1 or 0..255" if floating else "whole pixels of at most 16 bits, 0..65535"
    raise ValueError(f"{what}: expected {ranges}, got one of {highest:.6g}")


def to_bytes(what: str, pixels: NDArray[Any], white: White) -> NDArray[np.uint8]:
    """Return pixels, of any shape, as bytes: whole numbers lose their lowest bits, floating ones are rounded."""
    _require_pixels(what, pixels)
    floating = np.issubdtype(pixels.dtype, np.floating)
    most = white.floating if floating else white.whole
    if pixels.max() > most:
        raise ValueError(f"{what}: expected pixels up to {most:g}, as in the other images, got {pixels.max():.6g}")
    if floating:
        return np.rint(pixels * (255 / most)).astype(np.uint8)
    return (pixels >> (int(white.whole).bit_length() - 8)).astype(np.uint8)


def as_images(parts: Mapping[str, ArrayLike]) -> tuple[dict[str, NDArray[Any]], White]:
    """Return the images of all splits of a set as (n, c, h, w), uint8 or float32, and what meant white in them.

    Bytes stay bytes, True and False become 255 and 0, other whole numbers become bytes by the highest of all splits
    (:func:`white_of`). Floating numbers stay in their own range.

    Args:
        parts: images by the name that is raised, (n, h, w), (n, c, h, w), or (n, h, w, c) with c of 1 or 3.

    Raises:
        ValueError: for images of another rank, numbers that no image has, or splits in ranges that do not agree.
    """
    arrays = {name: colours_first(name, as_array(name, images)) for name, images in parts.items()}
    deep = {name: X for name, X in arrays.items() if X.dtype != np.uint8 and np.issubdtype(X.dtype, np.integer)}
    white = White()
    for name, X in deep.items():
        _require_pixels(name, X)
    if deep:
        name = max(deep, key=lambda name: int(deep[name].max()))
        white = White(whole=int(white_of(name, int(deep[name].max()), floating=False)))
        arrays |= {name: to_bytes(name, X, white) for name, X in deep.items()}
    found = {name: float_or_byte(name, X) for name, X in arrays.items()}
    spans = {name: 255.0 if X.dtype == np.uint8 else float(np.abs(X).max()) for name, X in found.items()}
    low, high = min(spans, key=lambda name: spans[name] or np.inf), max(spans, key=lambda name: spans[name])
    if spans[high] > FARTHEST * (spans[low] or np.inf):
        raise ValueError(
            f"{high}: expected pixels in the range of {low}, up to {spans[low]:.6g}, got up to {spans[high]:.6g}"
        )
    return found, white


def float_or_byte(name: str, X: NDArray[Any]) -> NDArray[Any]:
    """Return bytes as they are, True and False as 255 and 0, floating numbers as float32; others are refused."""
    if X.dtype == np.uint8:
        return X
    if X.dtype == np.bool_:
        return X.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(X.dtype, np.floating):
        raise ValueError(f"{name}: expected whole or floating numbers, got {X.dtype}")
    if not (np.abs(X) <= np.finfo(np.float32).max).all():
        raise ValueError(f"{name}: expected finite numbers of float32, got NaN or larger ones")
    return X.astype(np.float32)


def as_array(name: str, numbers: Any) -> NDArray[Any]:
    """Return an array or tensor as an array, without a copy where that is possible."""
    if isinstance(numbers, torch.Tensor):
        numbers = numbers.detach()
        numbers = numbers.float() if numbers.dtype == torch.bfloat16 else numbers
    elif isinstance(numbers, (list, tuple)) and any(isinstance(one, torch.Tensor) for one in numbers):
        numbers = [as_array(name, one) for one in numbers]
    try:
        return np.asarray(numbers.cpu().resolve_conj().numpy() if isinstance(numbers, torch.Tensor) else numbers)
    except ValueError:
        raise ValueError(f"{name}: expected images of one size, got several sizes") from None
    except (TypeError, RuntimeError, NotImplementedError) as error:
        raise ValueError(f"{name}: expected an array, got {type(numbers).__name__} ({shown(error)})") from None


def colours_first(name: str, images: NDArray[Any]) -> NDArray[Any]:
    """Return images of (n, h, w), (n, c, h, w), or (n, h, w, c) with c of 1 or 3, as (n, c, h, w)."""
    if images.ndim == 3 and images.size:
        return images[:, None]
    if images.ndim != 4 or not images.size:
        raise ValueError(f"{name}: expected (n, h, w) or (n, c, h, w), got {images.shape}")
    first = _is_first(*images.shape[1:])
    if first:
        return images
    if first is None or images.shape[3] not in (1, 3):
        raise ValueError(
            f"{name}: expected (n, c, h, w), got {images.shape}, which may be (n, h, w, c); give "
            "images[..., :3] to drop transparency, or images.transpose(0, 3, 1, 2)"
        )
    return images.transpose(0, 3, 1, 2)


def is_deep(image: Image.Image) -> bool:
    """Return whether a picture has one number a pixel, of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def mode_of(modes: set[str]) -> str:
    """Return the mode of Pillow that shows pictures of all the modes in bytes: ``"L"`` for grey, else ``"RGB"``."""
    return "L" if all(mode in GREY or mode.startswith("I") for mode in modes) else "RGB"


def of_picture(image: Image.Image, mode: str) -> NDArray[Any]:
    """Return a picture of bytes as (h, w) if ``mode`` is ``"L"``, as (3, h, w) if it is ``"RGB"``."""
    pixels: NDArray[Any] = np.asarray(_flat(image, mode))
    return pixels if mode == "L" else pixels.transpose(2, 0, 1)


def of_item(name: str, image: Any) -> NDArray[Any]:
    """Return one image of a data set as (h, w), (c, h, w) or (h, w, c), its numbers as they are."""
    if not isinstance(image, Image.Image):
        return as_array(name, image)
    if is_deep(image):
        found: NDArray[Any] = np.asarray(image)
        return found.astype(found.dtype.newbyteorder("="))
    return of_picture(image, mode_of({image.mode}))


def header(name: str, path: str) -> tuple[tuple[int, int], str]:
    """Return (height, width) of a file's picture once it is upright and its mode, without decoding it."""
    with _naming(name, path), Image.open(path) as image:
        width, height = image.size
        if isinstance(image, TiffImageFile):  # Pillow may have turned the size of these already
            width, height = image.tag_v2[256], image.tag_v2[257]
        turned = image.getexif().get(0x0112, 1) >= 5  # on its side, as cameras write
        return (width, height) if turned else (height, width), image.mode


def decoded(name: str, path: str, mode: str, white: White) -> Image.Image:
    """Return the picture of a file of the source ``name``, upright, as 8-bit grey ("L") or colour ("RGB")."""
    return in_bytes(name, path, upright(name, path), mode, white)


def upright(name: str, path: str, image: Image.Image | None = None) -> Image.Image:
    """Return the picture of a file of the source ``name``, or one that is open, decoded and as the camera was held."""
    with _naming(name, path):
        if image is not None:
            return ImageOps.exif_transpose(image)
        with Image.open(path) as opened:
            return ImageOps.exif_transpose(opened)


def in_bytes(name: str, path: str, image: Image.Image, mode: str, white: White) -> Image.Image:
    """Return an upright picture, that of a file of the source ``name``, as 8-bit grey ("L") or colour ("RGB")."""
    if is_deep(image):
        image = Image.fromarray(to_bytes(f"{name}: {readable(path)}", np.asarray(image), white))
    with _naming(name, path):  # some modes of Pillow have no way to others
        return _flat(image, mode)


def white_in(name: str, paths: Iterable[str]) -> White:
    """Return what means white in the files of a source, found by decoding those of more than 8 bits."""
    highest = dict.fromkeys(("whole", "floating", "cut"), (0.0, ""))
    for path in paths:
        with _naming(name, path), Image.open(path) as image:
            deep = is_deep(image)  # of 16 bits a colour Pillow gives the higher 8; a BMP has 16 for all of its colours
            wide = any(";16" in str(tile.args) for tile in getattr(image, "tile", ())) and image.format != "BMP"
            cut = wide and not deep
        if deep:
            pixels = np.asarray(upright(name, path))
            _require_pixels(f"{name}: {readable(path)}", pixels)
            kind, most = "floating" if np.issubdtype(pixels.dtype, np.floating) else "whole", float(pixels.max())
        elif cut:
            kind, most = "cut", 256.0 * float(np.asarray(decoded(name, path, "RGB", White())).max()) + 255
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


def _require_pixels(what: str, pixels: NDArray[Any]) -> None:
    lowest = pixels.min()
    if not lowest >= 0 or not np.isfinite(pixels.max()):
        raise ValueError(f"{what}: expected pixels of at least 0 and finite, got {lowest:.6g} to {pixels.max():.6g}")


def _is_first(a: int, b: int, c: int) -> bool | None:
    """Return whether (a, b, c) is (colours, height, width) and not (height, width, colours); None if it may be both."""
    if (a in (1, 3)) != (c in (1, 3)):
        return a in (1, 3)
    if (b == c) != (a == b):  # the one that is square
        return b == c
    return True if a == b == c or (a < c and a not in (1, 3)) else None


def _flat(image: Image.Image, mode: str) -> Image.Image:
    """Return a picture of bytes as ``"L"`` or ``"RGB"``; transparency is dropped."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


@contextmanager
def _naming(name: str, path: str) -> Iterator[None]:
    """Name the file in whatever is raised within; Pillow's readers raise all kinds for damaged files."""
    try:
        yield
    except Exception as error:
        told = " ".join(str(error).replace(path, "it").split())[:120]
        what = "one that cannot be read" if isinstance(error, OSError) and error.errno else "a damaged one"
        if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
            what = "one that is too large"
        raise ValueError(
            f"{name}: expected an image, got {what} in {readable(path)} ({type(error).__name__}: {told})"
        ) from error
