"""Networks trained alone for a moment against the truth: another seed's, of the networks that are named."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from benchmarks.truth.briefly import FEW, LEFT, foretold
from benchmarks.truth.records import RESULTS
from benchmarks.truth.summary import load_truth
from carsmoo.problems.trust import OFF

TRUTH = load_truth("cifar16", RESULTS)
TRUTHS = {"cifar16": TRUTH}
RNG = np.random.default_rng(0)


def noisy(noise: float) -> NDArray[np.float64]:
    scores: NDArray[np.float64] = TRUTH.test + noise * RNG.standard_normal(len(TRUTH.test))
    return scores


def record(scores: NDArray[np.float64], lever: str = "default", seed: int = 0, epochs: int = 18) -> dict[str, Any]:
    losses = dict(zip(TRUTH.names, scores.tolist(), strict=True))
    return {
        "data": "cifar16",
        "lever": lever,
        "seed": seed,
        "epochs": epochs,
        "loss": losses,
        "core_seconds": 33.0,
        "updates": 3.2 * epochs,
    }


def losses(one: dict[str, Any]) -> list[float]:
    return [one["loss"][name] for name in TRUTH.names]


def agreement(one: dict[str, Any], other: NDArray[np.float64]) -> float:
    return float(kendalltau(losses(one), other).statistic)


def test_the_correlation_is_that_of_agreement_with_own_weights_and_the_true_tau() -> None:
    brief = record(noisy(0.01), "own")
    orders = [record(noisy(noise)) for noise in (0.0, 0.01, 0.03, 0.06, 0.2)]
    found = foretold([*orders, brief, record(noisy(9.0), "own", epochs=36)], TRUTHS, draws=2)
    agree = [agreement(one, np.array(losses(brief))) for one in orders]
    true = [agreement(one, TRUTH.test) for one in orders]
    longer = agreement(brief, np.array(losses(brief)))  # own weights of 36 epochs are an order of the same seed
    assert longer == pytest.approx(1)
    assert found["trust_n_briefly"] == found["trust_n_briefly_cifar16"] == 5
    assert found["trust_correlation_briefly"] == pytest.approx(spearmanr(agree, true).statistic)
    assert "trust_correlation_briefly_115_steps" in found
    assert found["core_seconds_briefly"] == pytest.approx(33 / len(TRUTH.names))


def test_own_weights_are_held_against_those_of_other_seeds() -> None:
    owns = [record(noisy(noise), "own", seed) for seed, noise in enumerate((0.0, 0.02, 0.05, 0.2))]
    found = foretold(owns, TRUTHS, draws=1)
    agree = [np.mean([agreement(one, np.array(losses(other))) for other in owns if other is not one]) for one in owns]
    true = [agreement(one, TRUTH.test) for one in owns]
    assert found["trust_n_briefly"] == 4
    assert found["trust_correlation_briefly"] == pytest.approx(spearmanr(agree, true).statistic)


def test_networks_left_are_others_than_those_trained() -> None:
    random = [record(noisy(5.0)) for _ in range(30)]  # noise alone, of which no part tells another
    found = foretold([*random, record(TRUTH.test, "own")], TRUTHS, draws=8)
    assert found["trust_correlation_briefly"] == pytest.approx(1)
    among, left = (found[f"trust_correlation_briefly{name}_{LEFT[-1]}"] for name in ("", "_left"))
    assert among > 0.3
    assert abs(left) < 0.25
    assert found[f"trust_correlation_briefly_{FEW[0]}"] < found[f"trust_correlation_briefly_{FEW[-1]}"]


def test_ways_that_are_tried_and_main_effects_count_apart() -> None:
    usual = [record(noisy(noise)) for noise in (0.0, 0.03, 0.2)]
    tried = [record(noisy(noise), "strict") for noise in (0.2, 0.03, 0.0, 0.01)]
    effects = [record(-noisy(noise), "effects") for noise in (0.2, 0.03, 0.0)]
    brief = record(TRUTH.test, "own")
    found = foretold([*usual, *tried, *effects, brief], TRUTHS, draws=2)
    assert (found["trust_n_briefly"], found["trust_n_briefly_tried"], found["trust_n_briefly_effects"]) == (3, 4, 3)
    apart = {name: value for name, value in found.items() if "tried" not in name and "effects" not in name}
    assert apart == foretold([*usual, brief], TRUTHS, draws=2)
    assert foretold(usual, TRUTHS) == {}


def test_an_order_that_agrees_too_little_is_counted_as_off() -> None:
    orders = [record(noisy(noise)) for noise in (0.0, 0.001, 0.002)] + [record(-noisy(noise)) for noise in (0.0, 0.05)]
    true = [agreement(one, TRUTH.test) for one in orders]
    found = foretold([*orders, record(TRUTH.test, "own")], TRUTHS, draws=3)
    assert min(true[:3]) > OFF > max(true[3:])
    assert found["trust_true_off"] == pytest.approx(np.median(true[3:]))
    assert found["trust_true_off_most"] == pytest.approx(np.quantile(true[3:] * 3, 0.9))
    assert found["trust_true_not_off"] == pytest.approx(np.median(true[:3]))
    assert found["trust_true_not_off_least"] == pytest.approx(np.quantile(true[:3] * 3, 0.1))
