"""Parameters and multiply-adds of a population from a cost table, against counting each genotype in closed form.

Figures: ``one_by_one_over_table_params`` and ``_flops``, medians of ratios over 256 genotypes of the paper's search
network; ``params_ms`` and ``flops_ms``, the table's time for all of them.

    python -m benchmarks.bench_cost
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import numpy as np

from carsmoo import DARTSSpace, NetworkConfig
from carsmoo.cost.closed_form import CostTable, flops, params

INDIVIDUALS, REPEATS = 256, 15


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def main() -> None:
    """Measure and print."""
    space, network = DARTSSpace(), NetworkConfig(channels=16, layers=8)
    table = CostTable(space, network)
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, size=(INDIVIDUALS, space.n_var))
    genotypes = space.decode(X)
    figures = {}
    for name, of_all, of_one in (("params", table.params, params), ("flops", table.flops, flops)):
        assert of_all(X).tolist() == [of_one(genotype, network) for genotype in genotypes]
        pairs = [
            (seconds(lambda f=of_one: [f(genotype, network) for genotype in genotypes]), seconds(lambda f=of_all: f(X)))
            for _ in range(REPEATS)
        ]
        figures[f"one_by_one_over_table_{name}"] = round(statistics.median(a / b for a, b in pairs), 1)
        figures[f"{name}_ms"] = round(1e3 * statistics.median(b for _, b in pairs), 3)
    print(
        f"{INDIVIDUALS} genotypes: {figures['params_ms']} ms for parameters, {figures['flops_ms']} ms for multiply-adds"
    )
    print("RESULT " + json.dumps({"name": "cost", "figures": figures}))


if __name__ == "__main__":
    main()
