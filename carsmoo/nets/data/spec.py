"""The name by which images are asked for, ``NAME[:WHERE][?option=value&...]``."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carsmoo.nets.data.transforms import Augmentation
from carsmoo.utils.validation import short


@dataclass(frozen=True, kw_only=True)
class DatasetSpec:
    """Images that are asked for by name.

    Args:
        name: of the source.
        where: its folder or file; empty if not said.
        images: how many images are kept of those that the splits are drawn from, of each class its share. A test or
            validation split that the source has of its own stays whole.
        size: (height, width) of every image: scaled to cover it, then cropped in the middle.
        split_seed: draws the splits, and what ``images`` keeps; the seed of a search changes neither.
        pad: zero pixels on each side before a random crop.
        flip: whether half of the training images are mirrored.
        stream: for ``imagenet`` and ``folder`` in retraining: images stay in their files, are decoded in colour when
            they are needed, and are normalised by ImageNet's published mean and deviation. If not given that is so
            where a recipe crops parts out of whole pictures, as ``imagenet`` does.

    Raises:
        ValueError: for a path with a NUL, which no file has.
    """

    name: str
    where: str = ""
    images: int | None = None
    size: tuple[int, int] | None = None
    split_seed: int = 0
    pad: int | None = None
    flip: bool | None = None
    stream: bool | None = None

    def __post_init__(self) -> None:
        if "\0" in self.where:
            raise ValueError(f"data: expected a path, got {self.where[:60]!r}")

    @classmethod
    def parse(cls, text: str) -> DatasetSpec:
        """Read ``NAME[:WHERE][?option=value&...]``; the last ``?`` begins the options.

        Raises:
            ValueError: for options that do not exist, come twice or have another form, and for a path with a NUL.
        """
        name, where, tail = _parts(text)
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

    def path(self, default: str = "") -> Path:
        """Return where the images are: ``where``, else ``default`` below what ``CARSMOO_IMAGES`` names, else data."""
        return expanded(self.where or os.path.join(os.environ.get("CARSMOO_IMAGES", "data"), default))

    def require_images(self, n: int) -> None:
        """Check that ``images`` asks for no more than the ``n`` that there are."""
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
    path = os.fspath(DatasetSpec(name=name, where=where).path().resolve())
    return f"{name}:{path}" + (f"?{tail}" if tail or "?" in path else "")


def with_options(text: str, **options: Any) -> str:
    """Return the name of images with options added, which it does not have; a size is (height, width)."""
    name, where, tail = _parts(text)
    told = {key: "x".join(map(str, value)) if isinstance(value, tuple) else value for key, value in options.items()}
    tail = "&".join([*filter(None, [tail]), *(f"{key}={value}" for key, value in told.items())])
    return name + (f":{where}" if where else "") + (f"?{tail}" if tail else "")


def expanded(path: str) -> Path:
    """Return a path with the home that a leading ``~`` means, or with the ``~`` where that is not known."""
    return Path(os.path.expanduser(path))


def readable(path: str | os.PathLike[str]) -> str:
    """Return a path as text on one line."""
    text = os.fspath(path)
    return text if text.isprintable() else repr(text)


def _parts(text: str) -> tuple[str, str, str]:
    """Return the name of a source, where it is and its options, of which the last ``?`` is the beginning."""
    head, mark, tail = text.rpartition("?")
    name, _, where = (head if mark else text).partition(":")
    return name, where, tail if mark else ""


def _whole(key: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError(f"data: expected {key}=NUMBER, a whole number, got {short(f'{key}={text}')}")
    if key == "images" and int(text) < 1:
        raise ValueError(f"data: expected {key} of at least 1, got {int(text)}")
    return int(text)


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
    "images": _whole,
    "size": _size,
    "split_seed": _whole,
    "pad": _whole,
    "flip": _yes,
    "stream": _yes,
}
