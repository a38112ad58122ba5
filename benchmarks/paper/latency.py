"""CARS-Lat: a search for error and measured latency, beside one for error and parameters.

A table of layers is measured first, alone on the machine, and both searches are run with each seed. Networks of each
front, spread over its second objective, are trained alone, and their latency is measured as whole networks (batch 1,
one thread on a CPU), all of them in turn. Figures:

- ``hv_latency``, ``hv_params``: hypervolume of (test error, measured latency) of both fronts, medians over seeds;
  ``hv_p``: Wilcoxon's signed rank over seeds;
- ``fastest_latency``, ``fastest_params``: lowest measured latency (ms) of each front, medians over seeds;
- ``spearman``, ``mean_error``: predicted against measured latency over all these networks;
- ``params_spearman``: rank correlation of parameters and measured latency.

    python -m benchmarks.paper.latency
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import MARKS, SHADES, finish, panels, steps
from benchmarks.paper.searches import along, search, small_recipe, small_search, train_alone
from benchmarks.paper.statistics import hypervolumes, paired, rank_correlation, spread
from benchmarks.parallel import in_parallel
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.cost.closed_form import params
from carsmoo.cost.latency import latency as look_up
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.data import load
from carsmoo.nets.latency.measure import build, network_latency
from carsmoo.space.genotype import Genotype

KINDS = ("latency", "params")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search, but its seed and second objective.
        recipe: how networks are trained alone, but its seed.
        trained: networks of each front.
        rounds: how often a layer and a whole network are timed.
        checked: random networks that the table is compared with.
        seeds: searches of each kind.
        jobs: processes; times are measured by one alone.
    """

    search: SearchConfig = field(default_factory=small_search)
    recipe: TrainingRecipe = field(default_factory=small_recipe)
    trained: int = 3
    rounds: int = 60
    checked: int = 20
    seeds: int = 2
    jobs: int = 2


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(
        search=SearchConfig.preset("cifar10-paper"), recipe=TrainingRecipe.preset("cifar"), trained=7, seeds=1, jobs=1
    ),
}


def one(preset: Preset, kind: str, seed: int, table: LatencyTable) -> tuple[list[Genotype], list[float]]:
    """Search for error and one of :data:`KINDS`; return networks of the front and their test errors trained alone."""
    config = dataclasses.replace(preset.search, seed=seed, objectives=("error", kind))
    found = search(config, **({"latency": table} if kind == "latency" else {}))
    genotypes = along(found.front, preset.trained)
    recipe = dataclasses.replace(preset.recipe, seed=seed)
    return genotypes, [train_alone(genotype, recipe, config.data).error for genotype in genotypes]


def measure(preset: Preset) -> Result:
    """Measure the table, search, train, and measure whole networks."""
    images, space = load(preset.search.data), preset.search.space
    network = preset.search.network.for_data(images.image_shape, images.classes)
    table = build(space, network, rounds=preset.rounds, network_rounds=preset.rounds, checked=preset.checked)
    calls = [(preset, kind, seed, table) for seed in range(preset.seeds) for kind in KINDS]
    found = in_parallel(one, calls, preset.jobs)
    whole = [genotype for genotypes, _ in found for genotype in genotypes]
    timings = iter(network_latency(whole, network, memory_format=table.memory_format, rounds=preset.rounds))
    runs = []
    for (_, kind, seed, _), (genotypes, test_errors) in zip(calls, found, strict=True):
        rows = []
        for genotype, error in zip(genotypes, test_errors, strict=True):
            timing, predicted = next(timings), look_up(genotype, network, table)
            size = params(genotype, network) / 1e6
            rows.append([round(value, 6) for value in (error, timing.ms, predicted, size, timing.low, timing.high)])
        runs.append({"kind": kind, "seed": seed, "networks": rows})
    about = table.additivity
    return {
        "images": preset.search.data,
        "device": table.device,
        "layers": len(table.layers),
        "table": None if about is None else about._asdict(),
        "runs": runs,
    }


def networks(data: Result, kind: str) -> list[np.ndarray]:
    """Return test error, measured and predicted latency (ms), parameters (millions) and quartiles of each front."""
    return [np.array(run["networks"]) for run in data["runs"] if run["kind"] == kind]


def volumes(data: Result) -> dict[str, list[float]]:
    """Return the hypervolume of test error and measured latency of each front, by kind and seed, in one box."""
    fronts = {kind: networks(data, kind) for kind in KINDS}
    values = hypervolumes([found[:, :2] for kind in KINDS for found in fronts[kind]])
    n = len(fronts["latency"])
    return {"latency": values[:n], "params": values[n:]}


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    hv = volumes(data)
    every = np.concatenate([found for kind in KINDS for found in networks(data, kind)])
    made: dict[str, float] = {"n": len(hv["latency"]), "networks": len(every)}
    for kind in KINDS:
        made[f"hv_{kind}"] = float(np.median(hv[kind]))
        made[f"fastest_{kind}"] = float(np.median([found[:, 1].min() for found in networks(data, kind)]))
    made["hv_p"] = paired(hv["latency"], hv["params"])["p"]
    made["spearman"] = rank_correlation(every[:, 1], every[:, 2])[0]
    made["mean_error"] = float(np.mean(np.abs(every[:, 2] / every[:, 1] - 1)))
    made["params_spearman"] = rank_correlation(every[:, 1], every[:, 3])[0]
    return made


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each network, and what both kinds come to."""
    hv, made = volumes(data), figures(data)
    yield f"{data['images']}, {data['device']}, n = {made['n']} searches of each kind"
    yield f"{'objective':<10}{'seed':>5}{'test error':>12}{'measured (ms)':>15}{'predicted':>11}{'params (M)':>12}"
    for run in data["runs"]:
        for error, measured, predicted, size, *_ in run["networks"]:
            yield f"{run['kind']:<10}{run['seed']:>5}{error:>12.4f}{measured:>15.3f}{predicted:>11.3f}{size:>12.4f}"
    for kind in KINDS:
        s = spread(hv[kind])
        yield f"{kind:<10} hypervolume {s['median']:.3f} [{s['q25']:.3f}, {s['q75']:.3f}]"
    yield (
        f"predicted against measured: Spearman {made['spearman']:.3f}, mean error {made['mean_error']:.1%}; "
        f"parameters against measured: Spearman {made['params_spearman']:.3f}"
    )


def draw(data: Result) -> Figure:
    """Draw test error against measured latency of both kinds of search, and predicted against measured latency."""
    figure, (left, right) = panels(1, 2, 9.0, 3.6)
    names = {"latency": "CARS-Lat: error and latency", "params": "CARS: error and parameters"}
    for k, kind in enumerate(KINDS):
        shade = SHADES[2 * (1 - k)]
        found = np.concatenate(networks(data, kind))
        points = found[:, [1, 0]] * [1, 100]
        bars = np.abs(found[:, [4, 5]] - found[:, [1]]).T
        look = {"color": shade, "marker": MARKS[k], "linestyle": "none", "markersize": 5, "capsize": 0}
        look["markerfacecolor"] = shade if k == 0 else "white"
        left.errorbar(points[:, 0], points[:, 1], xerr=bars, elinewidth=0.8, label=names[kind], zorder=3, **look)
        steps(left, points, color=shade, linewidth=1.0, linestyle=("-", (0, (5, 2)))[k])
        right.errorbar(found[:, 2], found[:, 1], yerr=bars, elinewidth=0.8, zorder=3, **look)
    finish(left, "measured latency (ms, batch 1)", f"test error, trained alone (%), {data['images']}")
    left.set_ylim(bottom=0)
    left.legend(frameon=False, fontsize=8)
    low, high = min(right.get_xlim()[0], right.get_ylim()[0]), max(right.get_xlim()[1], right.get_ylim()[1])
    right.plot([low, high], [low, high], color="#9a9a9a", linewidth=0.8, zorder=1)
    finish(right, "latency predicted by the table (ms)", "measured latency (ms)")
    return figure


EXPERIMENT = Experiment(
    name="latency",
    about="CARS-Lat: error against measured latency.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
