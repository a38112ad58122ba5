"""Cluttered digits: one digit, scaled and anywhere, among pieces of others, after cluttered MNIST (Mnih et al. 2014).

All is drawn and computed in whole numbers, so that the same seed makes the same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from carsmoo.nets.data.splits import drawn

Whole = NDArray[np.int64]

CANVAS, DIGIT = 16, 8  # sides of an image and of the digits it is made of, in pixels
SIDES = (9, 13)  # least and greatest side of the scaled digit
PIECES, PIECE = 3, 5  # how many pieces of other digits an image has, and their side
LEVEL = 15  # of a byte for each of the digits' 16 levels
COUNTS = {"train": 5000, "validation": 1000, "test": 2000}


class Drawing(NamedTuple):
    """What n images are made of: digits by their places in the source, and rows and columns of upper left corners."""

    digit: Whole  # (n,)
    side: Whole  # (n,), of the scaled digit
    corner: Whole  # (n, 2), of the digit on the canvas
    others: Whole  # (n, PIECES), digits that pieces are cut out of
    cut: Whole  # (n, PIECES, 2), corners of the pieces in their digits
    pieces: Whole  # (n, PIECES, 2), corners of the pieces on the canvas


def drawings(labels: Whole, shares: Mapping[str, float], seed: int) -> dict[str, Drawing]:
    """Return what the images of each split are made of; no digit, nor a piece of it, is in two splits.

    Args:
        labels: of the digits, (m,).
        shares: of the digits of each split but ``"train"``, as :func:`carsmoo.nets.data.splits.drawn` takes them.
        seed: draws the digits of the splits, and the images.
    """
    members = drawn(labels, shares, seed)
    streams = np.random.default_rng(seed).spawn(len(COUNTS))
    return {
        split: draw(members[split], labels, count, rng)
        for (split, count), rng in zip(COUNTS.items(), streams, strict=True)
    }


def draw(members: Whole, labels: Whole, count: int, rng: np.random.Generator) -> Drawing:
    """Return what ``count`` images of ``members``, some of the digits, are made of: as many of each class, to one."""
    members = members[np.argsort(labels[members], kind="stable")]
    sizes = np.bincount(labels[members])
    classes = rng.permutation(np.arange(count) % len(sizes))
    place = (np.cumsum(sizes) - sizes)[classes] + rng.integers(sizes[classes])
    others = (place[:, None] + rng.integers(1, len(members), (count, PIECES))) % len(members)
    side = rng.integers(SIDES[0], SIDES[1] + 1, count)
    return Drawing(
        digit=members[place],
        side=side,
        corner=rng.integers(np.broadcast_to(CANVAS - side[:, None] + 1, (count, 2))),
        others=members[others],
        cut=rng.integers(DIGIT - PIECE + 1, size=(count, PIECES, 2)),
        pieces=rng.integers(CANVAS - PIECE + 1, size=(count, PIECES, 2)),
    )


def painted(digits: Whole, drawing: Drawing) -> NDArray[np.uint8]:
    """Return the images of a drawing, (n, CANVAS, CANVAS): of all that lies on a pixel the brightest is seen.

    Args:
        digits: levels 0 to 16, (m, DIGIT, DIGIT).
        drawing: of n images.
    """
    rows, columns = (_scaled(drawing.side, at) for at in drawing.corner.T)
    canvas = rows @ digits[drawing.digit] @ columns.transpose(0, 2, 1) * LEVEL
    canvas //= (drawing.side[:, None, None] - 1) ** 2
    image = np.arange(len(canvas))[:, None, None]
    for k in range(PIECES):
        piece = digits[(drawing.others[:, k, None, None], *_square(drawing.cut[:, k]))]
        at = (image, *_square(drawing.pieces[:, k]))
        canvas[at] = np.maximum(canvas[at], piece * LEVEL)
    return canvas.astype(np.uint8)


def _scaled(side: Whole, at: Whole) -> Whole:
    """Return side - 1 times the weights, (n, CANVAS, DIGIT), of linear interpolation to ``side`` pixels from ``at``."""
    steps = side[:, None, None] - 1
    pixel = np.arange(CANVAS)[:, None] - at[:, None, None]
    weights = np.maximum(0, steps - np.abs((DIGIT - 1) * pixel - steps * np.arange(DIGIT)))
    return np.where((pixel >= 0) & (pixel <= steps), weights, 0)


def _square(corner: Whole) -> tuple[Whole, Whole]:
    """Return rows (n, PIECE, 1) and columns (n, 1, PIECE) of the pieces at ``corner``, (n, 2)."""
    along = np.arange(PIECE)
    return corner[:, 0, None, None] + along[:, None], corner[:, 1, None, None] + along
