"""What a network costs as a sum over its edges, looked up for a whole population at once.

A cost is a whole number, so that sums are exact and no row depends on the others.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import CellShape, NetworkConfig
from carsmoo.cost.structure import Reachable, reachable_cells
from carsmoo.space.genotype import GENES_PER_NODE, DARTSSpace


class Parts(Protocol):
    """The costs of a network's parts, each as k whole numbers."""

    def frame(self, live: Reachable, uses: dict[bool, tuple[bool, bool]]) -> tuple[int, ...]:
        """Return the cost of what is there whatever the operations are.

        Args:
            live: what runs.
            uses: whether each kind of cell (reduction or not) uses its inputs 0 and 1.
        """

    def edge(self, op: str, cell: CellShape, strided: bool, runs: bool) -> tuple[int, ...]:
        """Return the cost of an edge in a cell, which may run or not; ``strided`` where it halves the image."""

    def node(self, edges: int, cell: CellShape, runs: bool) -> tuple[int, ...]:
        """Return the cost of a node with so many edges (0, 1, 2) besides that of the edges."""


class AdditiveTable:
    """The costs of vectors of a space, by look-up.

    Args:
        space: the space whose vectors are looked up.
        network: the network they are built into.
        parts: the costs of its parts.
    """

    def __init__(self, space: DARTSSpace, network: NetworkConfig, parts: Parts) -> None:
        self.space, self.network, self.parts = space, network, parts

    def look_up(self, X: NDArray[np.int64], which: int = 0) -> NDArray[np.int64]:
        """Return one of the costs of each row of ``X`` (n, n_var), which fits the space, (n,).

        Raises:
            ValueError: if 64 bits do not hold them.
        """
        try:
            frame, edges, nodes = self._tables
        except OverflowError:
            what = f"{self.network.layers} cells of {self.network.channels} channels"
            raise ValueError(f"network: expected costs below 2**62, got those of {what}") from None
        node = np.arange(2 * self.space.nodes)
        pair, a, b = (X[:, gene::GENES_PER_NODE] for gene in range(GENES_PER_NODE))
        pattern = self._pattern(pair, a, b)
        low = edges[which, 0, pattern[:, None], node, pair, a]
        high = edges[which, 1, pattern[:, None], node, pair, b]
        total: NDArray[np.int64] = frame[which, pattern] + (low + high).sum(axis=1)
        if nodes[which].any():
            none = self.space.ops.index("none") if "none" in self.space.ops else -1
            present = (a != none).astype(np.int64) + (b != none)
            total += nodes[which, pattern[:, None], node // self.space.nodes, present].sum(axis=1)
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
        code = np.zeros(len(pair), dtype=np.int64)
        for cell in (slice(None, nodes), slice(nodes, None)):
            for i in (0, 1):
                used = (low[:, cell] == i).any(axis=1) | (high[:, cell] == i).any(axis=1)
                code = 2 * code + used
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
        """Costs of which there are k, by pattern.

        They are those of the frame (k, patterns), of an edge (k, side, patterns, node, pair, op), and of a node by kind
        of cell and number of edges (k, patterns, 2, 3).
        """
        space = self.space
        cells = list(self.network.cells(space.nodes, space.nodes))
        frames, nodes = [], []
        edges: NDArray[np.int64] | None = None
        for code, (normal, reduce) in enumerate(_PATTERNS):
            live = reachable_cells(self.network, normal, reduce)
            frames.append(self.parts.frame(live, {False: normal, True: reduce}))
            k = len(frames[-1])
            if edges is None:
                shape = (k, 2, len(_PATTERNS), 2 * space.nodes, len(space.pairs[-1]), len(space.ops))
                edges = np.zeros(shape, dtype=np.int64)
            running = list(zip(cells, live.cells, strict=True))
            for kind in (False, True):
                own = [(cell, runs) for cell, runs in running if cell.reduction == kind]
                nodes.append([_sum([self.parts.node(n, *part) for part in own], k) for n in range(3)])
                for op, name in enumerate(space.ops):
                    for strided in {False, kind}:
                        total = _sum([self.parts.edge(name, cell, strided, runs) for cell, runs in own], k)
                        for node in range(space.nodes):
                            here = (self._inputs[node].T < 2) == strided if kind else np.ones((2, 1), dtype=bool)
                            at = edges[:, :, code, kind * space.nodes + node, :, op]
                            at[...] = np.where(here, np.array(total)[:, None, None], at)
        assert edges is not None
        largest = edges.max(axis=(1, 2, 4, 5)).sum(axis=1, dtype=np.float64) * 2 + np.max(frames, axis=0)
        if (largest > 2**62).any():
            raise OverflowError
        by_kind = np.array(nodes, dtype=np.int64).reshape(len(_PATTERNS), 2, 3, -1)
        return np.array(frames, dtype=np.int64).T, edges, np.moveaxis(by_kind, -1, 0)


_PATTERNS = tuple(((bool(code & 8), bool(code & 4)), (bool(code & 2), bool(code & 1))) for code in range(16))
"""Whether (normal, reduction) cells use their inputs (0, 1), by code."""


def _sum(costs: list[tuple[int, ...]], k: int) -> tuple[int, ...]:
    return tuple(map(sum, zip(*costs, strict=True))) if costs else (0,) * k
