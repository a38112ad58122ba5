"""Screened newcomers: the best of many by a value, and nothing else."""

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, ChainSpace, NetworkConfig, SupernetTraining
from carsmoo.cost import params
from carsmoo.nets.supernet.screening import ScreenedSampling, screened
from carsmoo.operators import GenotypeSampling
from carsmoo.space.architecture import SpaceArchitecture

PLAN = SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4, batch_size=64, bn_calibration_images=32)
NETWORK = NetworkConfig(channels=2)


def problem() -> CARSProblem:
    images = np.random.default_rng(0).random((90, 6, 6))
    return CARSProblem((images, np.arange(90) % 3), ChainSpace(), network=NETWORK, training=PLAN)


def size(architecture: SpaceArchitecture) -> float:
    return params(architecture, NETWORK)


def test_those_of_the_lowest_value_are_kept_in_the_order_drawn() -> None:
    made = problem()
    drawn = GenotypeSampling()(made, 12, random_state=np.random.default_rng(3)).get("X")
    kept = ScreenedSampling(GenotypeSampling(), size, 3)(made, 4, random_state=np.random.default_rng(3)).get("X")
    values = [size(one) for one in made.space.decode(drawn)]
    lowest = np.sort(np.argsort(values, kind="stable")[:4])
    assert kept.tolist() == drawn[lowest].tolist()
    assert kept.tolist() != drawn[:4].tolist()


def test_newcomers_alone_are_screened_and_a_search_repeats() -> None:
    made, asked = problem(), []

    def value(architecture: SpaceArchitecture) -> float:
        asked.append(architecture)
        return size(architecture)

    operators = screened(made, value, 2)
    assert isinstance(operators["sampling"], GenotypeSampling)
    first = minimize(made, PNSGA3(**operators), ("n_gen", 2), seed=1)
    assert 0 < len(set(asked)) <= len(asked)
    again = minimize(made, PNSGA3(**screened(made, size, 2)), ("n_gen", 2), seed=1)
    assert np.array_equal(first.pop.get("X"), again.pop.get("X"))


def test_a_factor_is_at_least_one() -> None:
    with pytest.raises(ValueError, match="factor: expected at least 1, got 0"):
        ScreenedSampling(GenotypeSampling(), size, 0)
