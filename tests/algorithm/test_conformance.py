"""PNSGA3 and Continuous as citizens of pymoo: every kind of problem, every way to run, every way to copy."""

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import dill
import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.termination.max_eval import MaximumFunctionCallTermination

from carsmoo import PNSGA3, Continuous
from carsmoo.problems.synthetic import SmallModelTrap
from tests.support.toy import ToyProblem


class Knapsack(Problem):
    """Whole numbers with a constraint that most of the box violates."""

    def __init__(self) -> None:
        super().__init__(n_var=6, n_obj=2, n_ieq_constr=1, xl=0, xu=9, vtype=int)

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        out["F"] = np.column_stack([-X @ np.arange(1, 7), X.sum(axis=1)])
        out["G"] = X.sum(axis=1) - 12


class ConstrainedTrap(SmallModelTrap):
    """A moving problem with a constraint: the choices must lie close to their best."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self.n_ieq_constr = 1

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super()._evaluate(X, out, *args, **kwargs)
        out["G"] = ((X[:, 1:] - 0.5) ** 2).mean(axis=1) - 0.03


class Unfeasible(Problem):
    def __init__(self) -> None:
        super().__init__(n_var=3, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)

    def _evaluate(self, X: np.ndarray, out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        out["F"] = X[:, :2]
        out["G"] = 1 + X.sum(axis=1)


class ContinuousNSGA2(Continuous, NSGA2):
    pass


class ContinuousNSGA3(Continuous, NSGA3):
    pass


class ContinuousSMS(Continuous, SMSEMOA):
    pass


PROBLEMS: dict[str, Callable[[], Any]] = {
    **{f"dtlz2-{m}": lambda m=m: get_problem("dtlz2", n_obj=m, n_var=m + 4) for m in (2, 3, 5, 8, 10)},
    "one objective": lambda: get_problem("rastrigin", n_var=4),
    "constrained": lambda: get_problem("c2dtlz2", n_var=7, n_obj=3),
    "equality": lambda: get_problem("bnh"),
    "infeasible start": lambda: get_problem("c1dtlz1", n_var=7, n_obj=3),
    "never feasible": Unfeasible,
    "whole numbers": Knapsack,
    "moving": lambda: SmallModelTrap(generations=6, population=12),
    "moving, constrained": lambda: ConstrainedTrap(generations=6, population=12),
    "moving, whole numbers": ToyProblem,
}
TERMINATION = ("n_gen", 6)


def state(algorithm: Any) -> list[Any]:
    pop, opt = algorithm.pop, algorithm.opt
    return [
        pop.get("X").tolist(),
        pop.get("F").tolist(),
        opt.get("F").tolist(),
        algorithm.evaluator.n_eval,
        algorithm.n_gen,
        algorithm.random_state.bit_generator.state,
    ]


def run(make: Callable[[], Any], **fields: Any) -> Any:
    return minimize(make(), PNSGA3(pop_size=12), TERMINATION, seed=3, **fields).algorithm


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_minimize_the_loop_and_ask_and_tell_are_one(make: Callable[[], Any]) -> None:
    expected = state(run(make))
    loop = PNSGA3(pop_size=12).setup(make(), termination=TERMINATION, seed=3)
    while loop.has_next():
        loop.next()
    asked = PNSGA3(pop_size=12).setup(make(), termination=TERMINATION, seed=3)
    while asked.has_next():
        infills = asked.ask()
        asked.evaluator.eval(asked.problem, infills, algorithm=asked)
        asked.tell(infills=infills)
    assert state(loop) == expected
    assert state(asked) == expected
    assert state(run(make, save_history=True)) == expected
    assert len(expected[0]) == 12


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_copies_and_pickles_in_the_middle_go_on_alike(make: Callable[[], Any]) -> None:
    algorithm = PNSGA3(pop_size=12).setup(make(), termination=TERMINATION, seed=3)
    for _ in range(3):
        algorithm.next()
    others = [copy.deepcopy(algorithm), pickle.loads(pickle.dumps(algorithm)), dill.loads(dill.dumps(algorithm))]
    algorithm.run()
    for other in others:
        other.run()
        assert state(other) == state(algorithm)


@pytest.mark.parametrize("make", PROBLEMS.values(), ids=PROBLEMS.keys())
def test_vectors_keep_to_their_kind_and_bounds(make: Callable[[], Any]) -> None:
    algorithm = run(make)
    X, problem = algorithm.pop.get("X"), algorithm.problem
    assert ((problem.xl <= X) & (problem.xu >= X)).all()
    if problem.vtype is int:
        assert np.array_equal(X, np.rint(X))
    assert len(algorithm.opt) > 0


def test_feasible_individuals_come_first_and_the_least_violating_lead_to_them() -> None:
    algorithm = minimize(Knapsack(), PNSGA3(pop_size=20), ("n_gen", 25), seed=1).algorithm
    assert algorithm.pop.get("feas").all()
    assert (algorithm.pop.get("X").sum(axis=1) <= 12).all()
    never = minimize(Unfeasible(), PNSGA3(pop_size=12), ("n_gen", 20), seed=1)
    assert never.X is None
    assert never.pop.get("CV").min() < 1.1


def test_a_history_stays_small() -> None:
    result = minimize(SmallModelTrap(generations=6, population=12), PNSGA3(), save_history=True)
    assert len(result.history) == 7
    assert all(len(entry.history or []) == 0 for entry in result.history)
    sizes = [len(pickle.dumps(entry)) for entry in result.history]
    assert max(sizes) < 400_000
    assert sizes[-1] < 1.6 * sizes[1]


def test_no_warning_filter_is_left_behind_and_no_warning_is_raised() -> None:
    before = list(warnings.filters)
    for make in PROBLEMS.values():
        run(make)
    assert warnings.filters == before


@pytest.mark.parametrize("kind", [ContinuousNSGA2, ContinuousSMS])
def test_pymoos_algorithms_evolve_on_moving_problems(kind: type) -> None:
    for make in (lambda: SmallModelTrap(generations=6, population=12), ToyProblem):
        first, second = (minimize(make(), kind()) for _ in range(2))
        assert state(first.algorithm) == state(second.algorithm)
        size, generations = len(first.pop), first.problem.time
        assert first.algorithm.evaluator.n_eval == size + generations * 2 * size
        assert first.problem.time == first.algorithm.n_gen - 2


def test_pymoos_nsga3_needs_only_its_reference_directions() -> None:
    directions = PNSGA3().setup(ToyProblem()).ref_dirs
    result = minimize(ToyProblem(), ContinuousNSGA3(directions))
    assert len(result.pop) == len(directions)
    assert result.problem.time == 4


def test_the_mixin_changes_nothing_on_a_problem_that_neither_moves_nor_offers_operators() -> None:
    for make in (Knapsack, lambda: get_problem("zdt1", n_var=5)):
        with_it, without = (
            minimize(make(), kind(pop_size=12), TERMINATION, seed=1) for kind in (ContinuousNSGA2, NSGA2)
        )
        assert state(with_it.algorithm) == state(without.algorithm)


def test_a_budget_of_evaluations_counts_the_pre_scores() -> None:
    problem = SmallModelTrap(generations=50, population=12)
    result = minimize(problem, PNSGA3(), MaximumFunctionCallTermination(12 + 3 * 36))
    assert result.algorithm.evaluator.n_eval == 12 + 3 * 36
    assert problem.time == 3
