"""Main effects: fits find what operations add and nothing else; a search by them repeats, resumes and is shared."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pymoo.optimize import minimize
from sklearn.linear_model import BayesianRidge

from carsmoo import PNSGA3, CARSProblem, Checkpoint, NetworkConfig, SupernetTraining, resume
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.supernet import second_opinion
from carsmoo.nets.supernet.main_effects import MainEffects, fit, halves, tamed
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.problems.trust import scores_of, trust_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import Genotype
from carsmoo.testing import check_moving_problem
from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.progress import Step
from tests.support.groups import together

SPACE = DARTSSpace(nodes=2)  # of small cells, which train quickly
PLAN = SupernetTraining(
    warmup_epochs=1,
    n_generations=2,
    pop_size=4,
    batch_size=16,
    bn_calibration_images=16,
    score_images=20,
    main_effects=24,
)


def vectors(n: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))


def tallied(scores: NDArray[np.float64], images: int = 10) -> NDArray[np.float64]:
    """Return tallies, (n, 2, 2), of networks with these scores, (n,), on both halves of some images."""
    return np.stack([np.tile(images / 2 * scores[:, None], 2), np.full((len(scores), 2), images / 2)], axis=1)


def problem(group: Group | None = None, objectives: Sequence[Any] = ("loss", "params"), **plan: Any) -> CARSProblem:
    labels = np.arange(120) % 3
    images = np.random.default_rng(0).random((120, 6, 6)) + labels[:, None, None] / 4
    shape, training = NetworkConfig(channels=2, layers=3), dataclasses.replace(PLAN, **plan)
    given = {"objectives": objectives, "network": shape, "training": training, "seed": 3, "group": group}
    return CARSProblem((images, labels), SPACE, **given)


# ---------------------------------------------------------------------- the fit


def test_what_operations_add_is_found_under_what_networks_have_of_their_own() -> None:
    random_state = np.random.default_rng(0)
    known, others = SPACE.features(vectors(400)), SPACE.features(vectors(60, seed=1))
    adds = random_state.standard_normal(known.shape[1])
    sd = (known @ adds).std()
    own = 2 * sd * random_state.standard_normal(len(known))
    fitted = fit(known, tallied(100 + known @ adds + own), others)
    assert (rank_correlation(fitted, others @ adds).tau or 0) > 0.7
    raw = rank_correlation(others @ adds, others @ adds + 2 * sd * random_state.standard_normal(60)).tau
    assert (raw or 0) < 0.5
    nothing = fit(known, tallied(100 + own), others)
    assert nothing.std() < 0.3 * own.std()


def test_a_score_is_the_fit_to_all_networks_and_the_halves_are_fits_to_every_other_one() -> None:
    known, others = SPACE.features(vectors(80)), SPACE.features(vectors(5, seed=1))
    scores = 1 + np.random.default_rng(0).random(80)

    def fitted(part: slice) -> NDArray[np.float64]:
        predicted: NDArray[np.float64] = BayesianRidge().fit(known[part], scores[part]).predict(others)
        return predicted

    assert fit(known, tallied(scores), others) == pytest.approx(fitted(slice(None)))
    found = halves(known, tallied(scores), others)
    assert found.shape == (5, 2, 2)
    assert found[:, 1].tolist() == [[5, 5]] * 5
    for half in (0, 1):
        assert found[:, 0, half] / 5 == pytest.approx(fitted(slice(half, None, 2)))


@pytest.mark.parametrize("n", [32, 384])
def test_the_halves_of_noise_do_not_agree_and_those_of_effects_do(n: int) -> None:
    random_state, others = np.random.default_rng(0), SPACE.features(vectors(32, seed=1))
    agreed: dict[float, list[float]] = {0.0: [], 3.0: []}
    for seed in range(10):
        known = SPACE.features(vectors(n, seed=seed + 2))
        adds = random_state.standard_normal(known.shape[1])
        for signal, found in agreed.items():
            scores = 10 + signal * known @ adds / (known @ adds).std() + random_state.standard_normal(n)
            found.append(trust_of(halves(known, tallied(scores), others), score="loss").halves or 0.0)
    assert abs(np.mean(agreed[0.0])) < 0.2
    assert np.mean(agreed[3.0]) > 0.4


def test_supernets_are_fitted_apart_and_no_score_is_below_zero() -> None:
    known, others = SPACE.features(vectors(40)), SPACE.features(vectors(6, seed=1))
    one, other = (tallied(np.random.default_rng(seed).random(40) ** 9) for seed in (0, 1))
    both = halves(known, np.stack([one, other], axis=1), others)
    assert np.array_equal(both, np.stack([halves(known, one, others), halves(known, other, others)], axis=1))
    assert both.min() >= 0
    together = fit(known, np.stack([one, other], axis=1), others)
    assert together == pytest.approx((fit(known, one, others) + fit(known, other, others)) / 2)
    steep = tallied(0.9 + 0.1 * (SPACE.features(vectors(40))[:, 0] > 0)) * [[[1.1], [1]]]
    assert fit(known, steep, others).max() > 1
    assert fit(known, steep, others, most=1.0).max() <= 1
    assert scores_of(halves(known, steep, others, most=1.0)).max() <= 1
    assert fit(known, tallied(np.random.default_rng(0).random(40) ** 9), others).min() >= 0


# ---------------------------------------------------------------------- the networks


def test_networks_are_drawn_anew_at_each_epoch_and_scored_once_for_the_weights_of_a_time() -> None:
    asked: list[list[Genotype]] = []

    def scoring(genotypes: Sequence[Any]) -> NDArray[np.float64]:
        asked.append(list(genotypes))
        return tallied(np.random.default_rng(len(genotypes)).random(len(genotypes)))

    made, X = MainEffects(SPACE, 30, 5, ALONE), vectors(4)
    first = made.tallies(X, 1, scoring)
    assert np.array_equal(made.tallies(X[::-1], 1, scoring), first[::-1])
    assert [len(some) for some in asked] == [30]
    for epoch in (1, 2):
        made.forget()
        made.tallies(X, epoch, scoring)
    assert asked[1] == asked[0]
    assert asked[2] != asked[0]
    MainEffects(SPACE, 30, 6, ALONE).tallies(X, 1, scoring)
    assert asked[3] != asked[0]
    bounded = MainEffects(SPACE, 30, 5, ALONE, most=0.4).tallies(X, 1, scoring)
    assert scores_of(bounded).max() <= 0.4 < scores_of(first).max()


def test_the_first_of_several_processes_fits() -> None:
    def work(group: Group) -> NDArray[np.float64]:
        def scoring(genotypes: Sequence[Any]) -> NDArray[np.float64]:
            return tallied(1 + group.rank + np.random.default_rng(0).random(len(genotypes)))

        found: NDArray[np.float64] = MainEffects(SPACE, 30, 5, group).tallies(vectors(4), 1, scoring)
        return found

    assert all(np.array_equal(found, work(ALONE)) for found in together(2, work))


def test_networks_that_live_are_fitted_to_with_their_age_and_scores_are_of_the_median_age() -> None:
    random_state = np.random.default_rng(0)
    X, others = vectors(200), vectors(60, seed=1)
    adds = random_state.standard_normal(SPACE.features(X).shape[1])
    steps = np.where(SPACE.features(X) @ adds > np.median(SPACE.features(X) @ adds), 40, 10)  # the worse ones are older
    effects = SPACE.features(X) @ adds / (SPACE.features(X) @ adds).std()
    tallies = tallied(10 + effects - 3 * np.log2(steps / 10))

    def scoring(genotypes: Sequence[Any]) -> NDArray[np.float64]:
        assert list(genotypes) == list(SPACE.decode(X))
        return tallies

    made = MainEffects(SPACE, 0, 5, ALONE)
    scores = made.scores(others, 1, scoring, (X, steps))
    features = np.column_stack([SPACE.features(X), np.log2(steps / np.median(steps))])
    asked = np.column_stack([SPACE.features(others), np.zeros(len(others))])
    expected = BayesianRidge().fit(features, scores_of(tallies)).predict(asked)
    assert scores == pytest.approx(expected)
    assert (rank_correlation(scores, SPACE.features(others) @ adds).tau or 0) > 0.8
    found = made.tallies(others, 1, scoring, (X, steps))
    for half in (0, 1):
        part = slice(half, None, 2)
        fitted = BayesianRidge().fit(features[part], scores_of(tallies)[part]).predict(asked)
        assert found[:, 0, half] / 5 == pytest.approx(fitted)


# ---------------------------------------------------------------------- searches


def test_errors_are_fitted_too_and_what_is_distinct_is_told_by_the_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("carsmoo.problems.trust._binomial")  # the fits are no counts of images
    made, told = problem(objectives=("error", "params"), main_effects=200), list[Step]()
    made.listeners.append(told.append)
    scores = made.evaluate(vectors(8))[:, 0]
    assert 0 <= scores.min() < scores.max() <= 1
    scored = [step for step in told if step.phase == "scoring"]
    assert (scored[0].done, scored[-1].done, {step.total for step in scored}) == (0, 200, {200})
    tallies = made.tallies(made.space.decode(np.unique(SPACE.canonical(vectors(8)), axis=0)))
    assert made.trust is not None
    assert made.trust.distinct == trust_of(tallies, score="loss").distinct
    assert "scikit-learn" in made.reproducibility()
    assert made.trust.warning is None or "young" not in made.trust.warning


def test_no_vectors_have_no_scores() -> None:
    made, told = problem(), list[Step]()
    made.listeners.append(told.append)
    assert made.moving_values(vectors(0)).shape == (0, 1)
    assert all(step.phase != "scoring" for step in told)  # no network is drawn for them


def test_a_search_that_scores_no_network_has_no_main_effects() -> None:
    def weights(genotype: object, network: object) -> float:
        return 1.0

    with pytest.raises(ValueError, match=r"^main_effects: expected 0 without 'error' or 'loss', got 24$"):
        problem(objectives=(weights, "params"))


def test_networks_of_the_same_operations_have_one_score_and_their_own_errors() -> None:
    made, X = problem(), vectors(1)
    X = np.concatenate([X, X])
    X[1, 1:3] = X[0, [2, 1]]  # the first node's operations change places, both on the cell's inputs
    scores = made.evaluate(X)[:, 0]
    assert scores[0] == scores[1]
    assert made.front(minimize(made, PNSGA3())).about["scores"] == "main effects of 24 networks"
    assert made.trust is not None
    assert made.trust.halves is not None


def test_a_search_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = minimize(problem(), PNSGA3(), seed=1)
    minimize(problem(), PNSGA3(), ("n_gen", 2), seed=1, callback=Checkpoint(tmp_path))
    made, algorithm = resume(tmp_path, problem(), PNSGA3(), termination=("n_gen", 3))
    result = minimize(made, algorithm)
    assert np.array_equal(whole.pop.get("F"), result.pop.get("F"))
    expected = whole.problem.state_dict()
    assert all(np.array_equal(a, expected[name]) for name, a in result.problem.state_dict().items())


def test_several_supernets_are_fitted_and_agree_or_not() -> None:
    made = problem(n_supernets=2, warmup_epochs=2)
    made.evaluate(vectors(6))
    assert made.trust is not None
    assert made.trust.n_members == 2
    assert made.trust.members is not None


def test_two_ranks_score_as_one() -> None:
    X = vectors(5)

    def work(group: Group) -> NDArray[np.float64]:
        found: NDArray[np.float64] = problem(group, subnets_per_step=2).evaluate(X)
        return found

    assert all(np.array_equal(found, work(ALONE)) for found in together(2, work))


@pytest.mark.end_to_end
def test_it_keeps_the_rules_of_a_moving_problem() -> None:
    check_moving_problem(problem())


# ---------------------------------------------------------------------- own weights

OWN: dict[str, Any] = {"weights": "own", "main_effects": "population", "pop_size": 16}


def of_living(made: CARSProblem, X: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scores of X that the living networks' own losses lead to expect, computed anew."""
    world = made._running()
    assert isinstance(world, OwnWeights)
    living = [one for one in world.living.values() if one.steps]
    steps = np.array([one.steps for one in living])
    genotypes = [one.network.genotype for one in living]
    losses = scores_of(world.scores(genotypes, "loss"))
    far = 5 * 1.4826 * np.median(np.abs(losses - np.median(losses)))  # no further than five standard deviations
    losses = np.clip(losses, np.median(losses) - far, np.median(losses) + far)
    features = SPACE.features([SPACE.encode(genotype) for genotype in genotypes])
    model = BayesianRidge().fit(np.column_stack([features, np.log2(steps / np.median(steps))]), losses)
    predicted: NDArray[np.float64] = model.predict(np.column_stack([SPACE.features(X), np.zeros(len(X))]))
    return predicted


def test_with_own_weights_the_living_are_fitted_to_whoever_is_asked_for() -> None:
    made = problem(**OWN)
    assert made.moving_values(vectors(2)).shape == (2, 1)  # nobody lives yet: networks as they would be born
    parents = vectors(16)
    scores = made.evaluate(parents)[:, 0]
    assert scores == pytest.approx(of_living(made, parents), rel=1e-6)
    strangers = vectors(5, seed=7)
    before = len(made._running().state_dict()["living"])
    expected = of_living(made, strangers)
    assert made.moving_values(strangers)[:, 0] == pytest.approx(expected, rel=1e-6)
    assert len(made._running().state_dict()["living"]) == before  # none is born to be asked for
    made.advance(parents[:10])
    made.evaluate(np.concatenate([parents[:10], vectors(6, seed=3)]))
    made.advance(parents[:10])  # the six were not kept, but are alive as newborns of the generation before
    everybody = np.concatenate([parents[:10], vectors(6, seed=2)])
    scores = made.evaluate(everybody)[:, 0]
    state = made._running().state_dict()
    assert len(state["living"]) == 22
    assert len(set(state["trained"].tolist())) > 1
    assert scores == pytest.approx(of_living(made, everybody), rel=1e-6)
    assert made.trust is not None
    assert made.trust.halves is not None
    assert made.provenance()["scores"] == "main effects of the population"
    assert "scikit-learn" in made.reproducibility()


def test_with_too_few_networks_to_fit_to_each_scores_by_itself() -> None:
    few, alone = problem(**OWN), problem(**{**OWN, "main_effects": 0})
    X = vectors(15)
    assert np.array_equal(few.evaluate(X), alone.evaluate(X))
    assert np.array_equal(few.evaluate(np.repeat(X[:1], 3, axis=0)), alone.evaluate(np.repeat(X[:1], 3, axis=0)))
    more = vectors(16)
    assert not np.array_equal(few.evaluate(more), alone.evaluate(more))


def test_a_network_that_diverged_moves_no_score_of_others_far() -> None:
    X = vectors(48)
    random_state = np.random.default_rng(0)
    scores = 2 + 0.05 * (SPACE.features(X) @ random_state.standard_normal(48)) / 5

    def fitted(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = MainEffects(SPACE, 0, 5, ALONE).scores(
            X, 1, lambda genotypes: tallied(values), (X, np.full(48, 10))
        )
        return found

    expected, diverged = fitted(scores), scores.copy()
    diverged[7] = 100.0
    found = fitted(diverged)
    assert np.abs(found - expected).max() < 4 * scores.std()
    assert (rank_correlation(found, expected).tau or 0) > 0.6
    assert scores_of(tamed(tallied(diverged)))[7] < 3
    same = tallied(scores, images=11)
    assert np.array_equal(tamed(same), same)
    mostly_equal = tallied(np.where(np.arange(48) < 30, 0.0, np.arange(48) / 50), images=50)
    assert np.array_equal(tamed(mostly_equal), mostly_equal)


@pytest.mark.end_to_end
def test_a_search_with_own_weights_goes_on_bit_for_bit_and_two_ranks_search_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(second_opinion, "DRAWN", 20)
    plan, X = {**OWN, "supernet_epochs": 1}, vectors(16)
    whole = minimize(problem(**plan), PNSGA3(protection=None), seed=1)
    minimize(problem(**plan), PNSGA3(protection=None), ("n_gen", 2), seed=1, callback=Checkpoint(tmp_path))
    again, algorithm = resume(tmp_path, problem(**plan), PNSGA3(protection=None), termination=("n_gen", 3))
    told: list[Step] = []
    again.listeners.append(told.append)
    result = minimize(again, algorithm)
    assert np.array_equal(whole.pop.get("F"), result.pop.get("F"))
    assert {step.phase for step in told} == {"training", "scoring"}  # no supernet is trained again

    def work(group: Group) -> NDArray[np.float64]:
        found: NDArray[np.float64] = problem(group, **plan).evaluate(X)
        return found

    assert all(np.array_equal(found, work(ALONE)) for found in together(2, work))


@pytest.mark.end_to_end
def test_with_own_weights_it_keeps_the_rules_of_a_moving_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_opinion, "DRAWN", 20)
    check_moving_problem(problem(**OWN, supernet_epochs=1), X=vectors(20))
