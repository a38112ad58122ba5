"""Inheritance: a child has its parents' weights on the edges they share, else the nearest that there is."""

import dataclasses
from typing import Any

import torch
from torch import nn

from carsmoo.nets.models.network import untrained
from carsmoo.nets.supernet.inheritance import inherit
from carsmoo.space.genotype import Genotype
from tests.nets.supernet.test_own_weights import SMALL, equal


def weights(module: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def changed(genotype: Genotype, edges: dict[int, tuple[str, int]]) -> Genotype:
    normal = tuple(edges.get(k, edge) for k, edge in enumerate(genotype.normal))
    return dataclasses.replace(genotype, normal=normal)


PARENT = Genotype.parse(
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_5x5', 1), ('dil_conv_3x3', 0), ('sep_conv_3x3', 2),"
    " ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), ('sep_conv_3x3', 0), ('dil_conv_3x3', 4)], normal_concat=range(2, 6),"
    " reduce=[('sep_conv_3x3', 0), ('sep_conv_5x5', 1), ('dil_conv_3x3', 0), ('sep_conv_3x3', 2),"
    " ('sep_conv_5x5', 1), ('dil_conv_5x5', 2), ('sep_conv_3x3', 0), ('dil_conv_3x3', 4)], reduce_concat=range(2, 6))"
)


def test_a_child_has_its_parents_weights_on_all_edges_they_share() -> None:
    parent, child = untrained(PARENT, SMALL, 1), untrained(changed(PARENT, {6: ("max_pool_3x3", 1)}), SMALL, 2)
    stranger = untrained(changed(PARENT, dict.fromkeys(range(6), ("skip_connect", 0))), SMALL, 3)
    inherit(child, [stranger, parent])
    assert equal(child.stem, parent.stem)
    assert equal(child.classifier, parent.classifier)
    for mine, theirs in zip(child.cells, parent.cells, strict=True):
        assert equal(mine.entry, theirs.entry)  # type: ignore[arg-type]
        for k, (own, other) in enumerate(zip(mine.ops, theirs.ops, strict=True)):  # type: ignore[arg-type]
            assert (k == 6 and not mine.shape.reduction) or equal(own, other)  # type: ignore[union-attr]


def test_an_edge_that_no_relative_has_takes_the_operation_from_elsewhere_in_the_cell() -> None:
    parent = untrained(PARENT, SMALL, 1)
    child = untrained(changed(PARENT, {2: ("dil_conv_5x5", 1), 6: ("sep_conv_5x5", 3)}), SMALL, 2)
    inherit(child, [parent])
    normal, theirs = child.cells[0].ops, parent.cells[0].ops  # type: ignore[union-attr]
    assert equal(normal[2], theirs[5])  # type: ignore[index]  dil_conv_5x5 into the third node
    assert equal(normal[6], theirs[1])  # type: ignore[index]  sep_conv_5x5, the first of two in the cell


def test_what_nobody_has_is_drawn_anew_and_the_parents_stay_as_they_are() -> None:
    bare = Genotype.parse(str(PARENT).replace("sep_conv_5x5", "skip_connect"))
    parent, child, fresh = untrained(bare, SMALL, 1), untrained(PARENT, SMALL, 2), untrained(PARENT, SMALL, 2)
    before = weights(parent)
    inherit(child, [parent])
    assert equal(child.cells[0].ops[1], fresh.cells[0].ops[1])  # type: ignore[union-attr, index]
    assert not equal(child.cells[0].ops[0], fresh.cells[0].ops[0])  # type: ignore[union-attr, index]
    with torch.no_grad():
        for parameter in child.parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, weights(parent), strict=True))


def test_the_nearest_relative_gives_first() -> None:
    near, far = (
        untrained(changed(PARENT, {0: ("skip_connect", 0)}), SMALL, 1),
        untrained(changed(PARENT, dict.fromkeys((2, 4, 6), ("skip_connect", 0))), SMALL, 2),
    )
    child = untrained(PARENT, SMALL, 3)
    inherit(child, [far, near])
    ops: Any = child.cells[0].ops
    assert equal(ops[1], near.cells[0].ops[1])  # type: ignore[union-attr, index]  both have it
    assert equal(ops[0], far.cells[0].ops[0])  # type: ignore[union-attr, index]  near does not
    assert equal(child.stem, near.stem)
