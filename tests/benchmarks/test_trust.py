"""Trust against the truth: each correlation is of the figure that it names, over the measurements that it names."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.truth import trust as told
from benchmarks.truth.records import RESULTS
from benchmarks.truth.summary import load_truth
from benchmarks.truth.trust import RETRAINED, correlations, retrained, trusted

RNG = np.random.default_rng(0)
TRUTH = load_truth("cifar16", RESULTS)
TRUTHS = {"cifar16": TRUTH}


def halves(noise: float) -> NDArray[np.float64]:
    """Scores on two halves, (n, 2): the truth, and noise of each."""
    scores: NDArray[np.float64] = TRUTH.test[:, None] + noise * RNG.standard_normal((len(TRUTH.test), 2))
    return scores


def record(loss: NDArray[np.float64], error: NDArray[np.float64], updates: float, **more: Any) -> dict[str, Any]:
    scores = {name: dict(zip(TRUTH.names, of.tolist(), strict=True)) for name, of in (("loss", loss), ("error", error))}
    return {"data": "cifar16", "lever": "default", **scores, "updates": updates, **more}


def test_trust_figures_are_held_against_the_true_tau() -> None:
    records = []
    for k, noise in enumerate((0.0, 0.005, 0.012, 0.03)):  # the noisier, the more steps; by the error worse than noise
        records.append(record(halves(noise), -halves(noise), 5.0 + k))
    records[0] |= {"members": 0.02, "n_members": 2}  # the truest is expected to be the least true
    found = correlations(records, TRUTHS)
    assert found["trust_correlation_halves"] == found["trust_correlation_halves_cifar16"] == pytest.approx(1)
    assert found["trust_correlation_updates"] == found["trust_correlation_updates_cifar16"] == pytest.approx(-1)
    assert found["trust_correlation"] == pytest.approx(1 - 6 * (3**2 + 1 + 1 + 1) / (4 * 15))
    assert found["trust_correlation_halves_error"] == pytest.approx(-1)
    assert found["trust_n"] == found["trust_n_halves_error"] == 4
    assert "trust_correlation_ensembles" not in found  # there is one


def test_nothing_is_told_of_figures_that_are_all_alike() -> None:
    alike = [record(halves(noise), halves(0.1), 5.0) for noise in (0.0, 0.05, 0.2)]
    found = correlations(alike, TRUTHS)
    assert "trust_correlation_updates" not in found
    assert "trust_correlation_halves" in found
    assert correlations([], TRUTHS) == {}


@pytest.mark.end_to_end
def test_main_effects_are_left_out_and_what_is_not_known_is_not_counted() -> None:
    usual = [record(halves(noise), halves(0.1), 5.0) for noise in (0.0, 0.01, 0.03, 0.2)]
    usual[1]["updates"] = None
    effects = [record(halves(noise), halves(0.1), 5.0, lever="effects") for noise in (0.2, 0.03, 0.0)]
    found = correlations([*effects, *usual], TRUTHS)
    assert found == correlations(usual, TRUTHS)
    usual[0]["updates"] = 7.0
    found = correlations(usual, TRUTHS)
    assert (found["trust_n"], found["trust_n_updates"]) == (4, 3)


def test_a_figure_belongs_to_the_score_that_is_asked_for() -> None:
    one = record(halves(0.0), -halves(0.0), 5.0)
    for score, true in (("loss", 1), ("error", -1)):
        trust, tau = trusted(one, TRUTHS, score)
        assert (trust.halves, tau) == (pytest.approx(1), pytest.approx(true))


def test_networks_retrained_foretell_the_truth_as_far_as_their_number_and_the_truth_allow() -> None:
    levels = (0.0, 0.01, 0.02, 0.03, 0.06, 0.2)
    records = [record(halves(noise), halves(noise), 5.0) for noise in levels for _ in range(2)]
    found = retrained(records, TRUTHS, draws=10)
    few, many = (found[f"trust_correlation_retrained_{m}"] for m in (RETRAINED[0], RETRAINED[-1]))
    assert 0 < few < many < found["trust_correlation_best"] < 1
    assert found["trust_correlation_best"] == pytest.approx(found["trust_reliability"] ** 0.5)
    assert retrained(records[:2], TRUTHS) == {}


def test_networks_retrained_are_other_networks_than_those_whose_order_they_foretell() -> None:
    lost = [record(halves(5.0), halves(5.0), 5.0) for _ in range(24)]  # noise alone, of which no part tells another
    found = retrained(lost, TRUTHS, draws=10)
    assert abs(found[f"trust_correlation_retrained_{RETRAINED[-1]}"]) < 0.3
    assert found["trust_correlation_best"] < 0.6


def test_networks_retrained_are_measured_on_images_held_out_and_no_more_than_half_of_all() -> None:
    records = [record(halves(noise), halves(noise), 5.0) for noise in (0.0, 0.01, 0.03, 0.06, 0.2)]
    for one in records:
        one["loss"] = dict(list(one["loss"].items())[:30])
    found = []
    for held_out in (TRUTH.test, -TRUTH.test):  # each tau of few is turned round, and nothing else
        truth = dataclasses.replace(TRUTH, held_out=held_out)
        found.append(retrained(records, {"cifar16": truth}, draws=5))
    few = [f"trust_correlation_retrained_{m}" for m in RETRAINED if m <= 15]
    assert [name for name in found[0] if "retrained" in name] == few
    assert found[0]["trust_reliability"] > 0
    assert found[1] == {name: pytest.approx(-v if name in few else v) for name, v in found[0].items()}


def test_the_reliability_is_that_of_spearman_and_brown(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [record(halves(0.1), halves(0.1), 5.0)] * 3
    for agreement, reliability in ((0.5, 2 / 3), (1.0, 1.0), (-0.5, 0.0)):
        monkeypatch.setattr(told, "_agreement", lambda *given, agreement=agreement, **more: agreement)
        found = retrained(records, TRUTHS)
        assert found["trust_reliability"] == pytest.approx(reliability)
        assert found["trust_correlation_best"] == pytest.approx(reliability**0.5)


@pytest.mark.parametrize(("few", "sizes"), [(None, [15, 15]), (6, [6, 24])])
def test_networks_are_parted_in_halves_or_into_few_and_others(
    few: int | None, sizes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []
    monkeypatch.setattr(told, "tau", lambda one, other: met.append(len(one)))
    score = np.where(np.arange(len(TRUTH.test)) < 30, TRUTH.test, np.nan)  # those not known are in neither part
    assert told._agreement([("cifar16", score, TRUTH.test, TRUTH.held_out)] * 3, 1, few) is None
    assert met == sizes * 3
