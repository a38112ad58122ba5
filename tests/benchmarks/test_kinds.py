"""Kinds of weights that only experiments have: what they train on, what they learn from, and who answers."""

import dataclasses
from itertools import islice
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from benchmarks.truth.kinds import (
    Distilling,
    Fair,
    FewShot,
    FromSupernet,
    Nested,
    Present,
    Sandwich,
    StrictlyFair,
)
from benchmarks.truth.levers import LEVERS
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData, load
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.darts import DARTSSpace

SPACE = DARTSSpace(nodes=2)
PLAN = SupernetTraining(warmup_epochs=1, n_generations=0, score_images=60, batch_size=32)


@pytest.fixture(scope="module")
def images() -> ImageData:
    return load("digits?images=200")


def made(kind: Any, images: ImageData, plan: SupernetTraining = PLAN, **settings: Any) -> Any:
    shape = NetworkConfig(channels=2, layers=3, image_shape=images.image_shape, n_classes=images.classes, **settings)
    return kind(SPACE, shape, plan, images, 3)


def vectors(steps: Any, count: int) -> np.ndarray:
    return np.array([[SPACE.encode(one) for one in step] for step in islice(steps, count)])


def test_a_strictly_fair_step_has_each_operation_of_an_edge_once(images: ImageData) -> None:
    steps = list(islice(made(StrictlyFair, images).warming(8), 6))
    for step in steps:
        for cell in ("normal", "reduce"):
            edges = [(k // 2, *edge) for one in step for k, edge in enumerate(getattr(one, cell)) if edge[0] != "none"]
            assert len(edges) == len(set(edges)) == 2 * 2 * 7  # of two nodes, their two inputs, and what is no absence
    assert len({str(step) for step in steps}) == 6


def test_a_fair_order_has_each_value_once_before_any_again(images: ImageData) -> None:
    drawn = vectors(made(Fair, images).warming(1), 24)[:, 0]
    assert all(sorted(drawn[k : k + 8, 1:3].ravel().tolist()) == sorted([*range(8)] * 2) for k in (0, 8, 16))
    assert len({tuple(row) for row in drawn}) == 24


def test_without_absent_edges_all_others_are_drawn(images: ImageData) -> None:
    operations = {op for step in islice(made(Present, images).warming(2), 40) for one in step for op, _ in one.normal}
    assert operations == set(SPACE.ops) - {"none"}


def test_the_first_of_a_sandwich_has_the_largest_operations_and_is_wired_anew(images: ImageData) -> None:
    steps = list(islice(made(Sandwich, images).warming(3), 10))
    assert {op for step in steps for op, _ in (*step[0].normal, *step[0].reduce)} == {"sep_conv_5x5"}
    assert len({str(step[0]) for step in steps}) > 1
    assert len({op for step in steps for op, _ in step[1].normal}) > 4


def test_the_first_learns_the_labels_and_the_others_what_it_says(images: ImageData) -> None:
    state = made(Sandwich, images)
    assert isinstance(state.trainer, Distilling)
    x, y = images.normalise(images.train.images[:16]), images.train.labels[:16]
    teacher, *students = next(state.warming(3))
    said = state.supernet(x, teacher)
    losses = [F.cross_entropy(said, y)]
    soft = said.detach().softmax(dim=1)
    losses += [-(soft * state.supernet(x, one).log_softmax(dim=1)).sum(dim=1).mean() for one in students]
    parameters = state.supernet.chosen_parameters(teacher)
    expected = torch.autograd.grad(sum(losses, torch.zeros(())) / 3, parameters, allow_unused=True)
    told = state.trainer._passes(x, y, [teacher, *students], parameters)
    torch.testing.assert_close(told, torch.stack(losses).detach() / 3)
    torch.testing.assert_close([p.grad for p in parameters], list(expected))


@pytest.mark.end_to_end
def test_each_of_four_supernets_learns_and_scores_its_quarter(images: ImageData) -> None:
    world = made(FewShot, images, dataclasses.replace(PLAN, warmup_epochs=9))
    assert world.shared == 5
    world.begin()
    each = world.parent.trainer.steps_per_epoch
    assert world.parent.trainer.steps == 5 * each
    genotypes = []
    for halves, part in world.parts.items():
        assert part.trainer.steps == 6 * each
        first = vectors(part.warming(1), 12)[:, 0, 1:3]
        assert (first // 4 == halves).all()
        genotypes += next(part.warming(2))
    alone = [part.scores(genotypes[2 * k : 2 * k + 2], "loss") for k, part in enumerate(world.parts.values())]
    np.testing.assert_array_equal(world.scores(genotypes, "loss"), np.concatenate(alone))


def test_networks_begin_with_a_supernet_s_weights_and_go_on_alone(images: ImageData) -> None:
    plan = dataclasses.replace(PLAN, weights="own", warmup_epochs=4, pop_size=4)
    adapted = made(LEVERS["grown"].kind, images, plan, bn_affine=True)
    assert isinstance(adapted, FromSupernet)
    adapted.begin()
    each = adapted.shared.trainer.steps_per_epoch
    assert adapted.shared.trainer.steps == 2 * each
    usual = made(SupernetState, images, dataclasses.replace(SupernetTraining(), **vars(adapted.shared.trainer.plan)))
    usual.warm_up()
    X = np.unique(SPACE.canonical(np.random.default_rng(0).integers(SPACE.xl, SPACE.xu + 1, (4, SPACE.n_var))), axis=0)
    for one in SPACE.decode(X):
        inherited = usual.subnet(one)
        own = adapted.subnet(one).state_dict()
        assert all(torch.equal(own[name], weight) for name, weight in inherited.named_parameters())
    before = adapted.scores(SPACE.decode(X), "loss")
    assert adapted.join(X)
    assert adapted.updates == adapted.round_of(2) + adapted.shared.updates
    assert not np.array_equal(adapted.scores(SPACE.decode(X), "loss"), before)


def test_small_kernels_are_the_middle_of_large_ones_and_learn_with_them(images: ImageData) -> None:
    plain, nested = made(SupernetState, images).supernet, made(Nested, images).supernet
    random = torch.Generator().manual_seed(1)
    for kind, slot in (("sep", "cells.0.edges.0.1"), ("dil", "cells.1.edges.1.0")):
        small, large = (nested.get_submodule(f"{slot}.{kind}_conv_{size}x{size}") for size in (3, 5))
        apart = plain.get_submodule(f"{slot}.{kind}_conv_3x3")
        with torch.no_grad():
            for own, outer in zip(apart.depthwise, large.depthwise, strict=True):
                own.weight.copy_(outer.weight[:, :, 1:4, 1:4])
            for own, other in zip(apart.pointwise, large.pointwise, strict=True):
                own.weight.copy_(other.weight)
        x = torch.randn(4, len(large.depthwise[0].weight), 6, 6, generator=random)
        torch.testing.assert_close(small(x), apart(x))
        assert {id(p) for p in small.parameters()} == {id(p) for p in large.parameters()}
