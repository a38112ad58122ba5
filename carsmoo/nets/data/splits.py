"""Splits of labelled images: drawn by class and at random, their images in memory or in files."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as pictures

from carsmoo.nets.data.pixels import White, decoded
from carsmoo.nets.data.transforms import Augment, middle
from carsmoo.utils.validation import shown

Batch: TypeAlias = tuple[Tensor, Tensor]
"""Images of a step, (m, c, h, w), not normalised, and their labels, (m,)."""

TEST_SHARE, VALIDATION_SHARE = 0.2, 0.5
"""Of the images, and of those that are left: what is drawn where a source has no such split."""

AHEAD = 2  # batches that are decoded before they are asked for

T = TypeVar("T")
S = TypeVar("S")


@dataclass(frozen=True, eq=False)
class Split(Dataset[Batch]):
    """Images (n, c, h, w), not normalised, uint8 or float32, and their labels (n,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Batch:
        return self.images[place], self.labels[place]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        c, height, width = self.images.shape[1:]
        return c, height, width

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


@dataclass(frozen=True, eq=False)
class Stream(Dataset[Batch]):
    """Images in colour that stay in their files and are decoded as they are needed; otherwise as :class:`Split`.

    Files are decoded by as many threads as torch computes with. What comes out depends on neither their number nor
    their order.

    Args:
        files: paths of the images, n of them.
        labels: (n,), int64, on the device that images are brought to.
        size: (height, width) of what comes out.
        source: name of the source, for what is raised.
        white: what means white in files of more than 8 bits.
    """

    files: tuple[str, ...]
    labels: Tensor
    size: tuple[int, int]
    source: str
    white: White

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, place: int) -> Batch:
        return pictures.pil_to_tensor(self._middle(place)).to(self.labels.device), self.labels[place]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        return 3, *self.size

    def to(self, device: torch.device) -> Stream:
        """Return the same images, which are brought to a device."""
        return dataclasses.replace(self, labels=self.labels.to(device))

    def at(self, index: Tensor) -> Stream:
        """Return those at the places of ``index``, (m,), int64."""
        files = tuple(self.files[k] for k in index.tolist())
        return dataclasses.replace(self, files=files, labels=self.labels[index])

    def joined(self, other: Stream) -> Stream:
        """Return these and others after them."""
        labels = torch.cat([self.labels, other.labels])
        return dataclasses.replace(self, files=self.files + other.files, labels=labels)

    def first(self, n: int) -> Tensor:
        """Return the first ``n`` images, or all if there are fewer."""
        return next(self.at(torch.arange(min(n, len(self)))).batches(n))[0]

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all images, their middles, and their labels in order, ``size`` at a time."""
        return self._read(torch.split(torch.arange(len(self)), size), self._middle)

    def augmented(self, parts: Iterable[Tensor], augment: Augment, generator: torch.Generator) -> Iterator[Batch]:
        """Yield for each part of an order, (m,), its images as they are trained on, and their labels.

        Each image is augmented by a generator of its own, whose seed is drawn here; with ``augment.resized_crop`` from
        the whole picture, else from its middle.
        """
        seeds = torch.randint(2**63 - 1, (len(self),), generator=generator)

        def one(place: int) -> Image.Image:
            image = self._whole(place) if augment.resized_crop else self._middle(place)
            return augment.one(image, torch.Generator().manual_seed(int(seeds[place])))

        return self._read(list(parts), one)

    def _read(self, parts: Sequence[Tensor], one: Callable[[int], Image.Image]) -> Iterator[Batch]:
        places = chain.from_iterable(part.tolist() for part in parts)
        ahead = AHEAD * max(map(len, parts))
        found = in_order(lambda place: pictures.pil_to_tensor(one(place)), places, torch.get_num_threads(), ahead)
        with closing(found):
            for part in parts:
                images = torch.stack(list(islice(found, len(part))))
                yield images.to(self.labels.device), self.labels[part]

    def _whole(self, place: int) -> Image.Image:
        return decoded(self.source, self.files[place], "RGB", self.white)

    def _middle(self, place: int) -> Image.Image:
        return middle(self._whole(place), self.size)


def in_order(function: Callable[[T], S], items: Iterable[T], threads: int, ahead: int) -> Generator[S, None, None]:
    """Yield ``function`` of each item, in their order, computed by threads, at most ``ahead`` before they are taken."""
    left = iter(items)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="images")
    try:
        waiting = deque(pool.submit(function, item) for item in islice(left, ahead))
        while waiting:
            found = waiting.popleft().result()
            waiting.extend(pool.submit(function, item) for item in islice(left, 1))
            yield found
    finally:
        pool.shutdown(cancel_futures=True)


def drawn(
    labels: NDArray[np.int64],
    shares: Mapping[str, float],
    seed: int,
    limit: int | None = None,
    class_names: Sequence[str] = (),
) -> dict[str, NDArray[np.int64]]:
    """Return the places of the images of each split, by class and at random; what is left over is ``"train"``.

    Args:
        labels: of all images, (n,); each class has some.
        shares: of each other split, in the order in which they are drawn, of what is left by then.
        seed: draws the splits, and what ``limit`` keeps.
        limit: how many images are kept, of each class its share; all if not given.
        class_names: of the classes, for what is raised.

    Raises:
        ValueError: for a split with fewer images than there are classes, or a class with fewer than there are splits.
    """
    index = np.arange(len(labels)) if limit is None else stratified(labels, limit, seed)
    classes = max(len(class_names), int(labels.max()) + 1)
    found: dict[str, NDArray[np.int64]] = {}
    for what, share in shares.items():
        counts = np.bincount(labels[index], minlength=classes)
        _require_each(counts, 1 + len(shares) - len(found), class_names, list(found))
        size = round(share * len(index))
        _require_room(f"the {what} split of {100 * share:.3g} %", size, classes, "larger")
        _require_room(f"what the {what} split of {100 * share:.3g} % leaves", len(index) - size, classes, "smaller")
        index, found[what] = train_test_split(index, test_size=size, stratify=labels[index], random_state=seed)
    _require_each(np.bincount(labels[index], minlength=classes), 1, class_names, list(found))
    return {**found, "train": index}


def _require_each(counts: NDArray[np.int64], least: int, class_names: Sequence[str], others: Sequence[str]) -> None:
    if len(few := np.flatnonzero(counts < least)):
        called, got = repr(class_names[few[0]]) if class_names else few[0], counts[few[0]]
        beside = f" beside those of {' and '.join(others)}" if others else ""
        raise ValueError(f"class {called}: expected at least {least} images, one for each split, got {got}{beside}")


def _require_room(part: str, size: int, classes: int, share: str) -> None:
    if size < classes:
        raise ValueError(
            f"images: expected {part} to have an image of each class, got {size} for {classes} classes; give more "
            f"images or a {share} share"
        )


def at_random(split: Split, count: int | None, seed: int) -> Split:
    """Return so many images of a split, of each class its share; all where none are told, or it has no more."""
    if count is None or count >= len(split):
        return split
    chosen = np.sort(stratified(split.labels.cpu().numpy(), count, seed))
    return split.at(torch.from_numpy(chosen).to(split.labels.device))


def stratified(labels: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """Return the ascending indices of ``count`` labels: of each class its share, rounded by largest remainder."""
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
