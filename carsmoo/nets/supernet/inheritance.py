"""Inheritance of weights, operation by operation, from networks that are alike (after Elsken et al., ICLR 2019)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn

from carsmoo.nets.models.base import ArchitectureNetwork


@torch.no_grad()
def inherit(child: ArchitectureNetwork, relatives: Sequence[ArchitectureNetwork]) -> None:
    """Copy weights from other networks of the same widths into a network, operation by operation.

    An operation takes those of the nearest relative that has it in its place. Where none has, the nearest that has it
    elsewhere in the same part with the same stride gives its own. What all networks have comes of the nearest relative.
    Near is who has most of the operations.
    """
    own = child.operations()
    held = [relative.operations() for relative in relatives]
    order = sorted(range(len(relatives)), key=lambda k: -len(own.keys() & held[k].keys()))
    for part, other in zip(child.frame(), relatives[order[0]].frame(), strict=True):
        part.load_state_dict(other.state_dict())
    for key, (layer, kind) in own.items():
        source = _first(held[k][key].module for k in order if key in held[k])
        source = source or _first(other.module for k in order for other in held[k].values() if other.kind == kind)
        if source is not None:
            layer.load_state_dict(source.state_dict())


def _first(modules: Iterable[nn.Module]) -> nn.Module | None:
    return next(iter(modules), None)
