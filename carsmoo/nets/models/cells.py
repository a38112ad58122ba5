"""What a supernet and a stand-alone network share: the stem, a cell's input layers, how its edges are joined."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carsmoo.config.network import CellShape, NetworkConfig
from carsmoo.nets.models.batch_norm import NormBuilder, Statistics
from carsmoo.nets.models.ops import Convolution, module_of
from carsmoo.space.darts_graph import entry_layers, stem_layers
from carsmoo.space.graph import halved

Nodes: TypeAlias = Sequence[Sequence[tuple[nn.Module, int]]]
"""For each node of a cell its (operation, input) edges, without those that are absent."""


class MemoryFormat:
    """Says which memory format a layer gives out, whatever it reads."""

    memory_format = torch.contiguous_format


class Stem(nn.Module, MemoryFormat):
    """The layers before the first cell: image in, the first cell's two inputs out."""

    def __init__(self, network: NetworkConfig, norm: NormBuilder) -> None:
        super().__init__()
        layers = stem_layers(network)
        self.convs = nn.ModuleList(Convolution(x.c_in, x.c_out, 3, x.stride, padding=1, bias=False) for x in layers)
        self.norms = nn.ModuleList(norm(layer.c_out) for layer in layers)

    def forward(
        self, x: Tensor, live: int, statistics: Statistics | None = None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the inputs of the first cell, of which ``live`` convolutions run; one that is not needed is None.

        Both are the same after a CIFAR stem.
        """
        outputs: list[Tensor | None] = [None] * len(self.convs)
        for k in range(live):
            outputs[k] = x = self.layer(k, x, statistics)
        return outputs[max(len(outputs) - 2, 0)], outputs[-1]

    def layer(self, k: int, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return what convolution ``k`` and its norm make of their input."""
        y: Tensor = self.norms[k](self.convs[k](F.relu(x) if k else x), statistics)
        return y.contiguous(memory_format=self.memory_format)


def set_memory_format(module: nn.Module, memory_format: torch.memory_format) -> None:
    """Lay out the weights of a network or supernet in a memory format, and what its stem gives out too.

    Torch alone cannot tell: the layout of a grey image, or of the weights that read it, is ambiguous.
    """
    module.to(memory_format=memory_format)
    for part in module.modules():
        if isinstance(part, MemoryFormat):
            part.memory_format = memory_format


class Entry(nn.Module):
    """The two input layers of a cell, which bring both inputs to its channels and size."""

    def __init__(self, cell: CellShape, network: NetworkConfig, norm: NormBuilder) -> None:
        super().__init__()
        self.before, self.last = (module_of(layer, norm) for layer in entry_layers(cell, network))

    def forward(
        self,
        before: Tensor | None,
        last: Tensor | None,
        used: Collection[int],
        statistics: Statistics | None = None,
    ) -> list[Tensor | None]:
        """Return the cell's states 0 and 1, None for one that is not among the ``used``."""
        return [
            self.before(before, statistics) if 0 in used else None,
            self.last(last, statistics) if 1 in used else None,
        ]


def aggregate(
    states: list[Tensor | None],
    nodes: Nodes,
    concat: Sequence[int],
    zeros: Callable[[], Tensor],
    statistics: Statistics | None = None,
    path: Callable[[nn.Module, Tensor], Tensor] | None = None,
) -> Tensor:
    """Compute a cell from its states 0 and 1: each node adds its edges, the output concatenates states.

    Args:
        states: states 0 and 1, (n, c, h, w) each; the list is extended by the nodes.
        nodes: the edges of each node; those of a node that nothing reads may be left out.
        concat: states that make the output, (n, len(concat) * c, h, w), the size halved (ceil) in a reduction cell.
        zeros: gives the state of a node without edges.
        statistics: handed to the operations.
        path: applied to an edge's operation and result, for drop path.
    """
    for edges in nodes:
        total: Tensor | None = None
        for op, i in edges:
            y = op(states[i], statistics)
            y = y if path is None else path(op, y)
            total = y if total is None else total + y
        states.append(zeros() if total is None else total)
    return torch.cat([cast(Tensor, states[i]) for i in concat], dim=1)


def zeros_of(x: Tensor, cell: CellShape) -> Tensor:
    """Return the zeros of a node in ``cell`` without edges, (n, c, h, w), for images ``x``."""
    halvings = cell.halvings + cell.reduction
    return x.new_zeros(x.shape[0], cell.channels, *(halved(size, halvings) for size in x.shape[2:]))
