"""Comparison at equal cost (Table 1's columns): CARS, random search in the same supernet, DARTS-V2, published CARS.

CARS and random search train a supernet for as many epochs and score as many networks (random search, which scores no
newborn before the training, draws twice as many), and survive by the same rule as far as it goes (random search keeps
what NSGA-II's survival keeps of nothing but newcomers). Networks of each front, the one of lowest supernet error among
them, and the published genotypes are then trained alone by the same recipe and scored once on the test split. What a
user would take is the network of lowest *supernet* error; choosing by test error would be looking at the answer.

Figures, medians over seeds:

- ``error_*``, ``params_*`` (millions), ``search_minutes_*`` (of one core's computing);
- ``hv_cars``, ``hv_random``: hypervolume of the trained networks; ``*_p``: Wilcoxon's signed rank, CARS against each.

    python -m benchmarks.paper.equal_cost
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from benchmarks.paper.common import (
    Experiment,
    Result,
    along,
    hypervolumes,
    in_parallel,
    main,
    paired,
    search,
    small_recipe,
    small_search,
    spread,
    train_alone,
)
from benchmarks.paper.looks import MARKS, SHADES, finish, panels, steps
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.space.genotype import Genotype
from carsmoo.zoo import GENOTYPES

SEARCHES = {"CARS": "growth", "random": "random"}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search, but its seed and algorithm.
        recipe: how all networks are trained alone, but its seed.
        published: names of :data:`carsmoo.zoo.GENOTYPES`.
        trained: networks of each front that are trained alone.
        seeds: searches of each kind, and trainings of each published genotype.
        jobs: processes.
    """

    search: SearchConfig = field(default_factory=small_search)
    recipe: TrainingRecipe = field(default_factory=small_recipe)
    published: tuple[str, ...] = ("DARTS-V2", "CARS-A", "CARS-E", "CARS-I")
    trained: int = 3
    seeds: int = 3
    jobs: int = 2


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(
        search=SearchConfig.preset("cifar10-paper"), recipe=TrainingRecipe.preset("cifar"), trained=9, jobs=1
    ),
}


def one(preset: Preset, method: str, seed: int) -> Result:
    """Return what a method gave with a seed: its networks (error, params), the one to take first, and its cost."""
    recipe, cost = dataclasses.replace(preset.recipe, seed=seed), {"minutes": 0.0, "epochs": 0, "scorings": 0}
    genotypes: list[Genotype] = [GENOTYPES[method]] if method in GENOTYPES else []
    if not genotypes:
        found = search(dataclasses.replace(preset.search, seed=seed), SEARCHES[method])
        best = found.front.genotypes[found.front.best()]
        genotypes = [best, *(g for g in along(found.front, preset.trained) if g != best)][: preset.trained]
        cost = {"minutes": found.computing / 60, "epochs": found.epochs, "scorings": found.scorings}
    trained = [train_alone(genotype, recipe, preset.search.data) for genotype in genotypes]
    return {"method": method, "seed": seed, "networks": [[t.error, round(t.params, 5)] for t in trained], **cost}


def measure(preset: Preset) -> Result:
    """Run all methods with all seeds."""
    methods = (*SEARCHES, *preset.published)
    calls = [(preset, method, seed) for method in methods for seed in range(preset.seeds)]
    return {"images": preset.search.data, "methods": list(methods), "runs": in_parallel(one, calls, preset.jobs)}


def of(data: Result, method: str) -> list[Result]:
    """Return the runs of a method, by seed."""
    return [run for run in data["runs"] if run["method"] == method]


def taken(data: Result, method: str) -> np.ndarray:
    """Return error and parameters of the network to take, by seed, (seeds, 2)."""
    return np.array([run["networks"][0] for run in of(data, method)])


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    made: dict[str, float] = {"n": len(of(data, "CARS"))}
    for method in data["methods"]:
        made[f"error_{method}"], made[f"params_{method}"] = np.median(taken(data, method), axis=0).tolist()
        if method != "CARS":
            made[f"error_p_{method}"] = paired(taken(data, "CARS")[:, 0], taken(data, method)[:, 0])["p"]
    for method in SEARCHES:
        made[f"search_minutes_{method}"] = float(np.median([run["minutes"] for run in of(data, method)]))
    volumes = front_volumes(data)
    made |= {f"hv_{method.lower()}": float(np.median(values)) for method, values in volumes.items()}
    made["hv_p"] = paired(volumes["CARS"], volumes["random"])["p"]
    return made


def front_volumes(data: Result) -> dict[str, list[float]]:
    """Return the hypervolume of the trained networks of each search, by seed, all in one box."""
    runs = [run for method in SEARCHES for run in of(data, method)]
    values = hypervolumes([run["networks"] for run in runs])
    return {method: [v for v, run in zip(values, runs, strict=True) if run["method"] == method] for method in SEARCHES}


def lines(data: Result) -> Iterator[str]:
    """Yield Table 1: a row a method."""
    yield f"{data['images']}, n = {len(of(data, 'CARS'))}; test error after training alone, median [quartiles]"
    yield f"{'':<10}{'error (%)':<22}{'params (M)':>11}{'search (core-min)':>19}{'epochs':>8}{'scorings':>10}"
    for method in data["methods"]:
        error = spread(taken(data, method)[:, 0] * 100)
        text = f"{error['median']:.2f} [{error['q25']:.2f}, {error['q75']:.2f}]"
        minutes, epochs, scorings = (
            np.median([run[key] for run in of(data, method)]) for key in ("minutes", "epochs", "scorings")
        )
        cost = f"{minutes:>19.2f}{epochs:>8.0f}{scorings:>10.0f}" if minutes else f"{'none here':>19}"
        yield f"{method:<10}{text:<22}{np.median(taken(data, method)[:, 1]):>11.4f}{cost}"
    volumes = {method: spread(values) for method, values in front_volumes(data).items()}
    yield "hypervolume of the trained networks: " + ", ".join(
        f"{method} {s['median']:.3f} [{s['q25']:.3f}, {s['q75']:.3f}]" for method, s in volumes.items()
    )


def draw(data: Result) -> Figure:
    """Draw error against parameters of all trained networks."""
    figure, ax = panels(1, 1, 6.0, 3.8)
    published = [method for method in data["methods"] if method not in SEARCHES]
    for k, method in enumerate(SEARCHES):
        points = np.concatenate([np.array(run["networks"]) for run in of(data, method)])[:, ::-1] * [1000, 100]
        colour = SHADES[2 * (1 - k)]
        steps(ax, points, color=colour, linewidth=1.2, linestyle=("-", (0, (5, 2)))[k])
        ax.scatter(*points.T, s=30, marker=MARKS[k], facecolor=("none", colour)[k == 0], edgecolor=colour,
                   linewidth=1.2, label=f"{method}, front", zorder=3)  # fmt: skip
    for k, method in enumerate(published):
        error, size = taken(data, method).T * [[100], [1000]]
        low, middle, high = np.quantile(error, [0.25, 0.5, 0.75])
        ax.errorbar(size[0], middle, [[middle - low], [high - middle]], color="#4d4d4d", marker=MARKS[2 + k],
                    markersize=5, capsize=2, linewidth=0.9, linestyle="none", label=method)  # fmt: skip
    finish(ax, "params (thousands)", f"test error, trained alone (%), {data['images']}")
    ax.set_ylim(bottom=0)
    ax.legend(frameon=False, fontsize=8, ncols=2)
    return figure


EXPERIMENT = Experiment(
    name="equal_cost",
    about="Comparison at equal cost (Table 1): error, params, search cost.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
