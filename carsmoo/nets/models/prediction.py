"""What a network says of images: the classes by name, with their probabilities."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from carsmoo.nets.data.reading import ImageLike, Reading
from carsmoo.utils.validation import shown

BATCH = 64
"""Images that are read and classified at once."""


@dataclass(frozen=True)
class Prediction:
    """The class of an image.

    Args:
        label: name of the most probable class.
        probability: its probability, in [0, 1].
        probabilities: of all classes by name, in the order of their numbers; they add up to 1. Of classes that share a
            name each has its number behind it.
    """

    label: str
    probability: float
    probabilities: dict[str, float] = field(repr=False)

    def ranked(self) -> list[tuple[str, float]]:
        """Return names and probabilities of all classes, the most probable one, ``label``, first."""
        others = [(name, p) for name, p in self.probabilities.items() if name != self.label]
        return [(self.label, self.probability), *sorted(others, key=lambda one: -one[1])]


def as_items(images: Any) -> tuple[list[ImageLike], bool]:
    """Return images as a list, and whether it was one alone that was given.

    Raises:
        TypeError: for anything but an image, a list of images, or an array or tensor of them.
    """
    if isinstance(images, (list, tuple)):
        for k, image in enumerate(images):
            _require_image(f"images[{k}]", image)
        return list(images), False
    _require_image("images", images)
    if isinstance(images, (np.ndarray, Tensor)) and images.ndim == 4:
        return list(images), False
    return [images], True


def batches(items: Sequence[ImageLike], reading: Reading, shape: tuple[int, int, int]) -> Iterator[Tensor]:
    """Yield images as they were read for training, (m, c, h, w), not normalised, and raise as :class:`Reading`."""
    for start in range(0, len(items), BATCH):
        part = enumerate(items[start : start + BATCH], start)
        read = [reading.image(f"images[{k}]" if len(items) > 1 else "images", image, shape) for k, image in part]
        yield torch.from_numpy(np.ascontiguousarray(np.stack(read)))


def predictions(logits: Tensor, class_names: Sequence[str]) -> list[Prediction]:
    """Return what logits, (n, classes), say."""
    shared = Counter(class_names)
    names = [name if shared[name] == 1 else f"{name} ({k})" for k, name in enumerate(class_names)]
    rows = logits.double().softmax(dim=1).tolist()
    best = logits.argmax(dim=1).tolist()
    return [Prediction(names[k], row[k], dict(zip(names, row, strict=True))) for k, row in zip(best, rows, strict=True)]


def _require_image(name: str, image: Any) -> None:
    if not isinstance(image, (str, os.PathLike, Image.Image, np.ndarray, Tensor)):
        raise TypeError(f"{name}: expected a path, a PIL image, or an array or tensor, got {shown(image)}")
