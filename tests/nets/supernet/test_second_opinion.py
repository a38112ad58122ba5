"""Second opinions: what a supernet says counts as much as the networks' own weights, on their scale, and is kept."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from carsmoo import CARSProblem, NetworkConfig, SupernetTraining
from carsmoo.nets.supernet import second_opinion
from carsmoo.nets.supernet.main_effects import fit
from carsmoo.nets.supernet.second_opinion import alike, both
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.problems.trust import scores_of, trust_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.progress import Step
from carsmoo.utils.trees import Arrays

SPACE = DARTSSpace(nodes=2)  # of small cells, which train quickly
PLAN = SupernetTraining(
    weights="own",
    main_effects="population",
    supernet_epochs=2,
    warmup_epochs=1,
    n_generations=2,
    pop_size=16,
    batch_size=16,
    learning_rate=0.1,
    bn_calibration_images=16,
    score_images=20,
)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_opinion, "DRAWN", 40)


def vectors(n: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))


def problem(**plan: Any) -> CARSProblem:
    labels = np.arange(120) % 3
    images = np.random.default_rng(0).random((120, 6, 6)) + labels[:, None, None] / 4
    shape, training = NetworkConfig(channels=2, layers=3, bn_affine=True), dataclasses.replace(PLAN, **plan)
    given = {"objectives": ("loss", "params"), "network": shape, "training": training, "seed": 3}
    return CARSProblem((images, labels), SPACE, **given)


def test_a_score_is_the_mean_of_the_living_networks_main_effects_and_a_supernets_on_their_scale() -> None:
    made, alone, X = problem(), problem(supernet_epochs=0), vectors(16)
    strangers = vectors(9, seed=5)
    for one in (made, alone):
        one.evaluate(X)
    own_living, own = alone.moving_values(X)[:, 0], alone.moving_values(strangers)[:, 0]
    # the supernet, trained and asked by hand
    network = dataclasses.replace(made.network, bn_affine=False)
    plan = SupernetTraining(warmup_epochs=2, n_generations=0, score_images=20)
    state = SupernetState(SPACE, network, plan, made.images, 3)
    state.warm_up()
    random_state = np.random.default_rng([3, 2, 4])
    drawn = random_state.integers(SPACE.xl, SPACE.xu + 1, size=(40, SPACE.n_var))
    tallies = state.scores(SPACE.decode(drawn), "loss")
    second_living, second = (fit(SPACE.features(drawn), tallies, SPACE.features(x)) for x in (X, strangers))
    scale = own_living.std() / second_living.std()
    expected = (own + own_living.mean() + scale * (second - second_living.mean())) / 2
    assert made.moving_values(strangers)[:, 0] == pytest.approx(expected, rel=1e-5)
    trust = made.trust
    assert trust is not None
    assert trust.n_members == 2
    assert trust.members is not None
    assert made.provenance()["scores"] == "main effects of the population and of a supernet"
    told = problem(classifier_images=20).provenance()
    assert told["classifiers"] == "classifiers of their own in the supernet, fitted to 20 images"


@pytest.mark.end_to_end
def test_what_the_supernet_said_is_part_of_the_state_and_of_another_number_is_refused() -> None:
    made, X = problem(), vectors(16)
    told: list[Step] = []
    made.listeners.append(told.append)
    states: list[Arrays] = []
    made.listeners.append(lambda step: states.append(made.state_dict()) if step.boundary else None)
    F = made.evaluate(X)
    supernet = [step for step in told if step.phase == "supernet"]
    assert (supernet[-1].done, supernet[-1].total, supernet[-1].boundary) == (40, 40, True)
    assert not any(step.boundary for step in supernet[:-1])
    assert sum("loss" in step.figures for step in supernet) == 2  # of each epoch
    assert told.index(supernet[-1]) == len(supernet) - 1  # before all else
    stopped = problem()
    stopped.listeners.append(lambda step: phases.append(step.phase))
    phases: list[str] = []
    stopped.load_state_dict(states[0])
    assert np.array_equal(stopped.evaluate(X), F)
    assert "supernet" not in phases
    state, again = made.state_dict(), problem()
    heard: list[Step] = []
    again.listeners.append(heard.append)
    again.load_state_dict(state)
    assert np.array_equal(again.evaluate(X), F)
    assert not [step for step in heard if step.phase in ("supernet", "warm-up")]
    said = "second_opinion/loss"
    with pytest.raises(ValueError, match=r"^state: expected a second opinion of \(40, 2, 2\), got \(39, 2, 2\)$"):
        problem().load_state_dict({**state, said: state[said][1:]})
    with pytest.raises(ValueError, match=r"^state: expected what a supernet said of each loss, got none$"):
        problem().load_state_dict({name: value for name, value in state.items() if name != said})
    made.restart()
    assert np.array_equal(made.evaluate(X), F)  # another supernet of the same seed


def test_a_second_opinion_has_the_mean_and_the_spread_of_the_first_and_its_own_order() -> None:
    random_state = np.random.default_rng(0)
    own, other = 2 + 0.1 * random_state.standard_normal(30), 7 * random_state.standard_normal(30)
    scaled = alike(other, other, own)
    assert (scaled.mean(), scaled.std()) == (pytest.approx(own.mean()), pytest.approx(own.std()))
    assert rank_correlation(scaled, other).tau == pytest.approx(1)
    assert alike(other, np.ones(30), own) == pytest.approx(own.mean())  # no opinion


def test_scores_of_both_stay_within_the_bounds_of_a_score(monkeypatch: pytest.MonkeyPatch) -> None:
    made, X = problem(), vectors(16)
    made.evaluate(X)
    far = np.array([[-90.0, 90.0]]).repeat(3, axis=0)
    monkeypatch.setattr(second_opinion.SecondOpinion, "scores", lambda self, X: np.linspace(-90, 90, len(X)))
    monkeypatch.setattr(second_opinion.SecondOpinion, "halves", lambda self, X: far)
    strangers = vectors(3, seed=9)
    assert made.moving_values(strangers).min() >= 0
    assert made.tallies(made.space.decode(strangers), "loss").min() >= 0


def test_two_opinions_count_alike_and_their_agreement_is_that_of_members() -> None:
    scores = np.random.default_rng(0).random((2, 25))
    first = np.stack([np.tile(10 * scores[0][:, None], 2), np.full((25, 2), 10.0)], axis=1)
    tallies = both(first, np.tile(scores[1][:, None], 2))
    assert scores_of(tallies) == pytest.approx(scores.mean(axis=0))
    trust = trust_of(tallies, score="loss")
    assert trust.members == pytest.approx(rank_correlation(*scores).tau)
    assert trust.n_members == 2
