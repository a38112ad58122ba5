import dataclasses
import json
import os
import signal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.problems.dyn import TimeSimulation
from pymoo.termination.default import DefaultMultiObjectiveTermination
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo import PNSGA3
from carsmoo.compare import suite
from carsmoo.compare.runner import WorkerDiedError, _described, compare, same_cost
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.utils.progress import Step
from tests.support.toy import ToyProblem


def short_trap(seed: int) -> SmallModelTrap:
    return SmallModelTrap(generations=4, population=8, seed=seed)


ALGORITHMS = {name: partial(suite.algorithm, name) for name in ("growth", "nsga3", "random", "pymoo-nsga2")}


@pytest.mark.end_to_end
def test_a_comparison_is_the_same_in_any_order_and_resumes(tmp_path: Path) -> None:
    heard: list[Step] = []
    problems = {"trap": short_trap}
    first = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", store=tmp_path, listener=heard.append)
    assert heard == [Step(phase="comparing", done=k, total=12, unit="runs") for k in range(13)]
    (tmp_path / "trap--growth--1.json").unlink()
    heard.clear()
    resumed = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", store=tmp_path, listener=heard.append)
    assert [step.done for step in heard] == [11, 12]
    parallel = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", n_jobs=2)
    assert first.scores()[0] == resumed.scores()[0] == parallel.scores()[0]
    assert {score.algorithm for score in first.scores()} == set(ALGORITHMS)
    counts = {tuple(one.evaluations) for one in first.runs}
    assert counts == {(8, 32, 56, 80, 104)}  # the same for all: 8, then 24 scores a generation
    assert {score.evaluations for score in first.scores()} == {104}


def test_algorithms_take_turns_and_are_told_in_their_order(tmp_path: Path) -> None:
    made: list[tuple[str, int]] = []

    def problem(name: str, seed: int) -> SmallModelTrap:
        made.append((name, seed))
        return SmallModelTrap(generations=1, population=4, seed=seed)

    algorithms = {name: ALGORITHMS[name] for name in ("nsga3", "random")}
    problems = {name: partial(problem, name) for name in ("p", "q")}
    told = compare(algorithms, problems, [0, 1], baseline="nsga3", store=tmp_path)
    assert made == [(name, seed) for name in ("p", "q") for seed in (0, 0, 1, 1)]
    assert [(one.problem, one.algorithm, one.seed) for one in told.runs] == [
        (name, algorithm, seed) for name in problems for algorithm in algorithms for seed in (0, 1)
    ]


def test_a_run_that_was_kept_before_times_were_told_is_read(tmp_path: Path) -> None:
    algorithms, problems = {"nsga3": ALGORITHMS["nsga3"]}, {"trap": short_trap}
    (first,) = compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path).runs
    assert first.search_seconds is not None
    assert 0 < first.search_seconds < first.seconds
    (path,) = tmp_path.iterdir()
    kept = json.loads(path.read_text())
    del kept["search_seconds"]
    path.write_text(json.dumps(kept))
    (again,) = compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path).runs
    assert again == dataclasses.replace(first, search_seconds=None)


def test_what_measures_no_growth_breeds_twice_as_many_for_the_same_cost() -> None:
    for name, factor in (("growth", 1), ("size", 2), ("nsga3", 2), ("nsga2", 2), ("random", 2)):
        problem = ToyProblem(pop_size=8, generations=4)
        algorithm = suite.algorithm(name)
        given = same_cost(algorithm, problem)
        assert (algorithm.problem, problem.calls) == (None, [])
        assert given == ({} if factor == 1 else {"n_offsprings": 16})
        run = minimize(problem, algorithm, **given).algorithm
        assert run.evaluator.n_eval == 8 + 3 * 24
        assert sum(n for call, n in problem.calls if call == "score") == 8 + 3 * 24
        assert [n for call, n in problem.calls if call == "advance"] == [8, 8, 8]
    assert same_cost(PNSGA3(n_offsprings=6, protection=None), ToyProblem()) == {"n_offsprings": 12}
    assert same_cost(PNSGA3(protection=None), get_problem("zdt1")) == {}
    assert same_cost(NSGA2(), ToyProblem()) == {}


def test_of_a_population_the_feasible_individuals_count() -> None:
    problems = {"bnh": lambda seed: get_problem("bnh"), "tight": lambda seed: Tight()}
    algorithms = {"a": lambda: NSGA2(pop_size=8), "b": lambda: PNSGA3(pop_size=8)}
    made = compare(algorithms, problems, [0, 1], baseline="a", termination=("n_gen", 3))
    assert {len(run.populations) for run in made.runs} == {3}
    for run in made.runs:
        if run.problem == "tight":
            assert all(np.sum(F, axis=1).min() >= 1.8 for F in run.populations if F)
    assert made.reference("tight").sum(axis=1).min() >= 1.8
    (tight,) = (run for run in made.runs if (run.problem, run.algorithm, run.seed) == ("tight", "a", 0))
    assert [] in tight.populations  # three generations of eight do not begin with one
    _, values = made.curves("tight", "a", points=3)
    assert values[0, 0] == 0


class Tight(Problem):
    """Two numbers, the sum of which is to be nearly as large as it can be."""

    def __init__(self) -> None:
        super().__init__(n_var=2, n_obj=2, n_ieq_constr=1, xl=0.0, xu=1.0)

    def _evaluate(self, X: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
        out["F"], out["G"] = X.copy(), 1.8 - X.sum(axis=1, keepdims=True)


class Fails(Problem):
    """Two numbers; where the first is below a limit the second objective is not finite."""

    def __init__(self, value: float, limit: float = 0.5) -> None:
        super().__init__(n_var=2, n_obj=2, xl=0.0, xu=1.0)
        self.value, self.limit = value, limit

    def _evaluate(self, X: np.ndarray, out: dict, *args: object, **kwargs: object) -> None:
        out["F"] = X + np.where(X[:, :1] < self.limit, [0.0, self.value], 0.0)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning:pymoo")  # of distances between infinities
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_has_an_objective_that_is_not_finite_counts_as_infeasible(value: float) -> None:
    algorithms = {"a": lambda: NSGA2(pop_size=8), "b": lambda: NSGA2(pop_size=6)}
    end = ("n_gen", 2)
    made = compare(algorithms, {"f": lambda seed: Fails(value)}, [0, 1, 2], baseline="a", termination=end)
    assert all(0 < len(run.populations[0]) < 8 for run in made.runs)
    assert all(np.min(F, axis=0)[0] >= 0.5 for run in made.runs for F in run.populations if F)
    assert all(score.hv[2] > 0 for score in made.scores())  # pymoo keeps NaN, so that some seeds find nothing
    none = compare(algorithms, {"f": lambda seed: Fails(value, 2.0)}, [0], baseline="a", termination=end)
    assert [run.populations for run in none.runs] == [[[], []]] * 2
    with pytest.raises(ValueError, match=r"^f: expected a run that found something feasible, got none$"):
        none.scores()


@pytest.mark.parametrize("seeds", [np.arange(2), [np.int64(0), np.uint8(1)]])
def test_seeds_are_integers_of_any_kind(seeds: object, tmp_path: Path) -> None:
    algorithms, problems = {"nsga3": ALGORITHMS["nsga3"]}, {"trap": short_trap}
    for _ in range(2):  # the second time as they are kept
        made = compare(algorithms, problems, seeds, baseline="nsga3", store=tmp_path)  # type: ignore[arg-type]
        assert [(run.seed, type(run.seed)) for run in made.runs] == [(0, int), (1, int)]


def test_all_run_to_the_same_end_and_keep_their_own_callback() -> None:
    heard: list[int] = []
    algorithms = {
        "a": lambda: NSGA2(pop_size=6, callback=lambda algorithm: heard.append(algorithm.n_gen)),
        "b": lambda: PNSGA3(pop_size=6, termination=("n_gen", 9)),
    }
    made = compare(algorithms, {"zdt1": lambda seed: get_problem("zdt1")}, [0], baseline="a", termination=("n_gen", 4))
    assert [len(run.populations) for run in made.runs] == [4, 4]
    assert heard == [1, 2, 3, 4]
    moved = {"a": lambda: NSGA2(pop_size=8, callback=TimeSimulation()), "b": PNSGA3}
    assert {len(run.populations) for run in compare(moved, {"trap": short_trap}, [0], baseline="a").runs} == {5}


def test_runs_that_are_kept_are_of_the_same_termination(tmp_path: Path) -> None:
    problems = {"zdt1": lambda seed: get_problem("zdt1")}
    algorithms = {"a": lambda: NSGA2(pop_size=6)}
    common = {"baseline": "a", "store": tmp_path}
    for termination in (("n_gen", 2), ("n_gen", 2)):
        assert len(compare(algorithms, problems, [0], termination=termination, **common).runs[0].populations) == 2
    says = r"expected a run with the termination \('n_gen', 3\), got \('n_gen', 2\); remove it to run again$"
    with pytest.raises(ValueError, match=says):
        compare(algorithms, problems, [0], termination=("n_gen", 3), **common)
    trap = {"trap": short_trap}
    for _ in range(2):  # the second time another object that says the same
        end = MaximumGenerationTermination(3)
        kept = compare(ALGORITHMS, trap, [0], baseline="nsga3", termination=end, store=tmp_path)
        assert {len(one.populations) for one in kept.runs} == {3}
    with pytest.raises(ValueError, match=r"expected .* the problem's own, got MaximumGenerationTermination "):
        compare(ALGORITHMS, trap, [0], baseline="nsga3", store=tmp_path)
    ends = [_described(DefaultMultiObjectiveTermination(ftol=ftol)) for ftol in (0.01, 0.01, 0.02)]
    assert ends[0] == ends[1] != ends[2]  # which differ in a part of a part


def test_what_could_not_be_compared_is_refused() -> None:
    both = {"a": ALGORITHMS["nsga3"], "b": lambda: NSGA2(pop_size=8)}
    with pytest.raises(
        TypeError, match=r"^b: expected an algorithm that advances trap, such as Continuous, got NSGA2$"
    ):
        compare(both, {"trap": short_trap}, [0], baseline="a")
    with pytest.raises(TypeError, match=r"^toy: expected a problem with final_values, as it moves, got ToyProblem$"):
        compare(ALGORITHMS, {"toy": lambda seed: ToyProblem()}, [0], baseline="nsga3")
    with pytest.raises(ValueError, match=r"^termination: expected one, as zdt1 has none of its own, got none$"):
        compare(ALGORITHMS, {"zdt1": lambda seed: get_problem("zdt1")}, [0], baseline="nsga3")
    with pytest.raises(ValueError, match="termination: expected"):
        compare(ALGORITHMS, {"trap": short_trap}, [0], baseline="nsga3", termination="soon")
    with pytest.raises(ValueError, match="problems: expected names that stay different as names of files"):
        compare(ALGORITHMS, {"trap:4": short_trap, "trap-4": short_trap}, [0], baseline="nsga3")


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    problems = {"trap": short_trap}
    for algorithms, made, seeds in (({}, problems, [0]), (ALGORITHMS, {}, [0]), (ALGORITHMS, problems, [0, 0])):
        with pytest.raises(ValueError, match="compare: expected algorithms, problems and different seeds"):
            compare(algorithms, made, seeds, baseline="nsga3")
    with pytest.raises(ValueError, match="baseline: expected one of growth, nsga3, random, pymoo-nsga2, got 'size'"):
        compare(ALGORITHMS, problems, [0], baseline="size")
    (tmp_path / "trap--growth--0.json").write_text("{")
    with pytest.raises(ValueError, match=r"trap--growth--0\.json: expected a stored run"):
        compare(ALGORITHMS, problems, [0], baseline="nsga3", store=tmp_path)


def test_a_worker_that_dies_is_told_and_the_runs_that_are_done_stay(tmp_path: Path) -> None:
    problems = {"trap": short_trap, "deadly": partial(deadly, os.getpid())}
    algorithms = {name: ALGORITHMS[name] for name in ("growth", "nsga3")}
    with pytest.raises(
        WorkerDiedError, match=r"expected 4 runs, got . when a worker process died; those that are done"
    ) as e:
        compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path, n_jobs=2)
    assert "\n" not in str(e.value)
    problems["deadly"] = short_trap
    assert len(compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path).runs) == 4


def deadly(parent: int, seed: int) -> SmallModelTrap:
    """Return a problem, but kill a process that is not the parent."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return short_trap(seed)
