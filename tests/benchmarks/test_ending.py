"""The end of a warm-up by what it knows of itself: each figure is that of the length that its rule names."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.truth.ending import endings
from benchmarks.truth.records import RESULTS
from benchmarks.truth.summary import load_truth, tau

TRUTH = load_truth("cifar16", RESULTS)
TRUTHS = {"cifar16": TRUTH}
TRUE = TRUTH.test
RANDOM = np.random.default_rng(0).permutation(len(TRUE)).astype(float)


def order(scores: NDArray[np.float64], epochs: int, steady: bool = True, **more: Any) -> dict[str, Any]:
    """A measurement whose halves agree wholly, or not at all."""
    other = scores if steady else np.random.default_rng(epochs).permutation(scores)
    halves = np.stack([scores, other], axis=1).tolist()
    loss = dict(zip(TRUTH.names, halves, strict=True))
    return {"data": "cifar16", "lever": "default", "seed": 0, "epochs": epochs, "loss": loss, "updates": 5.0, **more}


def test_a_warm_up_ends_at_the_first_order_that_is_expected_to_be_true() -> None:
    records = [order(TRUE, 8), order(RANDOM, 4), order(-TRUE, 2), order(TRUE, 1, steady=False)]
    found = endings(records, TRUTHS)
    assert found["ending_tau_by_ceiling"] == pytest.approx(-1)  # at 2, whose halves agree; 1 looks like noise
    assert found["ending_share_by_ceiling"] == 0.25
    assert found["ending_tau_longest"] == found["ending_tau_best"] == pytest.approx(1)
    assert (found["ending_n"], found["ending_n_next"]) == (1, 3)


def test_an_order_that_is_never_expected_to_be_true_ends_with_the_plan() -> None:
    noise = [order(scores, epochs, steady=False) for scores, epochs in ((TRUE, 1), (RANDOM, 2))]
    assert endings(noise, TRUTHS)["ending_share_by_ceiling"] == 1


def test_the_figures_are_means_over_supernets_each_of_a_lever_and_a_seed() -> None:
    series = (
        [order(TRUE, 1), order(-TRUE, 2)],  # best before its end
        [order(-TRUE, 1, lever="widening"), order(TRUE, 4, lever="widening")],
        [order(TRUE, 1, seed=1), order(TRUE, 2, seed=1)],
    )
    found = endings([record for records in series for record in records], TRUTHS)
    assert found["ending_tau_by_ceiling"] == pytest.approx((1 - 1 + 1) / 3)
    assert found["ending_share_by_ceiling"] == pytest.approx((1 / 2 + 1 / 4 + 1 / 2) / 3)
    assert found["ending_tau_longest"] == pytest.approx((-1 + 1 + 1) / 3)
    assert found["ending_tau_best"] == pytest.approx(1)
    assert (found["ending_n"], found["ending_n_next"]) == (3, 3)


def test_a_measurement_without_an_order_is_left_out() -> None:
    lost = np.full(len(TRUE), np.nan)  # the losses of a supernet that diverged
    records = [order(TRUE, 1), order(lost, 2), order(-TRUE, 4), order(lost, 8)]
    found = endings(records, TRUTHS)
    assert found == endings([records[0], records[2]], TRUTHS)
    assert (found["ending_tau_best"], found["ending_share_by_ceiling"]) == (pytest.approx(1), 0.25)
    assert endings([order(TRUE, 1), order(lost, 2)], TRUTHS) == {}
    alike = [order(np.full(len(TRUE), 0.5), epochs) for epochs in (1, 2)]
    assert endings(alike, TRUTHS) == {}


def test_an_order_that_no_longer_changes_is_held_against_the_truth_of_the_later_one() -> None:
    wrong = [
        order(scores, epochs, seed=1) for scores, epochs in ((-TRUE, 1), (-TRUE, 2))
    ]  # steady, and as wrong as can be
    right = [order(scores, epochs, seed=2) for scores, epochs in ((-TRUE, 1), (TRUE, 2))]
    some = [order(scores, epochs, seed=3) for scores, epochs in ((RANDOM, 1), (TRUE + RANDOM / 1e3, 2))]
    agreement = [tau(RANDOM, TRUE + RANDOM / 1e3), tau(TRUE, TRUE + RANDOM / 1e3)]
    assert -1 < agreement[0] < 1 > agreement[1] > 0
    assert endings([*wrong, *right, *some], TRUTHS)["ending_correlation_next"] == pytest.approx(-1)


def test_other_levers_and_single_lengths_do_not_count() -> None:
    others = [order(TRUE, epochs, lever="own") for epochs in (1, 2)]
    assert endings([*others, order(TRUE, 1), order(TRUE, 2, seed=1)], TRUTHS) == {}
