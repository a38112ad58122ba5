"""Probes: their losses are those of networks trained alone, once each, and the search goes on as if they were not."""

import dataclasses
import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pymoo.optimize import minimize
from scipy.stats import kendalltau

from benchmarks.truth.levers import LEVERS, TOLD
from carsmoo import PNSGA3, CARSProblem, Checkpoint, NetworkConfig, SupernetTraining, resume
from carsmoo.config.supernet import PROBE_STEPS
from carsmoo.cost.closed_form import params
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.supernet import own_weights, scores
from carsmoo.nets.supernet import probes as module
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.nets.supernet.probes import Probes
from carsmoo.nets.supernet.rounds import train_round
from carsmoo.problems.trust import scores_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.testing import check_moving_problem
from carsmoo.utils.progress import Step, unheard
from tests.support.groups import together

SPACE = DARTSSpace(nodes=2)  # of small cells, which train quickly
PLAN = SupernetTraining(
    warmup_epochs=1, n_generations=2, pop_size=8, batch_size=16, bn_calibration_images=16, score_images=20, probes=6
)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "as_long" not in request.fixturenames:
        monkeypatch.setattr(module, "PROBE_STEPS", 3)


@pytest.fixture
def as_long() -> int:
    """The steps that there are without a test."""
    return PROBE_STEPS


def vectors(n: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))


def problem(group: Group | None = None, objectives: Sequence[Any] = ("error", "params"), **plan: Any) -> CARSProblem:
    labels = np.arange(120) % 3
    images = np.random.default_rng(0).random((120, 6, 6)) + labels[:, None, None] / 4
    shape, training = NetworkConfig(channels=2, layers=3), dataclasses.replace(PLAN, **plan)
    given = {"objectives": objectives, "network": shape, "training": training, "seed": 3, "group": group}
    return CARSProblem((images, labels), SPACE, **given)


def probes_of(made: CARSProblem) -> Probes:
    plan = made.training.of_probes
    assert plan is not None
    return Probes(SPACE, made.network, plan, 3, ALONE)


def asked(probes: Probes, X: NDArray[np.int64], made: CARSProblem, told: list[Step] | None = None) -> list[float]:
    listener = unheard if told is None else told.append
    found: list[float] = probes.losses(X, made.images, "channels_last", listener).tolist()
    return found


def test_a_loss_is_that_of_a_network_trained_alone_by_a_cycle_of_steps(as_long: int) -> None:
    made, X = problem(), vectors(1)
    plan = SupernetTraining(
        weights="own", batch_size=32, learning_rate=0.1, learning_rate_min=0.001, weight_decay=5e-4, score_images=20
    )
    by_hand = OwnWeights(SPACE, dataclasses.replace(made.network, bn_affine=True), plan, made.images, 3)
    genotypes = SPACE.decode(X)
    for one in by_hand._of(X):
        generator = by_hand._generator(one.network.genotype, 0)
        assert np.isfinite(train_round(one.network, plan, made.images, 60, generator))
    expected = scores_of(by_hand.scores(genotypes, "loss"))
    assert as_long == 60
    assert asked(probes_of(made), X, made) == expected.tolist()


def test_a_network_is_trained_once_and_whoever_else_is_asked_for_changes_nothing() -> None:
    made, X = problem(), vectors(5)
    probes, told = probes_of(made), list[Step]()
    first = asked(probes, X[:3], made, told)
    assert [(step.done, step.total) for step in told] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {step.phase for step in told} == {"probes"}
    assert not any(step.boundary or step.figures for step in told)
    told.clear()
    every = asked(probes, X[::-1], made, told)
    assert {step.total for step in told} == {2}
    assert every[:1:-1] == first
    assert every[::-1] == asked(probes_of(made), X, made)
    told.clear()
    assert asked(probes, X, made, told) == every[::-1]
    assert told == []


def test_probes_are_spread_over_sizes_and_are_all_where_there_are_few() -> None:
    made, X = problem(), np.unique(SPACE.canonical(vectors(31)), axis=0)
    sizes = [params(one, made.network) for one in SPACE.decode(X)]
    chosen = [params(one, made.network) for one in SPACE.decode(probes_of(made).chosen(X))]
    assert chosen == [sorted(sizes)[k] for k in np.linspace(0, len(X) - 1, 6).round().astype(int)]
    few = probes_of(made).chosen(X[:4])
    assert sorted(few.tolist()) == sorted(X[:4].tolist())


def test_what_was_found_is_a_state_and_another_is_refused() -> None:
    made, X = problem(), vectors(3)
    probes, again = probes_of(made), probes_of(made)
    empty = again.state_dict()
    assert [array.shape for array in empty.values()] == [(0, SPACE.n_var), (0,)]
    losses = asked(probes, X, made)
    again.load_state_dict(probes.state_dict())
    told: list[Step] = []
    assert asked(again, X, made, told) == losses
    assert told == []
    again.load_state_dict(empty)
    assert asked(again, X[:1], made, told) == losses[:1]
    assert told
    state = probes.state_dict()
    for wrong in (np.zeros(2), np.array([1.0, np.nan, 2.0])):
        with pytest.raises(ValueError, match="state: expected 3 finite losses of probes, got"):
            again.load_state_dict({**state, "probes/losses": wrong})
    for name in state:
        with pytest.raises(ValueError, match=f"state: expected what state_dict.* returned, got no '{name}'"):
            again.load_state_dict({key: value for key, value in state.items() if key != name})


@pytest.mark.parametrize(
    "plan",
    [{}, pytest.param({"main_effects": 16}, marks=pytest.mark.end_to_end)],
    ids=["scored themselves", "main effects"],
)
def test_the_order_is_held_against_theirs_after_the_warm_up_and_at_the_end(plan: dict[str, Any]) -> None:
    made, X, found = problem(**plan), vectors(8), []
    for time in range(3):
        if time:
            made.advance(X)
        errors = made.evaluate(X)[:, 0]
        assert made.trust is not None
        found.append(made.trust)
        if time == 1:
            continue
        probes = probes_of(made)
        chosen = probes.chosen(np.unique(SPACE.canonical(X), axis=0))
        by_vector = {x.tobytes(): score for x, score in zip(SPACE.canonical(X), errors, strict=True)}
        expected = kendalltau([by_vector[x.tobytes()] for x in chosen], asked(probes, chosen, made)).statistic
        assert made.trust.probes == pytest.approx(expected)
        assert made.trust.n_probes == 6
    assert found[1].probes is None
    assert found[1].n_probes == 0


def test_a_search_is_the_same_with_probes_and_without(capsys: pytest.CaptureFixture[str]) -> None:
    fronts, tables = [], []
    for probes in (0, 6):
        result = minimize(problem(probes=probes), PNSGA3(), seed=1, verbose=True)
        fronts.append((result.pop.get("X").tolist(), result.pop.get("F").tolist()))
        rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
        tables.append([[cell.strip() for cell in row] for row in rows])
    assert fronts[0] == fronts[1]
    without, told = tables
    assert [row[:-1] for row in told] == without
    assert told[0][-1] == "probes"
    assert [row[-1] == "-" for row in told[1:]] == [False, True, False]


def test_fewer_than_six_different_networks_are_not_trained() -> None:
    made, told = problem(), list[Step]()
    made.listeners.append(told.append)
    made.evaluate(np.repeat(vectors(5), 2, axis=0))
    assert made.trust is not None
    assert (made.trust.probes, made.trust.n_probes) == (None, 0)
    assert "probes" not in {step.phase for step in told}


def test_a_search_goes_on_where_none_of_them_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    def diverged(network: torch.nn.Module, *others: Any) -> float:
        for parameter in network.parameters():
            parameter.data.fill_(math.nan)
        return math.nan

    monkeypatch.setattr(own_weights, "train_round", diverged)
    made = problem()
    made.evaluate(vectors(8))
    assert made.trust is not None
    assert (made.trust.probes, made.trust.n_probes) == (None, 6)  # all are as bad
    assert set(made.state_dict()["probes/losses"].tolist()) == {scores.CAP}


def test_a_new_run_trains_its_own_and_a_pickled_problem_has_none() -> None:
    made, X, told = problem(), vectors(8), list[Step]()
    made.evaluate(X)
    assert len(made.state_dict()["probes/losses"]) == 6
    assert len(pickle.loads(pickle.dumps(made))._state()["probes/losses"]) == 0
    made.restart()
    made.listeners.append(told.append)
    made.evaluate(X)
    assert "probes" in {step.phase for step in told}


def test_they_are_trained_as_those_that_were_measured() -> None:
    plan = SupernetTraining(probes=32, score_images=99, eval_batch_size=77).of_probes
    assert plan is not None
    measured = LEVERS["own"].plan
    assert {name: getattr(plan, name) for name in measured} == measured
    assert (plan.pop_size, plan.score_images, plan.eval_batch_size) == (32, 99, 77)
    each = TOLD["own"] * (10_000 // 2 // plan.batch_size) / 48  # of search-train, among the networks of a truth set
    assert pytest.approx(each, rel=0.05) == PROBE_STEPS


def test_probes_without_an_error_or_a_loss_are_refused() -> None:
    def wide(genotype: Any) -> float:
        return float(len(str(genotype)))

    def asks(genotype: Any, network: Any) -> float:
        return float(network.training)

    with pytest.raises(ValueError, match="probes: expected 0 without an error or a loss among the objectives, got 6"):
        problem(objectives=(wide, asks))


@pytest.mark.end_to_end
def test_a_search_goes_on_bit_for_bit_without_training_them_again_and_two_ranks_search_as_one(tmp_path: Path) -> None:
    whole, made = problem(), problem()
    result = minimize(whole, PNSGA3(), seed=1)
    minimize(made, PNSGA3(), ("n_gen", 2), seed=1, callback=Checkpoint(tmp_path))
    again, algorithm = resume(tmp_path, problem(), PNSGA3(), termination=("n_gen", 3))
    before = len(again.state_dict()["probes/losses"])
    assert before == 6
    told: list[Step] = []
    again.listeners.append(told.append)
    resumed = minimize(again, algorithm)
    assert np.array_equal(result.pop.get("F"), resumed.pop.get("F"))
    assert again.trust == whole.trust
    assert again.trust is not None
    assert again.trust.probes is not None
    states = [one.state_dict() for one in (whole, again)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in ("probes/X", "probes/losses"))
    new = len(states[1]["probes/losses"]) - before
    assert {step.total for step in told if step.phase == "probes"} == ({new} if new else set())

    def work(group: Group) -> float | None:
        shared = problem(group)
        shared.evaluate(vectors(8))
        return None if shared.trust is None else shared.trust.probes

    assert together(2, work) == [work(ALONE)] * 2


@pytest.mark.end_to_end
def test_with_probes_it_keeps_the_rules_of_a_moving_problem() -> None:
    check_moving_problem(problem(), X=vectors(20))
