"""What racing saves, and what it does to the front: shortened demo searches with and without it, seed by seed.

Figures, medians over seeds: ``full_over_raced_scoring``, seconds of the scorings of a whole batch of candidates without
racing over those with it; ``hypervolume_difference``, of the final fronts, raced minus full, in units of the first
generation's worst values, with the largest difference either way. Nothing is protected, as racing asks for.

    python -m benchmarks.bench_racing
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo import PNSGA3, CARSProblem, SupernetTraining
from carsmoo.algorithm.display import relative_hypervolume


class Timed(CARSProblem):
    """A problem that keeps how long its scorings of parents with offspring took."""

    seconds = 0.0

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        begin = time.perf_counter()
        values = super()._moving_values(X)
        if len(X) > self.training.pop_size:
            self.seconds += time.perf_counter() - begin
        return values


def search(seed: int, warmup: int, generations: int, racing: bool) -> tuple[float, float]:
    """Return the final front's hypervolume, scored in full, and the seconds of scoring."""
    plan = SupernetTraining(warmup_epochs=warmup, n_generations=generations, racing=racing)
    problem = Timed(training=plan, seed=seed)
    algorithm = PNSGA3(protection=None).setup(problem)
    algorithm.next()
    worst = algorithm.pop.get("F").max(axis=0)
    algorithm.run()
    return relative_hypervolume(problem.front(algorithm).F, worst), problem.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Searches with and without racing.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--generations", type=int, default=20)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = []
    for seed in range(options.seeds):
        full, raced = (search(seed, options.warmup, options.generations, racing) for racing in (False, True))
        rows.append((full[1] / raced[1], raced[0] - full[0]))
        print(
            f"seed {seed}: hypervolume {full[0]:.4f} in full, {raced[0]:.4f} raced; scoring {rows[-1][0]:.2f} times as "
            "fast"
        )
    ratios, differences = zip(*rows, strict=True)
    figures = {
        "full_over_raced_scoring": statistics.median(ratios),
        "hypervolume_difference": statistics.median(differences),
        "hypervolume_difference_least": min(differences),
        "hypervolume_difference_most": max(differences),
    }
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print("RESULT " + json.dumps({"name": "racing", "figures": rounded}))


if __name__ == "__main__":
    main()
