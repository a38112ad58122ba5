"""The comparison that decides: searches and training alone at equal total compute (Table 1's columns).

For each data set of ``benchmarks/truth`` and each seed: CARS (pNSGA-III with growth), NSGA-III and random search in one
supernet, from the same warm-up, which each pays for; and without any search random architectures and regularised
evolution, trained alone for as many core-seconds as CARS of that seed took in all, and published genotypes. Two trials,
of which only errors and cost are told: CARS with own weights, by main effects of these and of a supernet, and CARS by
main effects of a supernet. What a search takes is trained alone by the truth set's recipe, which is part of its cost.
Of what a method trained, networks not dominated by size and error on images held out make its front; its test errors
count.

Figures: :mod:`benchmarks.paper.equal_figures`.

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

from benchmarks.paper.equal_compute import ALONE, TRIALS, Bench, Preset
from benchmarks.paper.equal_figures import METHODS, figures, front_of, runs_of, sizes_of, volumes
from benchmarks.paper.experiment import RESULTS
from benchmarks.paper.looks import MARKS, SHADES, finish, panels, steps
from benchmarks.paper.statistics import spread
from benchmarks.parallel import in_parallel
from benchmarks.truth.records import Record, Records, read
from benchmarks.truth.sets import SETS, Task
from carsmoo.config.renamed import with_new_names
from carsmoo.utils.trees import difference

DRAWN = ("CARS", "random, supernet", ALONE)
"""Those whose fronts are drawn."""


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
    settings = {name: value for name, value in settings.items() if name not in TRIALS.values()}
    return {**settings, "training": with_new_names(settings["training"], "training")}


def require_plans(records: Iterable[Record], preset: Preset) -> None:
    """Refuse to go on with runs of a trial that were made by another plan than today's.

    Raises:
        ValueError: naming the first difference.
    """
    for method, runs in runs_of([*records]).items():
        if method in TRIALS:
            today = json.loads(json.dumps(dataclasses.asdict(getattr(preset, TRIALS[method]))))
            for run in runs.values():
                found = difference(with_new_names(run["plan"], "training"), today)
                if found is not None:
                    raise ValueError(f"{method}: expected runs by one plan, got another: {found}")


def share(name: str, preset: Preset, groups: Sequence[str], seeds: int, folder: Path) -> int:
    """Run what is left of some groups of methods on a data set, and return how many those were."""
    torch.set_num_threads(1)
    settings = {**preset.settings(), "truth": SETS[name].settings()}
    records, made = Records(folder / f"equal_cost.{name}.jsonl", settings, as_today), 0
    require_plans(read(records.path)[1], preset)
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


def lines(collected: Mapping[str, Sequence[Record]]) -> Iterator[str]:
    """Yield the table of each data set: a row a method, then its hypervolumes by seed."""
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
            beside = " " * 12 if better is None else f"{better:>12.0%}"
            beside += " " * 8 if p is None else f"{p:>8.3f}"
            above, sized = (told.get(f"{what}_{name}_{method}") for what in ("excess", "sized"))
            every = sum(len(run["networks"]) for run in by_seed.values())
            beside += " " * 18 if above is None else f"{100 * above:>+7.1f} ({sized} of {every})".ljust(18)
            errors = [told.get(f"error_{name}_{method}_{label}") for label in ("small", "middle", "large")]
            shown = "  ".join("   -" if e is None else f"{100 * e:.1f}" for e in errors)
            yield f"{method:<20}{len(by_seed):>3}{seconds:>8.0f}{trained:>9.0f}  {text:<22}{beside}  {shown}"
        for method, by_seed in by_method.items():
            yield f"{method:<20} by seed: " + ", ".join(f"{volume:.2f}" for _, volume in sorted(by_seed.items()))
    for method in METHODS:
        if f"lead_{method}" in told:
            lead, low, high, n, p = (told[f"lead{what}_{method}"] for what in ("", "_low", "_high", "_n", "_p"))
            yield f"CARS over {method}: {lead:+.3f} ({low:+.3f} to {high:+.3f}, 95 %), {n:.0f} pairs, p {p:.3f}"


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
