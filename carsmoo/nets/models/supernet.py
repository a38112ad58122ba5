"""The supernet: the weights of every architecture, of which a forward pass runs one and remembers nothing."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn

from carsmoo.config.network import CellShape, NetworkConfig
from carsmoo.nets.models.base import Run, SharedWeights
from carsmoo.nets.models.batch_norm import Statistics, SubnetNorm
from carsmoo.nets.models.cells import Entry, Stem, aggregate, zeros_of
from carsmoo.nets.models.init import initialise
from carsmoo.nets.models.ops import module_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.darts_graph import cell_of, edge_layer, reachable_parts, used_states
from carsmoo.space.genotype import Genotype


class SupernetCell(nn.Module):
    """One cell with every operation on every edge; ``forward`` runs those of a genotype.

    Args:
        cell: where it sits.
        network: in what.
        space: which nodes and operations there are.
    """

    def __init__(self, cell: CellShape, network: NetworkConfig, space: DARTSSpace) -> None:
        super().__init__()
        self.shape = cell
        self.entry = Entry(cell, network, SubnetNorm)
        self.edges = nn.ModuleList(
            nn.ModuleList(
                nn.ModuleDict({op: module_of(edge_layer(op, i, cell), SubnetNorm) for op in space.ops if op != "none"})
                for i in range(2 + node)
            )
            for node in range(space.nodes)
        )

    def chosen(self, genotype: Genotype) -> tuple[frozenset[int], list[list[tuple[nn.Module, int]]]]:
        """Return the states that a genotype's cell uses, and for each node its (operation, input) edges."""
        edges, concat = cell_of(genotype, self.shape.reduction)
        used = used_states(edges, concat)
        nodes: list[list[tuple[nn.Module, int]]] = [[] for _ in self.edges]
        for position, (op, i) in enumerate(edges):
            if op != "none" and 2 + position // 2 in used:
                nodes[position // 2].append((self.edges[position // 2][i][op], i))  # type: ignore[index]
        return used, nodes

    def forward(
        self,
        before: Tensor | None,
        last: Tensor | None,
        genotype: Genotype,
        images: Tensor,
        statistics: Statistics | None = None,
    ) -> Tensor:
        """Return the cell's output, (n, nodes * channels, h, w), the size halved (ceil) in a reduction cell."""
        used, nodes = self.chosen(genotype)
        states = self.entry(before, last, used, statistics)
        _, concat = cell_of(genotype, self.shape.reduction)
        return aggregate(states, nodes, concat, partial(zeros_of, images, self.shape), statistics)


class Supernet(SharedWeights):
    """All architectures of a space over one set of weights W; an architecture uses W_i = W (.) C_i (CARS sec. 3.1).

    Batch norm has neither affine parameters nor memory. Only the
    chosen operations run, forward and backward, and of those only what the output depends on.

    Args:
        space: the architectures.
        network: widths, depth, image shape and classes.
        generator: draws the initial weights, by torch's rules for each layer.

    Raises:
        ValueError: if the weights do not fit in the memory.
    """

    @torch.inference_mode(False)
    def __init__(self, space: DARTSSpace, network: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__(space, network)
        cells = list(network.cells(space.nodes, space.nodes))
        with torch.device("meta"):  # torch would draw the weights from its global generator
            self.stem = Stem(network, SubnetNorm)
            self.cells = nn.ModuleList(SupernetCell(cell, network, space) for cell in cells)
            self.classifier = nn.Linear(space.nodes * cells[-1].channels, network.output_classes)
        self.float().to_empty(device="cpu")  # float32, whatever torch's default type is
        initialise(self, generator)

    def forward(self, x: Tensor, genotype: Genotype, statistics: Statistics | None = None) -> Tensor:
        """Return the logits of one architecture, (n, classes), for images ``x`` (n, c, h, w).

        Args:
            x: images.
            genotype: the architecture; its operations must be in the space.
            statistics: of the architecture's batch norm; None normalises by the batch.
        """
        live = reachable_parts(genotype, self.network)
        before, last = self.stem(x, live.stem, statistics)
        for cell, runs in zip(self.each_cell(), live.cells, strict=True):
            before, last = last, cell(before, last, genotype, x, statistics) if runs else None
        y: Tensor = self.classifier(cast(Tensor, last).mean(dim=(2, 3)))
        return y

    def each_cell(self) -> Iterator[SupernetCell]:
        """Yield the cells from the stem to the classifier."""
        return (cast(SupernetCell, cell) for cell in self.cells)

    def layer_at(self, slot: str) -> Run:
        """Return the layer of a slot: the name of a module, or a stem's convolution with its norm."""
        if slot == "classifier":
            return lambda x, statistics: self.classifier(x.mean(dim=(2, 3)))
        part, _, rest = slot.partition(".")
        return partial(self.stem.layer, int(rest)) if part == "stem" else self.get_submodule(slot)

    def each_operation(self) -> Iterator[nn.Module]:
        """Yield the operations on the edges of all cells."""
        for cell in self.each_cell():
            for inputs in cell.edges:
                for ops in cast(nn.ModuleList, inputs):
                    yield from cast(nn.ModuleDict, ops).values()

    def chosen_parameters(self, genotype: Genotype) -> list[nn.Parameter]:
        """Return the parameters W_i that an architecture uses."""
        live = reachable_parts(genotype, self.network)
        modules: list[nn.Module] = [self.classifier, *list(self.stem.convs)[: live.stem]]
        for cell, runs in zip(self.each_cell(), live.cells, strict=True):
            if runs:
                used, nodes = cell.chosen(genotype)
                modules += [layer for i, layer in enumerate((cell.entry.before, cell.entry.last)) if i in used]
                modules += [op for edges in nodes for op, _ in edges]
        return [p for module in modules for p in module.parameters()]
