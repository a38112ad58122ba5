"""What a truth set says, from its stored results alone: spread, ceiling, and how well cheap orders do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmarks.truth.lookup import absent, read_architectures
from benchmarks.truth.records import RESULTS, Record, read
from carsmoo.compare.statistics import rank_correlation
from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.cost.closed_form import flops, params
from carsmoo.problems.trust import of_whole
from carsmoo.space.genotype import Genotype


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The architectures of a truth set that have been trained, n of them, in the order in which they are drawn.

    Args:
        names: of the architectures.
        groups: of each, ``published``, ``random`` or ``drawn``.
        genotypes: their cells.
        network: widths and depth of all.
        test: error on the test split, mean over seeds, (n,), a fraction.
        held_out: error on the held-out images, likewise.
        params: (n,), millions.
        flops: (n,), multiply-adds in millions.
        surrogate: NAS-Bench-301's error, (n,); NaN where it knows none.
    """

    names: list[str]
    groups: list[str]
    genotypes: list[Genotype]
    network: NetworkConfig
    test: NDArray[np.float64]
    held_out: NDArray[np.float64]
    params: NDArray[np.float64]
    flops: NDArray[np.float64]
    surrogate: NDArray[np.float64]

    def at(self, chosen: ArrayLike) -> Truth:
        """Return those at some places, (m,), or that a mask, (n,), chooses."""
        index = np.arange(len(self.names))[np.asarray(chosen)]
        lists = {key: [getattr(self, key)[k] for k in index] for key in ("names", "groups", "genotypes")}
        arrays = {key: getattr(self, key)[index] for key in ("test", "held_out", "params", "flops", "surrogate")}
        return Truth(**lists, **arrays, network=self.network)


def load_truth(name: str, folder: Path = RESULTS) -> Truth:
    """Return a truth set as far as it has been made.

    Raises:
        FileNotFoundError: if nothing has been made of it.
    """
    settings, records = read(folder / f"{name}.jsonl")
    recipe = TrainingRecipe(**settings["recipe"])
    network = recipe.network(tuple(settings["shape"]), settings["classes"])
    test, held_out = by_name(records, "test"), by_name(records, "held_out")
    rows = [row for row in read_architectures(folder) if row["name"] in test]
    genotypes = [row["genotype"] for row in rows]
    return Truth(
        names=[row["name"] for row in rows],
        groups=[row["group"] for row in rows],
        genotypes=genotypes,
        network=network,
        test=np.array([np.mean(list(test[row["name"]].values())) for row in rows]),
        held_out=np.array([np.mean(list(held_out[row["name"]].values())) for row in rows]),
        params=np.array([params(g, network) for g in genotypes]) / 1e6,
        flops=np.array([flops(g, network) for g in genotypes]) / 1e6,
        surrogate=np.array([row["surrogate"] for row in rows], dtype=np.float64),
    )


def by_name(records: Sequence[Record], what: str, budget: float = 1.0) -> dict[str, dict[int, float]]:
    """Return a figure of the trainings of one length, by architecture and seed."""
    found: dict[str, dict[int, float]] = {}
    for record in records:
        if record["budget"] == budget:
            found.setdefault(record["name"], {})[record["seed"]] = record[what]
    return found


def tau(one: ArrayLike, other: ArrayLike) -> float | None:
    """Return Kendall's tau-b where both values are known, None where it does not exist."""
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    known = np.isfinite(a) & np.isfinite(b)
    return rank_correlation(a[known], b[known]).tau


def within_thirds(one: ArrayLike, other: ArrayLike, size: ArrayLike) -> list[float | None]:
    """Return the tau within the smallest, the middle and the largest third of some networks, by size.

    The thirds are equal in number, so that each has networks enough.
    """
    a, b = np.asarray(one, dtype=np.float64), np.asarray(other, dtype=np.float64)
    return [tau(a[part], b[part]) for part in np.array_split(np.argsort(np.asarray(size), kind="stable"), 3)]


def tau_of(truth: Truth, values: ArrayLike) -> float | None:
    """Return the tau of some values, (n,), with a truth set's test errors."""
    return tau(truth.test, values)


def tau_at_like_sizes(truth: Truth, values: ArrayLike) -> float | None:
    """Return the mean tau of some values, (n,), with a truth set's test errors within thirds by parameters."""
    return mean_of(within_thirds(truth.test, values, truth.params))


def scores(record: dict[str, Any], names: Sequence[str], score: str = "error") -> list[float]:
    """Return the scores of some networks that a measurement holds, NaN of those it does not."""
    return [float(np.mean(record[score].get(name, np.nan))) for name in names]


def mean_of(values: Sequence[float | None]) -> float | None:
    """Return the mean of the values that exist, None if none does."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def seeds(test: Mapping[str, Mapping[int, float]], size: Mapping[str, float]) -> dict[str, Any]:
    """Return how far trainings of one architecture with seeds 0 and 1 agree.

    Args:
        test: error by architecture and seed; those with both seeds count.
        size: parameters by architecture.

    Returns:
        ``n_seeds``, ``tau_seeds``, ``tau_seeds_thirds`` (mean of the thirds); ``tau_without_noise``, which an order by
        the expected errors would have with the mean of both, if errors are normal; ``sd``, of the mean errors over
        architectures, and ``sd_seed``, of one training around its architecture's expectation.
    """
    names = [name for name, by_seed in test.items() if {0, 1} <= set(by_seed)]
    if len(names) < 2:
        return {"n_seeds": len(names)}
    pairs = np.array([[test[name][0], test[name][1]] for name in names])
    sizes = [size[name] for name in names]
    between = tau(*pairs.T)
    return {
        "n_seeds": len(names),
        "tau_seeds": between,
        "tau_without_noise": None if between is None else of_whole(between, 2),
        "tau_seeds_thirds": mean_of(within_thirds(pairs[:, 0], pairs[:, 1], sizes)),
        "sd": float(pairs.mean(axis=1).std(ddof=1)),
        "sd_seed": float(np.sqrt(np.mean(np.diff(pairs, axis=1) ** 2) / 2)),
    }


def budgets(records: Sequence[Record], size: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return for each length of training, on the architectures that have all of them: what its order is worth.

    Seed 0 alone. ``tau_next`` is the tau with the next longer training, ``tau_params`` that with "more parameters
    first", which is negative where the small model trap is at work. ``tau_seeds``, where all of them were trained by
    seed 1 too, is the tau of both: an order that changes no more than that may be all seed noise.
    """
    lengths = sorted({record["budget"] for record in records})
    errors = [{k: v[0] for k, v in by_name(records, "test", length).items() if 0 in v} for length in lengths]
    names = sorted(set.intersection(*(set(found) for found in errors))) if errors else []
    columns = [[found[name] for name in names] for found in errors]
    sizes = np.array([size[name] for name in names])
    seconds = [{k: v[1] for k, v in by_name(records, "test", length).items() if 1 in v} for length in lengths]
    rows = []
    for k, length in enumerate(lengths):
        after = tau(columns[k], columns[k + 1]) if k + 1 < len(lengths) else None
        both = tau(columns[k], [seconds[k][name] for name in names]) if seconds[k].keys() >= set(names) else None
        mean = float(np.mean(columns[k])) if names else None
        rows.append({"budget": length, "n": len(names), "error": mean, "tau_params": tau(columns[k], -sizes),
                     "tau_next": after, "tau_seeds": both})  # fmt: skip
    return rows


def figures(truth: Truth, records: Sequence[Record]) -> dict[str, Any]:
    """Return all figures of a truth set."""
    size = dict(zip(truth.names, truth.params.tolist(), strict=True))
    random = np.array([group != "published" for group in truth.groups], dtype=bool)
    found: dict[str, Any] = {
        "n": len(truth.names),
        "n_random": int(random.sum()),
        "n_with_absent": sum(absent(g) > 0 for g in truth.genotypes),
        "trainings": len(records),
        "core_hours": sum(record["core_seconds"] for record in records) / 3600,
        "core_seconds_median": float(np.median([r["core_seconds"] for r in records if r["budget"] == 1.0])),
        "error_min": float(truth.test.min()),
        "error_median": float(np.median(truth.test)),
        "error_max": float(truth.test.max()),
        "size_range": float(truth.params.max() / truth.params.min()),
        **seeds(by_name(records, "test"), size),
    }
    for suffix, part in (("", truth), ("_random", truth.at(random))):
        for name in ("params", "flops", "surrogate", "held_out"):
            value = getattr(part, name) * (-1 if name in ("params", "flops") else 1)
            found[f"tau_{name}{suffix}"] = tau_of(part, value)
            found[f"tau_{name}_thirds{suffix}"] = tau_at_like_sizes(part, value)
    for row in budgets(records, size):
        if row["tau_next"] is not None:
            found[f"tau_x{row['budget']:g}_to_next"] = row["tau_next"]
        if row["tau_seeds"] is not None and row["n"] < found["n"]:
            found[f"tau_x{row['budget']:g}_seeds"] = row["tau_seeds"]
    return found
