"""Images that stay as tensors on the device, split for a search, with vectorised augmentation."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from carsmoo.nets.data.pixels import as_array, as_images
from carsmoo.nets.data.splits import drawn
from carsmoo.nets.data.transforms import Augment, Augmentation

if TYPE_CHECKING:
    from typing_extensions import Self

MOST_CLASSES = 1_000_000
"""Labels are numbers of classes, below this."""


Pair: TypeAlias = tuple[ArrayLike, ArrayLike]
"""Images and their labels."""

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Images of a step, (m, c, h, w), not normalised, and their labels, (m,)."""


class Part(Protocol):
    """A split, whatever holds its images."""

    def to(self, device: torch.device) -> Self:
        """Return the same images on a device, or brought to it."""

    def joined(self, other: Self) -> Self:
        """Return these and others after them."""


P = TypeVar("P", bound=Part)


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

    def at(self, index: Tensor) -> Split:
        """Return those at the places of ``index``, (m,), int64."""
        return Split(self.images[index], self.labels[index])

    def joined(self, other: Split) -> Split:
        """Return these and others after them."""
        return Split(torch.cat([self.images, other.images]), torch.cat([self.labels, other.labels]))

    def first(self, n: int) -> Tensor:
        """Return the first ``n`` images, or all if there are fewer."""
        return self.images[:n]

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all images and their labels in order, ``size`` at a time."""
        yield from zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True)

    def augmented(self, parts: Iterable[Tensor], augment: Augment, generator: torch.Generator) -> Iterator[Batch]:
        """Yield for each part of an order, (m,), its images as they are trained on, and their labels."""
        for part in parts:
            yield augment(self.images[part], generator), self.labels[part]


@dataclass(frozen=True, kw_only=True)
class Labelled(Generic[P]):
    """Images split for a search and its test, whatever holds them.

    Args:
        name: what the data are called in logs and fronts.
        train: the search-train split, on which shared weights are trained.
        validation: the search-validation split, on which subnets are scored.
        test: the test split, never looked at during a search.
        classes: number of classes.
        mean: of each colour, (c,), in the units of the pixels.
        std: of each colour, (c,).
        augmentation: for training images, where a recipe does not say otherwise.
        class_names: of the classes in their order; None where they have none.
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

    def normalise(self, images: Tensor) -> Tensor:
        """Return images (n, c, h, w) as float32 with mean 0 and deviation 1 by colour."""
        return (images.float() - self.mean[:, None, None]) / self.std[:, None, None]

    @property
    def trained_on(self) -> P:
        """What full training takes: search-train, and search-validation after it."""
        return self.train.joined(self.validation)

    def to(self, device: torch.device) -> Self:
        """Return the same data on a device."""
        parts = ("train", "validation", "test", "mean", "std")
        return dataclasses.replace(self, **{name: getattr(self, name).to(device) for name in parts})


@dataclass(frozen=True, kw_only=True)
class ImageData(Labelled[Split]):
    """Images in memory, split for a search; mean and deviation are those of the search-train split."""

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
            images: (n, h, w) or (n, c, h, w), or (n, h, w, c) with c of 1 or 3, in numbers as
                ``carsmoo.nets.data.pixels.as_images`` takes them.
            labels: (n,), integers 0..classes-1, each of them.
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
        pairs = {"images": (images, labels), "validation": validation, "test": test}
        found = {what: pair for what, pair in pairs.items() if pair is not None}
        pixels = as_images({what: pair[0] for what, pair in found.items()})
        given = {what: (pixels[what], _labels(what, pair[1], len(pixels[what]))) for what, pair in found.items()}
        X, y = given.pop("images")
        for what, (others, _) in given.items():
            if others.shape[1:] != X.shape[1:]:
                raise ValueError(f"{what}: expected images of {X.shape[1:]}, got {others.shape[1:]}")
        classes = int(y.max()) + 1
        names = None if class_names is None else tuple(class_names)
        if names is not None and classes > len(names):
            raise ValueError(f"class_names: expected one for each of {classes} classes, got {len(names)}")
        classes = classes if names is None else len(names)
        _require_classes(y, {what: others for what, (_, others) in given.items()}, classes, names)
        shares = {"test": test_share, "validation": validation_share}
        wanted = {what: share for what, share in shares.items() if what not in given}
        places = drawn(y, wanted, split_seed, limit, names or ())
        splits = {**given, **{what: (X[places[what]], y[places[what]]) for what in wanted}}
        index = places["train"]
        if len(index) < len(y):
            X, y = X[index], y[index]
        mean, std = _moments(X)
        return cls(
            name=name,
            train=_to_split(X, y),
            validation=_to_split(*splits["validation"]),
            test=_to_split(*splits["test"]),
            classes=classes,
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

    def digest(self) -> str:
        """Return the SHA-256 of all that a search and its test see of the data."""
        found = hashlib.sha256()
        splits = [part for split in (self.train, self.validation, self.test) for part in (split.images, split.labels)]
        for part in (*splits, self.mean, self.std):
            found.update(f"{part.dtype} {tuple(part.shape)}".encode())
            found.update(part.cpu().contiguous().numpy().data)
        found.update(repr((self.classes, self.augmentation)).encode())
        return found.hexdigest()


def _labels(name: str, labels: ArrayLike, n: int) -> NDArray[np.int64]:
    """Return the labels of n images, (n,) or (n, 1), as (n,)."""
    y = as_array(f"{name}: labels", labels)
    y = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    if y.shape != (n,) or not np.issubdtype(y.dtype, np.integer) or y.min() < 0:
        raise ValueError(f"{name}: expected {n} integer labels from 0, got {y.dtype} {y.shape}")
    if y.max() >= MOST_CLASSES:
        raise ValueError(f"{name}: expected labels below {MOST_CLASSES}, got {y.max()}")
    return y.astype(np.int64)


def _require_classes(
    labels: NDArray[np.int64], others: dict[str, NDArray[np.int64]], classes: int, names: tuple[str, ...] | None
) -> None:
    """Check that each class has an image to be trained on, and that no other split has a class beside those."""
    empty = np.flatnonzero(np.bincount(labels, minlength=classes) == 0)
    if len(empty) and names is None:
        raise ValueError(
            f"labels: expected each of 0 to {classes - 1} at least once, got none of {empty[0]}; number them anew, "
            "values, labels = numpy.unique(labels, return_inverse=True)"
        )
    for what, y in others.items():
        if y.max() >= classes:
            raise ValueError(f"{what}: expected labels below {classes}, the number of classes, got {y.max()}")


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
