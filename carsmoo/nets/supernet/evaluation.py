"""Evaluation of subnets with the current shared weights, each with its own batch-norm statistics."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.nets.data import Split
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.models.device import precision
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.scores import in_units, of_images
from carsmoo.nets.supernet.shared_graph import SharedGraph, alike_together
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.utils.progress import Listener, Step, unheard

BYTES = 4
"""Of a number in a layer's output, float32."""

MEMORY = 2 << 30
"""Bytes that scoring may take, where nothing else is said."""

NEAR = 1 << 21
"""Numbers, for each thread of a CPU, that a value between two cells may have. More lie far from the processor, and
layers wait for them; with fewer there are more calls (``benchmarks/bench_growth.py``)."""

FEW = 32
"""Images that a call may always have; with less than about 16 layers round in another order."""

HELD = 4
"""Bytes that it takes for each byte of a value that is held: layers need room while they run, and values of many sizes
leave holes in the allocator's memory. Less than that where there is room to plan (``benchmarks/bench_population.py``).
"""


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
        race: if given, of errors, those whose fate is settled are not scored to the end (where the population is one
            group); they have met fewer images.
        listener: called once an architecture, at even distances.
    """
    found = np.empty((len(genotypes), 2, 2), dtype=np.int64)
    whole = min(batch, len(split)) if calibration is None else max(map(len, calibration), default=1)  # images at once
    done = 0

    def further(step: Step) -> None:
        listener(replace(step, done=done + step.done, total=len(genotypes)))

    for group, graph in fitting_graphs(supernet, genotypes, memory // (HELD * BYTES * whole)):
        raced = race.among(group) if race is not None and len(group) == len(genotypes) else None
        found[group] = _count(graph, split, normalise, batch, calibration, memory, score, raced, further)
        done += len(group)
    return in_units(score, found)


def fitting_graphs(
    supernet: SharedWeights, genotypes: Sequence[Architecture], size: int
) -> Iterator[tuple[list[int], SharedGraph]]:
    """Yield graphs that hold at most ``size`` numbers for an image, and which genotypes each computes.

    A population that is too large is halved, those with equal cells left together; one subnet alone is never refused.
    """
    waiting = [alike_together(genotypes)] if genotypes else []
    while waiting:
        group = waiting.pop()
        graph = SharedGraph(supernet, [genotypes[k] for k in group])
        if len(group) == 1 or graph.peak_size() <= size:
            yield group, graph
        else:
            half = len(group) // 2
            waiting += [group[half:], group[:half]]


def _count(
    graph: SharedGraph,
    split: Split,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    batch: int,
    calibration: Sequence[torch.Tensor] | None,
    memory: int,
    score: str,
    race: Race | None,
    listener: Listener,
) -> NDArray[np.int64]:
    device = split.labels.device
    known: defaultdict[int, Statistics] = defaultdict(Statistics)
    leading = list(calibration or [])
    if calibration is not None:
        fits = memory // (HELD * BYTES * graph.peak_size())
        batch = max(min(batch, fits, _near(graph.supernet, device)), 1)
        if sum(len(images) for images in leading) + batch > fits:  # by themselves, before anything is scored
            for images in leading:
                with precision(device):
                    for _ in graph.run(images, _recording(known, [len(images)])):
                        pass
            leading = []
    parts = -(-len(split) // batch)  # of nearly equal size, so that none is too small for statistics of its own
    if race is not None:
        parts = max(parts, race.rounds)
    n = len(graph.outputs)
    sums = torch.zeros((n, 2), dtype=torch.int64, device=device)
    met, running, seen, told = np.zeros((n, 2), dtype=np.int64), np.arange(n), 0, 0
    for k, (images, labels) in enumerate(
        zip(split.images.tensor_split(parts), split.labels.tensor_split(parts), strict=True)
    ):
        recorded = [len(part) for part in leading]
        statistics = None if calibration is None else _recording(known, recorded)
        x = torch.cat([*leading, normalise(images)])
        halves = [slice((seen + half) % 2, None, 2) for half in (0, 1)]  # the even and the odd images of the split
        with precision(device):
            for done, (i, logits) in enumerate(graph.run(x, statistics, wanted=running), 1):
                scored = of_images(score, logits[sum(recorded) :], labels)
                for half, part in enumerate(halves):
                    sums[i, half] += scored[part].sum()
                ready = (k * n + n - len(running) + done) // parts  # as many as the work that is done would be
                if ready > told:
                    told = ready
                    listener(Step(phase="scoring", done=told, total=n, unit="networks"))
        met[running] += [len(labels[part]) for part in halves]
        seen, leading = seen + len(images), []
        if race is not None and k + 1 < parts and (k + 1) * race.rounds // parts > k * race.rounds // parts:
            running = race.still_open(sums.sum(dim=1).cpu().numpy(), met.sum(axis=1), running)
    return np.stack([sums.cpu().numpy(), met], axis=1)


def _near(supernet: SharedWeights, device: torch.device) -> int:
    """Return how many images a call takes at most, for its values to stay near a CPU; elsewhere any number."""
    if device.type != "cpu":
        return sys.maxsize
    widest = supernet.space.widest(supernet.network)
    return max(int(NEAR * torch.get_num_threads() / widest), FEW)


def _recording(known: defaultdict[int, Statistics], sizes: Sequence[int]) -> Callable[[int], Statistics]:
    """Return what gives the statistics of a computation, set to record the leading batches of these sizes."""

    def statistics(number: int) -> Statistics:
        known[number].recorded = sizes
        return known[number]

    return statistics
