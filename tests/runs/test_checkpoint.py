import copy
import dataclasses
import pickle
import random
import warnings
from collections import Counter, OrderedDict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from carsmoo import PNSGA3, Checkpoint, Continuous, resume
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.problems.tabular import UnseenRows
from carsmoo.runs.snapshot import read
from carsmoo.utils.files import Store
from tests.support.runs import PLAN, Stop, StopAt, same, search
from tests.support.toy import ToyProblem

SHORT = dataclasses.replace(PLAN, n_generations=1)


class ContinuousNSGA2(Continuous, NSGA2):
    pass


class Rows(ToyProblem):
    """A problem whose offspring depend on what was bred before."""

    def __init__(self) -> None:
        super().__init__()
        self.xl, self.xu, self.n_var = np.zeros(1), np.full(1, 99), 1

    def default_operators(self) -> dict[str, Any]:
        mating = UnseenRows(100)
        return {"sampling": mating.sampling, "mating": mating}


MAKERS = {
    "toy": lambda: (ToyProblem(), PNSGA3()),
    "mating with a memory": lambda: (Rows(), PNSGA3()),
    "parents' growth": lambda: (ToyProblem(), PNSGA3(newborn_growth="parents")),
    "clock": lambda: (SmallModelTrap(seed=2, generations=5), PNSGA3(protection="size")),
    "nsga2": lambda: (ToyProblem(), ContinuousNSGA2()),
    "static, with its normalisation": lambda: (get_problem("dtlz2"), PNSGA3(pop_size=20, termination=("n_gen", 8))),
    "static, ends by itself": lambda: (get_problem("zdt1", n_var=5), PNSGA3(pop_size=8)),
    "constraints": lambda: (get_problem("bnh"), PNSGA3(pop_size=12, termination=("n_eval", 90))),
    "supernet": search,
}

LONG = {"static, ends by itself": pytest.mark.end_to_end}  # after hundreds of generations


@pytest.mark.parametrize(
    "make", [pytest.param(make, id=name, marks=LONG.get(name, ())) for name, make in MAKERS.items()]
)
def test_a_resumed_run_ends_as_one_that_was_never_stopped(make: Any, tmp_path: Path) -> None:
    whole = minimize(*make(), seed=5)
    drawn = whole.algorithm.random_state.bit_generator.state
    for generation in (1, 3):
        path = tmp_path / str(generation)
        problem, algorithm = make()
        with pytest.raises(Stop):
            minimize(problem, algorithm, seed=5, callback=Callbacks(Checkpoint(path), StopAt(generation)))
        problem, algorithm = resume(path, *make())
        assert algorithm.n_gen == generation + 1
        result = minimize(problem, algorithm)
        whole.algorithm.random_state.bit_generator.state = drawn  # which the comparison draws from
        assert same(result.algorithm, whole.algorithm)
        if hasattr(problem, "state"):
            expected = whole.problem.state_dict()
            assert all(np.array_equal(a, expected[name]) for name, a in result.problem.state_dict().items())


@pytest.mark.parametrize("widening", [0.0, pytest.param(1.0, marks=pytest.mark.end_to_end)])
def test_a_run_stopped_in_the_warm_up_goes_on_with_its_next_epoch(widening: float, tmp_path: Path) -> None:
    plan = dataclasses.replace(SHORT, warmup_widening=widening)
    whole = minimize(*search(plan, seed=3))
    problem, algorithm = search(plan, seed=3)

    def stop(step: Any) -> None:
        if step.boundary:
            raise Stop

    algorithm.setup(problem, callback=Checkpoint(tmp_path))
    problem.run_listeners.append(stop)
    with pytest.raises(Stop):
        algorithm.run()
    problem, algorithm = resume(tmp_path)  # made from the configuration
    assert (problem.epoch, problem.time, algorithm.is_initialized) == (1, 0, False)
    algorithm.run()
    assert same(algorithm, whole.algorithm)


def test_a_run_without_a_seed_goes_on_as_it_was(tmp_path: Path) -> None:
    made = ToyProblem(seed=None)
    algorithm = PNSGA3().setup(made, callback=Checkpoint(tmp_path))
    twin = copy.deepcopy(algorithm)
    algorithm.next()
    algorithm.callback.leave()
    _, resumed = resume(tmp_path, ToyProblem(seed=None), PNSGA3())
    resumed.run()
    twin.callback = lambda algorithm: None
    twin.run()
    assert same(resumed, twin)


@pytest.mark.end_to_end
def test_a_finished_run_goes_on_with_more_generations(tmp_path: Path) -> None:
    whole = minimize(*search(SHORT), ("n_gen", 4))
    minimize(*search(SHORT), callback=Checkpoint(tmp_path))
    _, algorithm = resume(tmp_path)
    assert not algorithm.has_next()
    _, algorithm = resume(tmp_path, termination=("n_gen", 4))
    assert algorithm.has_next()
    algorithm.run()
    assert same(algorithm, whole.algorithm)
    _, algorithm = resume(tmp_path, termination=("n_gen", 3))
    assert not algorithm.has_next()


def test_every_says_how_often_and_the_last_generation_is_always_saved(tmp_path: Path) -> None:
    class Numbers(StopAt):
        seen: list[int] = []  # noqa: RUF012

        def notify(self, algorithm: Any) -> None:
            self.seen.append(int(Store(tmp_path / "checkpoint").files()[-1].name[:6]))

    minimize(ToyProblem(generations=5), PNSGA3(), callback=Callbacks(Checkpoint(tmp_path, every=2), Numbers(0)))
    assert Numbers.seen == [1, 2, 2, 3, 4]  # at the start, after generations 2 and 4, and after the last
    assert read(tmp_path).generation == 5
    for every in (0, True, 1.5):
        with pytest.raises(ValueError, match="every: expected an integer of at least 1"):
            Checkpoint(tmp_path, every=every)  # type: ignore[arg-type]


def test_a_directory_holds_one_run(tmp_path: Path) -> None:
    minimize(ToyProblem(), PNSGA3(), callback=Checkpoint(tmp_path))
    before = [path.read_bytes() for path in Store(tmp_path / "checkpoint").files()]
    with pytest.raises(FileExistsError, match=r"expected a directory without checkpoints, or carsmoo\.resume"):
        minimize(ToyProblem(), PNSGA3(), callback=Checkpoint(tmp_path))
    assert [path.read_bytes() for path in Store(tmp_path / "checkpoint").files()] == before


def test_another_process_than_the_first_saves_and_prints_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = ToyProblem()
    problem.process_rank = 1
    minimize(problem, PNSGA3(), callback=Checkpoint(tmp_path), verbose=True)
    assert (list(tmp_path.iterdir()), capsys.readouterr().out) == ([], "")


def test_an_algorithm_that_does_not_tell_its_beginning_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"expected an algorithm with carsmoo\.Continuous, got NSGA2; write class A"):
        minimize(get_problem("zdt1"), NSGA2(pop_size=4), ("n_gen", 2), callback=Checkpoint(tmp_path))


def test_a_problem_that_cannot_be_saved_is_refused_before_it_runs(tmp_path: Path) -> None:
    problem = ToyProblem()
    problem.source = (k for k in range(3))  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="source: expected plain data, or an object made of it, got generator"):
        minimize(problem, PNSGA3(), callback=Checkpoint(tmp_path))
    assert problem.calls == []


def test_copies_and_pickles_of_an_algorithm_leave_the_run_alone(tmp_path: Path) -> None:
    checkpoint = Checkpoint(tmp_path)
    algorithm = PNSGA3().setup(ToyProblem(), callback=checkpoint)
    assert copy.deepcopy(algorithm).callback is checkpoint
    assert pickle.loads(pickle.dumps(checkpoint)).path == tmp_path


def test_saving_changes_nothing(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, saved = minimize(*search(SHORT)), minimize(*search(SHORT), callback=Checkpoint(tmp_path))
    assert same(plain.algorithm, saved.algorithm)


class Part:
    def __init__(self, value: float) -> None:
        self.value = value


class Holding(ToyProblem):
    """A problem whose world is kept in many ways; the error follows from all of them."""

    def __init__(self) -> None:
        super().__init__()
        self._restart()

    @cached_property
    def _found(self) -> list[int]:
        return []

    def _restart(self) -> None:
        vars(self).pop("_found", None)
        self._weights = np.zeros((4, 3))
        self._views = [self._weights]
        self._order = np.asfortranarray(np.random.default_rng(0).random((5, 7)))
        self._draws = np.random.default_rng(4)
        self._parts = [Part(1.0), Part(2.0)]
        self._seen: frozenset[int] = frozenset()
        self._first = 0

    def _advance(self, X: np.ndarray) -> None:
        self._views[0] += 0.1
        self._order *= 1.1
        (child,) = self._draws.spawn(1)
        self._parts[0].value += child.random()
        self._seen |= {len(self._seen)}
        self._found.append(1)
        if hasattr(self, "_first"):
            del self._first

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        world = self._weights.sum() + self._order.sum() + self._parts[0].value + len(self._seen)
        return super()._moving_values(X) + world + hasattr(self, "_first") + sum(self._found) + hash(self._seen) % 7


def test_a_world_kept_in_many_ways_comes_back_whole(tmp_path: Path) -> None:
    whole = minimize(Holding(), PNSGA3(), seed=5)
    with pytest.raises(Stop):
        minimize(Holding(), PNSGA3(), seed=5, callback=Callbacks(Checkpoint(tmp_path), StopAt(3)))
    problem, algorithm = resume(tmp_path, Holding(), PNSGA3())
    assert problem._views[0] is problem._weights
    assert problem._order.flags.f_contiguous
    algorithm.run()
    assert same(algorithm, whole.algorithm)


class Slotted:
    __slots__ = ("__dict__", "value")


HIDDEN = {
    "tensor": lambda: torch.zeros(2),
    "module": lambda: torch.nn.Linear(2, 2),
    "random": lambda: random.Random(0),
    "counter": lambda: Counter("abc"),
    "ordered": OrderedDict,
    "slots": Slotted,
    "masked": lambda: np.ma.masked_array([1, 2], [True, False]),
    "long": lambda: np.zeros(2, dtype=np.longdouble),
}


@pytest.mark.parametrize("make", HIDDEN.values(), ids=HIDDEN.keys())
def test_what_keeps_its_content_elsewhere_is_refused_before_anything_is_written(make: Any, tmp_path: Path) -> None:
    problem = ToyProblem()
    problem._held = make()  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match=r"_held.*: expected plain data, or an object made of it, got"):
        minimize(problem, PNSGA3(), callback=Checkpoint(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("termination", [("n_eval", 60), ("n_gen", 6), ("n_gen", 4)])
def test_a_termination_that_minimize_was_given_goes_on_or_is_asked_for(termination: Any, tmp_path: Path) -> None:
    whole = minimize(ToyProblem(), PNSGA3(), termination)
    with pytest.raises(Stop):
        minimize(ToyProblem(), PNSGA3(), termination, callback=Callbacks(Checkpoint(tmp_path), StopAt(2)))
    if termination[0] == "n_eval":
        with pytest.raises(
            ValueError, match=r"termination: expected MaximumFunctionCallTermination .*; pass it as term"
        ):
            resume(tmp_path, ToyProblem(), PNSGA3())
        _, algorithm = resume(tmp_path, ToyProblem(), PNSGA3(), termination=termination)
    else:
        _, algorithm = resume(tmp_path, ToyProblem(), PNSGA3())
    algorithm.run()
    assert same(algorithm, whole.algorithm)


def test_a_folder_of_saves_with_anything_else_in_it_is_refused(tmp_path: Path) -> None:
    mine = tmp_path / "checkpoint" / "model.safetensors"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(FileExistsError, match=r"checkpoint: expected a new or empty folder, got one with model\.saf"):
        minimize(ToyProblem(), PNSGA3(), termination=("n_gen", 2), callback=Checkpoint(tmp_path))
    assert list(tmp_path.rglob("*")) == [mine.parent, mine]
