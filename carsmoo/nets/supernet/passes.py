"""Passes of images through the graph of a population's subnets, each with batch-norm statistics of its own."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence

import torch

from carsmoo.nets.data import Split
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.models.device import precision
from carsmoo.nets.supernet.shared_graph import SharedGraph, alike_together
from carsmoo.space.architecture import Architecture

BYTES = 4
"""Of a number in a layer's output, float32."""

NEAR = 1 << 21
"""Numbers, for each thread of a CPU, that a value between two cells may have. More lie far from the processor, and
layers wait for them; with fewer there are more calls (``benchmarks/bench_growth.py``)."""

FEW = 32
"""Images that a call may always have; with less than about 16 layers round in another order."""

HELD = 4
"""Bytes that it takes for each byte of a value that is held: layers need room while they run, and values of many sizes
leave holes in the allocator's memory. Less than that where there is room to plan (``benchmarks/bench_population.py``).
"""


def fitting_graphs(
    supernet: SharedWeights, genotypes: Sequence[Architecture], size: int, *, classified: bool = True, held: int = 0
) -> Iterator[tuple[list[int], SharedGraph]]:
    """Yield graphs that hold at most ``size`` numbers for an image, and which genotypes each computes.

    Of these ``held`` are kept for each genotype besides. A population that is too large is halved, those with equal
    cells left together; one subnet alone is never refused. See :class:`SharedGraph` for ``classified``.
    """
    waiting = [alike_together(genotypes)] if genotypes else []
    while waiting:
        group = waiting.pop()
        graph = SharedGraph(supernet, [genotypes[k] for k in group], classified=classified)
        if len(group) == 1 or graph.peak_size() + len(group) * held <= size:
            yield group, graph
        else:
            half = len(group) // 2
            waiting += [group[half:], group[:half]]


class Passes:
    """Passes of images through a population's graph, of which the first measures statistics on calibration images.

    Args:
        graph: of the population.
        normalise: makes images ready for the supernet.
        batch: images of a pass, at most.
        calibration: normalised batches; None normalises each pass by itself.
        memory: bytes that a pass may take.

    Attributes:
        batch: images of a pass, as many as fit and are fast.
    """

    def __init__(
        self,
        graph: SharedGraph,
        normalise: Callable[[torch.Tensor], torch.Tensor],
        batch: int,
        calibration: Sequence[torch.Tensor] | None,
        memory: int,
    ) -> None:
        self.graph, self.normalise, self.batch = graph, normalise, batch
        self._calibrated = calibration is not None
        self._known: defaultdict[int, Statistics] = defaultdict(Statistics)
        self._leading = list(calibration or [])
        if self._calibrated:
            self._plan(memory)

    def _plan(self, memory: int) -> None:
        """Choose how many images a pass has, and let the calibration images pass first where more do not fit."""
        fits = memory // (HELD * BYTES * self.graph.peak_size())
        self.batch = max(min(self.batch, fits, _near(self.graph.supernet, self._device)), 1)
        if sum(len(images) for images in self._leading) + self.batch > fits:
            for images in self._leading:
                with precision(self._device):
                    for _ in self.graph.run(images, _recording(self._known, [len(images)])):
                        pass
            self._leading = []

    @property
    def _device(self) -> torch.device:
        return next(self.graph.supernet.parameters()).device

    def parts(self, split: Split) -> int:
        """Return in how many passes a split meets the graph, of nearly equal size.

        So none is too small for statistics of its own.
        """
        return -(-len(split) // self.batch)

    def run(self, images: torch.Tensor, wanted: Collection[int] | None = None) -> Iterator[tuple[int, torch.Tensor]]:
        """Yield what :meth:`SharedGraph.run` does for images (n, c, h, w) that are not normalised."""
        recorded = [len(part) for part in self._leading]
        statistics = _recording(self._known, recorded) if self._calibrated else None
        x = torch.cat([*self._leading, self.normalise(images)])
        with precision(self._device):
            for i, value in self.graph.run(x, statistics, wanted=wanted):
                yield i, value[sum(recorded) :]
        self._leading = []


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
