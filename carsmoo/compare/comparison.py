"""Comparison of several algorithms on several problems: hypervolume, IGD+, sizes, and significance tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from moocore import filter_dominated, hypervolume, igd_plus
from numpy.typing import NDArray

from carsmoo.compare.statistics import holm, signed_rank, vargha_delaney
from carsmoo.utils.validation import finite_numbers

Matrix: TypeAlias = NDArray[np.float64]

REFERENCE = 1.1
"""Reference point of the hypervolume in each objective, in units of the box of :meth:`Comparison.scaled`."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The record of one run: its populations by final values, evaluations and time.

    Attributes:
        problem: its name.
        algorithm: its name.
        seed: of problem and algorithm.
        evaluations: scores up to each generation, (g,); those of newborns before an advance count.
        populations: each generation's feasible individuals scored by final values, g lists of (n, m); n may be 0.
            Those whose final values are not finite count as infeasible ones.
        reference: the problem's own Pareto front, (k, m), or None.
        seconds: how long it took, with the scoring of all populations by final values.
        search_seconds: wall time of the search alone; None in a run that was kept before this was told.
        termination: of the run as a text; None where it was the problem's own.

    Raises:
        ValueError: for populations or a reference that are no finite numbers.
    """

    problem: str
    algorithm: str
    seed: int
    evaluations: list[int]
    populations: list[list[list[float]]]
    reference: list[list[float]] | None
    seconds: float
    search_seconds: float | None = None
    termination: str | None = None

    def __post_init__(self) -> None:
        for F in self.populations:
            finite_numbers("populations", F)
        finite_numbers("reference", [] if self.reference is None else self.reference)

    @property
    def final(self) -> Matrix:
        """The final population by final values, (n, m); (0,) if none of it is feasible."""
        return np.array(self.populations[-1], dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Score:
    """One algorithm on one problem: median and quartiles over seeds, and tests against the baseline.

    Attributes:
        hv: hypervolume in units of the problem's box, (25 %, 50 %, 75 %); 0 of a run that found nothing feasible.
        igd: IGD+ to the reference front in the same units, (25 %, 50 %, 75 %); of such a run that of
            the reference point.
        evaluations: scores of a whole run, median over seeds.
        size_low: 10 % quantile of the last objective in the final population, median over seeds.
        size_high: 90 % quantile, median over seeds.
        p: Wilcoxon's signed-rank p of the hypervolume against the baseline, after Holm; NaN for the baseline itself.
        a12: probability that a run's hypervolume beats one of the baseline's, ties half (Vargha and Delaney).
        p_size: Wilcoxon's p of the size range (90 % - 10 %) against the baseline, after Holm, over the seeds in which
            both found something feasible; NaN if there are none.
        seconds: wall time of a search, median over the runs that tell it; NaN if none does. Scores that differ in
            nothing else are equal.
    """

    problem: str
    algorithm: str
    n: int
    hv: tuple[float, float, float]
    igd: tuple[float, float, float]
    evaluations: float
    size_low: float
    size_high: float
    p: float
    a12: float
    p_size: float
    seconds: float = field(default=float("nan"), compare=False)


class Comparison:
    """The runs of a comparison, and the scores and curves computed from them.

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
        """Return the front that runs are measured by: the problem's own together with all that any run found.

        Raises:
            ValueError: if it has none, and no run found anything feasible.
        """
        runs = [run for run in self.runs if run.problem == problem]
        known = [np.array(run.reference) for run in runs[:1] if run.reference]
        found = [*known, *(run.final for run in runs if len(run.final))]
        if not found:
            raise ValueError(f"{problem}: expected a run that found something feasible, got none")
        union = np.concatenate(found)
        front: Matrix = np.unique(filter_dominated(union), axis=0)
        return front

    def scaled(self, problem: str, F: Matrix) -> Matrix:
        """Return objectives in units of a box: 0 the best that is known, 1 the worst on any run's final front."""
        if problem not in self._boxes:
            best = self.reference(problem)
            fronts = [filter_dominated(run.final) for run in self.runs if run.problem == problem and len(run.final)]
            self._boxes[problem] = best.min(axis=0), np.concatenate([best, *fronts]).max(axis=0)
        low, high = self._boxes[problem]
        return np.asarray((F - low) / np.where(high > low, high - low, 1.0))

    def scores(self) -> list[Score]:
        """Return one row for each problem and algorithm; the tests of a problem are corrected together.

        Raises:
            ValueError: if the algorithms' seeds on a problem differ, so that they are no pairs.
        """
        return [score for problem in self.problems for score in self._scores(problem)]

    def curves(self, problem: str, algorithm: str, points: int = 50) -> tuple[NDArray[np.float64], Matrix]:
        """Return evaluations, (points,), and each run's hypervolume of the population by then, (runs, points)."""
        runs = self.of(problem, algorithm)
        grid = np.linspace(max(r.evaluations[0] for r in runs), min(r.evaluations[-1] for r in runs), points)
        rows = []
        for run in runs:
            values = [self._volume(problem, np.array(F)) for F in run.populations]
            rows.append(np.array(values)[np.searchsorted(run.evaluations, grid, side="right") - 1])
        return grid, np.array(rows)

    def _volume(self, problem: str, F: Matrix) -> float:
        return float(hypervolume(self.scaled(problem, F), ref=np.full(F.shape[1], REFERENCE))) if len(F) else 0.0

    def _distance(self, problem: str, F: Matrix, front: Matrix) -> float:
        return float(
            igd_plus(self.scaled(problem, F) if len(F) else np.full((1, front.shape[1]), REFERENCE), ref=front)
        )

    def _require_pairs(self, problem: str) -> None:
        seeds = {name: [run.seed for run in self.of(problem, name)] for name in self.algorithms}
        for name, found in seeds.items():
            if found != seeds[self.baseline]:
                told = f"{seeds[self.baseline]} of {self.baseline}, got {found} of {name}"
                raise ValueError(f"runs: expected the same seeds on {problem} for all, {told}")

    def _scores(self, problem: str) -> list[Score]:
        self._require_pairs(problem)
        front = self.scaled(problem, self.reference(problem))
        hv, igd, low, high = {}, {}, {}, {}
        for name in self.algorithms:
            finals = [run.final for run in self.of(problem, name)]
            hv[name] = np.array([self._volume(problem, F) for F in finals])
            igd[name] = np.array([self._distance(problem, F, front) for F in finals])
            low[name], high[name] = (np.array([_size(F, share) for F in finals]) for share in (0.1, 0.9))
        others = [name for name in self.algorithms if name != self.baseline]
        base = self.baseline
        p = _corrected({name: signed_rank(hv[name], hv[base]) for name in others})
        ranges = {name: high[name] - low[name] for name in self.algorithms}
        p_size = _corrected({name: _where_both(ranges[name], ranges[base]) for name in others})
        return [
            Score(
                problem=problem,
                algorithm=name,
                n=len(hv[name]),
                hv=_quartiles(hv[name]),
                igd=_quartiles(igd[name]),
                evaluations=float(np.median([run.evaluations[-1] for run in self.of(problem, name)])),
                size_low=_median(low[name]),
                size_high=_median(high[name]),
                p=p.get(name, float("nan")),
                a12=vargha_delaney(hv[name], hv[base]),
                p_size=p_size.get(name, float("nan")),
                seconds=_median([run.search_seconds for run in self.of(problem, name)]),
            )
            for name in self.algorithms
        ]


def _size(F: Matrix, share: float) -> float:
    return float(np.quantile(F[:, -1], share)) if len(F) else float("nan")


def _quartiles(values: NDArray[np.float64]) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return low, middle, high


def _median(values: Iterable[float | None]) -> float:
    """Return the median of the values that there are, NaN if there are none."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return float(np.median(known)) if known else float("nan")


def _where_both(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the p of the signed-rank test on the pairs that are known, NaN if there are none."""
    known = np.isfinite(one) & np.isfinite(other)
    return signed_rank(one[known], other[known]) if known.any() else float("nan")


def _corrected(p: Mapping[str, float]) -> dict[str, float]:
    """Return p-values after Holm; those that are NaN stay, and do not count."""
    known = {name: value for name, value in p.items() if np.isfinite(value)}
    return {**p, **dict(zip(known, holm([*known.values()]), strict=True))}
