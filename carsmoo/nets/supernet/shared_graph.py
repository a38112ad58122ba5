"""The subnets of a population as one computation graph: each distinct layer application is computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from carsmoo.nets.models.base import Run, SharedWeights
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.models.graph_layers import joined
from carsmoo.nets.models.ops import Identity, ReLUFirst
from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import Layer, Vertex

IMAGES = 0
"""Number of the computation that is the images themselves."""

UNREAD = -1
"""In place of a computation's last reader where no output depends on it."""


@dataclass(frozen=True)
class Computation:
    """One distinct computation: a layer applied to outputs of other computations, or a sum or a concatenation of them.

    Attributes:
        inputs: numbers of the computations that it reads.
        size: numbers that it gives for one image.
        compute: makes its value of those of its inputs, the images, and a layer's statistics.
        described: the layer as costs know it; None for what multiplies nothing.
    """

    inputs: tuple[int, ...]
    size: int
    compute: Callable[[Sequence[Tensor], Tensor, Statistics | None], Tensor]
    described: Layer | None = None


class SharedGraph:
    """The computation graph of a population's subnets, each distinct computation once.

    Subnets share a computation where the same layer of the supernet reads the same input: always in the stem, in the
    first cells where they chose the same operations, further on as far as they agree. Computations are in the order of
    computation, one subnet after the other, those that are alike together; a value is dropped when its last reader is
    done.

    Args:
        supernet: the shared weights.
        genotypes: the architectures.
        classified: whether a subnet ends with the shared classifier, or with what that would read.

    Attributes:
        computations: the computations, each after those that it reads; computation 0 is the images.
        outputs: for each genotype the computation that it ends with: its logits, or what a classifier reads.
        applications: computations of all subnets one by one, of which the computations are the distinct ones.
    """

    def __init__(self, supernet: SharedWeights, genotypes: Sequence[Architecture], *, classified: bool = True) -> None:
        self.supernet, self.classified = supernet, classified
        colours, height, width = supernet.network.input_shape
        images = Computation((), colours * height * width, lambda held, images, _: images)
        self.computations: list[Computation] = [images]
        self.applications: list[int] = []
        self._numbers: dict[tuple[Any, ...], int] = {}
        outputs = {k: self._subnet(genotypes[k]) for k in alike_together(genotypes)}
        self.outputs = [outputs[k] for k in range(len(genotypes))]

    def run(
        self,
        images: Tensor,
        statistics: Callable[[int], Statistics] | None = None,
        values: MutableMapping[int, Tensor] | None = None,
        wanted: Collection[int] | None = None,
    ) -> Iterable[tuple[int, Tensor]]:
        """Yield (index of a genotype, what it ends with) for normalised images (n, c, h, w), in any order.

        That are logits (n, classes), or without a classifier (n, c, h', w').

        ``statistics`` gives those of a computation's norm layers; None normalises by the batch. Values are held in
        ``values`` while they are needed. Only the ``wanted`` genotypes are computed; all if not given.
        """
        readers: dict[int, list[int]] = {}
        for k in range(len(self.outputs)) if wanted is None else sorted(wanted):
            readers.setdefault(self.outputs[k], []).append(k)
        last = self._last_readers(readers)
        values = {} if values is None else values
        values[IMAGES] = images
        for k in readers.get(IMAGES, ()):
            yield k, images
        for number, computation in enumerate(self.computations):
            if last[number] == UNREAD or number == IMAGES:
                continue
            own = None if statistics is None or computation.described is None else statistics(number)
            values[number] = computation.compute([values[i] for i in computation.inputs], images, own)
            for k in readers.get(number, ()):
                yield k, values[number]
            for i in {*computation.inputs, number}:
                if last[i] <= number and i != IMAGES:
                    del values[i]

    def peak_size(self) -> int:
        """Return the most numbers that are held at once for one image, the images themselves included."""
        held = peak = self.computations[IMAGES].size
        last = self._last_readers(self.outputs)
        for number, computation in enumerate(self.computations[1:], 1):
            held += computation.size
            peak = max(peak, held)
            held -= sum(
                self.computations[i].size for i in {*computation.inputs, number} - {IMAGES} if last[i] <= number
            )
        return peak

    def _last_readers(self, outputs: Iterable[int]) -> list[int]:
        """Return for each computation the last one that reads it, itself for an output, :data:`UNREAD` if none does."""
        last = [UNREAD] * len(self.computations)
        for number in outputs:
            last[number] = number
        for number in range(len(self.computations) - 1, IMAGES, -1):
            if last[number] != UNREAD:
                for i in self.computations[number].inputs:
                    last[i] = max(last[i], number)
        return last

    def _add(self, key: tuple[Any, ...], computation: Computation) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.computations)
            self.computations.append(computation)
        self.applications.append(self._numbers[key])
        return self._numbers[key]

    def _subnet(self, genotype: Architecture) -> int:
        """Add an architecture's computations, and return the one that it ends with."""
        numbers: list[int] = []
        vertices = genotype.graph(self.supernet.network)
        for vertex in vertices if self.classified else vertices[:-1]:
            inputs = [] if vertex.layer.kind == "zeros" else [numbers[i] for i in vertex.inputs]
            if not vertex.runs:
                numbers.append(UNREAD)
            elif vertex.slot:
                numbers.append(self._apply(vertex, *(inputs or [IMAGES])))
            else:
                numbers.append(self._join(vertex, tuple(inputs)))
        if self.classified:
            return numbers[-1]
        read = vertices[-1].inputs
        return numbers[read[0]] if read else IMAGES

    def _apply(self, vertex: Vertex, i: int) -> int:
        layer = self.supernet.layer_at(vertex.slot)
        if isinstance(layer, Identity):
            return i
        run: Run = layer
        if isinstance(layer, ReLUFirst):
            i = self._add(("relu", i), Computation((i,), self.computations[i].size, lambda held, *_: F.relu(held[0])))
            run = layer.after_relu
        described = None if vertex.layer.kind == "classifier" else vertex.layer
        computation = Computation((i,), vertex.layer.size, lambda held, images, own: run(held[0], own), described)
        return self._add((vertex.slot, i), computation)

    def _join(self, vertex: Vertex, inputs: tuple[int, ...]) -> int:
        kind = vertex.layer.kind
        key = sorted(inputs) if kind == "add" else inputs
        computation = Computation(inputs, vertex.layer.size, lambda held, images, _: joined(vertex, held or [images]))
        return self._add((kind, vertex.layer.c_out, vertex.layer.after, *key), computation)


def alike_together(genotypes: Sequence[Architecture]) -> list[int]:
    """Return the order in which subnets share most with the one before, such as by their cells one after the other."""
    return sorted(range(len(genotypes)), key=lambda k: genotypes[k].order)
