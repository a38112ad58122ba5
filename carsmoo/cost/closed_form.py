"""Parameters and multiply-adds of a network in closed form, for one genotype or for a whole population at once.

Parameters are all that a network holds but its auxiliary head (as published figures are told); multiply-adds are those
of the convolutions and the linear classifier that run. Edges with the operation ``none`` are absent and cost nothing.
"""

from __future__ import annotations

import dataclasses
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.config.network import CellShape, NetworkConfig, halved
from carsmoo.cost.lookup import AdditiveTable
from carsmoo.cost.structure import Reachable, cell_of, reachable_parts, used_states
from carsmoo.space.genotype import PRIMITIVES, DARTSSpace, Genotype
from carsmoo.utils.validation import instance


class Cost(NamedTuple):
    """Parameters and multiply-adds (for one image) of a part of a network."""

    params: int
    flops: int


def params(genotype: Genotype, network: NetworkConfig) -> int:
    """Return the number of parameters of ``Network(genotype, network)``, without its auxiliary head.

    Raises:
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.
    """
    return cost(genotype, network).params


def flops(genotype: Genotype, network: NetworkConfig) -> int:
    """Return the multiply-adds of ``Network(genotype, network)`` for one image, without its auxiliary head.

    Raises:
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.
    """
    return cost(genotype, network).flops


def cost(genotype: Genotype, network: NetworkConfig) -> Cost:
    """Return both costs of ``Network(genotype, network)``.

    Raises:
        TypeError: for anything but a Genotype and a NetworkConfig.
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.
    """
    instance("genotype", genotype, Genotype).require(PRIMITIVES)
    instance("network", network, NetworkConfig)
    widths = len(genotype.normal_concat), len(genotype.reduce_concat)
    used = {kind: used_states(*cell_of(genotype, kind)) for kind in (False, True)}
    live = reachable_parts(genotype, network)
    total = _frame(network, widths, live, {kind: (0 in u, 1 in u) for kind, u in used.items()})
    for cell, runs in zip(network.cells(*widths), live.cells, strict=True):
        for position, (op, i) in enumerate(cell_of(genotype, cell.reduction)[0]):
            edge = _edge(op, cell, strided=cell.reduction and i < 2, affine=network.bn_affine)
            total = _add(total, edge, runs=runs and 2 + position // 2 in used[cell.reduction])
    return total


def supernet_params(space: DARTSSpace, network: NetworkConfig) -> int:
    """Return the number of parameters of a supernet, which has every operation on every edge."""
    plain = dataclasses.replace(network, bn_affine=False)
    widths = space.nodes, space.nodes
    live = Reachable(0, (False,) * network.layers)  # parameters are there whatever runs
    total = _frame(plain, widths, live, dict.fromkeys((False, True), (True, True))).params
    edges, from_inputs = space.nodes * (space.nodes + 3) // 2, 2 * space.nodes
    for cell in plain.cells(*widths):
        for op in space.ops:
            strided, other = (_edge(op, cell, strided=cell.reduction and s, affine=False).params for s in (True, False))
            total += from_inputs * strided + (edges - from_inputs) * other
    return total


class CostTable:
    """Both costs for vectors of a space, by look-up: the cost of a network is a sum over its edges.

    Args:
        space: the space whose vectors are looked up.
        network: the network they are built into.

    Raises:
        TypeError: for anything but a DARTSSpace and a NetworkConfig.
    """

    def __init__(self, space: DARTSSpace, network: NetworkConfig) -> None:
        self.space = instance("space", space, DARTSSpace)
        self.network = instance("network", network, NetworkConfig)

    def params(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the parameters of each row of ``X`` (n, n_var), (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._look_up(X, 0)

    def flops(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the multiply-adds of each row of ``X`` (n, n_var) for one image, (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._look_up(X, 1)

    def _look_up(self, X: ArrayLike, which: int) -> NDArray[np.int64]:
        return self._table.look_up(self.space.check(X), which)

    @cached_property
    def _table(self) -> AdditiveTable:
        return AdditiveTable(self.space, self.network, _Parts(self.space, self.network))


class _Parts(NamedTuple):
    """Both costs of the parts of a network."""

    space: DARTSSpace
    network: NetworkConfig

    def frame(self, live: Reachable, uses: dict[bool, tuple[bool, bool]]) -> Cost:
        return _frame(self.network, (self.space.nodes, self.space.nodes), live, uses)

    def edge(self, op: str, cell: CellShape, strided: bool, runs: bool) -> Cost:
        return _add(Cost(0, 0), _edge(op, cell, strided, self.network.bn_affine), runs=runs)

    def node(self, edges: int, cell: CellShape, runs: bool) -> Cost:
        return Cost(0, 0)


def _add(total: Cost, part: Cost, *, runs: bool = True) -> Cost:
    """Add a part, which has its parameters in any case but multiply-adds only where it runs."""
    return Cost(total.params + part.params, total.flops + part.flops * runs)


def _norm(channels: int, affine: bool) -> int:
    return 2 * channels if affine else 0


def _edge(op: str, cell: CellShape, strided: bool, affine: bool) -> Cost:
    """Cost of one edge of a cell; ``strided`` where it halves the image."""
    c = cell.channels
    area = halved(cell.height, cell.reduction) * halved(cell.width, cell.reduction)
    if op == "skip_connect" and strided:
        return Cost(c * c + _norm(c, affine), area * c * c)
    if op.startswith(("sep_conv", "dil_conv")):
        kernel = int(op[-1])
        weights = c * kernel * kernel + c * c
        repeats = 2 if op.startswith("sep_conv") else 1
        return Cost(repeats * (weights + _norm(c, affine)), repeats * area * weights)
    return Cost(0, 0)


def _frame(
    network: NetworkConfig, widths: tuple[int, int], live: Reachable, uses: dict[bool, tuple[bool, bool]]
) -> Cost:
    """Cost of all that is there whatever the genotype: stem, input layers of the cells, classifier.

    Args:
        network: the network.
        widths: states that a normal and a reduction cell concatenate.
        live: what runs.
        uses: whether each kind of cell (reduction or not) uses its inputs 0 and 1.
    """
    colours, height, width = network.input_shape
    c = network.channels
    if network.stem == "imagenet":
        convolutions = [(colours, c // 2, 1), (c // 2, c, 2), (c, c, 3)]
    else:
        convolutions = [(colours, network.stem_multiplier * c, 0)]
    total = Cost(0, 0)
    for k, (c_in, c_out, halvings) in enumerate(convolutions):
        weights = 9 * c_in * c_out
        area = halved(height, halvings) * halved(width, halvings)
        total = _add(total, Cost(weights + _norm(c_out, network.bn_affine), weights * area), runs=k < live.stem)
    last = 0
    for cell, runs in zip(network.cells(*widths), live.cells, strict=True):
        for c_in, used in zip((cell.in_before, cell.in_last), uses[cell.reduction], strict=True):
            weights = c_in * cell.channels
            entry = Cost(weights + _norm(cell.channels, network.bn_affine), weights * cell.height * cell.width)
            total = _add(total, entry, runs=runs and used)
        last = cell.channels * widths[cell.reduction]
    return _add(total, Cost((last + 1) * network.output_classes, last * network.output_classes))
