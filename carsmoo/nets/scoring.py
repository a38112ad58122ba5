"""Scoring of subnets on the weights of the day, each with batch-norm statistics of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.genotype import Genotype
from carsmoo.nets.data import Split
from carsmoo.nets.norm import Statistics
from carsmoo.nets.supernet import Supernet


@torch.no_grad()
def recalibrate(supernet: Supernet, genotype: Genotype, batches: Sequence[torch.Tensor]) -> Statistics:
    """Return an architecture's batch-norm statistics on normalised training images, (n, c, h, w) a batch."""
    statistics = Statistics()
    for images in batches:
        supernet(images, genotype, statistics)
    statistics.recording = False
    return statistics


@torch.no_grad()
def errors(
    supernet: Supernet,
    genotypes: Sequence[Genotype],
    split: Split,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    batch: int,
    calibration: Sequence[torch.Tensor] | None,
    scored: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return the top-1 error of each architecture on a split, a fraction 0..1, (n,).

    A score depends on its architecture, the weights and the images alone, not on who is scored along with it.

    Args:
        supernet: the shared weights.
        genotypes: the architectures, n of them.
        split: images and labels.
        normalise: makes images ready for the supernet.
        batch: images scored at a time, at most.
        calibration: normalised training batches that statistics are measured on; None normalises each batch of the
            split by itself.
        scored: called with the number of architectures scored so far.
    """
    wrong = torch.zeros(len(genotypes), dtype=torch.int64, device=split.labels.device)
    for k, genotype in enumerate(genotypes):
        statistics = None if calibration is None else recalibrate(supernet, genotype, calibration)
        parts = -(-len(split) // batch)  # of nearly equal size, so that none is too small for statistics of its own
        for images, labels in zip(split.images.tensor_split(parts), split.labels.tensor_split(parts), strict=True):
            logits = supernet(normalise(images), genotype, statistics)
            wrong[k] += (logits.argmax(dim=1) != labels).sum()
        if scored is not None:
            scored(k + 1)
    return wrong.cpu().numpy() / len(split)
