"""NSGA-III against pNSGA-III inside the same supernet search (Figure 2), growth and size protected.

The paper: NSGA-III loses the large networks and ends with a narrow range of sizes, pNSGA-III keeps them. Each seed is
one supernet with the same first weights, images, first population and warm-up for all three, as many epochs and as many
scorings: those that measure no growth breed twice as many. Hypervolume by supernet
error takes the whole final population as its own supernet scores it; hypervolume after training takes a few networks
of each front, spread over its sizes, trained alone from random weights and scored on the test split. Both are in units
of one box over all runs. Figures, medians over seeds, the others against NSGA-III:

- ``size_high_*``, ``size_range_*``: 90 % quantile of parameters, and that less the 10 % quantile, in the last
  generation, thousands; ``*_range_ratio`` over NSGA-III's, and its ``p``;
- ``hv_supernet_*``, ``hv_trained_*``, with the ``p`` of Wilcoxon's signed rank (of n pairs none below 2^(1 - n)).

    python -m benchmarks.paper.protection
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import DASHES, SHADES, dots, finish, panels, steps
from benchmarks.paper.searches import along, search, small_recipe, small_search, train_alone
from benchmarks.paper.statistics import hypervolumes, paired, rounded, spread
from benchmarks.parallel import in_parallel
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig

ALGORITHMS = ("nsga3", "size", "growth")
NAMES = {"nsga3": "NSGA-III", "size": "pNSGA-III, size", "growth": "pNSGA-III, growth"}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search, but its seed and protection.
        recipe: how networks of the fronts are trained alone.
        trained: networks of each front that are.
        seeds: searches with each protection.
        jobs: processes.
    """

    search: SearchConfig = field(default_factory=small_search)
    recipe: TrainingRecipe = field(default_factory=small_recipe)
    trained: int = 3
    seeds: int = 3
    jobs: int = 2


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(
        search=SearchConfig.preset("cifar10-paper"), recipe=TrainingRecipe.preset("cifar"), trained=8, jobs=1
    ),
}


def one(preset: Preset, algorithm: str, seed: int) -> Result:
    """Search once, train some of the front alone, and return what is kept of it."""
    found = search(dataclasses.replace(preset.search, seed=seed), algorithm)
    recipe = dataclasses.replace(preset.recipe, seed=seed)
    trained = [train_alone(genotype, recipe, preset.search.data) for genotype in along(found.front, preset.trained)]
    return {
        "algorithm": algorithm,
        "seed": seed,
        "populations": [rounded(F) for F in found.populations],
        "trained": [rounded([one.error, one.params]) for one in trained],
        "scorings": found.scorings,
        "seconds": round(found.seconds, 1),
    }


def measure(preset: Preset) -> Result:
    """Run all protections with all seeds."""
    calls = [(preset, algorithm, seed) for seed in range(preset.seeds) for algorithm in ALGORITHMS]
    return {"images": preset.search.data, "runs": in_parallel(one, calls, preset.jobs)}


def of_runs(data: Result) -> dict[str, dict[str, np.ndarray]]:
    """Return for each algorithm the statistics of its runs, by seed: sizes (seeds, generations, 3), hypervolumes."""
    runs = data["runs"]
    finals = hypervolumes([run["populations"][-1] for run in runs])
    trained = hypervolumes([run["trained"] for run in runs])
    found = {}
    for name in ALGORITHMS:
        mine = [k for k, run in enumerate(runs) if run["algorithm"] == name]
        sizes = [
            [np.quantile(np.array(F)[:, -1], [0.1, 0.5, 0.9]) * 1000 for F in runs[k]["populations"]] for k in mine
        ]
        found[name] = {
            "sizes": np.array(sizes),
            "hv_supernet": np.array([finals[k] for k in mine]),
            "hv_trained": np.array([trained[k] for k in mine]),
        }
    return found


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    found, made = of_runs(data), {}
    reach = {name: of["sizes"][:, -1, 2] - of["sizes"][:, -1, 0] for name, of in found.items()}
    for name, of in found.items():
        made[f"size_high_{name}"] = float(np.median(of["sizes"][:, -1, 2]))
        made[f"size_range_{name}"] = float(np.median(reach[name]))
        for kind in ("hv_supernet", "hv_trained"):
            made[f"{kind}_{name}"] = float(np.median(of[kind]))
    for name in ALGORITHMS[1:]:
        made[f"{name}_range_ratio"] = float(np.median(reach[name] / reach["nsga3"]))
        made[f"{name}_range_p"] = paired(reach[name], reach["nsga3"])["p"]
        for kind in ("hv_supernet", "hv_trained"):
            made[f"{name}_{kind}_p"] = paired(found[name][kind], found["nsga3"][kind])["p"]
    return {"n": len(found["nsga3"]["hv_trained"]), **made}


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each protection."""
    found = of_runs(data)
    yield f"{data['images']}, n = {len(found['nsga3']['hv_trained'])}; median [quartiles] over seeds"
    yield f"{'':<19}{'sizes, 10-90 % (k)':<20}{'hypervolume, supernet':<26}hypervolume, trained alone"
    for name, of in found.items():
        low, _, high = np.median(of["sizes"][:, -1], axis=0)
        texts = [
            f"{s['median']:.3f} [{s['q25']:.3f}, {s['q75']:.3f}]"
            for s in map(spread, (of["hv_supernet"], of["hv_trained"]))
        ]
        yield f"{NAMES[name]:<19}{f'{low:.1f}-{high:.1f}':<20}{texts[0]:<26}{texts[1]}"


def draw(data: Result) -> Figure:
    """Draw fronts over generations of the first seed, sizes over generations of all, and both hypervolumes."""
    found = of_runs(data)
    figure, axes = panels(2, 3, 10.5, 6.2)
    first = {run["algorithm"]: run["populations"] for run in reversed(data["runs"]) if run["seed"] == 0}
    generations = len(first["nsga3"])
    drawn = np.unique(np.linspace(0, generations - 1, 5).round().astype(int))
    every = np.concatenate([np.array(F) for of in first.values() for F in of])
    for ax, name in zip(axes[0], ALGORITHMS, strict=True):
        for k, g in enumerate(drawn):
            points = np.array(first[name][g])[:, ::-1] * [1000, 1]
            shade = (0.82 - 0.74 * k / max(len(drawn) - 1, 1),) * 3
            steps(ax, points, color=shade, linewidth=1.2, label=f"generation {g}")
            ax.scatter(*points.T, s=8, color=[shade], zorder=3)
        ax.set_xlim(every[:, -1].min() * 1000 - 1, every[:, -1].max() * 1000 + 1)
        ax.set_ylim(0, every[:, 0].max() * 1.03)
        finish(ax, "params (thousands)", "supernet error" if name == "nsga3" else "", NAMES[name])
    axes[0][2].legend(frameon=False, fontsize=7, loc="best")
    for k, name in enumerate(ALGORITHMS):
        low, _, high = np.median(found[name]["sizes"], axis=0).T
        look = {"color": SHADES[k], "linestyle": DASHES[k], "linewidth": 1.5}
        axes[1][0].plot(low, **look, label=NAMES[name])
        axes[1][0].plot(high, **look)
    finish(
        axes[1][0],
        "generation",
        "params (thousands)",
        f"10 and 90 % of sizes, median of n = {len(found['size']['sizes'])}",
    )
    axes[1][0].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[1][0].legend(frameon=False, fontsize=8, loc="upper right", bbox_to_anchor=(1.0, 0.88))
    names = ["NSGA-III", "size", "growth"]
    for ax, kind, title in zip(
        axes[1][1:], ("hv_supernet", "hv_trained"), ("by supernet error", "after training alone"), strict=True
    ):
        dots(ax, [found[name][kind] for name in ALGORITHMS], names, SHADES)
        finish(ax, "", "hypervolume", title)
    return figure


EXPERIMENT = Experiment(
    name="protection",
    about="NSGA-III against pNSGA-III inside the same supernet search (Figure 2).",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
