"""Images as users name or give them, for a search or for full training."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from typing import Any, TypeAlias, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data.folders import Files, listed
from carsmoo.nets.data.images import ImageData, Pair, StreamedData, TrainingData
from carsmoo.nets.data.pixels import White, of_item, white_in
from carsmoo.nets.data.reading import Reading
from carsmoo.nets.data.sources import READERS
from carsmoo.nets.data.spec import DatasetSpec, readable
from carsmoo.nets.data.splits import TEST_SHARE, VALIDATION_SHARE, Stream, drawn
from carsmoo.nets.data.transforms import natural, require_memory
from carsmoo.utils.validation import short, shown

DATA_NAMES = tuple(READERS)
"""Names that :func:`load` knows."""

STREAMED = ("imagenet", "folder")  # names whose images can stay in their files
SIZE = (224, 224)  # of streamed images where none is asked for
JPEG = (".jpg", ".jpeg")  # endings of 8 bits a colour; a stream may have millions of them, and does not open them first
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, published with torchvision's networks

DataLike: TypeAlias = "str | ImageData | StreamedData | Pair | Dataset[Any]"


@overload
def load(data: DataLike) -> ImageData: ...


@overload
def load(data: DataLike, *, stream: bool) -> TrainingData: ...


def load(data: DataLike, *, stream: bool | None = None) -> TrainingData:
    """Return the data that a user names or gives.

    Args:
        data: a name of ``DATA_NAMES`` with where it is and options as :mod:`carsmoo.nets.data` says, such as
            ``"fashion-mnist?images=6000"`` or ``"folder:photos?size=32x48"``; an :class:`ImageData`; a
            ``torch.utils.data.Dataset`` for :func:`from_dataset`; or a pair of images and labels for
            :meth:`ImageData.from_arrays`.
        stream: whether the images of ``imagenet`` and ``folder`` stay in their files where the option ``stream`` does
            not say. A search, whose images are in memory, gives nothing, and the option is refused.

    Raises:
        ValueError: for a name or option that does not exist, a damaged file, arrays that are no images, or images in
            files where they have to be in memory.
        FileNotFoundError: if the files of a data set are missing, saying how to get them.
        TypeError: for anything else.
    """
    spec = DatasetSpec.parse(data) if isinstance(data, str) else None
    if spec is not None and spec.name not in DATA_NAMES:
        hint = f"; a folder of images is called folder:{readable(str(data))}" if os.path.isdir(str(data)) else ""
        raise ValueError(f"data: expected one of {', '.join(DATA_NAMES)}, got {short(str(data))}{hint}")
    asked = spec.stream if spec is not None else isinstance(data, ImageData) and isinstance(data.train, Stream)
    if asked and stream is None:
        raise ValueError(
            "data: expected images in memory, got stream=yes, which only full training (carsmoo train) takes"
        )
    if spec is not None:
        in_files = asked or (asked is None and stream and spec.name in STREAMED)
        return _streamed(spec) if in_files else _in_memory(spec)
    if isinstance(data, ImageData):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return ImageData.from_arrays(*data)
    if isinstance(data, Dataset):
        return from_dataset(data)
    raise TypeError(f"data: expected a name, an ImageData, a Dataset or (images, labels), got {type(data).__name__}")


def load_for_training(data: DataLike, recipe: TrainingRecipe) -> TrainingData:
    """Return the data that a network is retrained on by a recipe, and raise as :func:`load`.

    The images of ``imagenet`` and ``folder`` stay in their files where the option ``stream`` says so or, without it,
    where the recipe crops parts out of whole pictures (``resized_crop``).
    """
    return load(data, stream=recipe.resized_crop)


def from_dataset(dataset: Dataset[Any], *, test: Dataset[Any] | None = None, **arguments: Any) -> ImageData:
    """Read a torch data set once, in order, into memory.

    Its items are (image, label): a PIL image, or a tensor or array (h, w), (c, h, w) or (h, w, c), all of one type; and
    an integer. What its transform does to an image is done once; random changes belong into ``augmentation``.

    Args:
        dataset: has a length and takes an index.
        test: the test split; otherwise a share is set aside.
        arguments: others of :meth:`ImageData.from_arrays`.

    Raises:
        TypeError: for a data set without a length, or items that are no such pairs.
        ValueError: for images of several sizes, or more than fit in memory.
    """
    images, labels = _items("dataset", dataset)
    names = getattr(dataset, "classes", None)
    if isinstance(names, Sequence) and names and all(isinstance(name, str) for name in names):
        arguments.setdefault("class_names", tuple(names))
    arguments.setdefault("name", type(dataset).__name__)
    held_out = None if test is None else _items("test", test)
    return ImageData.from_arrays(images, labels, test=held_out, **arguments)


def _items(what: str, dataset: Dataset[Any]) -> tuple[NDArray[Any], NDArray[np.int64]]:
    if not hasattr(dataset, "__len__") or not hasattr(type(dataset), "__getitem__"):
        raise TypeError(f"{what}: expected a data set with a length and an index, got {type(dataset).__name__}")
    count = len(dataset)
    if count == 0:
        raise ValueError(f"{what}: expected images, got an empty data set")
    images: NDArray[Any] = np.empty(0)
    labels = np.empty(0, dtype=np.int64)
    for k in range(count):
        item = dataset[k]
        if not isinstance(item, (tuple, list)) or len(item) != 2:
            raise TypeError(f"{what}[{k}]: expected (image, label), got {shown(type(item).__name__)}")
        image, label = of_item(f"{what}[{k}]", item[0]), np.asarray(item[1])
        if image.ndim not in (2, 3):
            raise TypeError(
                f"{what}[{k}]: expected an image, (h, w) or (c, h, w), got {type(item[0]).__name__} {image.shape}"
            )
        if label.shape != () or not np.issubdtype(label.dtype, np.integer):
            raise TypeError(f"{what}[{k}]: expected an integer label, got {shown(item[1])}")
        if k == 0:
            require_memory(count, image.shape, image.itemsize)
            images, labels = np.empty((count, *image.shape), dtype=image.dtype), np.empty(count, dtype=np.int64)
        if image.shape != images.shape[1:] or image.dtype != images.dtype:
            raise ValueError(
                f"{what}[{k}]: expected an image as the first, {images.dtype} {images.shape[1:]}, got {image.dtype} "
                f"{image.shape}"
            )
        images[k], labels[k] = image, label
    return images, labels


def _in_memory(spec: DatasetSpec) -> ImageData:
    found = READERS[spec.name](spec)
    spec.require_images(np.size(found.train[1]))
    arguments = found._asdict()
    (images, labels), reading = arguments.pop("train"), arguments.pop("reading")
    asked = {"name": spec.title, "size": spec.size, "limit": spec.images, "split_seed": spec.split_seed}
    data = ImageData.from_arrays(images, labels, **{**arguments, **asked})
    augmentation = spec.changed(found.augmentation or natural(data.image_shape))
    return dataclasses.replace(data, augmentation=augmentation, reading=reading or data.reading)


def _streamed(spec: DatasetSpec) -> StreamedData:
    """List the files of ``imagenet:DIR`` or ``folder:PATH``, to be read in colour, at 224x224 if no size is given."""
    if spec.name not in STREAMED:
        raise ValueError(f"data: expected stream=yes only for {' and '.join(STREAMED)}, got {spec.name}")
    listing, size = listed(spec), spec.size or SIZE
    require_memory(1, (3, *size))
    files = dict(listing.files)
    named = {"test": TEST_SHARE, "validation": VALIDATION_SHARE}
    shares = {what: share for what, share in named.items() if what not in files}
    train = files.pop("train")
    places = drawn(np.array([label for _, label in train]), shares, spec.split_seed, class_names=listing.classes)
    splits = {**files, **{what: [train[k] for k in index.tolist()] for what, index in places.items()}}
    mean, std = (torch.tensor(values, dtype=torch.float32) * 255 for values in (MEAN, STD))
    augmentation = spec.changed(natural((3, *size)))
    white = white_in(spec.name, (path for path in listing.paths if not path.lower().endswith(JPEG)))
    seen = repr((size, mean.tolist(), std.tolist(), listing.classes, augmentation))
    seen += repr(white) if white != White() else ""

    def stream(part: Files) -> Stream:
        labels = torch.tensor([label for _, label in part], dtype=torch.int64)
        return Stream(tuple(path for path, _ in part), labels, size, spec.name, white)

    return ImageData(
        name=dataclasses.replace(spec, stream=True).title,
        train=stream(splits["train"]),
        validation=stream(splits["validation"]),
        test=stream(splits["test"]),
        classes=len(listing.classes),
        mean=mean,
        std=std,
        augmentation=augmentation,
        class_names=listing.classes,
        reading=Reading(resize="middle", white=white),
        sha256=_digest(os.fspath(listing.root), splits, seen),
    )


def _digest(root: str, splits: dict[str, Files], seen: str) -> str:
    found = hashlib.sha256(seen.encode())
    for what in sorted(splits):
        found.update(f"\0{what}".encode())
        for path, label in splits[what]:
            below = os.fsencode(path.removeprefix(root).replace(os.sep, "/"))
            found.update(b"\0%b\0%d\0%d" % (below, label, os.stat(path).st_size))
    return found.hexdigest()
