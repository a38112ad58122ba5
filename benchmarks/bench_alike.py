"""Steps of architectures that are alike in multiply-adds against steps as drawn: what a search finds.

Pairs of short searches on digits (10 epochs of warm-up, 12 generations, N = 16, N_b = 2), one with ``training.alike`` 8
and one with 1, from the same seed. Figures, over the seeds (n, and medians):

- ``hypervolume_alike``, ``hypervolume_drawn``: of (supernet error, params) of the final front, in one box over all,
  with the median of their paired difference and Wilcoxon's p;
- ``error_alike``, ``error_drawn``: median supernet error of the final population, with the same.

    python -m benchmarks.bench_alike
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics

import numpy as np

from benchmarks.paper.common import Found, hypervolumes, in_parallel, paired, search, small_search

WINDOWS = {"alike": 8, "drawn": 1}


def found(window: int, seed: int) -> Found:
    """Search once."""
    return search(dataclasses.replace(small_search(architectures=2, alike=window), seed=seed))


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description="Steps of like architectures against steps as drawn.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    options = parser.parse_args()
    calls = [(window, seed) for seed in range(options.seeds) for window in WINDOWS.values()]
    results = in_parallel(found, calls, options.jobs)
    volumes = hypervolumes([result.front.F for result in results])
    errors = [float(np.median(result.populations[-1][:, 0])) for result in results]
    figures: dict[str, float] = {"n": options.seeds}
    for name, values in (("hypervolume", volumes), ("error", errors)):
        alike, drawn = values[::2], values[1::2]
        compared = paired(alike, drawn)
        print(f"{name}: alike {np.round(alike, 3).tolist()}, drawn {np.round(drawn, 3).tolist()}")
        figures |= {f"{name}_alike": statistics.median(alike), f"{name}_drawn": statistics.median(drawn)}
        figures |= {f"{name}_difference": compared["difference"], f"{name}_p": compared["p"]}
    print("RESULT " + json.dumps({"name": "alike", "figures": {k: round(v, 4) for k, v in figures.items()}}))


if __name__ == "__main__":
    main()
