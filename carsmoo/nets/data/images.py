"""Images split for a search and its test, with what is needed to normalise and to augment them."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from typing_extensions import TypeVar  # which torch requires; typing's has defaults from Python 3.13

from carsmoo.nets.data.pixels import as_array, as_images
from carsmoo.nets.data.reading import Reading
from carsmoo.nets.data.splits import TEST_SHARE, VALIDATION_SHARE, Split, Stream, drawn
from carsmoo.nets.data.transforms import Augmentation, fitted
from carsmoo.utils.validation import instance, integer, number, shown

MOST_CLASSES = 1_000_000  # labels are below this
HIGHEST_SEED = 2**32 - 1  # that scikit-learn takes

Pair: TypeAlias = tuple[ArrayLike, ArrayLike]
"""Images and their labels."""

P = TypeVar("P", Split, Stream, default=Split)


@dataclass(frozen=True, kw_only=True)
class ImageData(Generic[P]):
    """Images split for a search and its test: in memory, ``ImageData``, or in files, ``ImageData[Stream]``.

    Args:
        name: what the data are called in logs and fronts.
        train: the search-train split, on which shared weights are trained.
        validation: the search-validation split, on which subnets are scored.
        test: the test split, never looked at during a search.
        classes: number of classes.
        mean: of each colour, (c,), in the units of the pixels; in memory that of the search-train split.
        std: of each colour, (c,).
        augmentation: for training images, where a recipe does not say otherwise.
        class_names: of the classes in their order; None where they have none.
        reading: how the images were read, for others that a trained network is shown; None if not known.
        sha256: of images in files: of their paths below their folder, their sizes in bytes and their classes, and of
            all else that decides what is seen of them. A file whose content changes without its size is not noticed.

    Raises:
        ValueError: for images that would not fit in memory once they are padded.
    """

    name: str
    train: P
    validation: P
    test: P
    classes: int
    mean: Tensor
    std: Tensor
    augmentation: Augmentation
    class_names: tuple[str, ...] | None = None
    reading: Reading | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        self.augmentation.require_memory((1, *self.image_shape))

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        return self.train.image_shape

    @property
    def trained_on(self) -> P:
        """What full training takes: search-train, and search-validation after it."""
        return self.train.joined(self.validation)

    def normalise(self, images: Tensor) -> Tensor:
        """Return images (n, c, h, w) as float32 with mean 0 and deviation 1 by colour."""
        return (images.float() - self.mean[:, None, None]) / self.std[:, None, None]

    def to(self, device: torch.device) -> ImageData[P]:
        """Return the same data on a device."""
        parts = ("train", "validation", "test", "mean", "std")
        return dataclasses.replace(self, **{name: getattr(self, name).to(device) for name in parts})

    def digest(self) -> str:
        """Return the SHA-256 of all that a search and its test see of the data; of files ``sha256``."""
        if self.sha256 is not None:
            return self.sha256
        found = hashlib.sha256()
        parts: list[Tensor] = []
        for split in (self.train, self.validation, self.test):
            if isinstance(split, Split):
                parts += [split.images, split.labels]
        for part in (*parts, self.mean, self.std):
            found.update(f"{part.dtype} {tuple(part.shape)}".encode())
            found.update(part.cpu().contiguous().numpy().data)
        found.update(repr((self.classes, self.augmentation)).encode())
        return found.hexdigest()

    @staticmethod
    def from_arrays(
        images: ArrayLike,
        labels: ArrayLike,
        *,
        name: str = "arrays",
        validation: Pair | None = None,
        test: Pair | None = None,
        test_share: float = TEST_SHARE,
        validation_share: float = VALIDATION_SHARE,
        augmentation: Augmentation | None = None,
        split_seed: int = 0,
        limit: int | None = None,
        class_names: Sequence[str] | None = None,
        size: tuple[int, int] | None = None,
    ) -> ImageData:
        """Split images by class and at random, the same way for the same ``split_seed``.

        Args:
            images: (n, h, w) or (n, c, h, w), or (n, h, w, c) with c of 1 or 3, in numbers as
                ``carsmoo.nets.data.pixels.as_images`` takes them.
            labels: (n,), integers 0..classes-1, each of them.
            name: what to call the data.
            validation: images and labels of a search-validation split that is given.
            test: images and labels of a test split that is given; otherwise ``test_share`` of all is set aside.
            test_share: share of the images that becomes the test split, in (0, 1).
            validation_share: share of the rest that becomes the search-validation split, in (0, 1).
            augmentation: for training images; none if not given.
            split_seed: draws the splits, and what ``limit`` keeps, in [0, 2^32 - 1].
            limit: how many of ``images`` are kept, of each class its share; all if not given.
            class_names: names of the classes 0, 1, ...; some may be called alike.
            size: (height, width) that every image is scaled to cover, then cropped to in the middle, each at least 1.

        Raises:
            TypeError: for an argument of another kind.
            ValueError: for one out of its range, images of another rank, labels that do not fit, fewer than 2 classes,
                a class or a split with too few images.
        """
        split_seed = integer("split_seed", split_seed, 0, HIGHEST_SEED)
        shares = {"test": test_share, "validation": validation_share}
        for what, share in shares.items():
            number(f"{what}_share", share, 0, 1, open_low=True, open_high=True)
        size = None if size is None else _size(size)
        names = None if class_names is None else _names(class_names)
        augmentation = Augmentation() if augmentation is None else instance("augmentation", augmentation, Augmentation)
        pairs = {"images": (images, labels), "validation": validation, "test": test}
        found = {what: _pair(what, pair) for what, pair in pairs.items() if pair is not None}
        pixels, white = as_images({what: pair[0] for what, pair in found.items()})
        given = {
            what: (fitted(pixels[what], size), _labels(what, pair[1], len(pixels[what])))
            for what, pair in found.items()
        }
        X, y = given.pop("images")
        for what, (others, _) in given.items():
            if others.shape[1:] != X.shape[1:]:
                raise ValueError(f"{what}: expected images of {X.shape[1:]}, got {others.shape[1:]}")
        classes = _classes(y, {what: others for what, (_, others) in given.items()}, names)
        wanted = {what: share for what, share in shares.items() if what not in given}
        places = drawn(y, wanted, split_seed, limit, names or ())
        splits = {**given, **{what: (X[places[what]], y[places[what]]) for what in wanted}}
        index = places["train"]
        if len(index) < len(y):
            X, y = X[index], y[index]
        mean, std = _moments(X)
        return ImageData(
            name=name,
            train=Split(_tensor(X), _tensor(y)),
            validation=Split(*map(_tensor, splits["validation"])),
            test=Split(*map(_tensor, splits["test"])),
            classes=classes,
            mean=mean,
            std=std,
            augmentation=augmentation,
            class_names=names,
            reading=Reading.of_arrays(pixels.values(), white, resized=size is not None),
        )


StreamedData: TypeAlias = ImageData[Stream]
"""Images that stay in their files."""

TrainingData: TypeAlias = ImageData[Split] | ImageData[Stream]
"""What a network is retrained on."""


def _pair(what: str, pair: Pair) -> Pair:
    """Return images and labels, checked to be two."""
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        parts = f" of {len(pair)}" if isinstance(pair, (tuple, list)) else ""
        raise TypeError(f"{what}: expected (images, labels), got {type(pair).__name__}{parts}")
    return pair


def _size(size: Sequence[int]) -> tuple[int, int]:
    """Return (height, width), checked to be two whole numbers of at least 1."""
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise TypeError(f"size: expected (height, width), got {shown(size)}")
    height, width = (integer("size", side, 1) for side in size)
    return height, width


def _names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of classes, checked to be texts in an order."""
    is_sequence = isinstance(names, (Sequence, np.ndarray)) and not isinstance(names, str)
    if not is_sequence or not all(isinstance(name, str) for name in names):
        raise TypeError(f"class_names: expected a sequence of names, got {shown(names)}")
    return tuple(names)


def _labels(name: str, labels: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return the labels of n images, (n,) or (n, 1), as (n,)."""
    y = as_array(f"{name}: labels", labels)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,) or not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"{name}: expected {n} integer labels from 0, got {y.dtype} {y.shape}")
    if y.min() < 0:
        raise ValueError(f"{name}: expected {n} integer labels from 0, got {y.min()}")
    if y.max() >= MOST_CLASSES:
        raise ValueError(f"{name}: expected labels below {MOST_CLASSES}, got {y.max()}")
    return y.astype(np.int64)


def _classes(labels: NDArray[np.int64], others: dict[str, NDArray[np.int64]], names: tuple[str, ...] | None) -> int:
    """Return the number of classes; each has an image or a name, and no other split has one beside those."""
    classes = int(labels.max()) + 1
    if names is not None and classes > len(names):
        raise ValueError(f"class_names: expected one for each of {classes} classes, got {len(names)}")
    classes = classes if names is None else len(names)
    if classes < 2:
        raise ValueError(f"labels: expected at least 2 classes, got {classes}")
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(empty) and names is None:
        raise ValueError(
            f"labels: expected each of 0 to {classes - 1} at least once, got none of {empty[0]}; number them anew, "
            "values, labels = numpy.unique(labels, return_inverse=True)"
        )
    for what, y in others.items():
        if y.max() >= classes:
            raise ValueError(f"{what}: expected labels below {classes}, the number of classes, got {y.max()}")
    return classes


def _moments(images: NDArray[Any]) -> tuple[Tensor, Tensor]:
    """Return mean and deviation of each colour, (c,); of bytes by counting them, without a copy as wide numbers."""
    if images.dtype != np.uint8:
        pixels = _tensor(images).to(torch.float64).transpose(0, 1).flatten(1)
        mean, std = pixels.mean(dim=1), pixels.std(dim=1)
    else:
        counts = np.zeros((images.shape[1], 256), dtype=np.int64)
        for start in range(0, len(images), 1024):
            for colour, row in enumerate(counts):
                row += np.bincount(images[start : start + 1024, colour].ravel(), minlength=256)
        n = counts.sum(axis=1)
        centre = counts @ np.arange(256) / n
        squares = (counts * (np.arange(256) - centre[:, None]) ** 2).sum(axis=1)
        mean, std = torch.from_numpy(centre), torch.from_numpy(np.sqrt(squares / np.maximum(n - 1, 1)))
    return mean.float(), std.clamp_min(1e-6).float()


def _tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor; one that may not be written to is copied."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
