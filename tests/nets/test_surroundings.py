"""What torch's default type and gradient mode are decides nothing of a search, a training, or a saved network."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, DARTSSpace, NetworkConfig, SupernetTraining, load
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets import data
from carsmoo.nets.latency.measure import build
from carsmoo.nets.models import serialization
from carsmoo.nets.models.export import ready, to_torch
from carsmoo.nets.retraining.job import card_of_data
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.zoo import GENOTYPES
from tests.support.runs import DATA

NETWORK = NetworkConfig(channels=2, layers=3)
PLAN = SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4, batch_size=64, bn_calibration_images=64)
Arrays = dict[str, np.ndarray]


@contextmanager
def in_float64() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


SURROUNDINGS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "float64": in_float64,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}


def searched() -> Arrays:
    problem = CARSProblem(DATA, network=NETWORK, training=PLAN, seed=1)
    result = minimize(problem, PNSGA3())
    genotype = problem.space.decode(result.pop.get("X"))[0]
    network = problem.subnet(genotype)
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    return {
        **problem.state_dict(),
        **weights,
        "F": result.pop.get("F"),
        "test": np.array(problem.evaluate_on_test(genotype)),
    }


def trained(folder: Path) -> Arrays:
    recipe = TrainingRecipe(
        channels=2, layers=2, batch=64, auxiliary_weight=0.4, drop_path_prob=0.3, flip=True, brightness=0.2
    )
    digits = data.load(DATA)
    trainer = NetworkTrainer(GENOTYPES["CARS-A"], recipe, digits)
    trainer.epoch()
    card = {"data": card_of_data(digits), "recipe": {}, "accuracy": []}
    serialization.save(trainer.network, folder, card)
    network = load(folder)
    logits = network(network.preprocess(digits.test.images[:5])).detach()
    whole = serialization.card_of(trainer.network, card, "best")
    to_torch(ready(trainer.network, whole, raw=True), whole, [digits.test.images[:5].float()])
    return {**trainer.state(), "logits": logits.numpy()}


def require_same(expected: Arrays, got: Arrays) -> None:
    assert list(expected) == list(got)
    for name, array in expected.items():
        assert array.dtype == got[name].dtype, name
        np.testing.assert_array_equal(array, got[name], err_msg=name)


@pytest.fixture(scope="module")
def usual_search() -> Arrays:
    return searched()


@pytest.fixture(scope="module")
def usual_training(tmp_path_factory: pytest.TempPathFactory) -> Arrays:
    return trained(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_search_is_the_same(name: str, usual_search: Arrays) -> None:
    with SURROUNDINGS[name]():
        got = searched()
    require_same(usual_search, got)


def test_a_search_that_began_in_inference_mode_goes_on_outside() -> None:
    with torch.inference_mode():
        problem = CARSProblem(DATA, network=NETWORK, training=PLAN, seed=1)
        X = minimize(problem, PNSGA3()).pop.get("X")
    before = problem.state_dict()["weights"].copy()
    problem.advance(X)
    assert (problem.state_dict()["weights"] != before).any()


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_a_network_trained_saved_and_exported_is_the_same(name: str, usual_training: Arrays, tmp_path: Path) -> None:
    with SURROUNDINGS[name]():
        got = trained(tmp_path)
    require_same(usual_training, got)


def test_latency_is_measured_under_another_default_type() -> None:
    network = NetworkConfig(channels=2, layers=1, image_shape=(1, 8, 8))
    with in_float64():
        table = build(DARTSSpace(1), network, rounds=1, network_rounds=1, fitted=2, checked=2)
    table.require(DARTSSpace(1), network)
