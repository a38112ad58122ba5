"""Images that stay as tensors on the device, split for a search, with vectorised augmentation."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import train_test_split
from torch import Tensor

from carsmoo.notation import shown

MOST_CLASSES = 1_000_000
"""Labels are numbers of classes, below this."""


Pair: TypeAlias = tuple[ArrayLike, ArrayLike]
"""Images and their labels."""


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
        class_names: of the classes in their order; None where they have none.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    mean: Tensor
    std: Tensor
    augmentation: Augmentation
    class_names: tuple[str, ...] | None = None

    @classmethod
    def from_arrays(
        cls,
        images: ArrayLike,
        labels: ArrayLike,
        *,
        name: str = "arrays",
        validation: Pair | None = None,
        test: Pair | None = None,
        test_share: float = 0.2,
        validation_share: float = 0.5,
        augmentation: Augmentation | None = None,
        split_seed: int = 0,
        limit: int | None = None,
        class_names: Sequence[str] | None = None,
    ) -> ImageData:
        """Split images by class and at random, the same way for the same ``split_seed``.

        Args:
            images: (n, h, w) or (n, c, h, w), uint8 or floating.
            labels: (n,), integers 0..classes-1.
            name: what to call the data.
            validation: images and labels of a search-validation split that is given.
            test: images and labels of a test split that is given; otherwise ``test_share`` of all is set aside.
            test_share: share of the images that becomes the test split.
            validation_share: share of the rest that becomes the search-validation split.
            augmentation: for training images; none if not given.
            split_seed: draws the splits, and what ``limit`` keeps.
            limit: how many of ``images`` are kept, of each class its share; all if not given.
            class_names: names of the classes 0, 1, ...

        Raises:
            ValueError: for images of another rank, labels that do not fit, a class with too few images.
        """
        X, y = _checked("images", images, labels)
        pairs = {"validation": validation, "test": test}
        given = {what: _checked(what, *pair) for what, pair in pairs.items() if pair is not None}
        for what, (others, _) in given.items():
            if others.shape[1:] != X.shape[1:]:
                raise ValueError(f"{what}: expected images of {X.shape[1:]}, got {others.shape[1:]}")
        classes = int(max(part.max() for part in (y, *(other for _, other in given.values())))) + 1
        names = None if class_names is None else tuple(class_names)
        if names is not None and classes > len(names):
            raise ValueError(f"class_names: expected one for each of {classes} classes, got {len(names)}")
        index = np.arange(len(y)) if limit is None else stratified(y, limit, split_seed)
        _require_enough(y[index], 3 - len(given), names or ())
        splits = dict(given)
        for what, share in (("test", test_share), ("validation", validation_share)):
            if what not in given:
                index, held_out = _split(index, y, share, split_seed)
                splits[what] = X[held_out], y[held_out]
        if len(index) < len(y):
            X, y = X[index], y[index]
        mean, std = _moments(X)
        return cls(
            name=name,
            train=_to_split(X, y),
            validation=_to_split(*splits["validation"]),
            test=_to_split(*splits["test"]),
            classes=classes if names is None else len(names),
            mean=mean,
            std=std,
            augmentation=augmentation or Augmentation(),
            class_names=names,
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


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return the ascending indices of ``count`` labels: of each class its share, rounded by largest remainder.

    Raises:
        ValueError: for a count that is not in 1..n.
    """
    n = len(labels)
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)) or not 1 <= count <= n:
        raise ValueError(f"limit: expected an integer in 1..{n}, the number of images, got {shown(count)}")
    if count == n:
        return np.arange(n)
    sizes = np.bincount(labels)
    quota = sizes * int(count)
    take = quota // n
    largest = np.argsort(-(quota % n), kind="stable")
    take[largest[: count - take.sum()]] += 1
    order = np.random.default_rng(seed).permutation(n)
    order = order[np.argsort(labels[order], kind="stable")]  # by class, in random order within
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.sort(order[place < np.repeat(take, sizes)])


def _require_enough(labels: NDArray[np.int64], least: int, class_names: Sequence[str]) -> None:
    """Check that each class has an image for each of the splits that are drawn."""
    sizes = np.bincount(labels, minlength=len(class_names))
    few = np.flatnonzero(sizes < least if class_names else (sizes > 0) & (sizes < least))
    if len(few):
        called = repr(class_names[few[0]]) if class_names else few[0]
        raise ValueError(f"class {called}: expected at least {least} images, one for each split, got {sizes[few[0]]}")


def _split(
    index: NDArray[np.int64], labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split off ``share`` of the images of ``index``, by class and at random."""
    if not 0 < share < 1:
        raise ValueError(f"share: expected a number in (0, 1), got {share}")
    size = round(share * len(index))
    try:
        kept, held_out = train_test_split(index, test_size=size, stratify=labels[index], random_state=seed)
    except ValueError as error:
        raise ValueError(f"images: expected enough of each class to split off {size}, got {error}") from None
    return kept, held_out


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


def _to_split(images: NDArray[Any], labels: NDArray[np.int64]) -> Split:
    return Split(_tensor(images), _tensor(labels))


def _tensor(array: NDArray[Any]) -> Tensor:
    """Return an array as a tensor; one that may not be written to is copied."""
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))
