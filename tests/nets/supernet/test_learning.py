"""The rules of a moving problem, kept with weights: scores, warm-up, advances, copies, states, trust."""

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import NetworkConfig
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.nets.data import ImageData
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.progress import Step
from tests.nets.supernet.test_problem import DATA, PLAN, draw, problem


def test_scoring_never_moves_it_and_absent_edges_are_one_architecture() -> None:
    made, X = problem(), draw(6)
    F = made.evaluate(X)
    weights = {name: a.copy() for name, a in made.state_dict().items()}
    fresh = made.moving_values(draw(4, seed=9))
    assert np.array_equal(made.evaluate(X[::-1])[::-1], F)
    assert all(np.array_equal(a, weights[name]) for name, a in made.state_dict().items() if name != "scored")
    alone = problem()
    alone.evaluate(draw(1, seed=5))
    assert np.array_equal(alone.moving_values(draw(4, seed=9)), fresh)
    x = X[0].copy()
    x[3:6] = [1, PRIMITIVES.index("sep_conv_3x3"), PRIMITIVES.index("none")]
    y = x.copy()
    y[3] = 0
    same = made.evaluate(np.array([x, y]))
    assert np.array_equal(same[0], same[1])


def test_the_warm_up_runs_once_before_the_first_score_and_advancing_trains() -> None:
    made = problem()
    steps: list[Step] = []
    made.listeners.append(steps.append)
    made.evaluate(draw(3))
    made.evaluate(draw(3, seed=1))
    phases = [step.phase for step in steps]
    per_epoch = len(DATA.train) // 64
    assert phases == ["warm-up"] * (1 + per_epoch) + ["scoring"] * 2 * (1 + 3)  # each announced first
    assert made.epoch == 1
    before = made.state_dict()["weights"].copy()
    made.advance(draw(6))
    assert made.epoch == 2
    assert not np.array_equal(made.state_dict()["weights"], before)
    training = [step for step in steps if step.phase == "training"]
    assert [step.done for step in training] == list(range(per_epoch + 1))
    assert training[-1].total == training[-1].done
    assert training[-1].figures["loss"] > 0


def test_copies_share_the_supernet_and_pickles_leave_it_out() -> None:
    made = problem()
    result = minimize(made, PNSGA3(), save_history=True)
    assert copy.deepcopy(made) is made
    assert all(entry.problem is made for entry in result.history)
    assert result.algorithm.problem is made
    assert b"classifier.weight" not in pickle.dumps(result.history)
    assert len(pickle.dumps(made)) < 50_000
    unpickled = pickle.loads(pickle.dumps(made))
    X = draw(4)
    for call in (unpickled.evaluate, unpickled.advance, unpickled.moving_values):
        with pytest.raises(RuntimeError, match=r"expected load_state_dict\(\) on an unpickled problem"):
            call(X)
    with pytest.raises(ValueError, match="data: expected the images of the unpickled problem"):
        unpickled.load_state_dict(made.state_dict())
    unpickled.load_state_dict(made.state_dict(), DATA)
    assert np.array_equal(unpickled.evaluate(X), made.evaluate(X))


RNG = np.random.default_rng(1)
COLOUR = ImageData.from_arrays(RNG.random((200, 3, 8, 8)), np.arange(200) % 10)
LARGE = ImageData.from_arrays(RNG.random((200, 3, 33, 33)), np.arange(200) % 10)


@pytest.mark.parametrize(
    "fields",
    [{}, {"data": COLOUR}, {"data": LARGE, "network": NetworkConfig(channels=4, layers=3, stem="imagenet")}],
    ids=["grey", "colour", "imagenet"],
)
def test_a_restored_state_goes_on_bit_for_bit(fields: dict) -> None:
    made, X = problem(**fields), draw(6)
    made.evaluate(X)
    made.advance(X)
    state = made.state_dict()
    assert all(isinstance(a, np.ndarray) and a.dtype != object for a in state.values())
    twin = problem(**fields)
    twin.load_state_dict(state)
    assert twin.time == 1
    for one in (made, twin):
        one.advance(X)
        one.tic()
    assert all(np.array_equal(a, twin.state_dict()[name]) for name, a in made.state_dict().items())
    assert np.array_equal(made.evaluate(X), twin.evaluate(X))
    with pytest.raises(ValueError, match="state: expected the weights of a problem made with the same arguments"):
        problem(**{**fields, "network": NetworkConfig(channels=6, layers=3)}).load_state_dict(state)
    with pytest.raises(ValueError, match=r"state: expected what state_dict\(\) returned, got no 'begun'"):
        made.load_state_dict({})


@pytest.mark.end_to_end
@pytest.mark.parametrize("weights", ["shared", "own"])
def test_trust_is_that_of_the_generation_evaluated_last_and_goes_on_from_a_state(weights: str) -> None:
    plan = dataclasses.replace(PLAN, weights=weights)
    made, twin, X = problem(training=plan), problem(training=plan), draw(6)
    assert made.trust is None
    first = made.evaluate(X, return_values_of=["F"])[:, 0]
    assert made.trust is not None
    assert made.trust.successive is None
    told = made.trust
    made.evaluate(X[:3])  # of the same generation, as a front's
    assert made.trust is told
    made.advance(X)
    twin.load_state_dict(made.state_dict())
    assert twin.trust == told
    both = np.concatenate([X, draw(4, seed=1), X[:2]])  # newborns, and some again
    second = made.evaluate(both, return_values_of=["F"])[:, 0]
    twin.evaluate(both)
    assert made.trust == twin.trust
    assert made.trust is not None
    assert made.trust.successive == rank_correlation(first, second[:6]).tau
    counts = made._tallies(both[:10])
    assert made.trust.halves == rank_correlation(*(counts[:, 0] / counts[:, 1]).T).tau
    assert counts[:, 1].sum(axis=1).tolist() == [len(made.images.validation)] * 10
    assert made.trust.updates is not None
    made.restart()
    assert made.trust is None
    older = {name: a for name, a in twin.state_dict().items() if not name.startswith("trust/")}
    twin.load_state_dict(older)
    assert twin.trust is None
