"""The small model trap (Figure 3): three sizes trained alone, who leads when, and how much accuracy fluctuates.

The paper: early in training small networks are ahead and fluctuate more, later large ones are ahead, so that who
selects early keeps what is small. For each seed a small, a middle and a large network are taken from random
architectures of the space (5, 50 and 95 % quantile of parameters), trained from random weights by the same recipe, and
scored on held-out images after each epoch. Figures, medians over seeds unless said otherwise:

- ``early_gap``, ``late_gap``: accuracy of the large network minus the small one's, mean over the first and the last
  tenth of the epochs; ``early_p``, ``late_p`` of Wilcoxon's signed rank;
- ``small_leads_early``, ``large_leads_late``: share of the epochs of the first and of the last tenth, mean over seeds;
- ``takeover``: the epoch from which on the large network is never behind the small one any more;
- ``fluctuation_small``, ``fluctuation_large``: of accuracy from epoch to epoch in the second half of the
  epochs, trend taken off; ``fluctuation_p``.

    python -m benchmarks.paper.trap
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter
from numpy.typing import ArrayLike, NDArray

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import DASHES, SHADES, dots, finish, panels
from benchmarks.paper.searches import by_size, small_recipe, train_alone
from benchmarks.paper.statistics import paired, rounded, spread
from benchmarks.parallel import in_parallel
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import load
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES

SIZES = ("small", "middle", "large")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        data: images.
        recipe: how each network is trained; it must hold images out.
        quantiles: of parameters among random architectures without absent edges, from small to large.
        seeds: trainings of each size, each of other architectures.
        jobs: processes.
    """

    data: str = "digits"
    recipe: TrainingRecipe = field(default_factory=lambda: small_recipe(epochs=30, holdout_fraction=0.4))
    quantiles: tuple[float, float, float] = (0.05, 0.5, 0.95)
    seeds: int = 4
    jobs: int = 2

    def __post_init__(self) -> None:
        if self.recipe.epochs < 6:
            raise ValueError(f"recipe.epochs: expected at least 6, got {self.recipe.epochs}")
        if self.recipe.holdout_fraction == 0:
            raise ValueError("recipe.holdout_fraction: expected a share of images above 0, got 0")


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(
        data="cifar10", recipe=TrainingRecipe.preset("cifar").updated({"holdout_fraction": 0.1}), seeds=3, jobs=1
    ),
}


def led(accuracy: ArrayLike) -> NDArray[np.float64]:
    """Return whether each of some networks leads in each epoch, as (sizes, epochs); a tie is shared.

    Args:
        accuracy: (sizes, epochs).
    """
    best = np.asarray(accuracy) == np.max(accuracy, axis=0)
    return np.asarray(best / best.sum(axis=0))


def takeover(ahead: ArrayLike, behind: ArrayLike) -> int:
    """Return the first epoch, from 1, from which on the first curve is never below the second; epochs + 1 for none."""
    below = np.flatnonzero(np.asarray(ahead) < np.asarray(behind))
    return int(below[-1]) + 2 if len(below) else 1


def fluctuation(accuracy: ArrayLike) -> float:
    """Return the deviation of a curve around its trend, by second differences.

    For independent noise around a locally straight line their variance is six times that of the noise.
    """
    return float(np.sqrt(np.mean(np.diff(accuracy, n=2) ** 2) / 6))


def settled(curves: ArrayLike) -> NDArray[np.float64]:
    """Return the second half of the epochs, the last axis, in which a curve is nearly straight."""
    A = np.asarray(curves, dtype=float)
    return A[..., A.shape[-1] // 2 :]


def tenth(curves: ArrayLike, *, late: bool) -> NDArray[np.float64]:
    """Return the mean over the first or the last tenth of the epochs, the last axis."""
    A = np.asarray(curves, dtype=float)
    n = max(A.shape[-1] // 10, 1)
    return np.asarray(A[..., -n:].mean(axis=-1) if late else A[..., :n].mean(axis=-1))


def measure(preset: Preset) -> Result:
    """Train all sizes with all seeds."""
    images = load(preset.data)
    network = preset.recipe.network(images.image_shape, images.classes)
    space = DARTSSpace(ops=tuple(op for op in PRIMITIVES if op != "none"))
    calls = [
        (genotype, dataclasses.replace(preset.recipe, seed=seed), preset.data)
        for seed in range(preset.seeds)
        for genotype in by_size(space, network, preset.quantiles, seed)
    ]
    made = in_parallel(train_alone, calls, preset.jobs)
    shape = (preset.seeds, len(SIZES))
    return {
        "images": images.name.partition("?")[0],
        "params": rounded(np.reshape([one.params for one in made], shape)),
        "accuracy": rounded(1 - np.reshape([one.curve for one in made], (*shape, -1))),
        "test_error": rounded(np.reshape([one.error for one in made], shape)),
    }


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    curves = np.array(data["accuracy"])  # (seeds, sizes, epochs)
    small, large = curves[:, 0], curves[:, 2]
    early, late = (paired(tenth(large, late=end), tenth(small, late=end)) for end in (False, True))
    leads = np.mean([led(of_seed) for of_seed in curves], axis=0)  # (sizes, epochs)
    rough = np.array([[fluctuation(curve) for curve in of_seed] for of_seed in settled(curves)])
    test = np.array(data["test_error"])
    return {
        "n": len(curves),
        "early_gap": early["difference"],
        "early_p": early["p"],
        "late_gap": late["difference"],
        "late_p": late["p"],
        "small_leads_early": float(tenth(leads[0], late=False)),
        "large_leads_late": float(tenth(leads[2], late=True)),
        "takeover": float(np.median([takeover(b, a) for a, b in zip(small, large, strict=True)])),
        "fluctuation_small": float(np.median(rough[:, 0])),
        "fluctuation_large": float(np.median(rough[:, 2])),
        "fluctuation_p": paired(rough[:, 0], rough[:, 2])["p"],
        **{f"test_error_{name}": float(np.median(test[:, k])) for k, name in enumerate(SIZES)},
        **{f"params_{name}": float(np.median(np.array(data["params"])[:, k])) for k, name in enumerate(SIZES)},
    }


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each size."""
    curves, sizes, test = (np.array(data[name]) for name in ("accuracy", "params", "test_error"))
    leads = np.mean([led(of_seed) for of_seed in curves], axis=0)
    yield f"{data['images']}, n = {len(curves)}; accuracy on held-out images, median [quartiles]"
    yield (
        f"{'':<8}{'params (M)':>11}  {'first tenth':<22}{'last tenth':<22}{'leads':>6}"
        f"{'fluctuates':>12}{'test error':>12}"
    )
    for k, name in enumerate(SIZES):
        early, late = (spread(tenth(curves[:, k], late=end)) for end in (False, True))
        texts = [f"{s['median']:.3f} [{s['q25']:.3f}, {s['q75']:.3f}]" for s in (early, late)]
        rough = np.median([fluctuation(curve) for curve in settled(curves[:, k])])
        yield (
            f"{name:<8}{np.median(sizes[:, k]):>11.4f}  {texts[0]:<22}{texts[1]:<22}{leads[k].mean():>6.0%}"
            f"{rough:>12.4f}{np.median(test[:, k]):>12.4f}"
        )


def draw(data: Result) -> Figure:
    """Draw accuracy over epochs, who leads, and how much it fluctuates."""
    curves, sizes = np.array(data["accuracy"]), np.array(data["params"])
    epochs = np.arange(1, curves.shape[2] + 1)
    figure, (left, middle, right) = panels(1, 3, 10.5, 3.2, width_ratios=(1.5, 1.5, 1))
    for k, name in enumerate(SIZES):
        low, centre, high = np.quantile(1 - curves[:, k], [0.25, 0.5, 0.75], axis=0) * 100
        label = f"{name}, {np.median(sizes[:, k]) * 1000:.0f}k params"
        left.fill_between(epochs, low, high, color=SHADES[k], alpha=0.18, linewidth=0)
        left.plot(epochs, centre, color=SHADES[k], linestyle=DASHES[k], linewidth=1.6, label=label)
    left.set_yscale("log")
    left.yaxis.set_major_formatter(ScalarFormatter())
    left.yaxis.set_minor_formatter(NullFormatter())
    left.set_yticks([tick for tick in (1, 2, 5, 10, 20, 50, 90) if left.get_ylim()[0] < tick < left.get_ylim()[1]])
    finish(left, "epoch", f"error on held-out images (%), {data['images']}")
    left.legend(frameon=False, fontsize=8)
    leads = np.mean([led(of_seed) for of_seed in curves], axis=0)
    middle.stackplot(epochs, leads, colors=SHADES, alpha=0.85, labels=SIZES)
    middle.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False, fontsize=8)
    finish(middle, "epoch", f"share of seeds in which it leads (n = {len(curves)})")
    middle.set_xlim(1, len(epochs))
    middle.set_ylim(0, 1)
    rough = np.array([[fluctuation(curve) for curve in of_seed] for of_seed in settled(curves)])
    dots(right, rough.T, SIZES, SHADES)
    right.set_ylim(bottom=0)
    finish(right, "", "fluctuation of accuracy, second half")
    return figure


EXPERIMENT = Experiment(
    name="trap",
    about="Small model trap (Figure 3): three sizes trained alone.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
