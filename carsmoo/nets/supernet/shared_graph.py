"""The subnets of a population as one computation graph: each distinct layer application is computed once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carsmoo.config.network import CellShape
from carsmoo.cost.structure import Layer, cell_of, edge_layer, entry_layers, node_size, reachable_parts, stem_layers
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.models.cells import zeros_of
from carsmoo.nets.models.ops import Identity, ReLUFirst
from carsmoo.nets.models.supernet import Supernet, SupernetCell
from carsmoo.space.genotype import Genotype

IMAGES = 0
"""Number of the node that is the images themselves."""

UNREAD = -1
"""In place of a node's last reader where no output depends on it."""


@dataclass(frozen=True)
class Node:
    """One distinct computation: a layer applied to outputs of other nodes, or a sum or a concatenation of them.

    Attributes:
        inputs: numbers of the nodes that it reads.
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
    first cells where they chose the same operations, further on as far as their cells agree. Nodes are in the order of
    computation, one subnet after the other, those with equal cells together; a value is dropped when its last reader is
    done.

    Attributes:
        nodes: the computations, each after those that it reads; node 0 is the images.
        outputs: for each genotype the node that is its logits.
        applications: computations of all subnets one by one, of which the nodes are the distinct ones.
    """

    def __init__(self, supernet: Supernet, genotypes: Sequence[Genotype]) -> None:
        self.supernet = supernet
        colours, height, width = supernet.network.input_shape
        self.nodes: list[Node] = [Node((), colours * height * width, lambda held, images, _: images)]
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
        """Yield (index of a genotype, its logits (n, classes)) for normalised images (n, c, h, w), in any order.

        ``statistics`` gives those of a node's norm layers; None normalises by the batch. Values of nodes are held in
        ``values`` while they are needed. Only the ``wanted`` genotypes are computed; all if not given.
        """
        readers: dict[int, list[int]] = {}
        for k in range(len(self.outputs)) if wanted is None else sorted(wanted):
            readers.setdefault(self.outputs[k], []).append(k)
        last = self._last_readers(readers)
        values = {} if values is None else values
        values[IMAGES] = images
        for number, node in enumerate(self.nodes):
            if last[number] == UNREAD or number == IMAGES:
                continue
            own = None if statistics is None or node.described is None else statistics(number)
            values[number] = node.compute([values[i] for i in node.inputs], images, own)
            for k in readers.get(number, ()):
                yield k, values[number]
            for i in {*node.inputs, number}:
                if last[i] <= number and i != IMAGES:
                    del values[i]

    def peak_size(self) -> int:
        """Return the most numbers that are held at once for one image, the images themselves included."""
        held = peak = self.nodes[IMAGES].size
        last = self._last_readers(self.outputs)
        for number, node in enumerate(self.nodes[1:], 1):
            held += node.size
            peak = max(peak, held)
            held -= sum(self.nodes[i].size for i in {*node.inputs, number} - {IMAGES} if last[i] <= number)
        return peak

    def _last_readers(self, outputs: Iterable[int]) -> list[int]:
        """Return for each node the last one that reads it, itself for an output, :data:`UNREAD` if none does."""
        last = [UNREAD] * len(self.nodes)
        for number in outputs:
            last[number] = number
        for number in range(len(self.nodes) - 1, IMAGES, -1):
            if last[number] != UNREAD:
                for i in self.nodes[number].inputs:
                    last[i] = max(last[i], number)
        return last

    def _add(self, key: tuple[Any, ...], node: Node) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.nodes)
            self.nodes.append(node)
        self.applications.append(self._numbers[key])
        return self._numbers[key]

    def _apply(self, layer: nn.Module, i: int, described: Layer) -> int:
        if isinstance(layer, Identity):
            return i
        run: Callable[[Tensor, Statistics | None], Tensor] = layer
        if isinstance(layer, ReLUFirst):
            i = self._add(("relu", i), Node((i,), self.nodes[i].size, lambda held, *_: F.relu(held[0])))
            run = layer.after_relu
        return self._layer((id(layer), i), run, i, described)

    def _layer(
        self, key: tuple[Any, ...], run: Callable[[Tensor, Statistics | None], Tensor], i: int, described: Layer
    ) -> int:
        node = Node((i,), described.size, lambda held, images, statistics: run(held[0], statistics), described)
        return self._add(key, node)

    def _subnet(self, genotype: Genotype) -> int:
        network, classifier = self.supernet.network, self.supernet.classifier
        live = reachable_parts(genotype, network)
        before, last = self._stem(live.stem)
        shapes = network.cells(self.supernet.space.nodes, self.supernet.space.nodes)
        for cell, shape, runs in zip(self.supernet.each_cell(), shapes, live.cells, strict=True):
            before, last = last, self._cell(cell, shape, genotype, before, last) if runs else None
        logits = Node((cast(int, last),), network.output_classes, lambda held, *_: classifier(held[0].mean(dim=(2, 3))))
        return self._add(("logits", last), logits)

    def _stem(self, live: int) -> tuple[int | None, int | None]:
        """Add the convolutions of the stem that run, and return the first cell's inputs."""
        stem = self.supernet.stem
        outputs: list[int | None] = [None] * len(stem.convs)
        number = IMAGES
        for k, layer in enumerate(stem_layers(self.supernet.network)[:live]):
            outputs[k] = number = self._layer(("stem", k), partial(stem.layer, k), number, layer)
        return outputs[max(len(outputs) - 2, 0)], outputs[-1]

    def _cell(
        self, cell: SupernetCell, shape: CellShape, genotype: Genotype, before: int | None, last: int | None
    ) -> int:
        used, nodes = cell.chosen(genotype)
        edges, concat = cell_of(genotype, shape.reduction)
        entries = entry_layers(shape, self.supernet.network)
        inputs = zip((cell.entry.before, cell.entry.last), (before, last), entries, strict=True)
        states: list[int | None] = [
            self._apply(layer, cast(int, i), described) if k in used else None
            for k, (layer, i, described) in enumerate(inputs)
        ]
        height, width = node_size(shape)
        size = shape.channels * height * width
        for node, chosen in enumerate(nodes):
            names = [op for op, _ in edges[2 * node : 2 * node + 2] if op != "none"]
            ends = [
                self._apply(layer, cast(int, states[i]), edge_layer(op, i, shape))
                for op, (layer, i) in zip(names, chosen, strict=False)  # none is chosen where nothing reads the node
            ]
            states.append(self._sum(ends, shape, size))
        parts = tuple(cast(int, states[i]) for i in concat)
        cat = Node(parts, len(parts) * size, lambda held, *_: torch.cat(list(held), dim=1))
        return self._add(("cat", *parts), cat)

    def _sum(self, ends: Sequence[int], shape: CellShape, size: int) -> int:
        if not ends:
            zeros = Node((), size, lambda held, images, _: zeros_of(images, shape))
            return self._add(("zeros", shape.position), zeros)
        total, *others = ends
        for end in others:
            pair = (total, end)
            total = self._add(("sum", *sorted(pair)), Node(pair, size, lambda held, *_: held[0] + held[1]))
        return total


def alike_together(genotypes: Sequence[Genotype]) -> list[int]:
    """Return the order in which subnets share most with the one before: by their normal, then their reduction cell."""
    return sorted(range(len(genotypes)), key=lambda k: (genotypes[k].normal, genotypes[k].reduce))
