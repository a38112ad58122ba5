"""How zero-cost proxies order the random architectures of the truth sets, from untrained networks.

Figures, for each truth set NAME and each PROXY of ``carsmoo.nets.supernet.proxies``, means over seeds:

- ``tau_PROXY_NAME``: Kendall's tau with the test errors of the same architectures trained alone, and
  ``tau_PROXY_thirds_NAME`` within thirds by parameters; ``core_seconds_PROXY_NAME``: of all architectures together;
- ``tau_own_PROXY_NAME``: of the mean of two ranks, the proxy's and that by the loss of own weights of 18 epochs
  (``benchmarks.bench_fidelity``), to be held against the loss's own ``tau_own_NAME``; ``tau_sized_PROXY_NAME``: of the
  mean of the ranks of the proxy and of "more parameters first", whose own tau is ``tau_params_NAME``.

    python -m benchmarks.truth.proxies --seeds 3

goes on where it stopped; ``--redraw`` prints what is stored.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from benchmarks.truth.fidelity import stored
from benchmarks.truth.records import RESULTS, append_line, whole_lines
from benchmarks.truth.sets import SETS
from benchmarks.truth.summary import Truth, load_truth, mean_of, scores, tau, tau_at_like_sizes
from carsmoo.config.network import NetworkConfig
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.nets.supernet.proxies import PROXIES, proxy

FILE = "proxies.jsonl"

OWN_EPOCHS = 18
"""Of the own weights whose order a proxy's is joined with."""


def random_networks(data: str, folder: Path) -> Truth:
    """Return what is known of the random architectures of a truth set."""
    truth = load_truth(data, folder)
    return truth.at([group != "published" for group in truth.groups])


def measure(data: str, seed: int, folder: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return some proxies of a set's random architectures, negative so that less is better, and their core-seconds."""
    made, truth = SETS[data], random_networks(data, folder)
    shape = NetworkConfig(channels=made.recipe.channels, layers=made.recipe.layers)
    problem = CARSProblem(f"{made.data}{'&' if '?' in made.data else '?'}pad=0", network=shape, seed=seed)
    record: dict[str, Any] = {"data": data, "seed": seed, "torch": torch.__version__, "core_seconds": {}}
    for name in names:
        begin, value = time.process_time(), proxy(name, problem, seed=seed)
        record[name] = {one: value(genotype) for one, genotype in zip(truth.names, truth.genotypes, strict=True)}
        record["core_seconds"][name] = round(time.process_time() - begin, 1)
    return record


def stored_proxies(folder: Path) -> list[dict[str, Any]]:
    """Return the records of a folder, those of one data set and seed as one."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for record in map(json.loads, whole_lines(folder / FILE)):
        before = found.get((record["data"], record["seed"]), {"core_seconds": {}})
        seconds = {**before["core_seconds"], **record["core_seconds"]}
        found[record["data"], record["seed"]] = {**before, **record, "core_seconds": seconds}
    return list(found.values())


def joined(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of the ranks of two scores, (n,)."""
    ranks: NDArray[np.float64] = (rankdata(one) + rankdata(other)) / 2
    return ranks


def figures(records: Sequence[dict[str, Any]], folder: Path) -> dict[str, float | None]:
    """Return the figures of all sets that have records, over the architectures that all records of a set hold."""
    found: dict[str, float | None] = {}
    fidelity = stored(folder)
    for data in dict.fromkeys(record["data"] for record in records):
        of = [record for record in records if record["data"] == data]
        truth = random_networks(data, folder)
        names = [name for name in PROXIES if all(name in record for record in of)]
        truth = truth.at([all(one in record[name] for record in of for name in names) for one in truth.names])
        rows = [r for r in fidelity if (r["data"], r["lever"], r["epochs"]) == (data, "own", OWN_EPOCHS)]
        own = [scores(row, truth.names, "loss") for row in rows]
        found[f"n_{data}"], found[f"seeds_{data}"] = len(truth.names), len(of)
        found[f"tau_own_{data}"] = mean_of([tau(truth.test, loss) for loss in own])
        for name in names:
            values = [[record[name][one] for one in truth.names] for record in of]
            thirds = [tau_at_like_sizes(truth, value) for value in values]
            both = [tau(truth.test, joined(value, loss)) for value in values for loss in own]
            found[f"tau_{name}_{data}"] = mean_of([tau(truth.test, value) for value in values])
            found[f"tau_{name}_thirds_{data}"] = mean_of(thirds)
            found[f"tau_own_{name}_{data}"] = mean_of(both)
            sized = [tau(truth.test, joined(value, -truth.params)) for value in values]
            found[f"tau_sized_{name}_{data}"] = mean_of(sized)
            found[f"core_seconds_{name}_{data}"] = mean_of([record["core_seconds"][name] for record in of])
        found[f"tau_params_{data}"] = tau(truth.test, -truth.params)
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.proxies", description="Zero-cost proxies.")
    parser.add_argument("--data", choices=list(SETS), nargs="+", default=list(SETS))
    parser.add_argument("--seeds", type=int, default=3, help="seeds 0 to this, exclusive")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the result files are")
    parser.add_argument("--redraw", action="store_true", help="print what is stored, without measuring")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    known = {(record["data"], record["seed"]): record for record in stored_proxies(options.out)}
    for data in () if options.redraw else options.data:
        for seed in range(options.seeds):
            if missing := [name for name in PROXIES if name not in known.get((data, seed), {})]:
                append_line(options.out / FILE, measure(data, seed, options.out, missing))
    found = figures(stored_proxies(options.out), options.out)
    told = {name: None if value is None else round(value, 3) for name, value in found.items()}
    for name, value in told.items():
        print(f"{name:<34}{'-' if value is None else value:>8}")
    print("RESULT " + json.dumps({"name": "proxies", "figures": told}))


if __name__ == "__main__":
    main()
