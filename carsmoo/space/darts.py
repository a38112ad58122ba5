"""The DARTS search space: integer vectors that stand for genotypes in an optimizer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.space import darts_graph
from carsmoo.space.darts_table import AdditiveTable
from carsmoo.space.genotype import PRIMITIVES, Edge, Genotype
from carsmoo.space.graph import Layer, Vertex
from carsmoo.space.operation import Operation
from carsmoo.space.search_space import LookUp, SearchSpace
from carsmoo.utils.validation import array, shown

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

GENES_PER_NODE = 3
"""A node's genes: the index of its pair of inputs, the operation on the lower input, the one on the higher."""


@dataclass(frozen=True)
class DARTSSpace(SearchSpace):
    """The DARTS search space as integer vectors, closed under any change within the bounds.

    A vector holds :data:`GENES_PER_NODE` integers a node, the normal cell's nodes first, so
    ``n_var = 6 * nodes`` (24 for four nodes). Each vector within ``xl..xu`` is a valid architecture.

    Args:
        nodes: intermediate nodes of a cell, 1 to 64.
        ops: operations to choose from, of :data:`PRIMITIVES` and of one's own (:class:`~carsmoo.Operation`).

    Raises:
        ValueError: for another number of nodes, no operation, a repeated one, or one that is neither.

    Example:
        >>> from carsmoo import DARTSSpace
        >>> from carsmoo.zoo import GENOTYPES
        >>> space = DARTSSpace()
        >>> space.n_var
        24
        >>> x = space.encode(GENOTYPES["CARS-I"])
        >>> space.decode(x) == GENOTYPES["CARS-I"]
        True
    """

    nodes: int = field(default=4, metadata={"range": (1, 64, False, False)})
    ops: tuple[str, ...] = PRIMITIVES

    genes_per_choice = GENES_PER_NODE

    def __post_init__(self) -> None:
        if isinstance(self.ops, str) or not isinstance(self.ops, Sequence):
            raise TypeError(f"ops: expected a list of operations, got {self.ops!r}")
        object.__setattr__(self, "ops", tuple(self.ops))
        if isinstance(self.nodes, bool) or not isinstance(self.nodes, int) or not 1 <= self.nodes <= 64:
            raise ValueError(f"nodes: expected an integer in 1..64, got {shown(self.nodes)}")
        if taken := [op for op in self.own_operations if op in PRIMITIVES]:
            raise ValueError(f"ops: expected operations of one's own under other names than DARTS's, got {taken[0]}")
        unknown = [op for op in self.ops if op not in PRIMITIVES and not isinstance(op, Operation)]
        if not self.ops or unknown or len(set(self.ops)) < len(self.ops):
            raise ValueError(f"ops: expected different operations among {', '.join(PRIMITIVES)}, got {self.ops!r}")

    @property
    def n_var(self) -> int:
        """Length of a vector."""
        return 2 * self.nodes * GENES_PER_NODE

    @cached_property
    def xu(self) -> NDArray[np.int64]:
        """Upper bounds, (n_var,), inclusive."""
        cell = [(len(pairs) - 1, len(self.ops) - 1, len(self.ops) - 1) for pairs in self.pairs]
        return np.array(cell + cell, dtype=np.int64).ravel()

    @cached_property
    def pairs(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each node of a cell the pairs of inputs it may take, in the order of their index."""
        return tuple(tuple(itertools.combinations(range(2 + node), 2)) for node in range(self.nodes))

    def decode(self, x: ArrayLike) -> Any:
        """Return the genotype of a vector, (n_var,), or the list of those of several, (n, n_var).

        Raises:
            ValueError: if ``x`` has another length, is not integer or leaves the bounds.
        """
        x = array("X", x)
        single = x.ndim == 1
        X = self.check(np.atleast_2d(x))
        concat = tuple(range(2, 2 + self.nodes))
        half = self.n_var // 2
        genotypes = [Genotype(self._cell(row[:half]), concat, self._cell(row[half:]), concat) for row in X.tolist()]
        return genotypes[0] if single else genotypes

    def canonical(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the one vector of each architecture, (n, n_var) or (n_var,).

        Vectors differ without meaning only where an edge is absent: its input is then the lowest that the node's other
        edge leaves free.

        Raises:
            ValueError: as :meth:`decode`.
        """
        X = array("X", X)
        single = X.ndim == 1
        Y = self.check(np.atleast_2d(X)).copy()
        if "none" in self.ops:
            for node in range(2 * self.nodes):
                genes = Y[:, GENES_PER_NODE * node : GENES_PER_NODE * (node + 1)]
                genes[:] = self._canonical_node[node % self.nodes][genes[:, 0], genes[:, 1], genes[:, 2]]
        return Y.reshape(self.n_var) if single else Y

    def features(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return how often each operation occurs, (n, 6 * ops).

        That is in the normal cell, in the reduction cell and in both, each on all edges and on those from the cell's
        inputs.

        Raises:
            ValueError: as :meth:`decode`.
        """
        genes = np.atleast_2d(self.canonical(X)).reshape(-1, 2, self.nodes, GENES_PER_NODE)
        counts = np.zeros((len(genes), 2, 2, len(self.ops)))
        for node, pairs in enumerate(self.pairs):
            sources = np.array(pairs)[genes[:, :, node, 0]]
            for edge in range(2):
                has = np.eye(len(self.ops))[genes[:, :, node, 1 + edge]]
                counts[:, :, 0] += has
                counts[:, :, 1] += has * (sources[:, :, edge, None] < 2)
        return np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1).reshape(len(genes), -1)

    def parse(self, text: str) -> Genotype:
        """Return the genotype of a text; see :meth:`Genotype.parse`."""
        return Genotype.parse(text, self.ops)

    def from_json(self, text: str) -> Genotype:
        """Return the genotype that :meth:`Genotype.to_json` wrote."""
        return Genotype.from_json(text, self.ops)

    def text(self, genes: tuple[int, ...]) -> str:
        """Return the text of the genotype of a vector."""
        return str(self.decode(genes))

    def to_plain(self) -> dict[str, Any]:
        """Return nodes and operations as plain data, of a space derived from this one its kind too."""
        kind = {} if type(self) is DARTSSpace else {"kind": type(self).__qualname__}
        return {**kind, "nodes": self.nodes, "ops": list(map(str, self.ops))}

    def graph(self, architecture: Genotype, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return a genotype's layers."""
        return architecture.graph(network)

    def places(self, network: NetworkConfig) -> Mapping[str, Layer]:
        """Return the layers that a supernet holds by their slots: every operation on every edge."""
        return darts_graph.places(self, network)

    def layers_needed(self, network: NetworkConfig) -> list[Layer]:
        """Return the layers that networks of the space can run, each once."""
        return darts_graph.layers_needed(self, network)

    def look_up(self, network: NetworkConfig, cost: Callable[[Layer, bool], int]) -> LookUp:
        """Return what sums a cost over the layers of each row's network, by tables."""
        return AdditiveTable(self, network, cost).look_up

    def kept(self, network: NetworkConfig) -> int:
        """Return how many numbers, for an image, a step of training keeps for the way back, at least."""
        return darts_graph.kept_by_step(network, (self.nodes, self.nodes))

    def widest(self, network: NetworkConfig) -> int:
        """Return the most numbers that lie between two cells for an image."""
        return max(cell.in_last * cell.height * cell.width for cell in network.cells(self.nodes, self.nodes))

    @property
    def options(self) -> float:
        """How many (input, operation) pairs an edge chooses among, typically."""
        chances = [2 / inputs for inputs in range(2, 2 + self.nodes) for _ in range(inputs)]
        return len(self.ops) / float(np.median(chances))

    def spread(self, n: int, random_state: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n`` random vectors, (n, n_var), each with likings of its own among operations."""
        X = random_state.integers(self.xl, self.xu + 1, size=(n, self.n_var))
        for row in X:
            chances = random_state.dirichlet(np.full(len(self.ops), 0.5))
            for gene in (1, 2):
                row[gene::GENES_PER_NODE] = random_state.choice(len(self.ops), size=2 * self.nodes, p=chances)
        return X

    def build_supernet(self, network: NetworkConfig, generator: Any) -> Any:
        """Return a :class:`~carsmoo.nets.models.supernet.Supernet`."""
        return import_module("carsmoo.nets.models.supernet").Supernet(self, network, generator)

    def _encoded(self, genotype: Any) -> NDArray[np.int64]:
        return np.array(self._genes(genotype), dtype=np.int64)

    def _genes(self, genotype: Genotype) -> list[int]:
        if not isinstance(genotype, Genotype):
            raise TypeError(f"genotype: expected a Genotype, got {type(genotype).__name__}")
        genotype.require(self.ops)
        concat = tuple(range(2, 2 + self.nodes))
        genes: list[int] = []
        for edges, joined in ((genotype.normal, genotype.normal_concat), (genotype.reduce, genotype.reduce_concat)):
            if len(edges) != 2 * self.nodes or joined != concat:
                raise ValueError(
                    f"genotype: expected {self.nodes} nodes a cell, joined as {concat}, "
                    f"got {len(edges) // 2} nodes, joined as {joined}"
                )
            for node in range(self.nodes):
                genes += self._node_genes(node, [(i, self.ops.index(op)) for op, i in edges[2 * node : 2 * node + 2]])
        return genes

    def _node_genes(self, node: int, edges: Iterable[tuple[int, int]]) -> tuple[int, int, int]:
        """Return a node's canonical genes, of its two edges (input, operation's index); an absent one has no input."""
        none = self.ops.index("none") if "none" in self.ops else -1
        there = sorted(edge for edge in edges if edge[1] != none)
        if len(there) == 2 and there[0][0] == there[1][0]:
            raise ValueError(f"genotype: expected two different inputs for node {2 + node}, got {there[0][0]} twice")
        free = [(i, none) for i in (0, 1) if all(i != taken for taken, _ in there)]
        (low, a), (high, b) = sorted([*there, *free[: 2 - len(there)]])
        return self.pairs[node].index((low, high)), a, b

    def _cell(self, genes: Sequence[int]) -> tuple[Edge, ...]:
        edges: list[Edge] = []
        for node, pairs in enumerate(self.pairs):
            pair, a, b = genes[GENES_PER_NODE * node : GENES_PER_NODE * (node + 1)]
            low, high = pairs[pair]
            edges += [(self.ops[a], low), (self.ops[b], high)]
        return tuple(edges)

    @cached_property
    def _canonical_node(self) -> tuple[NDArray[np.int64], ...]:
        """For each node of a cell its canonical genes, (pairs, ops, ops, GENES_PER_NODE)."""
        tables, n_ops = [], len(self.ops)
        for node, pairs in enumerate(self.pairs):
            choices = itertools.product(pairs, range(n_ops), range(n_ops))
            genes = [self._node_genes(node, ((low, a), (high, b))) for (low, high), a, b in choices]
            tables.append(np.array(genes, dtype=np.int64).reshape(len(pairs), n_ops, n_ops, GENES_PER_NODE))
        return tuple(tables)
