"""Which parts of a network its output depends on; absent edges can leave others without a reader.

A network holds the layers of all its cells, as DARTS builds it, but runs and counts (as multiply-adds) only those whose
results reach the classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from carsmoo.config import NetworkConfig
from carsmoo.genotype import Edge, Genotype


class Live(NamedTuple):
    """What runs in a network.

    Attributes:
        stem: how many of the stem's convolutions run, counted from the image.
        cells: for each cell whether it runs.
    """

    stem: int
    cells: tuple[bool, ...]


def cell_of(genotype: Genotype, reduction: bool) -> tuple[tuple[Edge, ...], tuple[int, ...]]:
    """Return the edges and the concatenation of a genotype's normal or reduction cell."""
    if reduction:
        return genotype.reduce, genotype.reduce_concat
    return genotype.normal, genotype.normal_concat


def used_states(edges: Sequence[Edge], concat: Sequence[int]) -> frozenset[int]:
    """Return the states of a cell that its output depends on."""
    used = set(concat)
    for position in range(len(edges) - 1, -1, -1):
        op, i = edges[position]
        if op != "none" and 2 + position // 2 in used:
            used.add(i)
    return frozenset(used)


def live_parts(genotype: Genotype, network: NetworkConfig, *, auxiliary: bool = False) -> Live:
    """Return what runs in ``Network(genotype, network)``; with ``auxiliary``, while the auxiliary head is read too."""
    normal, reduce = (used_states(*cell_of(genotype, reduction)) for reduction in (False, True))
    return live_cells(network, (0 in normal, 1 in normal), (0 in reduce, 1 in reduce), auxiliary=auxiliary)


def live_cells(
    network: NetworkConfig, normal: tuple[bool, bool], reduce: tuple[bool, bool], *, auxiliary: bool = False
) -> Live:
    """Return what runs, given whether each kind of cell uses its inputs 0 and 1."""
    needed = [False] * (network.layers + 2)  # the stem's two outputs, then the cells
    needed[-1] = True
    if auxiliary:
        needed[2 + network.auxiliary_cell] = True
    for k in range(network.layers - 1, -1, -1):
        before, last = reduce if network.reduces(k) else normal
        needed[k] |= needed[k + 2] and before
        needed[k + 1] |= needed[k + 2] and last
    convolutions = 3 if network.stem == "imagenet" else 1
    stem = convolutions if needed[1] or (needed[0] and convolutions == 1) else 2 if needed[0] else 0
    return Live(stem, tuple(needed[2:]))
