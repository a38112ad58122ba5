"""A round of training: the order of its images, and its learning rate."""

import dataclasses
from itertools import chain

import numpy as np
import pytest
import torch

from carsmoo.nets.supernet.rounds import batches, round_rate, steps_per_epoch
from tests.nets.supernet.test_own_weights import PLAN, images


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
