import copy
from collections.abc import Mapping
from typing import Any

import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from carsmoo import PNSGA3, Continuous, LoggerCallback
from carsmoo.algorithm import Callbacks
from carsmoo.runs.logger import LoggerError
from carsmoo.utils.progress import Step
from tests.support.runs import DATA, PLAN, Stop, StopAt, search
from tests.support.toy import ToyProblem


class Recorded:
    """A user's own logger: three methods and no base."""

    def __init__(self, fails_at: int | None = None) -> None:
        self.calls: list[Any] = []
        self.fails_at = fails_at

    def begin(self, config: Mapping[str, Any]) -> None:
        self.calls.append(("begin", config))

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.calls.append((step, dict(values)))
        if step == self.fails_at:
            raise LoggerError("recorded: no answer")

    def end(self, finished: bool) -> None:
        self.calls.append(("end", finished))


def test_a_search_tells_its_settings_each_epoch_and_generation_and_its_end() -> None:
    logger, (problem, algorithm) = Recorded(), search(seed=3)
    result = minimize(problem, algorithm, callback=LoggerCallback(logger), save_history=True)
    (first, config), *told, last = logger.calls
    assert (first, last) == ("begin", ("end", True))
    assert (config["seed"], config["data"], config["training"]["n_generations"]) == (3, DATA, PLAN.n_generations)
    assert [step for step, _ in told] == [1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert all(set(values) == {"warm-up/loss"} for _, values in told[:2])
    generations = told[2::2]
    assert [values["generation"] for _, values in generations] == [1, 2, 3, 4]
    assert generations[-1][1]["evaluations"] == result.algorithm.evaluator.n_eval
    assert generations[-1][1]["best/params"] == result.pop.get("F")[:, 1].min()
    assert generations[-1][1]["trust/halves"] == problem.trust.halves
    assert all(set(values) == {"training/loss"} for _, values in told[3::2])


def test_epochs_of_a_supernet_beside_the_search_are_not_told() -> None:
    logger, (problem, algorithm) = Recorded(), search(seed=3)
    algorithm.setup(problem)
    callback = LoggerCallback(logger)
    callback.begin(algorithm)
    for phase in ("supernet", "warm-up"):
        callback.hear(Step(phase=phase, done=1, total=2, unit="steps", figures={"loss": 1.5, "epoch": 1}))
    assert logger.calls[1:] == [(0, {"warm-up/loss": 1.5})]


def test_a_run_that_is_left_ends_unfinished_and_one_without_epochs_counts_generations() -> None:
    logger = Recorded()
    with pytest.raises(Stop):
        minimize(ToyProblem(), PNSGA3(), seed=1, callback=Callbacks(LoggerCallback(logger), StopAt(2)))
    assert logger.calls[0] == ("begin", {"problem": "ToyProblem", "algorithm": "PNSGA3", "seed": 1, "pop_size": 8})
    assert [step for step, _ in logger.calls[1:-1]] == [1, 2]
    assert logger.calls[-1] == ("end", False)


def test_a_run_that_another_callback_ends_is_finished_once_it_is_left() -> None:
    def end(algorithm: Any) -> None:
        algorithm.termination.terminate()
        algorithm.termination.update(algorithm)

    logger = Recorded()
    callbacks = Callbacks(LoggerCallback(logger), end)
    algorithm = PNSGA3().setup(ToyProblem(), callback=callbacks)
    algorithm.run()
    assert [step for step, _ in logger.calls] == ["begin", 1]
    algorithm.callback.leave()
    algorithm.callback.leave()
    assert logger.calls[2:] == [("end", True)]


def test_a_problem_that_does_not_move_is_told_too() -> None:
    class ContinuousNSGA2(Continuous, NSGA2):  # type: ignore[misc]
        pass

    logger = Recorded()
    result = minimize(get_problem("zdt1"), ContinuousNSGA2(4), ("n_gen", 2), seed=1, callback=LoggerCallback(logger))
    best = dict(zip(("best/f1", "best/f2"), result.pop.get("F").min(axis=0), strict=True))
    assert logger.calls[-2:] == [(2, {"generation": 2, "evaluations": 8, **best}), ("end", True)]


def test_a_logger_that_fails_ends_a_run_or_is_left_behind_with_a_warning() -> None:
    with pytest.raises(LoggerError, match="recorded: no answer"):
        minimize(ToyProblem(), PNSGA3(), callback=LoggerCallback(Recorded(fails_at=2)))
    logger, warned = Recorded(fails_at=2), list[str]()
    result = minimize(ToyProblem(), PNSGA3(), callback=LoggerCallback(logger, warned.append))
    assert warned == ["recorded: no answer; the search goes on without it"]
    assert [step for step, _ in logger.calls] == ["begin", 1, 2]
    assert result.algorithm.n_gen == 6


def test_what_is_no_logger_is_refused_and_a_copy_is_the_callback_itself() -> None:
    with pytest.raises(TypeError, match="logger: expected methods begin, log and end, got dict without begin"):
        LoggerCallback({})  # type: ignore[arg-type]
    callback = LoggerCallback(Recorded())
    assert copy.deepcopy(callback) is callback
