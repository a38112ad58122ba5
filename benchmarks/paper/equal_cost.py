"""The comparison that decides: searches and training alone at equal total compute (Table 1's columns).

For each data set of ``benchmarks/truth`` and each seed: CARS (pNSGA-III with growth), NSGA-III and random search in one
supernet, from the same warm-up, which each pays for; CARS with own weights; CARS by main effects, a trial of which only
errors and cost are told; and without any search random architectures and regularised evolution, trained alone for as
many core-seconds as CARS of that seed took in all, and published genotypes. What a search takes is trained alone by the
truth set's recipe, which is part of its cost. Of what a method trained, networks not dominated by size and error on
images held out make its front; its test errors count.

Figures of each data set NAME, medians over seeds:

- ``hv_NAME_METHOD``: hypervolume of the fronts, all in one box;
- ``p_NAME_METHOD``: Wilcoxon's signed rank of CARS's hypervolume against that method's, by Holm over the methods of all
  sets that are asked for; ``better_NAME_METHOD``: share of the seeds in which CARS's is higher;
- ``excess_NAME_METHOD``: how far the test errors of the networks trained lie above those of random ones of the same
  size, means over ``excess_n_`` seeds of means over a seed's networks; ``least_excess_``, ``most_excess_``: over seeds;
  ``sized_``: how many networks are within the sizes of random ones, which are those that the truth set drew from the
  whole space and those that random search without a supernet trained in other runs;
- ``core_seconds_NAME_METHOD``, and ``error_NAME_METHOD_SIZE``: test error of the network that has the lowest error on
  images held out among those no larger than a small, a middle and a large size.

    python -m benchmarks.paper.equal_cost --data demo --seeds 8 --jobs 2

goes on where it stopped; several such processes share the work. ``--redraw`` prints and draws what is stored.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from moocore import is_nondominated
from numpy.polynomial import Polynomial

from benchmarks.paper.common import RESULTS, hypervolumes, in_parallel, paired, spread
from benchmarks.paper.equal_compute import ALONE, EFFECTS, EVOLUTION, OWN, SEARCHES, Bench, Preset
from benchmarks.paper.looks import MARKS, SHADES, finish, panels, steps
from benchmarks.truth.records import RESULTS as TRUTHS
from benchmarks.truth.records import Record, Records, read
from benchmarks.truth.sets import SETS, Task
from benchmarks.truth.summary import load_truth
from carsmoo.compare.statistics import holm
from carsmoo.config.renamed import with_new_names

METHODS = (*SEARCHES, OWN, ALONE, EVOLUTION)
"""Those whose hypervolume is compared; a published genotype is one network, and main effects are a trial."""

DRAWN = ("CARS", "random, supernet", ALONE)
"""Those whose fronts are drawn."""

FEWEST = 20
"""Random networks from which on others are compared with those of their sizes."""

SIZES = (0.1, 0.5, 0.9)
"""Quantiles of the sizes of all networks trained on a data set, at which errors are told."""


def stored(name: str, folder: Path) -> list[Record]:
    """Return the records of a data set, one a group of methods and seed; none if there is no file."""
    path = folder / f"equal_cost.{name}.jsonl"
    return read(path)[1] if path.is_file() else []


def budget_of(records: Iterable[Record], seed: int) -> float | None:
    """Return the core-seconds that CARS of a seed took in all, None if it has not run."""
    costs = [
        run["core_seconds"]
        for record in records
        if record["seed"] == seed
        for run in record["runs"]
        if run["method"] == "CARS"
    ]
    return float(costs[0]) if costs else None


def as_today(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of a file of before by the fields that plans have today."""
    settings = {"effects": dataclasses.asdict(Preset().effects), **settings}  # a group of its own, added later
    plans = ("training", "own", "effects")
    return {**settings, **{plan: with_new_names(settings[plan], "training") for plan in plans}}


def share(name: str, preset: Preset, groups: Sequence[str], seeds: int, folder: Path) -> int:
    """Run what is left of some groups of methods on a data set, and return how many those were."""
    torch.set_num_threads(1)
    settings = {**dataclasses.asdict(preset), "truth": SETS[name].settings()}
    records, made = Records(folder / f"equal_cost.{name}.jsonl", settings, as_today), 0
    for seed in range(seeds):
        for group in ("supernet", *groups):
            task, budget = Task(name=group, seed=seed), budget_of(read(records.path)[1], seed)
            with records.claimed(task) as ours:
                run = Bench.of(preset, name, seed).groups(budget).get(group) if ours else None
                if run is not None:
                    records.add({**dataclasses.asdict(task), "runs": list(run())})
                    print(name, task.label, flush=True)
                    made += 1
    return made


# ---------------------------------------------------------------------- what is told


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
            told = paired([values["CARS"][s] for s in both], [by_seed[s] for s in both])
            found[method] = {**told, "n": len(both)}
    return found


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
    for name, records in collected.items():
        runs = runs_of(records)
        if "CARS" not in runs:
            continue
        sizes = sizes_of(runs)
        for method, values in volumes(runs).items():
            told[f"hv_{name}_{method}"] = float(np.median([*values.values()]))
        for method, found in against(volumes(runs)).items():
            told |= {f"better_{name}_{method}": found["share"], f"n_{name}_{method}": found["n"]}
            compared[f"p_{name}_{method}"] = found["p"]
        for method, by_seed in excess(runs, drawn_networks(name)).items():
            means = [float(np.mean(above)) for above in by_seed.values()]
            told |= {f"excess_{name}_{method}": float(np.mean(means)), f"excess_n_{name}_{method}": len(means)}
            told[f"sized_{name}_{method}"] = sum(map(len, by_seed.values()))
            told |= {f"least_excess_{name}_{method}": min(means), f"most_excess_{name}_{method}": max(means)}
        for method, by_seed in runs.items():
            told[f"core_seconds_{name}_{method}"] = float(np.median([run["core_seconds"] for run in by_seed.values()]))
            for label, size in zip(("small", "middle", "large"), sizes, strict=True):
                errors = [error_at(run, size) for run in by_seed.values()]
                if np.isfinite(errors).any():
                    told[f"error_{name}_{method}_{label}"] = float(np.nanmedian(errors))
    return told | dict(zip(compared, holm([*compared.values()]), strict=True))


def sizes_of(runs: Mapping[str, Mapping[int, Record]]) -> list[float]:
    """Return the sizes at which errors are told."""
    methods = [by_seed for method, by_seed in runs.items() if method != EFFECTS]  # a trial moves no figure of others
    every = [n["params"] for by_seed in methods for run in by_seed.values() for n in run["networks"]]
    return np.quantile(every, SIZES).tolist() if every else []


def lines(collected: Mapping[str, Sequence[Record]]) -> Iterator[str]:
    """Yield the table of each data set: a row a method."""
    told = figures(collected)
    for name, records in collected.items():
        runs = runs_of(records)
        if "CARS" not in runs:
            continue
        at = ", ".join(f"{size / 1e3:.1f} k" for size in sizes_of(runs))
        yield f"--- {name}: medians [quartiles] over seeds; test error (%) of networks of at most {at} parameters"
        heads = f"{'CARS better':>12}{'p':>8}{'  excess':<18}"
        yield f"{'':<20}{'n':>3}{'core-s':>8}{'trained':>9}  {'hypervolume':<22}{heads}  errors"
        by_method = volumes(runs)
        for method, by_seed in runs.items():
            seconds = np.median([run["core_seconds"] for run in by_seed.values()])
            trained = np.median([len(run["networks"]) for run in by_seed.values()])
            volume = spread([*by_method[method].values()]) if method in by_method else None
            text = f"{volume['median']:.3f} [{volume['q25']:.3f}, {volume['q75']:.3f}]" if volume else ""
            better, p = told.get(f"better_{name}_{method}"), told.get(f"p_{name}_{method}")
            beside = f"{better:>12.0%}{p:>8.3f}" if better is not None else " " * 20
            above, sized = (told.get(f"{what}_{name}_{method}") for what in ("excess", "sized"))
            every = sum(len(run["networks"]) for run in by_seed.values())
            beside += " " * 18 if above is None else f"{100 * above:>+7.1f} ({sized} of {every})".ljust(18)
            errors = [told.get(f"error_{name}_{method}_{label}") for label in ("small", "middle", "large")]
            shown = "  ".join("   -" if e is None else f"{100 * e:.1f}" for e in errors)
            yield f"{method:<20}{len(by_seed):>3}{seconds:>8.0f}{trained:>9.0f}  {text:<22}{beside}  {shown}"


def draw(collected: Mapping[str, Sequence[Record]]) -> Figure:
    """Draw the fronts of all seeds, a panel a data set."""
    names = [name for name, records in collected.items() if "CARS" in runs_of(records)]
    figure, axes = panels(1, max(len(names), 1), 4.6 * max(len(names), 1), 3.6, wspace=0.1)
    for axis, name in zip(np.atleast_1d(axes), names, strict=False):
        runs = runs_of(collected[name])
        for k, method in enumerate(m for m in DRAWN if m in runs):
            for j, run in enumerate(runs[method].values()):
                points = front_of(run)[:, ::-1] * [1, 100]
                steps(axis, points, color=SHADES[k], linewidth=0.7, alpha=0.6)
                axis.scatter(*points.T, s=14, marker=MARKS[k], color=SHADES[k], label=None if j else method, zorder=3)
        finish(axis, "params (thousands)", "test error, trained alone (%)", name)
        axis.legend(frameon=False, fontsize=7)
    return figure


def main(arguments: Sequence[str] | None = None, preset: Preset | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper.equal_cost", description="Equal total compute.")
    parser.add_argument("--data", choices=list(SETS), nargs="+", default=list(SETS), help="which; in turn")
    groups = ("own", "effects", "alone", "evolution", "published")
    parser.add_argument("--groups", choices=groups, nargs="*", default=groups, help="besides the supernet's searches")
    parser.add_argument("--seeds", type=int, default=8, help="how many of each")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the result files are")
    parser.add_argument("--redraw", action="store_true", help="tell what is stored, without measuring")
    options = parser.parse_args(arguments)
    chosen = preset or Preset()
    if not options.redraw:
        for name in options.data:
            calls = [(name, chosen, options.groups, options.seeds, options.out)] * options.jobs
            in_parallel(share, calls, options.jobs)
    collected = {name: stored(name, options.out) for name in options.data}
    for line in lines(collected):
        print(line)
    for ending in ("png", "pdf"):
        draw(collected).savefig(options.out / f"equal_cost.{ending}", dpi=200)
    told = {key: round(value, 5) for key, value in figures(collected).items()}
    print("RESULT " + json.dumps({"name": "paper_equal_cost", "figures": told}))


if __name__ == "__main__":
    main()
