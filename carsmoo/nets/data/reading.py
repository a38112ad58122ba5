"""How files, pictures and arrays became the pixels of a data set, so that others become such in the same way."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from carsmoo.nets.data.pixels import (
    BITS,
    FARTHEST,
    White,
    as_array,
    colours_first,
    float_or_byte,
    in_bytes,
    is_deep,
    of_picture,
    to_bytes,
    upright,
)
from carsmoo.nets.data.spec import readable
from carsmoo.nets.data.transforms import fit, fitted, middle
from carsmoo.utils.validation import choice, shown

ImageLike: TypeAlias = "str | os.PathLike[str] | Image.Image | NDArray[Any] | Tensor"
"""An image: the path of its file, a PIL image, or an array or tensor (h, w), (c, h, w) or (h, w, c)."""

PIXELS = ("bytes", "0..1", "0..255", "own", "unknown")
_FLOATING = {"0..1": 1.0, "0..255": 255.0}
_OF_PICTURES = {"fit": fit, "middle": middle}
RESIZES = (None, *_OF_PICTURES, "cover")
WHITES = tuple(2**bits - 1 for bits in BITS)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was done to the images of a data set before they were normalised.

    Args:
        pixels: what the numbers of the data are: ``"bytes"``; floating ones in ``"0..1"`` or ``"0..255"``, of which
            bytes are a share; in a range of their ``"own"``, or ``"unknown"``, of which pictures are not.
        resize: how an image is brought to the size: ``"fit"`` (pictures scaled to cover it and cropped in the middle),
            ``"middle"`` (the same of 8/7 of it), ``"cover"`` (as ``"fit"``, but as arrays); None if all had that size.
        white: what meant white in images of more than 8 bits or in floating numbers.

    Raises:
        ValueError: for other values.
    """

    pixels: str = "bytes"
    resize: str | None = None
    white: White = White()  # noqa: RUF009 - a tuple

    def __post_init__(self) -> None:
        choice("pixels", self.pixels, PIXELS)
        choice("resize", self.resize, RESIZES)
        choice("white", self.white.whole, WHITES)
        choice("white", self.white.floating, tuple(_FLOATING.values()))
        if self.resize in _OF_PICTURES and self.pixels != "bytes":
            raise ValueError(f"pixels: expected bytes where pictures are resized, got {self.pixels}")

    @classmethod
    def of_arrays(cls, images: Iterable[NDArray[Any]], white: White, *, resized: bool) -> Reading:
        """Return how arrays of all splits, bytes or float32, were read.

        Floating numbers are taken to be in 0..1 or in 0..255 if none is outside and the highest is above half of white.
        """
        resize = "cover" if resized else None
        arrays = list(images)
        if all(X.dtype == np.uint8 for X in arrays):
            return cls(resize=resize, white=white)
        lowest, highest = min(float(X.min()) for X in arrays), max(float(X.max()) for X in arrays)
        fits = (name for name, most in _FLOATING.items() if lowest >= 0 and most / 2 < highest <= most)
        return cls(pixels=next(fits, "own"), resize=resize, white=white)

    @classmethod
    def from_plain(cls, plain: Any, name: str = "reading") -> Reading:
        """Return what :meth:`to_plain` gave.

        Raises:
            ValueError: naming what was expected instead.
        """
        fields = ("pixels", "resize", "white")
        if not isinstance(plain, Mapping) or set(plain) != set(fields):
            raise ValueError(f"{name}: expected an object with {', '.join(fields)}, got {shown(plain)}")
        white = plain["white"]
        if not isinstance(white, list) or len(white) != len(White._fields):
            raise ValueError(f"{name}: expected white as two numbers, got {shown(white)}")
        try:
            return cls(pixels=plain["pixels"], resize=plain["resize"], white=White(*white))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def to_plain(self) -> dict[str, Any]:
        """Return this as values that JSON holds."""
        return {"pixels": self.pixels, "resize": self.resize, "white": list(self.white)}

    def require_colours(self, colours: int, name: str) -> None:
        """Check that images in so many colours can be resized as pictures, if they are."""
        if self.resize in _OF_PICTURES and colours not in (1, 3):
            raise ValueError(f"{name}: expected another resize than {self.resize} of images in {colours} colours")

    def image(self, name: str, image: ImageLike, shape: tuple[int, int, int]) -> NDArray[Any]:
        """Return one image as an array of a shape (c, h, w), bytes or float32, not normalised.

        Args:
            name: what it is called in what is raised.
            image: the path of its file, a PIL image, or an array or tensor (h, w), (c, h, w) or (h, w, c).
            shape: (c, h, w) of the data's images.

        Raises:
            ValueError: for a file that cannot be read, other colours, numbers that do not fit, or another size where
                the images of the data were not resized.
        """
        colours, size = shape[0], shape[1:]
        is_picture = isinstance(image, (str, os.PathLike, Image.Image))
        found = self._picture(name, image, colours) if is_picture else self._array(name, image, colours)
        if self.resize in _OF_PICTURES:
            picture = Image.fromarray(found[0] if colours == 1 else np.ascontiguousarray(found.transpose(1, 2, 0)))
            found = _as_array(_OF_PICTURES[self.resize](picture, size))
        if self.pixels in _FLOATING and found.dtype == np.uint8:
            found = found.astype(np.float32) / np.float32(255 / _FLOATING[self.pixels])
        if self.resize == "cover":
            found = fitted(found[None], size)[0]
        if found.shape[1:] != size:
            called = f" in {readable(os.fsdecode(image))}" if isinstance(image, (str, os.PathLike)) else ""
            raise ValueError(
                f"{name}: expected {size[0]}x{size[1]} pixels as all images of the data had, which were not resized, "
                f"got {found.shape[1]}x{found.shape[2]}{called}"
            )
        return found

    def _picture(self, name: str, image: Any, colours: int) -> NDArray[np.uint8]:
        """Return a picture as (c, h, w), in bytes; of more than 8 bits, where the data had none, white is 65535."""
        if self.pixels not in ("bytes", *_FLOATING):
            raise ValueError(
                f"{name}: expected an array in the data's own range, as it is not known how pictures become such, "
                f"got a picture"
            )
        if colours not in (1, 3):
            raise ValueError(f"{name}: expected an array in {colours} colours, got a picture")
        given = image if isinstance(image, Image.Image) else None
        path = os.fsdecode(image if given is None else getattr(given, "filename", "") or "memory")
        picture = upright(name, path, given)
        white = self.white
        if is_deep(picture) and picture.mode != "F" and white.whole == 255 and np.asarray(picture).max() > 255:
            white = white._replace(whole=WHITES[-1])
        return _as_array(in_bytes(name, path, picture, "L" if colours == 1 else "RGB", white))

    def _array(self, name: str, image: Any, colours: int) -> NDArray[Any]:
        """Return an array as (c, h, w), in bytes or floating numbers."""
        X = as_array(name, image)
        if X.ndim not in (2, 3):
            raise ValueError(f"{name}: expected an image, (h, w), (c, h, w) or (h, w, c), got {X.shape}")
        X = X[None] if X.ndim == 2 else colours_first(name, X[None])[0]
        if len(X) != colours or not X.size:
            raise ValueError(f"{name}: expected an image in {colours} colour{'s'[: colours - 1]}, got {X.shape}")
        whole = np.issubdtype(X.dtype, np.integer)
        if self.pixels == "unknown":
            return float_or_byte(name, X.astype(np.float32) if whole else X)
        if whole and X.dtype != np.uint8:
            X = to_bytes(name, X, self.white)
        X = float_or_byte(name, X)
        if self.pixels == "bytes":
            return X if X.dtype == np.uint8 else to_bytes(name, X, self.white)
        if self.pixels == "own" and X.dtype == np.uint8:
            raise ValueError(f"{name}: expected floating numbers in the range of the data, got whole ones")
        if X.dtype != np.uint8 and np.abs(X).max() > FARTHEST * _FLOATING.get(self.pixels, np.inf):
            raise ValueError(f"{name}: expected floating numbers in {self.pixels}, got up to {np.abs(X).max():.6g}")
        return X


def _as_array(picture: Image.Image) -> NDArray[np.uint8]:
    """Return an 8-bit picture as (c, h, w)."""
    pixels = of_picture(picture, picture.mode)
    return pixels[None] if pixels.ndim == 2 else pixels
