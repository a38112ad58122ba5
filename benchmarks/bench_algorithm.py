"""What a generation of PNSGA3 costs beside pymoo's NSGA3, on DTLZ2 with three objectives, and how it grows.

Figures: ``generation_over_pymoo_N`` for populations of about N, the median over alternating pairs of generations of the
ratio of their times, the scoring of DTLZ2 itself included in both; ``hypervolume_p``, Wilcoxon's two-sided p of the
final hypervolumes over paired seeds, and ``hypervolume_difference``, their median difference (ours minus theirs);
``exponent``, the slope of log time over log population up to 8000.

    python -m benchmarks.bench_algorithm
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import time
from typing import Any

import numpy as np
from moocore import hypervolume
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from carsmoo import PNSGA3
from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.compare.statistics import signed_rank

PROBLEM = get_problem("dtlz2", n_obj=3)


def started(algorithm: Any, seed: int = 1) -> Any:
    """Return an algorithm after its first three generations."""
    with contextlib.redirect_stdout(io.StringIO()):
        algorithm.setup(PROBLEM, termination=("n_gen", 10**6), seed=seed)
    for _ in range(3):
        algorithm.next()
    return algorithm


def generation(algorithm: Any) -> float:
    """Return the seconds that one generation takes."""
    begin = time.perf_counter()
    algorithm.next()
    return time.perf_counter() - begin


def ratio(n: int, pairs: int) -> tuple[float, float]:
    """Return the median ratio of a generation's time, ours over pymoo's, and our median seconds."""
    directions = das_dennis(3, n)
    ours, theirs = started(PNSGA3(directions)), started(NSGA3(directions))
    times = [(generation(ours), generation(theirs)) for _ in range(pairs)]
    return statistics.median(a / b for a, b in times), statistics.median(a for a, _ in times)


def hypervolumes(kind: type, seeds: int) -> np.ndarray:
    """Return the final hypervolume for each seed after 100 generations of 91."""
    directions = das_dennis(3, 91)
    runs = [minimize(PROBLEM, kind(directions), ("n_gen", 100), seed=seed) for seed in range(seeds)]
    return np.array([hypervolume(run.F, ref=np.full(3, 1.1)) for run in runs])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A generation of PNSGA3 beside pymoo's NSGA3.")
    parser.add_argument("--pairs", type=int, default=25)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    figures: dict[str, float] = {}
    for n in (92, 500, 2000):
        found, ours = ratio(n, arguments.pairs if n < 2000 else max(arguments.pairs // 3, 5))
        figures[f"generation_over_pymoo_{n}"] = round(found, 3)
        print(f"population {n}: {1e3 * ours:.1f} ms a generation, {found:.3f} of pymoo's")
    sizes = (500, 1000, 2000, 4000, 8000)
    seconds = [
        statistics.median(generation(a) for _ in range(5)) for a in (started(PNSGA3(das_dennis(3, n))) for n in sizes)
    ]
    figures["exponent"] = round(float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0]), 3)
    for n, value in zip(sizes, seconds, strict=True):
        print(f"population {n}: {1e3 * value:.1f} ms")
    ours, theirs = hypervolumes(PNSGA3, arguments.seeds), hypervolumes(NSGA3, arguments.seeds)
    figures["hypervolume_difference"] = round(float(np.median(ours - theirs)), 6)
    figures["hypervolume_p"] = round(signed_rank(ours, theirs), 4)
    print("RESULT " + json.dumps({"name": "algorithm", "figures": figures}))


if __name__ == "__main__":
    main()
