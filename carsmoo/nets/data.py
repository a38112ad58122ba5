"""Images that stay as tensors on the device, split for a search, with vectorised augmentation."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor
from torchvision import datasets

DATA_NAMES = ("digits", "cifar10")
"""Names that :func:`load` knows."""

MOST_CLASSES = 1_000_000
"""Labels are numbers of classes, below this."""


@dataclass(frozen=True, eq=False)
class Split:
    """Images (n, c, h, w), not normalised, uint8 or float32, and their labels (n,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> Split:
        """Return the same images on a device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a training image at random.

    Args:
        pad: zero pixels added on each side before a crop of the old size.
        flip: whether half of the images are mirrored left to right.
    """

    pad: int = 0
    flip: bool = False

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return augmented images, (n, c, h, w), in one gather; ``generator`` lives on the CPU."""
        if not self.pad and not self.flip:
            return images
        n, _, height, width = images.shape
        device = images.device
        top, left = torch.randint(0, 2 * self.pad + 1, (2, n), generator=generator)
        mirrored = (torch.rand(n, generator=generator) < 0.5) if self.flip else torch.zeros(n, dtype=torch.bool)
        rows = top[:, None] + torch.arange(height)
        columns = torch.arange(width).expand(n, width)
        columns = left[:, None] + torch.where(mirrored[:, None], width - 1 - columns, columns)
        rows, columns = rows.to(device), columns.to(device)
        padded = F.pad(images, (self.pad,) * 4)
        index = torch.arange(n, device=device)[:, None, None]
        picked = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
        return picked.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, kw_only=True)
class ImageData:
    """Images split for a search.

    Args:
        name: what the data are called in logs and fronts.
        train: the search-train split, on which shared weights are trained.
        validation: the search-validation split, on which subnets are scored.
        test: the test split, never looked at during a search.
        classes: number of classes.
        mean: of each colour over the search-train split, (c,).
        std: of each colour over the search-train split, (c,).
        augmentation: for training images.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    mean: Tensor
    std: Tensor
    augmentation: Augmentation

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        name: str = "arrays",
        test: tuple[ArrayLike, ArrayLike] | None = None,
        test_share: float = 0.2,
        validation_share: float = 0.5,
        augmentation: Augmentation | None = None,
        split_seed: int = 0,
    ) -> ImageData:
        """Split images by class and at random, the same way for the same ``split_seed``.

        Args:
            images: (n, h, w) or (n, c, h, w), uint8 or floating.
            labels: (n,), integers 0..classes-1.
            name: what to call the data.
            test: images and labels of a test split that is given; otherwise ``test_share`` of all is set aside.
            test_share: share of the images that becomes the test split.
            validation_share: share of the rest that becomes the search-validation split.
            augmentation: for training images; none if not given.
            split_seed: draws the splits.

        Raises:
            ValueError: for images of another rank, labels that do not fit, a class with too few images.
        """
        images, labels = _checked("images", images, labels)
        if test is None:
            (rest, rest_labels), held_out = _split(images, labels, test_share, split_seed)
        else:
            (rest, rest_labels), held_out = (images, labels), _checked("test", *test)
            if held_out[0].shape[1:] != images.shape[1:]:
                raise ValueError(f"test: expected images of {images.shape[1:]}, got {held_out[0].shape[1:]}")
        train, validation = _split(rest, rest_labels, validation_share, split_seed)
        classes = int(max(part[1].max() for part in (train, validation, held_out))) + 1
        pixels = torch.from_numpy(train[0]).to(torch.float64).transpose(0, 1).flatten(1)
        return cls(
            name=name,
            train=_to_split(*train),
            validation=_to_split(*validation),
            test=_to_split(*held_out),
            classes=classes,
            mean=pixels.mean(dim=1).float(),
            std=pixels.std(dim=1).clamp_min(1e-6).float(),
            augmentation=augmentation or Augmentation(),
        )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        c, height, width = self.train.images.shape[1:]
        return c, height, width

    def to(self, device: torch.device) -> ImageData:
        """Return the same data on a device."""
        parts = ("train", "validation", "test", "mean", "std")
        return dataclasses.replace(self, **{name: getattr(self, name).to(device) for name in parts})

    def digest(self) -> str:
        """Return the SHA-256 of all that a search and its test see of the data."""
        found = hashlib.sha256()
        splits = [part for split in (self.train, self.validation, self.test) for part in (split.images, split.labels)]
        for part in (*splits, self.mean, self.std):
            found.update(f"{part.dtype} {tuple(part.shape)}".encode())
            found.update(part.cpu().contiguous().numpy().data)
        found.update(repr((self.classes, self.augmentation)).encode())
        return found.hexdigest()

    def normalise(self, images: Tensor) -> Tensor:
        """Return images (n, c, h, w) as float32 with mean 0 and deviation 1 by colour."""
        return (images.float() - self.mean[:, None, None]) / self.std[:, None, None]


DataLike: TypeAlias = str | ImageData | tuple[ArrayLike, ArrayLike]


def load(data: DataLike) -> ImageData:
    """Return the data that a user names or gives.

    Args:
        data: a name of :data:`DATA_NAMES` (``cifar10:DIR`` says where its files are), an :class:`ImageData`, or
            a pair of images and labels for :meth:`ImageData.from_arrays`.

    Raises:
        ValueError: for a name that does not exist, or arrays that are no images.
        FileNotFoundError: if the files of a data set are missing, saying how to get them.
        TypeError: for anything else.
    """
    if isinstance(data, ImageData):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return ImageData.from_arrays(*data)
    if not isinstance(data, str):
        raise TypeError(f"data: expected a name, an ImageData or (images, labels), got {type(data).__name__}")
    name, _, where = data.partition(":")
    loaders: dict[str, Callable[[str], ImageData]] = {"digits": _digits, "cifar10": _cifar10}
    if name not in loaders:
        raise ValueError(f"data: expected one of {', '.join(DATA_NAMES)}, got {data!r}")
    return loaders[name](where)


def _digits(where: str) -> ImageData:
    """8x8 grey digits that scikit-learn ships: 960 search-train, 477 search-validation, 360 test."""
    if where:
        raise ValueError(f"data: expected 'digits' without a path, got 'digits:{where}'")
    digits = load_digits()
    return ImageData.from_arrays(
        (digits.images * 15).astype(np.uint8),
        digits.target,
        name="digits",
        test_share=360 / 1797,
        validation_share=477 / 1437,
        augmentation=Augmentation(),
    )


def _cifar10(where: str) -> ImageData:
    """CIFAR-10, 25,000 search-train and 25,000 search-validation images (CARS sec. 4.1), read by torchvision."""
    root = Path(where or os.environ.get("CARSMOO_IMAGES", "data"))
    try:
        parts = [datasets.CIFAR10(root, train=train, download=False) for train in (True, False)]
    except RuntimeError:
        raise FileNotFoundError(
            f"cifar10: expected {root / 'cifar-10-batches-py'}, got nothing there; get it with "
            f"torchvision.datasets.CIFAR10({str(root)!r}, download=True) or name its folder as cifar10:DIR"
        ) from None
    (images, labels), test = ((part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    augmentation = Augmentation(pad=4, flip=True)
    return ImageData.from_arrays(images, labels, name="cifar10", test=test, augmentation=augmentation)


def _checked(name: str, images: ArrayLike, labels: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    try:
        X, y = np.asarray(images), np.asarray(labels)
    except ValueError:
        raise ValueError(f"{name}: expected images of one size, got several sizes") from None
    if X.ndim == 3:
        X = X[:, None]
    if X.ndim != 4 or 0 in X.shape:
        raise ValueError(f"{name}: expected (n, h, w) or (n, c, h, w), got {np.shape(images)}")
    if X.dtype != np.uint8 and not np.issubdtype(X.dtype, np.floating):
        raise ValueError(f"{name}: expected uint8 or floating numbers, got {X.dtype}")
    if X.dtype != np.uint8 and not (np.abs(X) <= np.finfo(np.float32).max).all():
        raise ValueError(f"{name}: expected finite numbers of float32, got NaN or larger ones")
    if y.shape != (len(X),) or not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise ValueError(f"{name}: expected {len(X)} integer labels from 0, got {y.dtype} {y.shape}")
    if y.max() >= MOST_CLASSES:
        raise ValueError(f"{name}: expected labels below {MOST_CLASSES}, got {y.max()}")
    return X if X.dtype == np.uint8 else X.astype(np.float32), y.astype(np.int64)


Part: TypeAlias = tuple[NDArray[Any], NDArray[np.int64]]


def _split(images: NDArray[Any], labels: NDArray[np.int64], share: float, seed: int) -> tuple[Part, Part]:
    """Split off ``share`` of the images, by class and at random."""
    if not 0 < share < 1:
        raise ValueError(f"share: expected a number in (0, 1), got {share}")
    counts = np.bincount(labels)
    if (counts[counts > 0] < 2).any():
        few = int(np.flatnonzero((counts > 0) & (counts < 2))[0])
        raise ValueError(f"class {few}: expected at least 2 images to split, got {counts[few]}")
    size = round(share * len(labels))
    try:
        parts: Sequence[NDArray[Any]] = train_test_split(
            images, labels, test_size=size, stratify=labels, random_state=seed
        )
    except ValueError as error:
        raise ValueError(f"images: expected enough of each class to split off {size}, got {error}") from None
    return (parts[0], parts[2]), (parts[1], parts[3])


def _to_split(images: NDArray[Any], labels: NDArray[np.int64]) -> Split:
    return Split(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(np.ascontiguousarray(labels)))
