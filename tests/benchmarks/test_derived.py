"""Scores that follow from stored ones: a fit that denoises, joined with a supernet's of the same data and seed."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import BayesianRidge

from benchmarks.truth.derived import derived, own_effects, with_size
from benchmarks.truth.sets import architectures
from carsmoo.space.darts import DARTSSpace

CHOSEN = [one for one in architectures() if one.group != "published"]
SPACE = DARTSSpace()
FEATURES = SPACE.features(SPACE.encode([one.genotype for one in CHOSEN]))


def record(losses: NDArray[np.float64], lever: str = "own", epochs: int = 18, **more: Any) -> dict[str, Any]:
    loss = {one.name: [value - 0.1, value + 0.1] for one, value in zip(CHOSEN, losses.tolist(), strict=True)}
    return {"data": "cifar16", "seed": 0, "core_seconds": 5.0, **more, "lever": lever, "epochs": epochs, "loss": loss}


def scores(found: dict[str, Any]) -> NDArray[np.float64]:
    assert list(found["loss"]) == [one.name for one in CHOSEN]
    values = np.array(list(found["loss"].values()))
    assert np.array_equal(values[:, 0], values[:, 1])
    mean: NDArray[np.float64] = values.mean(axis=1)
    return mean


def test_a_fit_is_the_expectation_of_ridge_regression_to_the_networks_themselves() -> None:
    losses = 2 + 0.1 * np.random.default_rng(0).standard_normal(len(CHOSEN))
    found = own_effects(record(losses))
    assert scores(found) == pytest.approx(BayesianRidge().fit(FEATURES, losses).predict(FEATURES))
    assert (found["lever"], found["core_seconds"]) == ("own_effects", 5.0)


def test_a_network_that_diverged_is_cut_as_in_a_search() -> None:
    losses = 2 + 0.1 * np.random.default_rng(0).standard_normal(len(CHOSEN))
    expected = scores(own_effects(record(losses)))
    losses[3] = 100.0
    assert np.abs(scores(own_effects(record(losses))) - expected).max() < 1


def test_both_is_the_mean_on_the_scale_of_own_weights_of_the_same_data_and_seed_at_the_cost_of_both() -> None:
    random_state = np.random.default_rng(0)
    losses, said = (scale * random_state.standard_normal(len(CHOSEN)) for scale in (0.1, 3.0))
    own = record(2 + losses)
    effects = record(9 + said, "effects", 9, core_seconds=7.0)
    others = [
        record(said, "effects", 18),
        record(said, "effects", 9, seed=1),
        record(said, "effects", 9, data="fashion"),
        record(said, "default", 9),
    ]
    (alone,) = derived([own, *others])
    assert alone["lever"] == "own_effects"
    first, joined = derived([own, effects, *others])
    assert first == alone
    expected = scores(alone)
    scaled = expected.mean() + expected.std() / said.std() * (said - said.mean())
    assert scores(joined) == pytest.approx((expected + scaled) / 2)
    assert (joined["lever"], joined["epochs"], joined["core_seconds"]) == ("both", 18, 12.0)


def test_size_and_score_count_alike() -> None:
    params = np.random.default_rng(0).uniform(5, 50, size=20)
    larger = -np.log(params)
    score = np.random.default_rng(1).permutation(20)
    assert with_size(3 * larger + 7, params) == pytest.approx((larger - larger.mean()) / larger.std())
    assert with_size(-2 * larger, params) == pytest.approx(0, abs=1e-9)
    assert np.corrcoef(with_size(score, params), score)[0, 1] == pytest.approx(
        np.corrcoef(with_size(score, params), larger)[0, 1]
    )


def test_an_opinion_with_own_classifiers_is_joined_alike() -> None:
    random_state = np.random.default_rng(0)
    own, plain, refitted = (2 + 0.1 * random_state.standard_normal(len(CHOSEN)) for _ in range(3))
    given = [
        record(own),
        record(plain, lever="effects", epochs=9),
        record(refitted, lever="refitted_effects", epochs=9),
    ]
    found = {one["lever"]: one for one in derived(given)}
    assert list(found) == ["own_effects", "both", "both_refitted"]
    swapped = derived([given[0], given[1] | {"loss": given[2]["loss"]}])
    assert scores(found["both_refitted"]) == pytest.approx(scores(swapped[1]))
    assert scores(found["both_refitted"]) != pytest.approx(scores(found["both"]))
