"""What the numbers of pictures and arrays mean: bytes from whichever range, colours before rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from carsmoo.utils.validation import shown

GREY = ("1", "L", "LA", "La", "F")
"""Modes of Pillow without colour, beside those of whole numbers, which begin with I."""

BITS = (8, 10, 12, 14, 16)
"""Widths that whole numbers beyond bytes may have."""

FARTHEST = 20
"""Ranges of two splits differ by no more than this factor if both mean the same."""


class White(NamedTuple):
    """The number that means white in a set of images, beside 255 of those in bytes.

    Attributes:
        whole: of whole numbers of more than 8 bits, 2^bits - 1.
        floating: of floating numbers, 1 or 255.
    """

    whole: int = 255
    floating: float = 1.0


def white_of(what: str, highest: float, floating: bool) -> float:
    """Return the number that means white where the highest of a whole set of images is known.

    Floating numbers up to 1 have it at 1, others at 255; whole ones at the first of 2^8 - 1, 2^10 - 1, 2^12 - 1,
    2^14 - 1 and 2^16 - 1 that is not exceeded.

    Args:
        what: holds the number, for what is raised.
        highest: of all images of the set.
        floating: whether the numbers are floating ones.

    Raises:
        ValueError: for numbers beyond 255 or 2^16 - 1.
    """
    whites = (1.0, 255.0) if floating else tuple(float(2**bits - 1) for bits in BITS)
    for white in whites:
        if highest <= white:
            return white
    ranges = "floating pixels in 0..1 or 0..255" if floating else "whole pixels of at most 16 bits, 0..65535"
    raise ValueError(f"{what}: expected {ranges}, got one of {highest:.6g}")


def require_pixels(what: str, pixels: NDArray[Any]) -> None:
    """Check that numbers can be those of a picture: none below zero, all finite.

    Raises:
        ValueError: telling the lowest.
    """
    lowest = pixels.min()
    if not lowest >= 0 or not np.isfinite(pixels.max()):
        raise ValueError(f"{what}: expected pixels of at least 0 and finite, got {lowest:.6g} to {pixels.max():.6g}")


def to_bytes(what: str, pixels: NDArray[Any], white: White) -> NDArray[np.uint8]:
    """Return pixels, of any shape, as bytes: whole numbers lose their lowest bits, floating ones are rounded.

    Raises:
        ValueError: for numbers beyond white or below 0.
    """
    require_pixels(what, pixels)
    floating = np.issubdtype(pixels.dtype, np.floating)
    most = white.floating if floating else white.whole
    if pixels.max() > most:
        raise ValueError(f"{what}: expected pixels up to {most:g}, as in the other images, got {pixels.max():.6g}")
    if floating:
        return np.rint(pixels * (255 / most)).astype(np.uint8)
    return (pixels >> (int(white.whole).bit_length() - 8)).astype(np.uint8)


def is_deep(image: Image.Image) -> bool:
    """Return whether a picture has one number a pixel, of more than 8 bits."""
    return image.mode.startswith("I") or image.mode == "F"


def is_cut(image: Image.Image) -> bool:
    """Return whether a picture that is not yet decoded has 16 bits a colour, of which Pillow gives the higher 8."""
    return not is_deep(image) and any(";16" in str(tile.args) for tile in getattr(image, "tile", ()))


def mode_of(modes: set[str]) -> str:
    """Return the mode of Pillow that shows pictures of all the modes in bytes: ``"L"`` for grey, else ``"RGB"``."""
    return "L" if all(mode in GREY or mode.startswith("I") for mode in modes) else "RGB"


def flat(image: Image.Image, mode: str) -> Image.Image:
    """Return a picture of bytes as ``"L"`` or ``"RGB"``; transparency is dropped."""
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)


def of_item(name: str, image: Any) -> NDArray[Any]:
    """Return one image of a data set as (h, w), (c, h, w) or (h, w, c), its numbers as they are."""
    if not isinstance(image, Image.Image):
        return as_array(name, image)
    if is_deep(image):
        found: NDArray[Any] = np.asarray(image)
        return found.astype(found.dtype.newbyteorder("="))
    mode = mode_of({image.mode})
    found = np.asarray(flat(image, mode))
    return found if mode == "L" else found.transpose(2, 0, 1)


def as_array(name: str, numbers: Any) -> NDArray[Any]:
    """Return an array or tensor as an array, without a copy where that is possible.

    Raises:
        ValueError: if it is none.
    """
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
    """Return images of (n, h, w), (n, c, h, w), or (n, h, w, c) with c of 1 or 3, as (n, c, h, w).

    Raises:
        ValueError: for another rank, or a shape that may be (n, h, w, c) with another c.
    """
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


def _is_first(a: int, b: int, c: int) -> bool | None:
    """Return whether (a, b, c) is (colours, height, width) and not (height, width, colours); None if it may be both."""
    if (a in (1, 3)) != (c in (1, 3)):
        return a in (1, 3)
    if (b == c) != (a == b):  # the one that is square
        return b == c
    return True if a == b == c or (a < c and a not in (1, 3)) else None


def as_images(parts: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Return the images of all splits of a set as (n, c, h, w), uint8 or float32.

    Bytes stay bytes, True and False become 255 and 0, other whole numbers become bytes by the highest of all splits
    (:func:`white_of`). Floating numbers stay in their own range.

    Args:
        parts: images by the name that is raised, (n, h, w), (n, c, h, w), or (n, h, w, c) with c of 1 or 3.

    Raises:
        ValueError: for images of another rank, numbers that no image has, or splits in ranges that do not agree.
    """
    arrays = {name: colours_first(name, as_array(name, images)) for name, images in parts.items()}
    deep = {name: X for name, X in arrays.items() if X.dtype != np.uint8 and np.issubdtype(X.dtype, np.integer)}
    for name, X in deep.items():
        require_pixels(name, X)
    if deep:
        name = max(deep, key=lambda name: int(deep[name].max()))
        white = White(whole=int(white_of(name, int(deep[name].max()), floating=False)))
        arrays |= {name: to_bytes(name, X, white) for name, X in deep.items()}
    found = {name: _float_or_byte(name, X) for name, X in arrays.items()}
    spans = {name: 255.0 if X.dtype == np.uint8 else float(np.abs(X).max()) for name, X in found.items()}
    low, high = min(spans, key=lambda name: spans[name] or np.inf), max(spans, key=lambda name: spans[name])
    if spans[high] > FARTHEST * (spans[low] or np.inf):
        raise ValueError(
            f"{high}: expected pixels in the range of {low}, up to {spans[low]:.6g}, got up to {spans[high]:.6g}"
        )
    return found


def _float_or_byte(name: str, X: NDArray[Any]) -> NDArray[Any]:
    if X.dtype == np.uint8:
        return X
    if X.dtype == np.bool_:
        return X.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(X.dtype, np.floating):
        raise ValueError(f"{name}: expected whole or floating numbers, got {X.dtype}")
    if not (np.abs(X) <= np.finfo(np.float32).max).all():
        raise ValueError(f"{name}: expected finite numbers of float32, got NaN or larger ones")
    return X.astype(np.float32)
