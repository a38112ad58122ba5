import copy
import pickle

import numpy as np
import pytest
from pymoo.algorithms.moo.dnsga2 import DNSGA2
from pymoo.core.problem import ElementwiseProblem, Problem
from pymoo.optimize import minimize
from pymoo.problems.dyn import TimeSimulation

from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.operators import GenotypeSampling, NodeCrossover, NodeMutation
from carsmoo.problems.moving import MovingProblem
from carsmoo.utils.progress import Step
from tests.support.toy import ToyProblem


def draw(n: int, seed: int = 0) -> np.ndarray:
    space = ToyProblem().space
    return np.random.default_rng(seed).integers(space.xl, space.xu + 1, size=(n, space.n_var))


def test_scoring_never_moves_the_world_and_no_score_depends_on_the_others() -> None:
    problem, X = ToyProblem(), draw(6)
    F = problem.evaluate(X)
    assert np.array_equal(problem.evaluate(X), F)
    assert np.array_equal(problem.evaluate(X[::-1])[::-1], F)
    assert np.array_equal(problem.evaluate(X[2]), F[2])
    assert np.array_equal(problem.moving_values(X), F[:, :1])
    problem.advance(X)
    later = problem.evaluate(X)
    assert (later[:, 0] < F[:, 0]).all()
    assert np.array_equal(later[:, 1], F[:, 1])
    assert problem.time == 1


def test_what_comes_first_runs_once_and_not_in_the_constructor() -> None:
    for first in ("evaluate", "moving_values", "advance"):
        problem = ToyProblem()
        assert problem.calls == []
        getattr(problem, first)(draw(3))
        problem.evaluate(draw(3))
        assert [name for name, _ in problem.calls].count("begin") == 1
        assert problem.calls[0] == ("begin", 0)


def test_restart_brings_the_first_score_back() -> None:
    problem, X = ToyProblem(), draw(4)
    problem.restart()
    assert problem.calls == []
    F = problem.evaluate(X)
    problem.advance(X)
    problem.restart()
    assert problem.time == 0
    assert np.array_equal(problem.evaluate(X), F)
    assert [name for name, _ in problem.calls].count("begin") == 2


def test_a_state_from_before_the_first_score_has_nothing_to_set_back() -> None:
    problem = ToyProblem()
    problem.load_state_dict(ToyProblem().state_dict())
    problem.restart()
    assert problem.calls == []
    used = ToyProblem()
    used.evaluate(draw(2))
    problem.load_state_dict(used.state_dict())
    problem.restart()
    assert problem.calls[-1] == ("restart", 0)


def test_restart_forgets_guides_the_runs_listeners_and_how_many_survive() -> None:
    problem, heard = ToyProblem(), []
    problem.listeners.append(heard.append)
    problem.run_listeners.append(heard.append)
    problem.advance(draw(2))
    problem.survivors = 3
    problem.restart()
    assert problem.survivors is None
    problem.tell(Step(phase="training", time=0, done=1, total=2, unit="steps"))
    assert len(heard) == 1
    with pytest.raises(ValueError, match="tic: expected an evaluation or an advance before it, got none"):
        problem.tic()


class Clocks(MovingProblem):
    """Objectives (x_2, time, x_1), and a record of the time at which the world went on."""

    def __init__(self) -> None:
        super().__init__(n_var=2, n_obj=3, xl=0, xu=9, moving=(1,))
        self.went_on: list[int] = []

    def _advance(self, X: np.ndarray) -> None:
        self.went_on.append(self.time)

    def _restart(self) -> None:
        self.went_on = []

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return np.full(len(X), self.time)

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, ::-1]


def test_each_value_stands_in_its_objectives_column_and_time_counts_what_is_behind() -> None:
    problem = Clocks()
    assert problem.evaluate(np.array([[3.0, 4.0]])).tolist() == [[4.0, 0.0, 3.0]]
    problem.tic(2)
    assert problem.went_on == [0, 1]
    assert problem.evaluate(np.array([[3.0, 4.0]])).tolist() == [[4.0, 2.0, 3.0]]


def test_tic_is_guided_by_the_last_advance_else_by_the_last_batch() -> None:
    problem = ToyProblem()
    with pytest.raises(ValueError, match="tic: expected an evaluation or an advance before it, got none"):
        problem.tic()
    problem.evaluate(draw(3, 1))
    problem.evaluate(draw(5, 2))
    problem.tic(2)
    assert np.array_equal(problem.advanced[0], draw(5, 2))
    assert problem.time == 2
    problem.evaluate(draw(4, 4))
    problem.tic()
    assert np.array_equal(problem.advanced[2], draw(4, 4))
    problem.advance(draw(2, 3))
    problem.evaluate(draw(4, 4))
    problem.tic()
    assert np.array_equal(problem.advanced[-1], draw(2, 3))


def test_pymoos_dynamic_nsga2_runs_on_it() -> None:
    problem = ToyProblem()
    operators = {"sampling": GenotypeSampling(), "crossover": NodeCrossover(), "mutation": NodeMutation()}
    result = minimize(problem, DNSGA2(pop_size=10, **operators), ("n_gen", 6), seed=1, callback=TimeSimulation())
    assert problem.time == 6
    problem.space.check(result.pop.get("X"))


def test_listeners_hear_steps_and_stay_behind_in_copies() -> None:
    problem = ToyProblem()
    heard: list[Step] = []
    problem.listeners.append(heard.append)
    step = Step(phase="training", time=0, done=1, total=2, unit="steps")
    problem.tell(step)
    assert heard == [step]
    assert pickle.loads(pickle.dumps(problem)).listeners == []
    assert copy.deepcopy(problem).listeners == []
    assert problem.listeners


class Halved(MovingProblem):
    """One objective that moves, by the rules' least effort."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(n_var=2, n_obj=1, xl=0, xu=1, **kwargs)  # type: ignore[arg-type]

    def _advance(self, X: np.ndarray) -> None:
        assert len(X)

    def _restart(self) -> None:
        self.time = 0

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] / 2**self.time


def test_a_problem_may_have_nothing_but_moving_objectives() -> None:
    problem = Halved()
    X = np.array([[1.0, 0.0], [0.5, 0.0]])
    assert problem.evaluate(X).tolist() == [[1.0], [0.5]]
    problem.advance(X)
    assert problem.evaluate(X).tolist() == [[0.5], [0.25]]
    assert problem.default_operators() == {}
    assert problem.default_pop_size is problem.default_termination is None


class Plain(MovingProblem):
    """Written with nothing but the public names."""

    moving = (1,)
    default_pop_size = 6
    default_termination = ("n_gen", 4)

    def __init__(self) -> None:
        super().__init__(n_var=2, n_obj=2, xl=0.0, xu=1.0)
        self.grown = 0

    def advance(self, X: np.ndarray) -> None:
        assert len(X) == 6
        self.grown += 1

    def moving_values(self, X: np.ndarray) -> np.ndarray:
        return 1 - X[:, [0]] * (1 - 0.5**self.grown)

    def _evaluate(self, X: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
        out["F"] = np.column_stack([X[:, 0], self.moving_values(X)])


def test_the_public_names_are_enough_for_a_problem() -> None:
    problem = Plain()
    result = minimize(problem, PNSGA3(), seed=1)
    assert (len(result.pop), problem.grown, problem.moving) == (6, 3, (1,))
    expected = result.pop.get("X")[:, 0] * (0.5**2 - 0.5**3)
    assert np.allclose(result.pop.get("growth")[:, 0], expected)


@pytest.mark.parametrize("kind", [Problem, ElementwiseProblem])
def test_rows_one_by_one_are_refused_at_once(kind: type) -> None:
    class RowByRow(MovingProblem, kind):  # type: ignore[misc]
        pass

    fields = {"elementwise": True} if kind is Problem else {}
    with pytest.raises(ValueError, match="elementwise: expected False, as a moving problem scores all rows in one cal"):
        RowByRow(n_var=2, n_obj=1, xl=0, xu=1, **fields)


def test_wrong_input_is_refused() -> None:
    for moving in ((), (1,), (-1,), (0, 0)):
        with pytest.raises(ValueError, match=r"moving: expected different indices among 0\.\.0"):
            Halved(moving=moving)
    problem = ToyProblem()
    for call in (problem.evaluate, problem.advance, problem.moving_values):
        with pytest.raises(ValueError, match=r"X: expected \(n, 24\), got \(3, 20\)"):
            call(np.zeros((3, 20), dtype=int))
    assert problem.calls == []
    assert isinstance(problem, Problem)
