"""Evaluation of subnets with the current shared weights, each with its own batch-norm statistics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.nets.data import Split
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.supernet.classifiers import OwnClassifier, fitted, pooled
from carsmoo.nets.supernet.passes import BYTES, HELD, Passes, fitting_graphs
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.scores import in_units, of_images
from carsmoo.nets.supernet.shared_graph import SharedGraph
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.utils.progress import Listener, Step, unheard

MEMORY = 2 << 30
"""Bytes that scoring may take, where nothing else is said."""


@torch.no_grad()
def recalibrate(supernet: SharedWeights, genotype: Architecture, batches: Sequence[torch.Tensor]) -> Statistics:
    """Return an architecture's batch-norm statistics on normalised training images, (n, c, h, w) a batch."""
    statistics = Statistics()
    for images in batches:
        statistics.recorded = [len(images)]
        supernet(images, genotype, statistics)
    statistics.recorded = ()
    return statistics


def errors(*args: Any, **kwargs: Any) -> NDArray[np.float64]:
    """Return the top-1 error of each architecture on a split, a fraction 0..1, (n,); see :func:`tally`."""
    return scores_of(tally(*args, **kwargs))


@torch.no_grad()
def tally(
    supernet: SharedWeights,
    genotypes: Sequence[Architecture],
    split: Split,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    batch: int,
    calibration: Sequence[torch.Tensor] | None,
    memory: int = MEMORY,
    score: str = "error",
    fitted_to: Split | None = None,
    race: Race | None = None,
    listener: Listener = unheard,
) -> NDArray[Any]:
    """Return the tally of each architecture on a split, (n, 2, 2); see :mod:`carsmoo.problems.trust`.

    A score depends on its architecture, the weights and the images alone, not on who is scored along with it. What the
    architectures have in common is computed once (:class:`~carsmoo.nets.supernet.shared_graph.SharedGraph`); the
    predictions are those of each architecture by itself.

    Args:
        supernet: the shared weights.
        genotypes: the architectures, n of them.
        split: images and labels.
        normalise: makes images ready for the supernet.
        batch: images scored at a time, at most; with calibration fewer are taken where that is faster.
        calibration: normalised training batches that statistics are measured on; None normalises each batch of the
            split by itself.
        memory: bytes that scoring may take; to keep to it the population is scored in groups, and with calibration
            fewer images at a time. One subnet on one calibration batch, or on one batch without, is never refused.
        score: what is added up, see :data:`~carsmoo.nets.supernet.scores.Score`.
        fitted_to: if given, images and labels that a classifier of each architecture's own is fitted to; see
            :mod:`carsmoo.nets.supernet.classifiers`. They meet the same batch norm as those of the split.
        race: if given, of errors, those whose fate is settled are not scored to the end (where the population is one
            group); they have met fewer images.
        listener: called once an architecture, at even distances.
    """
    found = np.empty((len(genotypes), 2, 2), dtype=np.int64)
    most = max(len(split), 0 if fitted_to is None else len(fitted_to))
    whole = min(batch, most) if calibration is None else max(map(len, calibration), default=1)  # images at once
    done = 0

    def further(step: Step) -> None:
        listener(replace(step, done=done + step.done, total=len(genotypes)))

    held = 0 if fitted_to is None else -(-features_held(supernet, genotypes, fitted_to) // whole)
    size = memory // (HELD * BYTES * whole)
    for group, graph in fitting_graphs(supernet, genotypes, size, classified=fitted_to is None, held=held):
        raced = race.among(group) if race is not None and len(group) == len(genotypes) else None
        left = memory - BYTES * whole * held * len(group)
        passes = Passes(graph, normalise, batch, calibration, max(left, memory // 2))
        found[group] = _count(passes, split, score, fitted_to, raced, further)
        done += len(group)
    return in_units(score, found)


@torch.no_grad()
def own_classifier(
    supernet: SharedWeights,
    genotype: Architecture,
    fitted_to: Split,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    *,
    batch: int,
    calibration: Sequence[torch.Tensor] | None,
    memory: int = MEMORY,
) -> OwnClassifier:
    """Return the classifier that :func:`tally`, of the same arguments, fits an architecture."""
    graph = SharedGraph(supernet, [genotype], classified=False)
    (found,) = _fit(Passes(graph, normalise, batch, calibration, memory), fitted_to, lambda done: None)
    return found


def features_held(supernet: SharedWeights, genotypes: Sequence[Architecture], fitted_to: Split) -> int:
    """Return how many numbers a network's features of the images take that its classifier is fitted to, at most."""
    widths = (one.graph(supernet.network)[-1].layer.c_in for one in genotypes)
    return len(fitted_to) * max(widths, default=0)


def _count(
    passes: Passes,
    split: Split,
    score: str,
    fitted_to: Split | None,
    race: Race | None,
    listener: Listener,
) -> NDArray[np.int64]:
    parts = passes.parts(split)
    if race is not None:
        parts = max(parts, race.rounds)
    before = 0 if fitted_to is None else passes.parts(fitted_to)
    n, told = len(passes.graph.outputs), 0

    def tell(done: int) -> None:
        """Tell how many networks the work would be that is done: so many passes of one network."""
        nonlocal told
        ready = done // (before + parts)
        if ready > told:
            told = ready
            listener(Step(phase="scoring", done=told, total=n, unit="networks"))

    own = None if fitted_to is None else _fit(passes, fitted_to, tell)
    sums = torch.zeros((n, 2), dtype=torch.int64, device=split.labels.device)
    met, running, seen = np.zeros((n, 2), dtype=np.int64), np.arange(n), 0
    for k, (images, labels) in enumerate(
        zip(split.images.tensor_split(parts), split.labels.tensor_split(parts), strict=True)
    ):
        halves = [slice((seen + half) % 2, None, 2) for half in (0, 1)]  # the even and the odd images of the split
        for done, (i, value) in enumerate(passes.run(images, running), 1):
            scored = of_images(score, value if own is None else own[i].logits(value), labels)
            for half, part in enumerate(halves):
                sums[i, half] += scored[part].sum()
            tell((before + k) * n + n - len(running) + done)
        met[running] += [len(labels[part]) for part in halves]
        seen += len(images)
        if race is not None and k + 1 < parts and (k + 1) * race.rounds // parts > k * race.rounds // parts:
            running = race.still_open(sums.sum(dim=1).cpu().numpy(), met.sum(axis=1), running)
    return np.stack([sums.cpu().numpy(), met], axis=1)


def _fit(passes: Passes, split: Split, tell: Callable[[int], None]) -> list[OwnClassifier]:
    """Return a classifier for each network of a graph, in their order, fitted to what it makes of a split."""
    n, parts = len(passes.graph.outputs), passes.parts(split)
    classes = passes.graph.supernet.network.output_classes
    features: list[list[torch.Tensor]] = [[] for _ in range(n)]
    found: dict[int, OwnClassifier] = {}
    for k, images in enumerate(split.images.tensor_split(parts)):
        for done, (i, value) in enumerate(passes.run(images), 1):
            features[i].append(pooled(value))
            if k + 1 == parts:
                found[i] = fitted(torch.cat(features[i]), split.labels, classes)
                features[i].clear()
            tell(k * n + done)
    return [found[i] for i in range(n)]
