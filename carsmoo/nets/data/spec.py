"""The name by which images are asked for, ``NAME[:WHERE][?option=value&...]``, and what its options do."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as resizing

from carsmoo.cost.memory import physical_memory
from carsmoo.nets.data.in_memory import ImageData, Pair
from carsmoo.nets.data.pixels import as_images
from carsmoo.nets.data.transforms import Augmentation
from carsmoo.utils.validation import short

CHUNK = 1024
"""Images that are resized at once."""


class Found(NamedTuple):
    """What a source has: images and labels of the splits that it knows, and what is good for them."""

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    class_names: tuple[str, ...] | None = None
    augmentation: Augmentation | None = None  # None: that of natural images in colour, none in grey
    test_share: float = 0.2
    validation_share: float = 0.5


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """Images that are asked for by name.

    Args:
        name: of the source.
        where: its folder or file; empty if not said.
        images: how many images are kept of those that the splits are drawn from, of each class its share.
        size: (height, width) of every image: scaled to cover it, then cropped in the middle.
        split_seed: draws the splits, and what ``images`` keeps.
        pad: zero pixels on each side before a random crop.
        flip: whether half of the training images are mirrored.
        stream: whether images stay in their files and are read as they are needed; as a recipe says if not given.
    """

    name: str
    where: str = ""
    images: int | None = None
    size: tuple[int, int] | None = None
    split_seed: int = 0
    pad: int | None = None
    flip: bool | None = None
    stream: bool | None = None

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """Read ``NAME[:WHERE][?option=value&...]``; the last ``?`` begins the options.

        Raises:
            ValueError: for options that do not exist, come twice or have another form.
        """
        name, where, tail = _parts(text)
        if "\0" in where:
            raise ValueError(f"data: expected a path, got {where[:60]!r}")
        options: dict[str, Any] = {}
        for option in filter(None, tail.split("&")):
            key, _, value = option.partition("=")
            if key not in _READERS:
                hint = "; after a path with a ? of its own another ? begins the options" if where else ""
                raise ValueError(f"data: expected options among {', '.join(_READERS)}, got {short(option)}{hint}")
            if key in options:
                raise ValueError(f"data: expected {key} once, got it twice")
            options[key] = _READERS[key](key, value)
        return cls(name=name, where=where, **options)

    @property
    def title(self) -> str:
        """What the images are called in logs and fronts: the name, the last part of a path, and what changes them."""
        given = [f"images={self.images}"] if self.images is not None else []
        given += [f"size={self.size[0]}x{self.size[1]}"] if self.size is not None else []
        given += [f"split_seed={self.split_seed}"] if self.split_seed else []
        given += ["stream=yes"] if self.stream else []
        last = Path(self.where).resolve().name if self.name in ("folder", "npz") else ""
        return self.name + (f":{last}" if last else "") + (f"?{'&'.join(given)}" if given else "")

    def build(self, found: Found) -> ImageData:
        """Return what a source has as data for a search, resized, capped and split as asked."""
        pairs = {"train": found.train, "validation": found.validation, "test": found.test}
        given = {"images" if what == "train" else what: pair for what, pair in pairs.items() if pair is not None}
        pixels = as_images({what: pair[0] for what, pair in given.items()})
        sized = {what: (fitted(pixels[what], self.size), pair[1]) for what, pair in given.items()}
        images, labels = sized.pop("images")
        self.require_images(len(np.asarray(labels)))
        return ImageData.from_arrays(
            images,
            labels,
            name=self.title,
            **sized,
            test_share=found.test_share,
            validation_share=found.validation_share,
            augmentation=self.changed(found.augmentation or natural(images.shape)),
            split_seed=self.split_seed,
            limit=self.images,
            class_names=found.class_names,
        )

    def require_images(self, n: int) -> None:
        """Check that ``images`` asks for no more than the ``n`` that there are.

        Raises:
            ValueError: telling both.
        """
        if self.images is not None and self.images > n:
            raise ValueError(f"data: expected images of at most {n}, got {self.images}")

    def changed(self, augmentation: Augmentation) -> Augmentation:
        """Return an augmentation with ``pad`` and ``flip`` where they are given."""
        given = {"pad": self.pad, "flip": self.flip}
        changes: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return dataclasses.replace(augmentation, **changes)


def absolute(text: str) -> str:
    """Return the name of images with its path made absolute, so that it means the same from every directory."""
    name, where, tail = _parts(text)
    if not where:
        return text
    path = os.fspath(expanded(where).resolve())
    return f"{name}:{path}" + (f"?{tail}" if tail or "?" in path else "")


def expanded(path: str) -> Path:
    """Return a path with the home that a leading ``~`` means, or with the ``~`` where that is not known."""
    return Path(os.path.expanduser(path))


Loader: TypeAlias = Callable[[DatasetSpec], Found]


def natural(shape: tuple[int, ...]) -> Augmentation:
    """Return CIFAR's augmentation (an eighth of padding, half mirrored) for colour, none for grey, by (n, c, h, w)."""
    if len(shape) != 4 or shape[1] == 1:
        return Augmentation()
    return Augmentation(pad=min(shape[2:]) // 8, flip=True)


def fitted(images: NDArray[Any], size: tuple[int, int] | None) -> NDArray[Any]:
    """Return images, (n, c, h, w), scaled to cover a (height, width), then cropped in the middle."""
    if size is None or images.shape[2:] == size:
        return images
    n, c, height, width = images.shape
    scale = max(size[0] / height, size[1] / width)
    cover = [max(wanted, round(scale * had)) for wanted, had in zip(size, (height, width), strict=True)]
    require_memory(n, (c, *size), images.itemsize)
    result = np.empty((n, c, *size), dtype=images.dtype)
    for start in range(0, n, CHUNK):
        part = torch.from_numpy(np.require(images[start : start + CHUNK], requirements=["C", "W"]))
        whole = resizing.resize(part, cover, antialias=True)
        result[start : start + CHUNK] = resizing.center_crop(whole, list(size)).numpy()
    return result


def require_memory(count: int, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Check that images (c, h, w) fit in half of this machine's memory: the splits are drawn by copying once.

    Raises:
        ValueError: telling the bytes.
    """
    memory, needed = physical_memory(), count * math.prod(shape) * itemsize
    if memory is not None and needed > memory // 2:
        size = "x".join(map(str, shape))
        raise ValueError(
            f"data: expected images that fit in half of the memory, {memory // 2:,} bytes, got {needed:,} bytes "
            f"({count} images of {size}); ask for fewer or smaller ones, such as ?images=10000&size=64"
        )


def _parts(text: str) -> tuple[str, str, str]:
    """Return the name of a source, where it is and its options, of which the last ``?`` is the beginning."""
    head, mark, tail = text.rpartition("?")
    name, _, where = (head if mark else text).partition(":")
    return name, where, tail if mark else ""


def _whole(key: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"data: expected {key}=NUMBER, a whole number, got {short(f'{key}={text}')}")
    return int(text)


def _positive(key: str, text: str) -> int:
    number = _whole(key, text)
    if number < 1:
        raise ValueError(f"data: expected {key} of at least 1, got {number}")
    return number


def _size(key: str, text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9][0-9]{0,4})(?:x([1-9][0-9]{0,4}))?", text)
    if not match:
        raise ValueError(f"data: expected {key}=HEIGHTxWIDTH or {key}=SIDE in pixels, got {short(f'{key}={text}')}")
    return int(match[1]), int(match[2] or match[1])


def _yes(key: str, text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"data: expected {key}=yes or {key}=no, got {short(f'{key}={text}')}")
    return text == "yes"


_READERS: dict[str, Callable[[str, str], Any]] = {
    "images": _positive,
    "size": _size,
    "split_seed": _whole,
    "pad": _whole,
    "flip": _yes,
    "stream": _yes,
}
