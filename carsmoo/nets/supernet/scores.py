"""Scores of images: what a network's answer to each of them adds to its tally."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Score: TypeAlias = Literal["error", "loss"]
"""Whether an image is wrong, or its cross entropy."""

UNIT = 2.0**-20
"""Of losses, in nats. Sums of whole numbers are the same in every order, by however many processes."""

CAP = 100.0
"""The largest loss of an image, in nats; that of one whose loss is no number."""


def of_images(score: str, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the score of each image, (n,), int64: 1 where it is wrong, or its loss in ``UNIT``."""
    if score == "error":
        return (logits.argmax(dim=1) != labels).long()
    losses = F.cross_entropy(logits.float(), labels, reduction="none")
    whole: Tensor = (losses.nan_to_num(CAP).clamp(max=CAP) / UNIT).round().long()
    return whole


def in_units(score: str, tallies: NDArray[np.int64]) -> NDArray[Any]:
    """Return tallies (n, 2, 2) of what :func:`of_images` returned: of wrong images as they are, of losses in nats."""
    return tallies if score == "error" else tallies * [[UNIT], [1.0]]
