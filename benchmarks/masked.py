"""A supernet as the code released with CARS runs it: every operation of every edge, multiplied by 0 or 1."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from carsmoo import Genotype
from carsmoo.nets.models.cells import zeros_of
from carsmoo.nets.models.supernet import Supernet, SupernetCell
from carsmoo.space.darts_graph import cell_of


def masked_logits(supernet: Supernet, x: Tensor, genotype: Genotype) -> Tensor:
    """Return a genotype's logits, (n, classes), for images (n, c, h, w); all that it did not choose is computed too."""
    before, last = supernet.stem(x, len(supernet.stem.convs))
    for cell in supernet.each_cell():
        before, last = last, _masked_cell(cell, before, last, x, genotype)
    logits: Tensor = supernet.classifier(last.mean(dim=(2, 3)))
    return logits


def _masked_cell(cell: SupernetCell, before: Tensor, last: Tensor, x: Tensor, genotype: Genotype) -> Tensor:
    chosen, _ = cell_of(genotype, cell.shape.reduction)
    states = cell.entry(before, last, (0, 1))
    zeros = partial(zeros_of, x, cell.shape)
    for node, edges in enumerate(cell.edges):
        picked = {(i, op) for op, i in chosen[2 * node : 2 * node + 2]}
        total = zeros()
        for i, operations in enumerate(edges):
            for name, operation in operations.items():
                total = total + float((i, name) in picked) * operation(states[i])
        states.append(total)
    return torch.cat(states[2:], dim=1)
