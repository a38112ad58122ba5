"""Algorithms x problems x seeds: run them, judge their final populations alike, and test the differences."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool
from moocore import filter_dominated, hypervolume, igd_plus
from numpy.typing import NDArray
from pymoo.core.callback import Callback
from pymoo.optimize import minimize
from scipy.stats import rankdata, wilcoxon

from carsmoo.checks import whole
from carsmoo.errors import StoppedError
from carsmoo.notation import shown

MakeAlgorithm: TypeAlias = Callable[[], Any]
MakeProblem: TypeAlias = Callable[[int], Any]
Matrix: TypeAlias = NDArray[np.float64]

REFERENCE = 1.1
"""Reference point of the hypervolume in each objective, in units of the box of :meth:`Comparison.scaled`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What is kept of one run.

    Attributes:
        problem: its name.
        algorithm: its name.
        seed: of problem and algorithm.
        evaluations: evaluations up to each generation, (g,); pre-scores of newborns count.
        populations: each generation's population scored by final values, g lists of (n, m).
        reference: the problem's own Pareto front, (k, m), or None.
        seconds: how long it took.
    """

    problem: str
    algorithm: str
    seed: int
    evaluations: list[int]
    populations: list[list[list[float]]]
    reference: list[list[float]] | None
    seconds: float

    @property
    def final(self) -> Matrix:
        """The final population by final values, (n, m)."""
        return np.array(self.populations[-1])


@dataclass(frozen=True, kw_only=True)
class Score:
    """One algorithm on one problem: median and quartiles over seeds, and tests against the baseline.

    Attributes:
        hv: hypervolume in units of the problem's box, (25 %, 50 %, 75 %).
        igd: IGD+ to the reference front in the same units, (25 %, 50 %, 75 %).
        size_low: 10 % quantile of the last objective in the final population, median over seeds.
        size_high: 90 % quantile, median over seeds.
        p: Wilcoxon's signed-rank p of the hypervolume against the baseline, after Holm; NaN for the baseline itself.
        a12: probability that a run's hypervolume beats one of the baseline's, ties half (Vargha and Delaney).
        p_size: Wilcoxon's p of the size range (90 % - 10 %) against the baseline, after Holm.
    """

    problem: str
    algorithm: str
    n: int
    hv: tuple[float, float, float]
    igd: tuple[float, float, float]
    size_low: float
    size_high: float
    p: float
    a12: float
    p_size: float


class Comparison:
    """All runs of a comparison, and what follows from them.

    Args:
        runs: the runs; each problem by each algorithm with the same seeds.
        baseline: name of the algorithm that the others are tested against.

    Raises:
        ValueError: if there are no runs, or none of the baseline.
    """

    def __init__(self, runs: Sequence[Run], baseline: str) -> None:
        self.runs = list(runs)
        self.problems = list(dict.fromkeys(run.problem for run in runs))
        self.algorithms = list(dict.fromkeys(run.algorithm for run in runs))
        if baseline not in self.algorithms:
            raise ValueError(f"baseline: expected one of {', '.join(self.algorithms) or 'some runs'}, got {baseline!r}")
        self.baseline = baseline
        self._boxes: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}

    def of(self, problem: str, algorithm: str) -> list[Run]:
        """Return the runs of one algorithm on one problem, by seed."""
        found = [run for run in self.runs if (run.problem, run.algorithm) == (problem, algorithm)]
        return sorted(found, key=lambda run: run.seed)

    def reference(self, problem: str) -> Matrix:
        """Return the front that runs are measured by: the problem's own together with all that any run found."""
        runs = [run for run in self.runs if run.problem == problem]
        known = [np.array(run.reference) for run in runs[:1] if run.reference]
        union = np.concatenate([*known, *(run.final for run in runs)])
        front: Matrix = np.unique(filter_dominated(union), axis=0)
        return front

    def scaled(self, problem: str, F: Matrix) -> Matrix:
        """Return objectives in units of a box: 0 the best that is known, 1 the worst on any run's final front."""
        if problem not in self._boxes:
            best = self.reference(problem)
            fronts = [filter_dominated(run.final) for run in self.runs if run.problem == problem]
            self._boxes[problem] = best.min(axis=0), np.concatenate([best, *fronts]).max(axis=0)
        low, high = self._boxes[problem]
        return np.asarray((F - low) / np.where(high > low, high - low, 1.0))

    def scores(self) -> list[Score]:
        """Return one row for each problem and algorithm; the tests of a problem are corrected together."""
        return [score for problem in self.problems for score in self._scores(problem)]

    def curves(self, problem: str, algorithm: str, points: int = 50) -> tuple[NDArray[np.float64], Matrix]:
        """Return evaluations, (points,), and each run's hypervolume of the population by then, (runs, points)."""
        runs = self.of(problem, algorithm)
        grid = np.linspace(min(r.evaluations[0] for r in runs), min(r.evaluations[-1] for r in runs), points)
        rows = []
        for run in runs:
            values = [_hypervolume(self.scaled(problem, np.array(F))) for F in run.populations]
            rows.append(np.array(values)[np.searchsorted(run.evaluations, grid, side="right") - 1])
        return grid, np.array(rows)

    def _scores(self, problem: str) -> list[Score]:
        front = self.scaled(problem, self.reference(problem))
        hv, igd, low, high = {}, {}, {}, {}
        for name in self.algorithms:
            finals = [run.final for run in self.of(problem, name)]
            scaled = [self.scaled(problem, F) for F in finals]
            hv[name] = np.array([_hypervolume(F) for F in scaled])
            igd[name] = np.array([igd_plus(F, ref=front) for F in scaled])
            low[name] = np.array([np.quantile(F[:, -1], 0.1) for F in finals])
            high[name] = np.array([np.quantile(F[:, -1], 0.9) for F in finals])
        others = [name for name in self.algorithms if name != self.baseline]
        base = self.baseline
        p = dict(zip(others, holm([signed_rank(hv[name], hv[base]) for name in others]), strict=True))
        ranges = {name: high[name] - low[name] for name in self.algorithms}
        p_size = dict(zip(others, holm([signed_rank(ranges[name], ranges[base]) for name in others]), strict=True))
        return [
            Score(
                problem=problem,
                algorithm=name,
                n=len(hv[name]),
                hv=_quartiles(hv[name]),
                igd=_quartiles(igd[name]),
                size_low=float(np.median(low[name])),
                size_high=float(np.median(high[name])),
                p=p.get(name, float("nan")),
                a12=vargha_delaney(hv[name], hv[base]),
                p_size=p_size.get(name, float("nan")),
            )
            for name in self.algorithms
        ]


class WorkerDiedError(StoppedError):
    """A process that was killed, by the system for want of memory or by somebody, while it made a run."""


def compare(
    algorithms: Mapping[str, MakeAlgorithm],
    problems: Mapping[str, MakeProblem],
    seeds: Sequence[int],
    *,
    baseline: str,
    store: str | Path | None = None,
    n_jobs: int = 1,
    done: Callable[[int, int], None] | None = None,
) -> Comparison:
    """Run every algorithm on every problem with every seed, each on a fresh problem, and compare them.

    Args:
        algorithms: makes an algorithm, by name.
        problems: makes a problem of a seed, by name. A problem that moves must have ``final_values``.
        seeds: the seeds, each once.
        baseline: name of the algorithm that the others are tested against.
        store: directory that keeps each run as it ends; those it holds already are not run again.
        n_jobs: processes, as in joblib.
        done: called with the number of runs that are done and of all.

    Raises:
        TypeError: for what makes no algorithm or no problem, or seeds that are no integers.
        ValueError: for names or seeds that are missing or doubled, or a stored run that is damaged.
        WorkerDiedError: if a worker process dies; with a ``store`` the same call goes on from what is done.
    """
    _check_made("algorithms", algorithms)
    _check_made("problems", problems)
    if not isinstance(seeds, Sequence) or isinstance(seeds, str):
        raise TypeError(f"seeds: expected a list of integers, got {shown(seeds)}")
    for seed in seeds:
        whole("seeds", seed, 0)
    if whole("n_jobs", n_jobs, -(1 << 16)) == 0:
        raise ValueError("n_jobs: expected a number of processes or -1 for all cores, got 0")
    if not algorithms or not problems or len(set(seeds)) < len(seeds) or not seeds:
        raise ValueError("compare: expected algorithms, problems and different seeds, got none or some twice")
    if not isinstance(baseline, str) or baseline not in algorithms:
        raise ValueError(f"baseline: expected one of {', '.join(algorithms)}, got {baseline!r}")
    folder = None if store is None else Path(store)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    jobs = [(p, a, s) for p in problems for a in algorithms for s in seeds]
    found = {job: run for job in jobs if (run := _stored(folder, *job)) is not None}
    missing = [job for job in jobs if job not in found]
    work = (delayed(_run)(p, problems[p], a, algorithms[a], s, folder) for p, a, s in missing)
    try:
        for job, run in zip(missing, Parallel(n_jobs=n_jobs, return_as="generator")(work), strict=True):
            found[job] = run
            if done is not None:
                done(len(found), len(jobs))
    except BrokenProcessPool as error:
        kept = "" if store is None else f"; those that are done are kept in {store}"
        raise WorkerDiedError(
            f"compare: expected {len(jobs)} runs, got {len(found)} when a worker process died{kept}"
        ) from error
    return Comparison([found[job] for job in jobs], baseline)


def _check_made(what: str, made: Any) -> None:
    if not isinstance(made, Mapping):
        raise TypeError(f"{what}: expected functions that make one, by name, got {shown(made)}")
    for name, make in made.items():
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"{what}: expected names that a file may have, got {shown(name)}")
        if not callable(make):
            raise TypeError(f"{what}[{name!r}]: expected a function that makes one, got {shown(make)}")


class _Populations(Callback):  # type: ignore[misc]
    """Keeps each generation's vectors and the evaluations up to it."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors: list[NDArray[Any]] = []
        self.evaluations: list[int] = []

    def notify(self, algorithm: Any) -> None:
        """Keep the generation that has just ended."""
        self.vectors.append(algorithm.pop.get("X"))
        self.evaluations.append(int(algorithm.evaluator.n_eval))


def _run(
    problem: str,
    make_problem: MakeProblem,
    algorithm: str,
    make_algorithm: MakeAlgorithm,
    seed: int,
    store: Path | None,
) -> Run:
    made, kept, begin = make_problem(seed), _Populations(), time.perf_counter()
    minimize(made, make_algorithm(), seed=seed, callback=kept)
    final = getattr(made, "final_values", None) or (lambda X: made.evaluate(X, return_values_of=["F"]))
    front = made.pareto_front()
    run = Run(
        problem=problem,
        algorithm=algorithm,
        seed=seed,
        evaluations=kept.evaluations,
        populations=[np.asarray(final(X)).tolist() for X in kept.vectors],
        reference=None if front is None else np.asarray(front).tolist(),
        seconds=time.perf_counter() - begin,
    )
    if store is not None:
        path = _path(store, problem, algorithm, seed)
        beside = path.with_suffix(f".{os.getpid()}")
        beside.write_text(json.dumps(asdict(run)), encoding="utf-8")
        beside.replace(path)
    return run


def _path(store: Path, problem: str, algorithm: str, seed: int) -> Path:
    return store / f"{problem.replace(':', '-')}--{algorithm}--{seed}.json"


def _stored(store: Path | None, problem: str, algorithm: str, seed: int) -> Run | None:
    path = None if store is None else _path(store, problem, algorithm, seed)
    if path is None or not path.is_file():
        return None
    try:
        run = Run(**json.loads(path.read_text(encoding="utf-8")))
        fits = run.final.ndim == 2 and len(run.evaluations) == len(run.populations)
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise ValueError(
            f"{path}: expected a stored run, got something else ({error}); remove it to run again"
        ) from None
    if not fits or (run.problem, run.algorithm, run.seed) != (problem, algorithm, seed):
        raise ValueError(f"{path}: expected a stored run, got another one's; remove it to run again")
    return run


def signed_rank(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test on pairs, 1 where no pair differs."""
    return 1.0 if np.array_equal(a, b) else float(wilcoxon(a, b, zero_method="zsplit").pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down."""
    order, largest, corrected = np.argsort(p), 0.0, [0.0] * len(p)
    for k, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - k) * p[index]))
        corrected[index] = largest
    return corrected


def vargha_delaney(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return A12, the probability that a value of ``a`` is above one of ``b``, ties counted half."""
    ranks = rankdata(np.concatenate([a, b]))[: len(a)]
    return float((ranks.sum() / len(a) - (len(a) + 1) / 2) / len(b))


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def _hypervolume(F: Matrix) -> float:
    return float(hypervolume(F, ref=np.full(F.shape[1], REFERENCE)))
