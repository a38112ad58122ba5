"""DARTS genotypes: their parts, text and JSON."""

from __future__ import annotations

import json
import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from carsmoo.space import darts_graph
from carsmoo.space.architecture import Architecture
from carsmoo.space.darts_picture import cell_picture
from carsmoo.space.graph import Layer, Vertex
from carsmoo.space.operation import Operation
from carsmoo.space.parse import read_call
from carsmoo.space.picture import Picture
from carsmoo.space.words import brief, operations
from carsmoo.utils.validation import short, shown

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

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

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


@dataclass(frozen=True)
class Genotype(Architecture):
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
        self.require(self.vocabulary)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """The operations of DARTS, and those of one's own that occur."""
        return (*PRIMITIVES, *dict.fromkeys(op for op, _ in self.normal + self.reduce if isinstance(op, Operation)))

    def graph(self, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return its layers in such a network, each after those that it reads, the classifier last."""
        return darts_graph.graph(self, network)

    def layers(self, network: NetworkConfig) -> Iterable[tuple[Layer, bool]]:
        """Yield each layer that its network holds, and whether it runs."""
        return darts_graph.layers(self, network)

    def kept(self, network: NetworkConfig) -> int:
        """Return how many numbers, for an image, a step of its training keeps for the way back, at least."""
        return darts_graph.kept_by_step(network, (len(self.normal_concat), len(self.reduce_concat)))

    def build(self, network: NetworkConfig) -> Any:
        """Return the stand-alone network, a :class:`~carsmoo.Network`."""
        return import_module("carsmoo.nets.models.network").Network(self, network)

    @property
    def summary(self) -> Mapping[str, str]:
        """The operations of its cells, counted."""
        normal, reduction = self._operations
        return {"normal": operations(normal), "reduction": operations(reduction)}

    @property
    def brief(self) -> str:
        """The operations of its cells, counted, in a few letters."""
        return " | ".join(map(brief, self._operations))

    @property
    def _operations(self) -> tuple[list[str], list[str]]:
        return [op for op, _ in self.normal], [op for op, _ in self.reduce]

    @property
    def order(self) -> tuple[Any, ...]:
        """What it is sorted by, so that neighbours have equal cells."""
        return self.normal, self.reduce

    def drawn(self, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the pictures of its two cells."""
        return [
            cell_picture("normal cell", self.normal, self.normal_concat),
            cell_picture("reduction cell", self.reduce, self.reduce_concat),
        ]

    def __repr__(self) -> str:
        normal, reduction = self._operations
        cells = f"normal {operations(normal)}; reduction {operations(reduction)}"
        return f"Genotype({self.short_hash}; {cells})".replace("\N{NO-BREAK SPACE}", " ")

    def __str__(self) -> str:
        fields = (f"{name}={list(getattr(self, name))!r}" for name in _FIELDS)
        return f"Genotype({', '.join(fields)})"


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
