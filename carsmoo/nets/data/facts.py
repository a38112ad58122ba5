"""What a plan needs to know of images before they are read: how many, and how large."""

from __future__ import annotations

import dataclasses
import time
from typing import NamedTuple

import numpy as np

from carsmoo.config.budget import Images
from carsmoo.nets.data.folders import listed
from carsmoo.nets.data.images import ImageData
from carsmoo.nets.data.load import STREAMED, DataLike, load
from carsmoo.nets.data.pixels import decoded, header, mode_of, white_in
from carsmoo.nets.data.spec import DatasetSpec
from carsmoo.nets.data.splits import TEST_SHARE, VALIDATION_SHARE

LOOKED_AT, DECODED = 60, 8
"""Files of a folder whose sizes are looked at, and that are decoded to see how long it takes."""


class Facts(NamedTuple):
    """What is known of images.

    Attributes:
        images: their numbers and shape.
        resizable: whether they may be given another size by name.
        reading: seconds that reading them takes, once more where they had to be read.
        data: the images, where they had to be read.
        pool: how many there are that the option ``images`` chooses from; None where it is not known.
    """

    images: Images
    resizable: bool
    reading: float
    data: ImageData | None
    pool: int | None = None

    def fewer(self, factor: float) -> Facts:
        """Return what is known of a part of the images."""
        known = self.images
        train, validation = round(factor * known.train), round(factor * known.validation)
        pool = None if self.pool is None else round(factor * self.pool)
        return self._replace(
            images=dataclasses.replace(known, train=train, validation=validation),
            reading=factor * self.reading,
            pool=pool,
        )


def facts_of(data: DataLike) -> Facts:
    """Return what is known of data; images in a folder, of which no size is asked for, are left where they are.

    Raises:
        ValueError, FileNotFoundError, TypeError: as :func:`~carsmoo.nets.data.load`.
    """
    spec = DatasetSpec.parse(data) if isinstance(data, str) else None
    if spec is None or spec.name not in STREAMED or spec.size is not None:
        begin = time.perf_counter()
        found = load(data)
        counts = {"train": len(found.train), "validation": len(found.validation)}
        images = Images(**counts, shape=found.image_shape, classes=found.classes)
        return Facts(images, spec is not None and spec.size is None, time.perf_counter() - begin, found)
    listing = listed(spec)
    paths = listing.paths
    some = [paths[k] for k in np.unique(np.linspace(0, len(paths) - 1, LOOKED_AT).round().astype(int))]
    sizes, modes = zip(*(header(spec.name, path) for path in some), strict=True)
    height, width = (int(np.median([size[k] for size in sizes])) for k in (0, 1))
    mode, white = mode_of(set(modes)), white_in(spec.name, some)
    begin = time.perf_counter()
    for path in some[:: max(len(some) // DECODED, 1)]:
        decoded(spec.name, path, mode, white)
    each = (time.perf_counter() - begin) / len(some[:: max(len(some) // DECODED, 1)])
    n = len(listing.files["train"])
    n -= 0 if "test" in listing.files else round(TEST_SHARE * n)
    validation = len(listing.files.get("validation", ())) or round(VALIDATION_SHARE * n)
    train = n if "validation" in listing.files else n - validation
    shape = (3 if mode == "RGB" else 1, height, width)
    images = Images(train=train, validation=validation, shape=shape, classes=len(listing.classes))
    pool = len(listing.files["train"]) if spec.images is None and len(listing.files) == 1 else None
    return Facts(images, True, each * len(paths), None, pool)
