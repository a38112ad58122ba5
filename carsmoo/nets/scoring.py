"""Scoring of subnets on the weights of the day, each with batch-norm statistics of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.genotype import Genotype
from carsmoo.nets.data import Split
from carsmoo.nets.norm import Statistics
from carsmoo.nets.population import PopulationGraph
from carsmoo.nets.supernet import Supernet

BYTES = 4
"""Of a number in a layer's output, float32."""

MEMORY = 1 << 30
"""Bytes that the values of a population may take at once, where nothing else is said."""


@torch.no_grad()
def recalibrate(supernet: Supernet, genotype: Genotype, batches: Sequence[torch.Tensor]) -> Statistics:
    """Return an architecture's batch-norm statistics on normalised training images, (n, c, h, w) a batch."""
    statistics = Statistics()
    for images in batches:
        statistics.recorded = [len(images)]
        supernet(images, genotype, statistics)
    statistics.recorded = ()
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
    memory: int = MEMORY,
    scored: Callable[[int], None] | None = None,
) -> NDArray[np.float64]:
    """Return the top-1 error of each architecture on a split, a fraction 0..1, (n,).

    A score depends on its architecture, the weights and the images alone, not on who is scored along with it. What the
    architectures have in common is computed once (:class:`~carsmoo.nets.population.PopulationGraph`); the predictions
    are those of each architecture by itself.

    Args:
        supernet: the shared weights.
        genotypes: the architectures, n of them.
        split: images and labels.
        normalise: makes images ready for the supernet.
        batch: images scored at a time, at most.
        calibration: normalised training batches that statistics are measured on; None normalises each batch of the
            split by itself.
        memory: bytes that the values held at once may take; with calibration, fewer images are scored at a time to
            keep to it.
        scored: called with the number of architectures scored so far.
    """
    if not genotypes:
        return np.empty(0)
    graph = PopulationGraph(supernet, genotypes)
    known: defaultdict[int, Statistics] = defaultdict(Statistics)
    recorded: list[int] = []
    leading = list(calibration or [])
    if calibration is not None:
        fits = memory // (BYTES * graph.peak_size())
        batch = max(min(batch, fits), 1)
        if sum(len(images) for images in leading) + batch > fits:  # by themselves, before anything is scored
            for images in leading:
                for _ in graph.run(images, _recording(known, [len(images)])):
                    pass
            leading = []
    parts = -(-len(split) // batch)  # of nearly equal size, so that none is too small for statistics of its own
    wrong = torch.zeros(len(genotypes), dtype=torch.int64, device=split.labels.device)
    done = 0
    for images, labels in zip(split.images.tensor_split(parts), split.labels.tensor_split(parts), strict=True):
        recorded = [len(part) for part in leading]
        x = torch.cat([*leading, normalise(images)])
        for k, logits in graph.run(x, None if calibration is None else _recording(known, recorded)):
            wrong[k] += (logits[sum(recorded) :].argmax(dim=1) != labels).sum()
            done += 1
            if scored is not None and done % parts == 0:
                scored(done // parts)
        leading = []
    return wrong.cpu().numpy() / len(split)


def _recording(known: defaultdict[int, Statistics], sizes: Sequence[int]) -> Callable[[int], Statistics]:
    """Return what gives the statistics of a node, set to record the leading batches of these sizes."""

    def statistics(number: int) -> Statistics:
        known[number].recorded = sizes
        return known[number]

    return statistics
