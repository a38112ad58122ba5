"""A round of training: the order of its images, and its learning rate."""

import dataclasses
from itertools import chain

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.network import build
from carsmoo.nets.supernet.rounds import batches, round_rate, steps_per_epoch, train_round
from carsmoo.zoo import GENOTYPES
from tests.nets.supernet.test_own_weights import PLAN, SMALL, images


def network() -> ArchitectureNetwork:
    return build(GENOTYPES["CARS-D"], SMALL, torch.Generator().manual_seed(1)).train()


def test_a_round_is_sgd_by_hand() -> None:
    plan = dataclasses.replace(PLAN, weight_decay=0.05, grad_clip=0.3, momentum=0.8, learning_rate=0.2)
    data, steps = images(), 3
    made, by_hand = network(), network()
    told = train_round(made, plan, data, steps, torch.Generator().manual_seed(2))
    generator, velocity = torch.Generator().manual_seed(2), [torch.zeros_like(p) for p in by_hand.parameters()]
    clipped = 0
    for k, indices in enumerate(batches(plan, data, steps, generator)):
        x = data.augmentation(data.train.images[indices], generator)  # they flip
        loss = F.cross_entropy(by_hand(data.normalise(x)), data.train.labels[indices])
        parameters = list(by_hand.parameters())
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.cat([g.flatten() for g in gradients]).norm()
        clipped += bool(norm > plan.grad_clip)
        with torch.no_grad():
            for p, gradient, v in zip(parameters, gradients, velocity, strict=True):
                g = gradient * min(1.0, plan.grad_clip / float(norm)) + plan.weight_decay * p
                v.mul_(plan.momentum).add_(g)
                p.sub_(round_rate(plan, k, steps) * (g + plan.momentum * v))  # Nesterov
    assert clipped
    assert told == pytest.approx(float(loss.detach()), rel=1e-3)
    assert not made.training
    for one, other in zip(made.parameters(), by_hand.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-4, rtol=1e-3)


def test_a_step_without_a_finite_gradient_changes_no_weight() -> None:
    data, made = images(), network()
    broken = dataclasses.replace(data, mean=torch.full_like(data.mean, torch.nan))
    before = [p.detach().clone() for p in made.parameters()]
    train_round(made, PLAN, broken, 2, torch.Generator().manual_seed(0))
    assert all(torch.equal(p, old) for p, old in zip(made.parameters(), before, strict=True))


def test_a_round_sees_every_image_once_before_one_twice_and_its_own_order_each_time() -> None:
    data, generator = images(), torch.Generator().manual_seed(0)
    per_epoch = steps_per_epoch(PLAN, data)
    seen = [part.tolist() for part in batches(PLAN, data, 2 * per_epoch + 1, generator)]
    epochs = [[*chain(*seen[:per_epoch])], [*chain(*seen[per_epoch : 2 * per_epoch])]]
    assert len(seen) == 2 * per_epoch + 1
    assert all(len(set(epoch)) == len(epoch) == 8 * per_epoch for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_a_rounds_learning_rate_rises_to_the_plans_and_falls_to_its_least() -> None:
    rates = [round_rate(PLAN, k, 20) for k in range(20)]
    top = int(np.argmax(rates))
    assert 0.95 * PLAN.learning_rate < rates[top] <= PLAN.learning_rate
    assert 1 <= top <= 3
    assert all(np.diff(rates[: top + 1]) > 0)
    assert all(np.diff(rates[top:]) < 0)
    assert rates[-1] == pytest.approx(PLAN.learning_rate * 0.5 / 17)
    assert round_rate(PLAN, 0, 1) == pytest.approx(PLAN.learning_rate * 0.5 / 0.85)
    assert round_rate(dataclasses.replace(PLAN, learning_rate_min=0.05), 19, 20) == 0.05
