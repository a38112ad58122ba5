"""What is done to images: scaled to a size, and at random to those of training crops, mirroring, colours, cutout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor
from torchvision.transforms.v2 import functional as pictures

from carsmoo.cost.memory import BYTES, physical_memory, require_fits

CHUNK = 2**24  # pixels of images that are scaled at once, at most
MARGIN = 256 / 224  # a picture's side over that of the middle that is taken of it (DARTS's evaluation)
SCALE = (0.08, 1.0)  # area of a resized crop, as a share of the image's (torchvision's default, which DARTS takes)
RATIO = (3 / 4, 4 / 3)  # width over height of a resized crop before it is scaled

Picture = TypeVar("Picture", Tensor, Image.Image)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is done to a training image at random.

    Args:
        pad: zero pixels added on each side before a crop of the old size.
        flip: whether half of the images are mirrored left to right.
    """

    pad: int = 0
    flip: bool = False

    def require_memory(self, shape: Sequence[int], itemsize: int = 1) -> None:
        """Check that images (n, c, h, w), each number of ``itemsize`` bytes, fit in the memory once they are padded."""
        n, c, height, width = shape
        needed = n * c * (height + 2 * self.pad) * (width + 2 * self.pad) * itemsize
        if self.pad:
            require_fits("pad", needed, f"images of {c}x{height}x{width} padded by {self.pad}, {n} of them at once")

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return augmented images, (n, c, h, w), in one gather; ``generator`` lives on the CPU.

        Raises:
            ValueError: telling the bytes that would not fit in memory.
        """
        if not self.pad and not self.flip:
            return images
        self.require_memory(images.shape, images.element_size())
        n, _, height, width = images.shape
        device = images.device
        top, left = torch.randint(0, 2 * self.pad + 1, (2, n), generator=generator)
        mirrored = (
            (torch.rand(n, generator=generator, dtype=torch.float32) < 0.5)
            if self.flip
            else torch.zeros(n, dtype=torch.bool)
        )
        rows = top[:, None] + torch.arange(height)
        columns = torch.arange(width).expand(n, width)
        columns = left[:, None] + torch.where(mirrored[:, None], width - 1 - columns, columns)
        rows, columns = rows.to(device), columns.to(device)
        padded = F.pad(images, (self.pad,) * 4)
        index = torch.arange(n, device=device)[:, None, None]
        picked = padded.permute(0, 2, 3, 1)[index, rows[:, :, None], columns[:, None, :]]  # (n, h, w, c)
        return picked.permute(0, 3, 1, 2).contiguous()


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What full training does to an image at random, in this order: crop, mirror, colours.

    The draws are those of torchvision's ``RandomResizedCrop`` (or ``RandomCrop``), ``RandomHorizontalFlip`` and
    ``ColorJitter`` in their order, but from a generator that is passed in.

    Args:
        size: (height, width) of what comes out.
        resized_crop: whether a part of random area and ratio is cut out and scaled to the size.
        shift: padding before a crop of the old size, not used beside ``resized_crop``, and mirroring.
        jitter: largest change of brightness, contrast, saturation (factors 1 - x to 1 + x) and hue (turns, -x to x).
            Grey images keep saturation and hue, of which they have none; the draws are the same.

    Raises:
        ValueError: for images that would not fit in memory once they are padded.
    """

    size: tuple[int, int]
    resized_crop: bool = False
    shift: Augmentation = field(default_factory=Augmentation)
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        if not self.resized_crop:
            self.shift.require_memory((1, 1, *self.size))

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return augmented images, (n, c, h, w), not normalised; ``generator`` lives on the CPU.

        Raises:
            ValueError: if colours are to change and the images are neither grey nor in three colours, or are floating
                and not in [0, 1].
        """
        if not self.resized_crop and not any(self.jitter):
            return self.shift(images, generator)
        if any(self.jitter):
            _require_colours(images)
        return torch.stack([self.one(image, generator) for image in images])

    def one(self, image: Picture, generator: torch.Generator) -> Picture:
        """Return one augmented image, a tensor (c, h, w) or a picture."""
        height, width = pictures.get_size(image)
        if self.resized_crop:
            image = pictures.resized_crop(image, *crop_box(height, width, generator), list(self.size), antialias=True)
        elif pad := self.shift.pad:
            top, left = (int(torch.randint(0, 2 * pad + 1, (1,), generator=generator)) for _ in range(2))
            image = pictures.crop(pictures.pad(image, [pad]), top, left, height, width)
        if self.shift.flip and float(torch.rand(1, generator=generator, dtype=torch.float32)) < 0.5:
            image = pictures.horizontal_flip(image)
        return jittered(image, self.jitter, generator)


def crop_box(height: int, width: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of a part of random area and ratio; the middle where ten draws do not fit."""
    low, high = torch.log(torch.tensor(RATIO, dtype=torch.float32)).tolist()
    for _ in range(10):
        area = height * width * _uniform(*SCALE, generator)
        ratio = float(torch.exp(torch.empty(1, dtype=torch.float32).uniform_(low, high, generator=generator)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top = int(torch.randint(0, height - h + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - w + 1, (1,), generator=generator))
            return top, left, h, w
    h, w = min(height, round(width / RATIO[0])), min(width, round(height * RATIO[1]))
    return (height - h) // 2, (width - w) // 2, h, w


def jittered(image: Picture, jitter: tuple[float, float, float, float], generator: torch.Generator) -> Picture:
    """Return an image with its colours changed, in a random order of the changes; see :class:`Augment`."""
    if not any(jitter):
        return image
    order = torch.randperm(4, generator=generator).tolist()
    ranges = [(max(0.0, 1 - most), 1 + most) for most in jitter[:3]] + [(-jitter[3], jitter[3])]
    factors = [_uniform(*span, generator) if most else None for most, span in zip(jitter, ranges, strict=True)]
    changes = pictures.adjust_brightness, pictures.adjust_contrast, pictures.adjust_saturation, pictures.adjust_hue
    for k in order:
        if factors[k] is not None:
            image = changes[k](image, factors[k])
    return image


def cut_out(images: Tensor, side: int, generator: torch.Generator) -> Tensor:
    """Return images (n, c, h, w) with a square of ``side`` px set to 0, its centre anywhere in the image (DARTS)."""
    if side == 0:
        return images
    n, _, height, width = images.shape
    inside = []
    for size in (height, width):
        start = torch.randint(0, size, (n, 1), generator=generator) - side // 2
        at = torch.arange(size)
        inside.append((at >= start) & (at < start + side // 2 * 2))  # an odd side is taken one smaller, as in DARTS
    square = inside[0][:, :, None] & inside[1][:, None, :]
    return images.masked_fill(square[:, None].to(images.device), 0.0)


def natural(shape: tuple[int, int, int]) -> Augmentation:
    """Return CIFAR's augmentation for images (c, h, w) in colour, an eighth of padding and mirrored, none for grey."""
    return Augmentation() if shape[0] == 1 else Augmentation(pad=min(shape[1:]) // 8, flip=True)


def fitted(images: NDArray[Any], size: tuple[int, int] | None) -> NDArray[Any]:
    """Return images, (n, c, h, w), scaled to cover a (height, width), then cropped in the middle."""
    if size is None or images.shape[2:] == size:
        return images
    n, c, height, width = images.shape
    scale = max(size[0] / height, size[1] / width)
    cover = [max(wanted, round(scale * had)) for wanted, had in zip(size, (height, width), strict=True)]
    require_memory(n, (c, *size), images.itemsize)
    told = f"images of {height}x{width} scaled to {cover[0]}x{cover[1]}"
    require_fits("size", BYTES * c * math.prod(cover), told)  # torch may scale bytes as float32
    result = np.empty((n, c, *size), dtype=images.dtype)
    step = max(1, CHUNK // max(math.prod(cover), height * width))
    for start in range(0, n, step):
        part = torch.from_numpy(np.require(images[start : start + step], requirements=["C", "W"]))
        whole = pictures.resize(part, cover, antialias=True)
        result[start : start + step] = pictures.center_crop(whole, list(size)).numpy()
    return result


def require_memory(count: int, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Check that images (c, h, w) fit in half of this machine's memory: the splits are drawn by copying once."""
    told = f"({count} images of {'x'.join(map(str, shape))}); ask for fewer or smaller ones, such as "
    require_half("data: expected images", count * math.prod(shape) * itemsize, f"{told}?images=10000&size=64")


def require_half(expected: str, needed: int, told: str) -> None:
    """Check that so many bytes fit in half of this machine's memory."""
    memory = physical_memory()
    if memory is not None and needed > memory // 2:
        raise ValueError(
            f"{expected} that fit in half of the memory, {memory // 2:,} bytes, got {needed:,} bytes {told}"
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


def fit(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a picture scaled to cover a (height, width), then cropped in the middle; one of that size as it is."""
    return image if image.size == size[::-1] else ImageOps.fit(image, size[::-1], Image.Resampling.BILINEAR)


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return float(torch.empty(1, dtype=torch.float32).uniform_(low, high, generator=generator))


def _require_colours(images: Tensor) -> None:
    if images.shape[1] not in (1, 3):
        raise ValueError(f"jitter: expected images in 1 or 3 colours, got {images.shape[1]}")
    if images.is_floating_point() and not 0 <= float(images.min()) <= float(images.max()) <= 1:
        span = f"[{float(images.min()):.3g}, {float(images.max()):.3g}]"
        raise ValueError(f"jitter: expected bytes or numbers in [0, 1], got numbers in {span}")
