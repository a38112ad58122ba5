"""What is done to training images at random: crops, mirroring, colours."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TypeVar

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2 import functional as pictures

SCALE = (0.08, 1.0)
"""Area of a resized crop, as a share of the image's (torchvision's default, which DARTS takes)."""

RATIO = (3 / 4, 4 / 3)
"""Width over height of a resized crop before it is scaled."""

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

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return augmented images, (n, c, h, w), in one gather; ``generator`` lives on the CPU."""
        if not self.pad and not self.flip:
            return images
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
    """

    size: tuple[int, int]
    resized_crop: bool = False
    shift: Augmentation = field(default_factory=Augmentation)
    jitter: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

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


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return float(torch.empty(1, dtype=torch.float32).uniform_(low, high, generator=generator))


def _require_colours(images: Tensor) -> None:
    if images.shape[1] not in (1, 3):
        raise ValueError(f"jitter: expected images in 1 or 3 colours, got {images.shape[1]}")
    if images.is_floating_point() and not 0 <= float(images.min()) <= float(images.max()) <= 1:
        span = f"[{float(images.min()):.3g}, {float(images.max()):.3g}]"
        raise ValueError(f"jitter: expected bytes or numbers in [0, 1], got numbers in {span}")
