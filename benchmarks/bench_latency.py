"""How well a table of measured layers predicts the latency of whole networks, and whether it comes out again.

Two tables are built in one run for each of two search networks, the demo's (8 channels, 5 cells, 1x8x8) and the paper's
(16 channels, 8 cells, 3x32x32). Figures, ``_demo`` and ``_paper``, and without an ending the worse of the two:

- ``latency_spearman``, ``latency_mean_error``: the worse table's predictions against 30 measured networks each that
  span the range of multiply-adds and took no part in the fit: rank correlation, and mean of
  |predicted - measured| / measured;
- ``latency_spearman_uniform``: the same correlation for 30 uniformly drawn genotypes, which are all of middling size;
- ``latency_repeat_difference``: median over layers of the difference of the two tables, over their mean;
- ``latency_prediction_difference``: the same of predictions for 256 uniformly drawn genotypes.

    python -m benchmarks.bench_latency
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np
from scipy.stats import spearmanr

from carsmoo import DARTSSpace, NetworkConfig
from carsmoo.cost.latency import LatencyCosts
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.latency.measure import build, network_latency

NETWORKS = {
    "demo": NetworkConfig(image_shape=(1, 8, 8), n_classes=10),
    "paper": NetworkConfig(channels=16, layers=8, image_shape=(3, 32, 32), n_classes=10),
}

WORSE = {"spearman": min, "spearman_uniform": min, "mean_error": max}
"""Which of two figures is the worse one; the larger where nothing is said."""


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Return the median of the relative differences."""
    return float(np.median(np.abs(one - other) / ((one + other) / 2)))


def measure(name: str, checked: int) -> dict[str, float]:
    """Return the figures of one network."""
    space, network = DARTSSpace(), NETWORKS[name]
    tables: list[LatencyTable] = []
    begin = time.perf_counter()
    for seed in (0, 1):
        tables.append(build(space, network, checked=checked, seed=seed))
    seconds = (time.perf_counter() - begin) / 2
    layers = [np.array([timing.ms for timing in table.layers.values()]) for table in tables]
    X = np.random.default_rng(2).integers(space.xl, space.xu + 1, size=(256, space.n_var))
    predictions = [LatencyCosts(space, network, table).ms(X) for table in tables]
    uniform = [timing.ms for timing in network_latency(space.decode(X[:checked]), network)]
    found = [table.additivity for table in tables if table.additivity is not None]
    table = tables[0]
    print(
        f"{name}: {len(table.layers)} layers, {seconds:.1f} s a table; {table.device}, {table.threads} thread; "
        f"networks drawn uniformly take {min(uniform):.2f} to {max(uniform):.2f} ms; "
        f"each layer adds {table.between} ms + {table.scale} x its time"
    )
    return {
        "spearman": min(additivity.spearman for additivity in found),
        "mean_error": max(additivity.mean_error for additivity in found),
        "spearman_uniform": float(min(spearmanr(p[:checked], uniform).statistic for p in predictions)),
        "repeat_difference": difference(*layers),
        "prediction_difference": difference(*predictions),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Predicted latencies beside measured ones.")
    parser.add_argument("--checked", type=int, default=30)
    options = parser.parse_args()
    by_network = {name: measure(name, options.checked) for name in NETWORKS}
    figures = {}
    for key in by_network["demo"]:
        figures[f"latency_{key}"] = WORSE.get(key, max)(found[key] for found in by_network.values())
        figures |= {f"latency_{key}_{name}": found[key] for name, found in by_network.items()}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print("RESULT " + json.dumps({"name": "latency", "figures": rounded}))


if __name__ == "__main__":
    main()
