"""Inheritance of weights, edge by edge, from the networks that are most alike (after Elsken et al., ICLR 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias, cast

import torch
from torch import nn

from carsmoo.cost.structure import cell_of
from carsmoo.nets.models.network import Network, NetworkCell

Edge: TypeAlias = tuple[int, int, str, int, int]
"""Cell, node, operation, input, stride."""


@torch.no_grad()
def inherit(child: Network, relatives: Sequence[Network]) -> None:
    """Copy weights from other networks of the same widths into a network, edge by edge.

    An edge takes those of the nearest relative that has it: the same operation from the same input into the same node.
    Where none has, the nearest that has the operation in the same cell with the same stride gives its own. Stem, input
    layers and classifier come of the nearest relative. Near is who has most of the edges.
    """
    edges = _edges(child)
    held = [_edges(relative) for relative in relatives]
    order = sorted(range(len(relatives)), key=lambda k: -len(edges.keys() & held[k].keys()))
    nearest = relatives[order[0]]
    for own, other in [(child.stem, nearest.stem), (child.classifier, nearest.classifier), *_entries(child, nearest)]:
        own.load_state_dict(other.state_dict())
    for key, layer in edges.items():
        source = _first(held[k].get(key) for k in order)
        source = source or _first(other for k in order for near, other in held[k].items() if _kind(near) == _kind(key))
        if source is not None:
            layer.load_state_dict(source.state_dict())


def _edges(network: Network) -> dict[Edge, nn.Module]:
    """Return the operations of a network that have weights by where they are."""
    found = {}
    for position, cell in enumerate(cast(Iterable[NetworkCell], network.cells)):
        edges, _ = cell_of(network.genotype, cell.shape.reduction)
        for node, chosen in enumerate(cell.nodes):
            for k, i in chosen:
                op = next(op for op, at in edges[2 * node : 2 * node + 2] if at == i and op != "none")
                stride = 2 if cell.shape.reduction and i < 2 else 1
                if any(True for _ in cell.ops[k].parameters()):
                    found[position, node, op, i, stride] = cell.ops[k]
    return found


def _kind(edge: Edge) -> tuple[int, str, int]:
    cell, _, op, _, stride = edge
    return cell, op, stride


def _entries(child: Network, other: Network) -> Iterator[tuple[nn.Module, nn.Module]]:
    for own, its in zip(child.cells, other.cells, strict=True):
        yield cast(NetworkCell, own).entry, cast(NetworkCell, its).entry


def _first(modules: Iterable[nn.Module | None]) -> nn.Module | None:
    return next((module for module in modules if module is not None), None)
