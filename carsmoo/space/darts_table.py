"""What a network of DARTS's cells costs as a sum over its layers, looked up for a whole population at once.

A cost is a whole number, so that sums are exact and no row depends on the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.space.darts_graph import Uses, edge_layer, frame_layers, node_layers, reachable_cells
from carsmoo.space.graph import Layer
from carsmoo.space.words import counted

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig
    from carsmoo.space.darts import DARTSSpace


class AdditiveTable:
    """A cost of a space's vectors in a network, by look-up; ``cost`` returns what a layer costs that runs or not."""

    def __init__(self, space: DARTSSpace, network: NetworkConfig, cost: Callable[[Layer, bool], int]) -> None:
        self.space, self.network, self.cost = space, network, cost

    def look_up(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the cost of each row of ``X`` (n, n_var), (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space, or 64 bits do not hold a cost.
        """
        X = self.space.check(X)
        try:
            frame, edges, nodes = self._tables
        except OverflowError:
            what = f"{counted(self.network.layers, 'cell')} of {counted(self.network.channels, 'channel')}"
            raise ValueError(f"network: expected costs below 2**62, got those of {what}") from None
        node = np.arange(2 * self.space.nodes)
        pair, a, b = (X[:, gene :: self.space.genes_per_choice] for gene in range(self.space.genes_per_choice))
        pattern = self._pattern(pair, a, b)
        low = edges[0, pattern[:, None], node, pair, a]
        high = edges[1, pattern[:, None], node, pair, b]
        total: NDArray[np.int64] = frame[pattern] + (low + high).sum(axis=1)
        if nodes.any():
            none = self.space.ops.index("none") if "none" in self.space.ops else -1
            present = (a != none).astype(np.int64) + (b != none)
            total += nodes[pattern[:, None], node // self.space.nodes, present].sum(axis=1)
        return total

    def _pattern(self, pair: NDArray[np.int64], a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which inputs each row's cells use, (n,), an index into :data:`_PATTERNS`."""
        if "none" not in self.space.ops:
            return np.full(len(pair), len(_PATTERNS) - 1)
        inputs, nodes = self._inputs, self.space.nodes
        node = np.arange(2 * nodes) % nodes
        none = self.space.ops.index("none")
        low = np.where(a != none, inputs[node, pair, 0], -1)
        high = np.where(b != none, inputs[node, pair, 1], -1)
        read = np.stack([low, high]).reshape(2, len(pair), 2, nodes)  # side, row, cell, node
        used = np.stack([(read == i).any(axis=(0, 3)) for i in (0, 1)], axis=2)  # row, cell, input
        code: NDArray[np.int64] = used.reshape(len(pair), 4) @ np.array([8, 4, 2, 1])
        return code

    @cached_property
    def _inputs(self) -> NDArray[np.int64]:
        """The inputs of each pair, (nodes, pairs, 2)."""
        inputs = np.zeros((self.space.nodes, len(self.space.pairs[-1]), 2), dtype=np.int64)
        for node, pairs in enumerate(self.space.pairs):
            inputs[node, : len(pairs)] = pairs
        return inputs

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Costs by pattern.

        They are those of the frame (patterns,), of an edge (side, patterns, node, pair, op), and of a node by kind of
        cell and number of edges (patterns, 2, 3).
        """
        space = self.space
        cells = list(self.network.cells(space.nodes, space.nodes))
        frames = [self._sum(frame_layers(self.network, (space.nodes, space.nodes), uses)) for uses in _PATTERNS]
        edges = np.zeros((2, len(frames), 2 * space.nodes, len(space.pairs[-1]), len(space.ops)), dtype=np.int64)
        nodes = np.zeros((len(frames), 2, 3), dtype=np.int64)
        for code, uses in enumerate(_PATTERNS):
            running = list(zip(cells, reachable_cells(self.network, uses).cells, strict=True))
            for kind in (False, True):
                own = [(cell, runs) for cell, runs in running if cell.reduction == kind]
                for n in range(3):
                    nodes[code, int(kind), n] = self._sum((x, runs) for cell, runs in own for x in node_layers(n, cell))
                for op, name in enumerate(space.ops):
                    from_input, other = (
                        self._sum((edge_layer(name, i, cell), runs) for cell, runs in own) for i in (0, 2)
                    )
                    for node in range(space.nodes):
                        at = edges[:, code, kind * space.nodes + node, :, op]
                        at[...] = np.where(self._inputs[node].T < 2, from_input, other)
        largest = edges.max(axis=(0, 1, 3, 4)).sum(dtype=np.float64) * 2 + max(frames)
        if largest > 2**62:
            raise OverflowError
        return np.array(frames, dtype=np.int64), edges, nodes

    def _sum(self, layers: Iterable[tuple[Layer, bool]]) -> int:
        return sum(self.cost(layer, runs) for layer, runs in layers)


_PATTERNS: list[Uses] = [((bool(code & 8), bool(code & 4)), (bool(code & 2), bool(code & 1))) for code in range(16)]
"""Whether (normal, reduction) cells use their inputs (0, 1), by code."""
