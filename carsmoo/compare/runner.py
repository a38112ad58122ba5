"""Run algorithms x problems x seeds, and record the runs."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool
from numpy.typing import NDArray
from pymoo.core.callback import Callback
from pymoo.optimize import minimize

from carsmoo.algorithm.callbacks import Callbacks, advances_problem
from carsmoo.algorithm.continuous import Continuous
from carsmoo.algorithm.termination import check_termination
from carsmoo.compare.comparison import Comparison, Run
from carsmoo.problems.moving import MovingProblem
from carsmoo.utils.capture import capture
from carsmoo.utils.files import write_whole
from carsmoo.utils.progress import Listener, Step, unheard
from carsmoo.utils.trees import pack
from carsmoo.utils.validation import StoppedError, choice, integer, one_line, shown

MakeAlgorithm: TypeAlias = Callable[[], Any]
MakeProblem: TypeAlias = Callable[[int], Any]


class WorkerDiedError(StoppedError):
    """A worker process that was killed while it made a run, for want of memory or by somebody."""


def compare(
    algorithms: Mapping[str, MakeAlgorithm],
    problems: Mapping[str, MakeProblem],
    seeds: Sequence[int] | NDArray[np.integer],
    *,
    baseline: str,
    termination: Any = None,
    store: str | Path | None = None,
    n_jobs: int = 1,
    listener: Listener = unheard,
) -> Comparison:
    """Compare algorithms at equal cost: run each on every problem with every seed, each run on a fresh problem.

    All run to the same termination, so that a problem that moves learns as much under each; and all score as many
    individuals in a generation, see :func:`same_cost`. They take turns, seed by seed, so that their times are of the
    same hours. Of a population the feasible individuals count, if their final values are finite.

    Args:
        algorithms: makes an algorithm, by name.
        problems: makes a problem of a seed, by name. A problem that moves must have ``final_values``.
        seeds: the seeds, each once.
        baseline: name of the algorithm that the others are tested against.
        termination: of every run, in any form that pymoo takes; the problem's ``default_termination`` if not given.
        store: directory that keeps each run as it ends; those it holds already, of the same termination, are not run
            again.
        n_jobs: processes, as in joblib.
        listener: called before the first run and after each.

    Raises:
        TypeError: for what makes no algorithm or no problem, or seeds that are no integers; for a problem that moves
            without ``final_values``, or an algorithm that would not advance it.
        ValueError: for names or seeds that are missing or doubled, names of which two would share a file, a problem
            without a termination where none is given, or a stored run that is damaged.
        WorkerDiedError: if a worker process dies; with a ``store`` the same call resumes from what is done.

    Example:
        >>> from carsmoo import PNSGA3
        >>> from carsmoo.compare import compare
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> algorithms = {"NSGA-III": lambda: PNSGA3(protection=None), "pNSGA-III": PNSGA3}
        >>> problems = {"trap": lambda seed: SmallModelTrap(generations=3, population=8, seed=seed)}
        >>> comparison = compare(algorithms, problems, seeds=[0, 1], baseline="NSGA-III")
        >>> [(score.problem, score.algorithm) for score in comparison.scores()]
        [('trap', 'NSGA-III'), ('trap', 'pNSGA-III')]
    """
    _check_made("algorithms", algorithms)
    _check_made("problems", problems)
    seeds = _seeds(seeds)
    if integer("n_jobs", n_jobs, -(1 << 16)) == 0:
        raise ValueError("n_jobs: expected a number of processes or -1 for all cores, got 0")
    if not algorithms or not problems or len(set(seeds)) < len(seeds) or not seeds:
        raise ValueError("compare: expected algorithms, problems and different seeds, got none or some twice")
    choice("baseline", baseline, algorithms)
    if termination is not None:
        check_termination(termination)
    files = {_path(Path(), p, a, 0) for p in problems for a in algorithms}
    if len(files) < len(problems) * len(algorithms):
        raise ValueError("problems: expected names that stay different as names of files, where : is -, got some alike")
    folder = None if store is None else Path(store)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    jobs = [(p, a, s) for p in problems for a in algorithms for s in seeds]
    told = None if termination is None else _described(termination)
    found = {job: run for job in jobs if (run := _stored(folder, *job, told)) is not None}
    turns = [(p, a, s) for p in problems for s in seeds for a in algorithms]  # a machine's ups and downs are shared
    missing = [job for job in turns if job not in found]
    step = partial(Step, phase="comparing", total=len(jobs), unit="runs")
    listener(step(done=len(found)))
    work = (delayed(_run)(p, problems[p], a, algorithms[a], s, termination, folder) for p, a, s in missing)
    try:
        for job, run in zip(missing, Parallel(n_jobs=n_jobs, return_as="generator")(work), strict=True):
            found[job] = run
            listener(step(done=len(found)))
    except BrokenProcessPool as error:
        kept = "" if store is None else f"; those that are done are kept in {store}"
        raise WorkerDiedError(
            f"compare: expected {len(jobs)} runs, got {len(found)} when a worker process died{kept}"
        ) from error
    return Comparison([found[job] for job in jobs], baseline)


def same_cost(algorithm: Any, problem: Any) -> dict[str, int]:
    """Return the arguments of ``setup`` or ``minimize`` that make every algorithm's generation cost the same.

    On a moving problem a generation of N places that measures growth scores 3 N individuals: newborns before the
    problem advances, and all after it. One that measures none breeds twice as many newborns for that. Both advance
    once, guided by as many parents. One that takes its parents' growth is left as it is, and costs less.

    Args:
        algorithm: a copy of it is set up on the problem, to see what it does.
        problem: it is restarted, and not begun.

    Returns:
        ``{"n_offsprings": ...}``, or nothing where it costs as much as it is.
    """
    if not isinstance(algorithm, Continuous) or not isinstance(problem, MovingProblem):
        return {}
    made = copy.deepcopy(algorithm).setup(problem)
    return {} if made.needs_growth else {"n_offsprings": 2 * made.n_offsprings}


def _seeds(given: Any) -> list[int]:
    seeds = given.tolist() if isinstance(given, np.ndarray) else given
    if not isinstance(seeds, Sequence) or isinstance(seeds, str):
        raise TypeError(f"seeds: expected a list of integers, got {shown(given)}")
    return [integer("seeds", seed, 0) for seed in seeds]


def _check_made(what: str, made: Any) -> None:
    if not isinstance(made, Mapping):
        raise TypeError(f"{what}: expected functions that make one, by name, got {shown(made)}")
    for name, make in made.items():
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{what}: expected names that a file may have, got {shown(name)}")
        if not callable(make):
            raise TypeError(f"{what}[{name!r}]: expected a function that makes one, got {shown(make)}")


class _Populations(Callback):  # type: ignore[misc]
    """Records the vectors of each generation's feasible individuals, and the evaluations up to it."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors: list[NDArray[Any]] = []
        self.evaluations: list[int] = []

    def notify(self, algorithm: Any) -> None:
        """Record the generation that has just ended."""
        self.vectors.append(algorithm.pop[algorithm.pop.get("feas")].get("X"))
        self.evaluations.append(int(algorithm.evaluator.n_eval))


def _run(
    problem: str,
    make_problem: MakeProblem,
    algorithm: str,
    make_algorithm: MakeAlgorithm,
    seed: int,
    termination: Any,
    store: Path | None,
) -> Run:
    made, used, kept, begin = make_problem(seed), make_algorithm(), _Populations(), time.perf_counter()
    end = getattr(made, "default_termination", None) if termination is None else termination
    if end is None:
        raise ValueError(f"termination: expected one, as {problem} has none of its own, got none")
    _check_moving(problem, made, algorithm, used)
    settled = {"termination": copy.deepcopy(end), "callback": Callbacks(used.callback, kept)}
    minimize(made, used, seed=seed, **settled, **same_cost(used, made))
    searched = time.perf_counter() - begin
    front = made.pareto_front()
    run = Run(
        problem=problem,
        algorithm=algorithm,
        seed=seed,
        evaluations=kept.evaluations,
        populations=[_final_values(made, X) for X in kept.vectors],
        reference=None if front is None else np.asarray(front).tolist(),
        seconds=time.perf_counter() - begin,
        search_seconds=searched,
        termination=None if termination is None else _described(termination),
    )
    if store is not None:
        write_whole(_path(store, problem, algorithm, seed), json.dumps(asdict(run)).encode())
    return run


def _final_values(problem: Any, X: NDArray[Any]) -> list[list[float]]:
    """Return the objectives of vectors, (n, m), by final values; those of which one is not finite are left out."""
    if not len(X):
        return []
    final = getattr(problem, "final_values", None)
    F = np.asarray(problem.evaluate(X, return_values_of=["F"]) if final is None else final(X), dtype=np.float64)
    found: list[list[float]] = F[np.isfinite(F).all(axis=1)].tolist()
    return found


def _check_moving(problem: str, made: Any, algorithm: str, used: Any) -> None:
    """Refuse a moving problem whose runs could not be compared, or an algorithm under which it would stand still."""
    if not isinstance(made, MovingProblem):
        return
    if not hasattr(made, "final_values"):
        raise TypeError(f"{problem}: expected a problem with final_values, as it moves, got {type(made).__name__}")
    if not (getattr(used, "advances_problem", False) or advances_problem(used.callback)):
        name = type(used).__name__
        raise TypeError(f"{algorithm}: expected an algorithm that advances {problem}, such as Continuous, got {name}")


def _path(store: Path, problem: str, algorithm: str, seed: int) -> Path:
    return store / f"{problem.replace(':', '-')}--{algorithm}--{seed}.json"


def _described(termination: Any) -> str:
    """Return a termination as a text that two alike have in common, all that they consist of included."""
    if isinstance(termination, (str, tuple, list)):
        return repr(termination)
    return f"{type(termination).__name__} {pack(capture(termination))[0]}"


def _stored(store: Path | None, problem: str, algorithm: str, seed: int, termination: str | None) -> Run | None:
    path = None if store is None else _path(store, problem, algorithm, seed)
    if path is None or not path.is_file():
        return None
    try:
        run = Run(**json.loads(path.read_text(encoding="utf-8")))
        fits = (run.final.ndim == 2 or not run.final.size) and len(run.evaluations) == len(run.populations)
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected a stored run, got something else ({error}); remove it to run again"
        ) from None
    if not fits or (run.problem, run.algorithm, run.seed) != (problem, algorithm, seed):
        raise ValueError(f"{path}: expected a stored run, got another one's; remove it to run again")
    if run.termination != termination:
        wanted, other = (one_line(end or "the problem's own", 200) for end in (termination, run.termination))
        raise ValueError(f"{path}: expected a run with the termination {wanted}, got {other}; remove it to run again")
    return run
