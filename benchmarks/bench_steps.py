"""Two ways to give two processes the same to do in a step, against steps as the paper has them: what a search finds.

Short searches on digits (10 epochs of warm-up, 12 generations, N = 16, N_b = 2), from each seed one ``drawn`` as the
paper has it, one with ``training.flops_grouping_window`` 8, one with ``training.ghost_batches`` 2. Figures, over the
seeds (n, medians):

- ``hypervolume_*``: of (supernet error, params) of the final front, in one box over all;
- ``error_*``: median supernet error of the final population;
- ``*_difference`` and ``*_p``: median paired difference to ``drawn``, and Wilcoxon's p.

    python -m benchmarks.bench_steps
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics

import numpy as np

from benchmarks.paper.searches import Found, search, small_search
from benchmarks.paper.statistics import hypervolumes, paired
from benchmarks.parallel import in_parallel

KINDS = {"drawn": {}, "alike": {"flops_grouping_window": 8}, "parts": {"ghost_batches": 2}}


def found(kind: str, seed: int) -> Found:
    """Search once."""
    return search(dataclasses.replace(small_search(subnets_per_step=2, **KINDS[kind]), seed=seed))


def main() -> None:
    """Search and print."""
    parser = argparse.ArgumentParser(description="What a search finds with steps that two processes share evenly.")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    options = parser.parse_args()
    calls = [(kind, seed) for seed in range(options.seeds) for kind in KINDS]
    results = in_parallel(found, calls, options.jobs)
    measured = {
        "hypervolume": hypervolumes([result.front.F for result in results]),
        "error": [float(np.median(result.populations[-1][:, 0])) for result in results],
    }
    figures: dict[str, float] = {"n": options.seeds}
    for name, values in measured.items():
        of = {kind: values[k :: len(KINDS)] for k, kind in enumerate(KINDS)}
        for kind, each in of.items():
            print(f"{name} {kind}: {np.round(each, 3).tolist()}")
            figures[f"{name}_{kind}"] = statistics.median(each)
            if kind != "drawn":
                compared = paired(each, of["drawn"])
                figures |= {f"{name}_{kind}_{what}": compared[what] for what in ("difference", "p")}
    print("RESULT " + json.dumps({"name": "steps", "figures": {k: round(v, 4) for k, v in figures.items()}}))


if __name__ == "__main__":
    main()
