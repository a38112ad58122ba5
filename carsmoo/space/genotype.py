"""DARTS genotypes, and the integer vectors that stand for them in an optimizer."""

from __future__ import annotations

import hashlib
import itertools
import json
import operator
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.space.operation import Operation
from carsmoo.space.parse import read_call
from carsmoo.space.words import operations
from carsmoo.utils.validation import array, short, shown

Edge: TypeAlias = tuple[str, int]

PRIMITIVES: tuple[str, ...] = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The eight operations of the DARTS search space, in its order (CARS sec. 4.1)."""

GENES_PER_NODE = 3
"""A node's genes: the index of its pair of inputs, the operation on the lower input, the one on the higher."""

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


@dataclass(frozen=True)
class Genotype:
    """One architecture: a normal and a reduction cell, in the notation of DARTS.

    Node ``k`` of a cell (numbered from 2, after the two inputs 0 and 1) adds the results of its two edges, which are
    consecutive in the list. An edge is ``(operation, input)`` with ``input < k``; the operation ``"none"`` says that
    the edge is absent. ``*_concat`` names the states that make the cell's output.

    Raises:
        ValueError: for an odd number of edges, an input that does not come before its node, or a concatenation that
            is empty, repeats a state or names one that is no node of the cell.

    Example:
        >>> from carsmoo import Genotype
        >>> cell = (("sep_conv_3x3", 0), ("skip_connect", 1))
        >>> genotype = Genotype(normal=cell, normal_concat=(2,), reduce=cell, reduce_concat=(2,))
        >>> Genotype.parse(str(genotype)) == genotype
        True
    """

    normal: tuple[Edge, ...]
    normal_concat: tuple[int, ...]
    reduce: tuple[Edge, ...]
    reduce_concat: tuple[int, ...]

    def __post_init__(self) -> None:
        for name in ("normal", "reduce"):
            edges = _edges(name, getattr(self, name))
            concat = _concat(f"{name}_concat", getattr(self, f"{name}_concat"), states=2 + len(edges) // 2)
            object.__setattr__(self, name, edges)
            object.__setattr__(self, f"{name}_concat", concat)

    @classmethod
    def parse(cls, text: str, ops: Sequence[str] = PRIMITIVES) -> Genotype:
        """Read the text that papers and repositories paste, ``[NAME =] Genotype(normal=[...], ...)``.

        The text is read as a syntax tree and never executed. ``range(a, b)``, lists and tuples are understood.

        Args:
            text: the genotype as Python source.
            ops: the operations that may occur, such as ``space.ops``, with those of one's own.

        Raises:
            ValueError: if the text is not a whole genotype or names an operation outside ``ops``.
        """
        return cls(**read_call(text, "Genotype", _FIELDS)).among(ops)

    def require(self, ops: Sequence[str]) -> None:
        """Check that only the operations ``ops`` occur.

        Raises:
            ValueError: naming the first operation that is not among them.
        """
        for op, _ in self.normal + self.reduce:
            if op not in ops:
                raise ValueError(f"genotype: expected operations among {', '.join(ops)}, got {op!r}")

    def to_json(self) -> str:
        """Return the genotype as one line of JSON."""
        return json.dumps({name: getattr(self, name) for name in _FIELDS})

    @classmethod
    def from_json(cls, text: str, ops: Sequence[str] = PRIMITIVES) -> Genotype:
        """Read what :meth:`to_json` wrote.

        Raises:
            ValueError: if the text is not JSON or not a genotype over ``ops``.
        """
        try:
            fields = json.loads(text)
        except (ValueError, RecursionError, TypeError) as error:
            raise ValueError(f"genotype: expected JSON, got {short(str(text))} ({error})") from None
        if not isinstance(fields, dict) or set(fields) != set(_FIELDS):
            raise ValueError(f"genotype: expected the fields {', '.join(_FIELDS)}, got {short(text)}")
        return cls(**fields).among(ops)

    def among(self, ops: Sequence[str]) -> Genotype:
        """Return the same genotype with its operations as they stand in ``ops``, which know how they are built.

        Raises:
            ValueError: naming the first operation that is not among them.
        """
        self.require(ops)
        known = {str(op): op for op in ops}
        cells = [tuple((known[op], i) for op, i in edges) for edges in (self.normal, self.reduce)]
        return Genotype(cells[0], self.normal_concat, cells[1], self.reduce_concat)

    def require_known(self) -> None:
        """Check that each operation is one of DARTS or knows how it is built.

        Raises:
            ValueError: naming the first that does not.
        """
        self.require(self.known_ops)

    @property
    def known_ops(self) -> tuple[str, ...]:
        """The operations of DARTS, and those of one's own that occur."""
        return (*PRIMITIVES, *dict.fromkeys(op for op, _ in self.normal + self.reduce if isinstance(op, Operation)))

    @property
    def short_hash(self) -> str:
        """Eight letters and digits that tell it from others, the same on every machine."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:8]

    def __repr__(self) -> str:
        cells = f"normal {operations(self.normal)}; reduction {operations(self.reduce)}"
        return f"Genotype({self.short_hash}; {cells})".replace("\N{NO-BREAK SPACE}", " ")

    def __str__(self) -> str:
        fields = (f"{name}={list(getattr(self, name))!r}" for name in _FIELDS)
        return f"Genotype({', '.join(fields)})"


@dataclass(frozen=True)
class DARTSSpace:
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
    def own_operations(self) -> tuple[Operation, ...]:
        """The operations of one's own."""
        return tuple(op for op in self.ops if isinstance(op, Operation))

    @property
    def n_var(self) -> int:
        """Length of a vector."""
        return 2 * self.nodes * GENES_PER_NODE

    @property
    def xl(self) -> NDArray[np.int64]:
        """Lower bounds, (n_var,), all zero."""
        return np.zeros(self.n_var, dtype=np.int64)

    @cached_property
    def xu(self) -> NDArray[np.int64]:
        """Upper bounds, (n_var,), inclusive."""
        cell = [(len(pairs) - 1, len(self.ops) - 1, len(self.ops) - 1) for pairs in self.pairs]
        return np.array(cell + cell, dtype=np.int64).ravel()

    @cached_property
    def pairs(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each node of a cell the pairs of inputs it may take, in the order of their index."""
        return tuple(tuple(itertools.combinations(range(2 + node), 2)) for node in range(self.nodes))

    @property
    def n_vectors(self) -> int:
        """Number of vectors within the bounds."""
        return int(np.prod([int(u) + 1 for u in self.xu], dtype=object))

    def encode(self, genotype: Genotype | Iterable[Genotype]) -> NDArray[np.int64]:
        """Return the canonical vector of a genotype, (n_var,), or of several, (n, n_var).

        Raises:
            ValueError: if a genotype lies outside this space (another number of nodes or concatenation, an operation
                that is not in ``ops``, a node that takes the same input twice).
        """
        if isinstance(genotype, Genotype):
            return np.array(self._genes(genotype), dtype=np.int64)
        if isinstance(genotype, str) or not isinstance(genotype, Iterable):
            raise TypeError(f"genotype: expected a Genotype or several, got {shown(genotype)}")
        rows = [self._genes(g) for g in genotype]
        return np.array(rows, dtype=np.int64).reshape(len(rows), self.n_var)

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

    def check(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return ``X`` as integers, (n, n_var).

        Raises:
            ValueError: if the shape is another, a value is not a whole number, or one lies outside ``xl..xu``.
        """
        A = array("X", X)
        if A.ndim != 2 or A.shape[1] != self.n_var:
            raise ValueError(f"X: expected (n, {self.n_var}), got {A.shape}")
        floating = np.issubdtype(A.dtype, np.floating)
        if not (np.issubdtype(A.dtype, np.integer) or (floating and np.array_equal(A, np.floor(A)))):
            raise ValueError(f"X: expected whole numbers, got {A[np.floor(A) != A][0] if floating else A.dtype}")
        outside = (self.xl > A) | (self.xu < A)
        if outside.any():
            row, gene = np.argwhere(outside)[0]
            raise ValueError(f"X[{row}, {gene}]: expected 0..{self.xu[gene]}, got {A[row, gene]}")
        return A.astype(np.int64, copy=False)

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


def _edges(name: str, value: Any) -> tuple[Edge, ...]:
    try:
        edges = tuple((op, _whole(i)) for op, i in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name}: expected (operation, input) pairs, got {shown(value)}") from None
    if not edges or len(edges) % 2:
        raise ValueError(f"{name}: expected two edges a node, got {len(edges)} edges")
    for position, (op, i) in enumerate(edges):
        node = 2 + position // 2
        if not isinstance(op, str) or not 0 <= i < node:
            raise ValueError(
                f"{name}: expected for node {node} an operation and an input of 0..{node - 1}, got {shown((op, i))}"
            )
    return edges


def _concat(name: str, value: Any, states: int) -> tuple[int, ...]:
    try:
        concat = tuple(_whole(i) for i in value)
    except TypeError:
        raise ValueError(f"{name}: expected a list of states, got {shown(value)}") from None
    if not concat or len(set(concat)) < len(concat) or not all(2 <= i < states for i in concat):
        raise ValueError(f"{name}: expected different states among 2..{states - 1}, got {shown(concat)}")
    return concat


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError("a truth value is no number")
    return operator.index(value)
