import logging
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.compare import suite
from carsmoo.compare.runner import same_cost
from carsmoo.compare.tools import AsItComes, OptunaNSGA3, pymoo_tool
from carsmoo.problems.synthetic import SmallModelTrap
from tests.problems.test_tabular import table
from tests.support.toy import ToyProblem

optuna = pytest.importorskip("optuna", reason="needs optuna: pip install 'carsmoo[optuna]'")


class Digits(Problem):  # type: ignore[misc]
    """Five digits within bounds of their own; the sum of the first two against the distance from all sevens."""

    default_pop_size = 6
    default_termination = MaximumGenerationTermination(5)

    def __init__(self) -> None:
        super().__init__(n_var=5, n_obj=2, xl=[0, 1, 2, 0, 0], xu=[9, 8, 9, 3, 9], vtype=int)
        self.scored: list[list[int]] = []

    def _evaluate(self, X: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        assert X.dtype.kind == "i"
        assert ((self.xl <= X) & (self.xu >= X)).all()
        self.scored += X.tolist()
        out["F"] = np.column_stack([X[:, :2].sum(axis=1), ((X - 7) ** 2).sum(axis=1)])


@pytest.mark.parametrize("name", suite.TOOLS)
def test_a_moving_problem_advances_as_often_and_scores_as_many_as_under_our_own(name: str) -> None:
    problem, algorithm = ToyProblem(pop_size=8, generations=4), suite.algorithm(name)
    assert same_cost(algorithm, problem) == {}
    result = minimize(problem, algorithm, seed=1)
    generation = [("advance", 8), *[("score", 8)] * 3]
    assert problem.calls == [("begin", 0), ("score", 8), *generation * 3]
    assert result.algorithm.evaluator.n_eval == 8 + 3 * 24
    assert len(result.pop) == 8


@pytest.mark.parametrize("name", suite.TOOLS)
def test_parents_keep_the_scores_that_they_had_when_they_were_new(name: str) -> None:
    problem = SmallModelTrap(generations=2, population=8, speed=1e-9, noise=0.5)  # only the noise moves
    algorithm = suite.algorithm(name).setup(problem, seed=3)
    known: dict[bytes, set[bytes]] = {}
    original = problem._evaluate

    def remember(X: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        original(X, out)
        for x, f in zip(X, out["F"], strict=True):
            known.setdefault(x.tobytes(), set()).add(f.tobytes())

    problem._evaluate = remember  # type: ignore[method-assign]
    algorithm.run()
    assert all(one.F.tobytes() in known[one.X.tobytes()] for one in algorithm.pop)
    now = problem.evaluate(algorithm.pop.get("X"))
    assert (algorithm.pop.get("F")[:, 1] == now[:, 1]).all()
    assert (algorithm.pop.get("F")[:, 0] != now[:, 0]).any()


@pytest.mark.parametrize("name", suite.TOOLS)
def test_a_problem_that_stands_still_is_searched_by_the_seed(name: str) -> None:
    found = [minimize(Digits(), suite.algorithm(name), seed=seed) for seed in (1, 1, 2)]
    assert [result.algorithm.evaluator.n_eval for result in found] == [30] * 3
    assert [len(result.pop) for result in found] == [6] * 3
    first, again, other = (result.pop.get("X").tolist() for result in found)
    assert first == again != other


def test_optuna_is_quiet_here_and_not_elsewhere(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("optuna"), "propagate", True)
    minimize(Digits(), suite.algorithm("optuna-nsga3"), seed=4)
    assert caplog.messages == []
    optuna.create_study()
    assert "A new study created" in caplog.messages[0]


def test_optuna_makes_the_trials_that_it_makes_by_itself() -> None:
    problem = Digits()
    result = minimize(problem, suite.algorithm("optuna-nsga3"), seed=4)
    tool = result.algorithm.tool
    again = OptunaNSGA3(Digits(), 6, 4)

    def objective(trial: Any) -> list[float]:
        x = [trial.suggest_int(name, kind.low, kind.high) for name, kind in again.distributions.items()]
        return list(Digits().evaluate(np.array(x)).tolist())

    again.study.optimize(objective, n_trials=30)
    assert problem.scored == [list(trial.params.values()) for trial in again.study.trials]
    parents = again.sampler.select_parent(again.study, 5)
    assert sorted(tool.pop.get("F").tolist()) == sorted(trial.values for trial in parents)


def test_pymoo_runs_as_by_itself() -> None:
    problem = Digits()
    ours = minimize(problem, suite.algorithm("pymoo-nsga2"), seed=5)
    alone = pymoo_tool(NSGA2, Digits(), 6, 5)
    for _ in range(5):
        alone.next()
    assert ours.pop.get("X").tolist() == alone.pop.get("X").tolist()


def test_a_tool_that_has_no_newborns_left_ends_the_run() -> None:
    class Two(Digits):
        def __init__(self) -> None:
            super().__init__()
            self.xl, self.xu = np.zeros(5, dtype=int), np.array([1, 0, 0, 0, 0])

    problem = Two()
    result = minimize(problem, suite.algorithm("pymoo-nsga2"), seed=1)
    assert sorted(x[0] for x in problem.scored) == [0, 1]
    assert len(result.pop) == 2


@pytest.mark.parametrize("name", suite.TOOLS)
def test_rows_without_genes_are_refused(name: str) -> None:
    with pytest.raises(TypeError, match=f"{name}: expected a problem with genes to cross, got a table whose rows"):
        suite.algorithm(name).setup(table())


def test_a_package_that_is_missing_is_named_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ModuleNotFoundError, match=r"expected the package optuna, got none; pip install 'carsmoo\[opt"):
        suite.algorithm("optuna-nsga3")
    assert isinstance(suite.algorithm("pymoo-nsga3"), AsItComes)
