"""Transfer: a front found on one data set, trained on another.

The paper searches on CIFAR-10 and trains what it finds on ImageNet. Here a front is found on small images, and some of
its networks, spread over its sizes, are trained alone on those and on others, and so are random architectures, each
with about as many parameters as one of them, and published genotypes. Figures:

- ``spearman``: rank correlation over seeds' networks of test errors on both data sets, and its ``p``;
- ``error_front``, ``error_random``: test error on the other data set, medians; ``front_p``: Wilcoxon's signed rank over
  pairs of like size; ``front_better``: share of pairs in which the front's network is better;
- ``error_NAME``: of published genotypes.

    python -m benchmarks.paper.transfer
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import MARKS, SHADES, finish, panels, steps
from benchmarks.paper.searches import along, like_sized, search, small_recipe, small_search, train_alone
from benchmarks.paper.statistics import paired, rank_correlation, spread
from benchmarks.parallel import in_parallel
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.nets.data import load
from carsmoo.zoo import GENOTYPES


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search on the first data set, but its seed.
        recipe: how networks are trained alone on the first, but its seed.
        other: images of the second.
        other_recipe: how networks are trained alone there, but its seed.
        published: names of :data:`carsmoo.zoo.GENOTYPES`.
        trained: networks of each front.
        seeds: searches.
        jobs: processes.
    """

    search: SearchConfig = field(default_factory=small_search)
    recipe: TrainingRecipe = field(default_factory=small_recipe)
    other: str = "fashion-mnist?images=2000&size=14&pad=1"
    other_recipe: TrainingRecipe = field(default_factory=lambda: small_recipe(epochs=6, pad=None))
    published: tuple[str, ...] = ("DARTS-V2", "CARS-H")
    trained: int = 3
    seeds: int = 2
    jobs: int = 2


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(
        search=SearchConfig.preset("cifar10-paper"),
        recipe=TrainingRecipe.preset("cifar"),
        other="imagenet",
        other_recipe=TrainingRecipe.preset("imagenet"),
        published=("DARTS-V2", "CARS-A", "CARS-H", "CARS-I"),
        seeds=1,
        jobs=1,
    ),
}


def one(preset: Preset, seed: int) -> Result:
    """Search once, and train the front, random architectures of like sizes and the published on both data sets."""
    images = load(preset.search.data)
    network = preset.search.network.for_data(images.image_shape, images.classes)
    front = along(search(dataclasses.replace(preset.search, seed=seed)).front, preset.trained)
    groups = {
        "front": front,
        "random": like_sized(preset.search.space, network, front, seed),
        **{name: [GENOTYPES[name]] for name in preset.published},
    }
    made: Result = {"seed": seed}
    for name, genotypes in groups.items():
        pairs = [
            [
                train_alone(genotype, dataclasses.replace(recipe, seed=seed), data)
                for recipe, data in ((preset.recipe, preset.search.data), (preset.other_recipe, preset.other))
            ]
            for genotype in genotypes
        ]
        made[name] = [[round(a.error, 5), round(b.error, 5), round(b.params, 5)] for a, b in pairs]
    return made


def measure(preset: Preset) -> Result:
    """Do so with all seeds."""
    runs = in_parallel(one, [(preset, seed) for seed in range(preset.seeds)], preset.jobs)
    return {"images": preset.search.data, "other": preset.other, "published": list(preset.published), "runs": runs}


def networks(data: Result, name: str) -> np.ndarray:
    """Return error on the first and on the second data set and parameters (millions) of all networks, (n, 3)."""
    return np.concatenate([np.array(run[name]) for run in data["runs"]])


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    front, random = networks(data, "front"), networks(data, "random")
    both = np.concatenate([front, random])
    spearman, spearman_p = rank_correlation(both[:, 0], both[:, 1])
    compared = paired(front[:, 1], random[:, 1])
    return {
        "n": len(data["runs"]),
        "pairs": len(front),
        "spearman": spearman,
        "spearman_p": spearman_p,
        "error_front": float(np.median(front[:, 1])),
        "error_random": float(np.median(random[:, 1])),
        "front_p": compared["p"],
        "front_better": 1 - compared["share"],
        **{f"error_{name}": float(np.median(networks(data, name)[:, 1])) for name in data["published"]},
    }


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each group of networks."""
    yield f"{len(data['runs'])} searches on {data['images']}; test error after training alone, median [quartiles]"
    yield f"{'':<10}{'n':>3}  {data['images']:<24}{data['other'].partition('?')[0]:<24}{'params (M)':>11}"
    for name in ("front", "random", *data["published"]):
        found = networks(data, name)
        texts = [f"{s['median']:.4f} [{s['q25']:.4f}, {s['q75']:.4f}]" for s in map(spread, found[:, :2].T)]
        yield f"{name:<10}{len(found):>3}  {texts[0]:<24}{texts[1]:<24}{np.median(found[:, 2]):>11.4f}"
    made = figures(data)
    yield (
        f"front against random of like size: better in {made['front_better']:.0%} of {made['pairs']} pairs, "
        f"p {made['front_p']:.3f}; Spearman of both errors {made['spearman']:.2f} (p {made['spearman_p']:.3f})"
    )


def draw(data: Result) -> Figure:
    """Draw the error on the second data set by parameters, and the errors on both against each other."""
    figure, (left, right) = panels(1, 2, 9.0, 3.6)
    names = ("front", "random", *data["published"])
    shades = (SHADES[2], SHADES[0], *("#4d4d4d",) * len(data["published"]))
    for k, (name, shade) in enumerate(zip(names, shades, strict=True)):
        found = networks(data, name) * [100, 100, 1000]
        look = {"s": 32, "marker": MARKS[k], "edgecolor": shade, "linewidth": 1.2, "zorder": 3}
        look["facecolor"] = shade if k == 0 else "none"
        left.scatter(found[:, 2], found[:, 1], label=name, **look)
        right.scatter(found[:, 0], found[:, 1], **look)
        if k < 2:
            steps(left, found[:, [2, 1]], color=shade, linewidth=1.0, linestyle=("-", (0, (5, 2)))[k])
    other = data["other"].partition("?")[0]
    finish(left, "params (thousands)", f"test error on {other} (%)", f"searched on {data['images']}")
    finish(right, f"test error on {data['images']} (%)", f"test error on {other} (%)")
    left.legend(frameon=False, fontsize=8)
    return figure


EXPERIMENT = Experiment(
    name="transfer",
    about="Transfer: a front found on one data set trained on another.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
