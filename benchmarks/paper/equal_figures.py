"""What the comparison at equal total compute comes to: figures of stored runs, :mod:`benchmarks.paper.equal_cost`.

Figures of each data set NAME, medians over seeds:

- ``hv_NAME_METHOD``: hypervolume of the fronts, all in one box;
- ``p_NAME_METHOD``: Wilcoxon's signed rank of CARS's hypervolume against that method's, by Holm over the methods of all
  sets that are asked for; ``better_NAME_METHOD``: share of the ``n_NAME_METHOD`` seeds in which CARS's is higher;
  ``lead_NAME_METHOD``: by how much in the mean;
- ``excess_NAME_METHOD``: how far the test errors of the networks trained lie above those of random ones of the same
  size, means over ``excess_n_`` seeds of means over a seed's networks; ``least_excess_``, ``most_excess_``: over seeds;
  ``sized_``: how many networks are within the sizes of random ones, which are those that the truth set drew from the
  whole space and those that random search without a supernet trained in other runs;
- ``core_seconds_NAME_METHOD``, and ``error_NAME_METHOD_SIZE``: test error of the network that has the lowest error on
  images held out among those no larger than a small, a middle and a large size.

Figures of all data sets together, over their pairs of runs, each hypervolume in units of its own set's box:

- ``lead_METHOD``: mean of CARS's hypervolume over that method's, ``lead_low_METHOD`` and ``lead_high_METHOD`` its 95 %
  interval (Student's t), ``lead_n_METHOD`` the pairs, ``lead_p_METHOD`` as above, by Holm over the methods.

Comparisons of fewer than :data:`FEWEST_PAIRS` pairs are not tested: whatever came out, none could reach 0.05, so that
counting them would only weaken the others (Tarone 1990).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from moocore import is_nondominated
from numpy.polynomial import Polynomial
from scipy.stats import sem
from scipy.stats import t as student

from benchmarks.paper.equal_compute import ALONE, EVOLUTION, SEARCHES
from benchmarks.paper.statistics import hypervolumes, paired
from benchmarks.truth.records import RESULTS as TRUTHS
from benchmarks.truth.records import Record
from benchmarks.truth.summary import load_truth
from carsmoo.compare.statistics import holm, signed_rank

METHODS = (*SEARCHES, ALONE, EVOLUTION)
"""Those whose hypervolume is compared; a published genotype is one network, and others are trials."""

FEWEST = 20
"""Random networks from which on others are compared with those of their sizes."""

FEWEST_PAIRS = 6
"""From which on the smallest two-sided p of the signed-rank test, 2 / 2^n, is below 0.05."""

SIZES = (0.1, 0.5, 0.9)
"""Quantiles of the sizes of all networks trained on a data set, at which errors are told."""


def runs_of(records: Sequence[Record]) -> dict[str, dict[int, Record]]:
    """Return what each method gave, by seed."""
    found: dict[str, dict[int, Record]] = {}
    for record in records:
        for run in record["runs"]:
            found.setdefault(run["method"], {})[record["seed"]] = run
    return {method: dict(sorted(by_seed.items())) for method, by_seed in found.items()}


def front_of(run: Mapping[str, Any]) -> np.ndarray:
    """Return test error and parameters (thousands) of the networks that a user would keep, (k, 2).

    Those are the ones that no other dominates by error on images held out and by parameters.
    """
    networks = run["networks"]
    known = np.array([[n["held_out"], n["params"]] for n in networks], dtype=float)
    kept = is_nondominated(known, keep_weakly=False)
    return np.array([[n["test"], n["params"] / 1e3] for n in networks], dtype=float)[kept]


def volumes(runs: Mapping[str, Mapping[int, Record]]) -> dict[str, dict[int, float]]:
    """Return the hypervolume of each front by method and seed, all in one box."""
    keys = [(method, seed) for method in METHODS if method in runs for seed in runs[method]]
    values = hypervolumes([front_of(runs[method][seed]) for method, seed in keys])
    found: dict[str, dict[int, float]] = {}
    for (method, seed), value in zip(keys, values, strict=True):
        found.setdefault(method, {})[seed] = value
    return found


def against(values: Mapping[str, Mapping[int, float]]) -> dict[str, dict[str, float]]:
    """Compare CARS with each other method over the seeds that both have."""
    found = {}
    for method, by_seed in values.items():
        both = sorted(values["CARS"].keys() & by_seed.keys()) if method != "CARS" else []
        if both:
            one, other = ([by[s] for s in both] for by in (values["CARS"], by_seed))
            found[method] = {**paired(one, other), "lead": float(np.mean(one) - np.mean(other)), "n": len(both)}
    return found


def leads(sets: Sequence[Mapping[str, Mapping[int, float]]]) -> dict[str, float]:
    """Return the figures of all data sets together, from the hypervolumes of each by method and seed."""
    pairs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for values in sets:
        for method, by_seed in values.items():
            if method != "CARS":
                pairs[method] += [
                    (values["CARS"][s], by_seed[s]) for s in sorted(values["CARS"].keys() & by_seed.keys())
                ]
    told: dict[str, float] = {}
    tested = {method: np.array(found) for method, found in pairs.items() if len(found) >= FEWEST_PAIRS}
    for method, both in tested.items():
        ahead = both[:, 0] - both[:, 1]
        mean, error = float(ahead.mean()), float(sem(ahead) * student.ppf(0.975, len(ahead) - 1))
        told |= {f"lead_{method}": mean, f"lead_low_{method}": mean - error, f"lead_high_{method}": mean + error}
        told[f"lead_n_{method}"] = len(ahead)
    corrected = holm([signed_rank(*both.T) for both in tested.values()])
    return told | {f"lead_p_{method}": p for method, p in zip(tested, corrected, strict=True)}


def drawn_networks(name: str) -> np.ndarray:
    """Return parameters and test errors of what the truth set drew from the whole space, means over seeds, (n, 2)."""
    if not (TRUTHS / f"{name}.jsonl").is_file():
        return np.empty((0, 2))
    known = load_truth(name)
    return np.column_stack([1e6 * known.params, known.test])[[group == "drawn" for group in known.groups]]


def excess(runs: Mapping[str, Mapping[int, Record]], drawn: np.ndarray) -> dict[str, dict[int, list[float]]]:
    """Return by method and seed how far the test errors of networks lie above those of random ones of their sizes.

    Random ones are ``drawn``, (n, 2), and those that random search of other runs trained. Their errors follow a
    parabola in the logarithm of the parameters, fitted to them. Networks that are smaller or larger than all of them
    are left out, and so is a run without any other.
    """
    found: dict[str, dict[int, list[float]]] = {}
    for method, by_seed in runs.items():
        for seed, run in by_seed.items():
            others = [other for k, other in runs.get(ALONE, {}).items() if (ALONE, k) != (method, seed)]
            rows = [[n["params"], n["test"]] for other in others for n in other["networks"]]
            known = np.concatenate([drawn, np.array(rows, dtype=float).reshape(-1, 2)])
            if len(known) < FEWEST:
                continue
            size = np.log(known[:, 0])
            usual = Polynomial.fit(size, known[:, 1], 2)
            sized = [(np.log(n["params"]), n["test"]) for n in run["networks"]]
            inside = [float(e - usual(s)) for s, e in sized if size.min() <= s <= size.max()]
            if inside:
                found.setdefault(method, {})[seed] = inside
    return found


def error_at(run: Mapping[str, Any], size: float) -> float:
    """Return the test error of the network a user would take of those no larger than a size; NaN if there is none."""
    fitting = [n for n in run["networks"] if n["params"] <= size]
    return float(min(fitting, key=lambda n: n["held_out"])["test"]) if fitting else float("nan")


def figures(collected: Mapping[str, Sequence[Record]]) -> dict[str, float]:
    """Return the figures of the result line, of data sets that hold runs of CARS."""
    told: dict[str, float] = {}
    compared: dict[str, float] = {}
    all_volumes: list[dict[str, dict[int, float]]] = []
    for name, records in collected.items():
        runs = runs_of(records)
        if "CARS" not in runs:
            continue
        sizes = sizes_of(runs)
        all_volumes.append(volumes(runs))
        for method, values in all_volumes[-1].items():
            told[f"hv_{name}_{method}"] = float(np.median([*values.values()]))
        for method, found in against(all_volumes[-1]).items():
            told |= {f"better_{name}_{method}": found["share"], f"n_{name}_{method}": found["n"]}
            told[f"lead_{name}_{method}"] = found["lead"]
            if found["n"] >= FEWEST_PAIRS:
                compared[f"p_{name}_{method}"] = found["p"]
        for method, lying in excess(runs, drawn_networks(name)).items():
            means = [float(np.mean(above)) for above in lying.values()]
            told |= {f"excess_{name}_{method}": float(np.mean(means)), f"excess_n_{name}_{method}": len(means)}
            told[f"sized_{name}_{method}"] = sum(map(len, lying.values()))
            told |= {f"least_excess_{name}_{method}": min(means), f"most_excess_{name}_{method}": max(means)}
        for method, by_seed in runs.items():
            told[f"core_seconds_{name}_{method}"] = float(np.median([run["core_seconds"] for run in by_seed.values()]))
            for label, size in zip(("small", "middle", "large"), sizes, strict=True):
                errors = [error_at(run, size) for run in by_seed.values()]
                if np.isfinite(errors).any():
                    told[f"error_{name}_{method}_{label}"] = float(np.nanmedian(errors))
    return told | dict(zip(compared, holm([*compared.values()]), strict=True)) | leads(all_volumes)


def sizes_of(runs: Mapping[str, Mapping[int, Record]]) -> list[float]:
    """Return the sizes at which errors are told."""
    methods = [by_seed for method, by_seed in runs.items() if method in METHODS]  # no others move figures of these
    every = [n["params"] for by_seed in methods for run in by_seed.values() for n in run["networks"]]
    return np.quantile(every, SIZES).tolist() if every else []
