"""Images that stay in their files and are decoded as they are needed, for full training on more than fits in memory."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as pictures

from carsmoo.nets.data.folders import decoded, white_in
from carsmoo.nets.data.in_memory import Batch, ImageData, Labelled
from carsmoo.nets.data.listings import Files, listed
from carsmoo.nets.data.pixels import White
from carsmoo.nets.data.spec import DatasetSpec
from carsmoo.nets.data.splits import drawn
from carsmoo.nets.data.transforms import Augment, Augmentation

T = TypeVar("T")
S = TypeVar("S")

SOURCES = ("imagenet", "folder")
"""Names whose images can stay in their files."""

SIZE = (224, 224)
"""Height and width where none is asked for."""

MARGIN = 256 / 224
"""How much larger than the size a picture is scaled before its middle is taken (DARTS's evaluation)."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's colours, as published with torchvision's networks, for pixels of 0 to 1."""

AHEAD = 2
"""Batches that are decoded before they are asked for."""


@dataclass(frozen=True, eq=False)
class Stream:
    """Images in colour that stay in their files; the counterpart of :class:`~carsmoo.nets.data.in_memory.Split`.

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


@dataclass(frozen=True, kw_only=True)
class StreamedData(Labelled[Stream]):
    """Images that stay in their files, split as :class:`~carsmoo.nets.data.in_memory.ImageData` splits the same ones.

    Args:
        sha256: of the files' paths below their folder, their sizes in bytes and their classes, and of all else that
            decides what is seen of them. A file whose content changes without its size is not noticed.
    """

    sha256: str

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        return 3, *self.train.size

    def digest(self) -> str:
        """Return ``sha256``."""
        return self.sha256


TrainingData: TypeAlias = ImageData | StreamedData
"""What a network is retrained on."""


def stream(request: DatasetSpec) -> StreamedData:
    """List the files of ``imagenet:DIR`` or ``folder:PATH``, to be read in colour, at 224x224 if no size is given.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: for another source, or naming what is wrong with the directories.
    """
    if request.name not in SOURCES:
        raise ValueError(f"data: expected stream=yes only for {' and '.join(SOURCES)}, got {request.name}")
    listing = listed(request)
    size = request.size or SIZE
    files = dict(listing.files)
    shares = {what: share for what, share in (("test", 0.2), ("validation", 0.5)) if what not in files}
    train = files.pop("train")
    places = drawn(np.array([label for _, label in train]), shares, request.split_seed, class_names=listing.classes)
    splits = {**files, **{what: [train[k] for k in index.tolist()] for what, index in places.items()}}
    mean, std = (torch.tensor(values, dtype=torch.float32) * 255 for values in (MEAN, STD))
    augmentation = request.changed(Augmentation(pad=min(size) // 8, flip=True))
    white = white_in(request.name, listing.paths)
    seen = repr((size, mean.tolist(), std.tolist(), listing.classes, augmentation))
    seen += repr(white) if white != White() else ""
    return StreamedData(
        name=dataclasses.replace(request, stream=True).title,
        classes=len(listing.classes),
        mean=mean,
        std=std,
        augmentation=augmentation,
        class_names=listing.classes,
        sha256=_digest(os.fspath(listing.root), splits, seen),
        **{what: _stream(part, size, request.name, white) for what, part in splits.items()},
    )


def middle(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return the middle of a picture: scaled to cover 8/7 of a (height, width), then cropped.

    For a square of 224 that is torchvision's ``Resize(256)`` and ``CenterCrop(224)``.
    """
    height, width = pictures.get_size(image)
    scaled = [round(side * MARGIN) for side in size]
    if scaled[0] * width >= scaled[1] * height:  # the height decides
        scaled[1] = int(scaled[0] * width / height)
    else:
        scaled[0] = int(scaled[1] * height / width)
    cropped: Image.Image = pictures.center_crop(pictures.resize(image, scaled), list(size))
    return cropped


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


def _stream(files: Files, size: tuple[int, int], source: str, white: White) -> Stream:
    labels = torch.tensor([label for _, label in files], dtype=torch.int64)
    return Stream(tuple(path for path, _ in files), labels, size, source, white)


def _digest(root: str, splits: dict[str, Files], seen: str) -> str:
    found = hashlib.sha256(seen.encode())
    for what in sorted(splits):
        found.update(f"\0{what}".encode())
        for path, label in splits[what]:
            below = os.fsencode(path.removeprefix(root).replace(os.sep, "/"))
            found.update(b"\0%b\0%d\0%d" % (below, label, os.stat(path).st_size))
    return found.hexdigest()
