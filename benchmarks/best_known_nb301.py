"""Find the best known front of NASBench301 and write it to ``carsmoo/problems/nb301_front.csv``.

NSGA-II with carsmoo's operators on the surrogate's last epoch, three seeds for each cost, 200 individuals and 400
generations each (480,000 evaluations in all), the published genotypes among the first. What no other dominates is kept,
as vectors; the problem scores them by itself.

    python -m benchmarks.best_known_nb301
"""

from __future__ import annotations

import argparse
import csv
import json
from typing import Any

import numpy as np
from moocore import is_nondominated
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize

from carsmoo.operators import genotype_operators
from carsmoo.problems.surrogate import FRONT, NASBench301
from carsmoo.zoo import GENOTYPES


class LastEpoch(Problem):
    """The surrogate at its last epoch, as a static problem."""

    def __init__(self, surrogate: NASBench301) -> None:
        super().__init__(n_var=surrogate.n_var, n_obj=2, xl=surrogate.xl, xu=surrogate.xu, vtype=int)
        self.surrogate = surrogate

    def _evaluate(self, X: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        out["F"] = self.surrogate.final_values(X)


def search(surrogate: NASBench301, seed: int, generations: int) -> NDArray[np.int64]:
    """Return the non-dominated vectors of one run."""
    space = surrogate.space
    known = space.encode([g for g in GENOTYPES.values() if "none" not in {op for op, _ in g.normal + g.reduce}])
    random = np.random.default_rng(seed).integers(space.xl, space.xu + 1, size=(200 - len(known), space.n_var))
    operators = {**genotype_operators(space), "sampling": np.vstack([known, random])}
    del operators["mating"]
    result = minimize(LastEpoch(surrogate), NSGA2(pop_size=200, **operators), ("n_gen", generations), seed=seed)
    vectors: NDArray[np.int64] = result.X
    return vectors


def main() -> None:
    """Search, write and print."""
    parser = argparse.ArgumentParser(description="Find the best known front of NASBench301.")
    parser.add_argument("--generations", type=int, default=400)
    arguments = parser.parse_args()
    rows, figures = [], {}
    for cost in ("params", "flops"):
        surrogate = NASBench301(cost)
        X = np.unique(np.vstack([search(surrogate, seed, arguments.generations) for seed in range(3)]), axis=0)
        F = surrogate.final_values(X)
        best = is_nondominated(F)
        rows += [[cost, *x] for x in X[best].tolist()]
        figures[f"{cost}_networks"] = int(best.sum())
        figures[f"{cost}_best_error"] = round(float(F[:, 0].min()), 5)
    with FRONT.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    print("RESULT " + json.dumps({"name": "best_known_nb301", "figures": figures}))


if __name__ == "__main__":
    main()
