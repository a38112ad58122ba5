"""Images for a search: by name, as a torch data set, or as arrays.

A name is ``NAME[:WHERE][?option=value&...]``; on a command line, quote it.

=================  ==================================================================  =========================
name               images                                                              augmentation (pad, flip)
=================  ==================================================================  =========================
``digits``         8x8 grey, shipped with scikit-learn                                 0, no
``mnist``          28x28 grey, idx files, with gzip or without                         2, no
``fashion-mnist``  as mnist; Debian's package dataset-fashion-mnist is found           4, yes
``cifar10``        3x32x32, read by torchvision                                        4, yes
``cifar100``       as cifar10, 100 classes                                             4, yes
``svhn``           3x32x32 house numbers, read by torchvision                          4, no
``imagenet``       train/ and val/ (the test split), 3x224x224 if no size is given     4, yes
``folder:PATH``    one directory a class, or train/, val/, test/ of such               colour: 1/8, yes; else 0, no
``npz:PATH``       arrays images, labels, and test_images, test_labels if it has them  colour: 1/8, yes; else 0, no
=================  ==================================================================  =========================

WHERE is a folder; without it that of the environment variable ``CARSMOO_IMAGES``, else ``data``. Options:

- ``images=6000``: keep so many of the images that the splits are drawn from, of each class its share. A test or
  validation split that the source has of its own stays whole.
- ``size=32x48`` (height x width) or ``size=32``: scale every image to cover this size and crop it in the middle.
- ``split_seed=1``: other splits, and another choice of ``images``.
- ``pad=4``, ``flip=no``: the augmentation of training images.
- ``stream=yes``, for ``imagenet`` and ``folder`` in retraining: images stay in their files, are decoded in colour
  when they are needed, and are normalised by ImageNet's published mean and deviation. Without the option that is so
  where a recipe crops parts out of whole pictures, as ``imagenet`` does; ``stream=no`` says otherwise.

Otherwise all images lie in memory, as bytes where the source has bytes; at most half of the machine's memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import datasets, folders
from carsmoo.nets.data.in_memory import ImageData, Pair, Split
from carsmoo.nets.data.pixels import of_item
from carsmoo.nets.data.spec import DatasetSpec, Loader, require_memory
from carsmoo.nets.data.streaming import SOURCES, StreamedData, TrainingData, stream
from carsmoo.nets.data.transforms import Augmentation
from carsmoo.utils.validation import short, shown

__all__ = [
    "DATA_NAMES",
    "Augmentation",
    "DataLike",
    "ImageData",
    "Split",
    "from_dataset",
    "load",
    "load_for_training",
]

DATA_NAMES = ("digits", "mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "imagenet", "folder", "npz")
"""Names that :func:`load` knows."""

DataLike: TypeAlias = "str | ImageData | Pair | Dataset[Any]"


def load(data: DataLike) -> ImageData:
    """Return the data that a user names or gives.

    Args:
        data: a name of ``DATA_NAMES`` with where it is and options as this module's text says, such as
            ``"fashion-mnist?images=6000"`` or ``"folder:photos?size=32x48"``; an :class:`ImageData`; a
            ``torch.utils.data.Dataset`` for :func:`from_dataset`; or a pair of images and labels for
            :meth:`ImageData.from_arrays`.

    Raises:
        ValueError: for a name or option that does not exist, a damaged file, or arrays that are no images.
        FileNotFoundError: if the files of a data set are missing, saying how to get them.
        TypeError: for anything else.
    """
    if isinstance(data, ImageData):
        return data
    if isinstance(data, tuple) and len(data) == 2:
        return ImageData.from_arrays(*data)
    if isinstance(data, Dataset):
        return from_dataset(data)
    if not isinstance(data, str):
        raise TypeError(
            f"data: expected a name, an ImageData, a Dataset or (images, labels), got {type(data).__name__}"
        )
    loaders: dict[str, Loader] = {
        "digits": datasets.digits,
        "mnist": datasets.mnist,
        "fashion-mnist": datasets.fashion_mnist,
        "cifar10": datasets.cifar10,
        "cifar100": datasets.cifar100,
        "svhn": datasets.svhn,
        "imagenet": folders.read_imagenet,
        "folder": folders.read_folder,
        "npz": datasets.npz,
    }
    request = DatasetSpec.parse(data)
    if request.name not in loaders:
        raise ValueError(f"data: expected one of {', '.join(DATA_NAMES)}, got {short(data)}")
    if request.stream:
        raise ValueError(
            "data: expected images in memory, got stream=yes, which only full training (carsmoo train) takes"
        )
    return request.build(loaders[request.name](request))


def load_for_training(data: DataLike | StreamedData, recipe: TrainingRecipe) -> TrainingData:
    """Return the data that a network is retrained on.

    They are those of :func:`load`, except that the images of ``imagenet`` and ``folder`` stay in their files where the
    option ``stream`` says so or, without it, where the recipe crops parts out of whole pictures (``resized_crop``).

    Args:
        data: as for :func:`load`, or data that stay in their files.
        recipe: how a network is to be trained.

    Raises:
        ValueError, FileNotFoundError, TypeError: as :func:`load`.
    """
    if isinstance(data, StreamedData):
        return data
    request = DatasetSpec.parse(data) if isinstance(data, str) else None
    if request is None or request.stream is False:
        return load(data)
    if request.stream or (recipe.resized_crop and request.name in SOURCES):
        return stream(request)
    return load(data)


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
