"""The manual's figures, each drawn by one function: ``python docs/_ext/figures.py DIR`` draws them all.

Whatever can be computed is computed by carsmoo itself; nothing here needs torch or data.
"""

import sys
from functools import cache, partial
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from pymoo.optimize import minimize

from carsmoo import PNSGA3, ChainSpace, Front, NASBench201Space, plots
from carsmoo.compare.runner import compare
from carsmoo.compare.suite import algorithm
from carsmoo.plots.style import GREY, INK, finish
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.survival.selection import merge_stages, pareto_stages, protected_objectives, select
from carsmoo.zoo import GENOTYPES, PUBLISHED

SHADES = ("#10204d", "#5b7aa8", "#aebdd0", "#dde3ea")
LABELS = ["error (fraction)", "size"]

# A population by hand: size, error, and growth (how much the error fell in the last generation).
# The large ones, e to h, are still worse than their smaller rivals, but improve faster.
NAMES = "abcdefgh"
SIZE = np.array([1.0, 2.0, 3.0, 2.6, 4.6, 6.0, 7.5, 5.4])
ERROR = np.array([0.46, 0.36, 0.30, 0.44, 0.33, 0.35, 0.42, 0.52])
GROWTH = np.array([0.02, 0.03, 0.04, 0.01, 0.07, 0.09, 0.12, 0.05])


def overview():
    """What a search is: a supernet that trains, a population that evolves on it, a front."""
    figure = Figure(figsize=(8.0, 3.5), layout="constrained")
    ax = figure.add_subplot()
    boxes = {
        "population": (1.2, 2.3, "population\nN genotypes", "#e9eef5"),
        "newborns": (4.2, 2.3, "offspring\ncrossover, mutation, new", "#e9eef5"),
        "scores": (7.4, 2.3, "scores\nerror, parameters, ...", "#e9eef5"),
        "world": (4.2, 0.55, "supernet: one set of weights for all,\ntrained a little every generation", "#f5efe2"),
        "front": (10.2, 2.3, "Pareto front", "#e4f0e6"),
    }
    for x, y, text, colour in boxes.values():
        _box(ax, x, y, text, colour)
    _arrow(ax, (2.0, 2.3), (2.75, 2.3))
    _arrow(ax, (5.7, 2.3), (6.25, 2.3))
    _arrow(ax, (8.6, 2.3), (9.5, 2.3))
    _arrow(ax, (1.2, 1.9), (2.3, 0.8), "trains the\nchosen paths", (0.95, 1.2))
    _arrow(ax, (6.1, 0.8), (7.4, 1.9), "current\nweights", (7.6, 1.2))
    _arrow(ax, (7.4, 2.75), (1.2, 2.75), "survival: pNSGA-III keeps N", (4.3, 3.42), bend=0.16)
    _bare(ax, (-0.1, 11.3), (0.0, 3.7))
    return figure


def stages():
    """R by the objectives, Q by growth, U merged; from carsmoo.survival on the population above."""
    F = np.column_stack([ERROR, SIZE])
    protected = protected_objectives(F, GROWTH[:, None], (0,), "growth")
    R, Q = pareto_stages(F), pareto_stages(protected)
    U = merge_stages(R, Q)
    figure = Figure(figsize=(9.0, 3.3), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    _staged(first, R, ERROR, "R: error and size", "error")
    _staged(second, Q, GROWTH, "Q: growth and size", "growth (fall of error)")
    _staged(third, U, ERROR, "U: both, stage by stage", "error")
    return figure


def survivors():
    """Who of the population above is kept, four of eight, without and with protection."""
    F = np.column_stack([ERROR, SIZE])
    directions = np.array([[k / 3, 1 - k / 3] for k in range(4)])
    figure = Figure(figsize=(7.2, 3.2), layout="constrained")
    for ax, protection in zip(figure.subplots(1, 2, sharey=True), (None, "growth"), strict=True):
        protected = protected_objectives(F, GROWTH[:, None], (0,), protection)
        kept = select(F, protected, 4, directions, np.random.default_rng(0))
        ax.scatter(SIZE, ERROR, s=90, facecolor="white", edgecolor=GREY)
        ax.scatter(SIZE[kept], ERROR[kept], s=90, color=SHADES[0])
        _named(ax, ERROR, set(kept.tolist()))
        ax.set_title("NSGA-III keeps" if protection is None else "pNSGA-III keeps", fontsize=10, loc="left")
        finish(ax, "size", "error" if protection is None else "")
    return figure


def trap_curves():
    """The small model trap: error over time of three sizes."""
    problem = SmallModelTrap(strength=3, noise=0.01, generations=40)
    X = np.full((3, problem.n_var), 0.5)
    X[:, 0] = 0.1, 0.5, 0.9
    errors = []
    for _ in range(40):
        errors.append(problem.moving_values(X)[:, 0])
        problem.advance(X)
    ax = plots.new_axes(5.2, 3.2)
    for k, (name, style) in enumerate((("small", ":"), ("medium", "--"), ("large", "-"))):
        ax.plot([row[k] for row in errors], style, color=SHADES[0], linewidth=1.5, label=name)
    left = next(t for t, row in enumerate(errors) if row.argmin() != 0 and t > 2)
    ax.axvspan(0, left, color="#f5efe2", zorder=0)
    ax.text(0.5, 0.14, "the trap: here\nthe small one leads", fontsize=9, va="bottom")
    ax.legend(frameon=False)
    finish(ax, "generation", "error")
    return ax


def trap_protection():
    """Final sizes and errors in the trap, without and with protection, one seed."""
    figure = Figure(figsize=(7.6, 3.3), layout="constrained")
    for ax, protection in zip(figure.subplots(1, 2, sharey=True, sharex=True), (None, "growth"), strict=True):
        problem = SmallModelTrap(strength=4, seed=1)
        result = minimize(problem, PNSGA3(protection=protection))
        final = problem.final_values(result.pop.get("X"))
        truth = problem.pareto_front()
        ax.plot(truth[:, 1], truth[:, 0], color=GREY, linewidth=1, label="true final front")
        ax.scatter(final[:, 1], final[:, 0], s=16, color=SHADES[0], label="population, final errors")
        ax.set_title("NSGA-III" if protection is None else "pNSGA-III, growth", fontsize=10, loc="left")
        finish(ax, "size", "final error" if protection is None else "")
    ax.legend(frameon=False, fontsize=8)
    return figure


def timeline():
    """One generation: who is scored when, on a problem that stands still and then goes on."""
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    ax = figure.add_subplot()
    lanes = {"parents": 2.6, "newborns": 1.7, "world": 0.5}
    for name, y in lanes.items():
        ax.text(-0.2, y, name, ha="right", va="center", fontsize=10)
        ax.plot([0, 10.6], [y, y], color="#dddddd", linewidth=1, zorder=0)
    ax.axvspan(3.6, 6.1, color="#f5efe2", zorder=-1)
    _box(ax, 1.0, 1.7, "1 mating", "white")
    _box(ax, 2.75, 1.7, "2 score:\nbefore", "#e9eef5")
    _box(ax, 2.75, 2.6, "known:\nbefore", "white")
    _box(ax, 4.85, 0.5, "3 advance(parents)", "#f5efe2")
    _box(ax, 7.1, 2.6, "4 score:\nafter", "#e9eef5")
    _box(ax, 7.1, 1.7, "4 score:\nafter", "#e9eef5")
    for y in (2.6, 1.7):
        _arrow(ax, (3.4, y), (6.45, y), "5 growth = before - after", (4.87, y + 0.22))
    _box(ax, 9.5, 2.15, "6 survival:\nerror, size, growth", "#e4f0e6")
    _arrow(ax, (7.7, 2.6), (8.55, 2.3))
    _arrow(ax, (7.7, 1.7), (8.55, 2.0))
    ax.text(1.8, 0.5, "stands still", ha="center", va="center", fontsize=9, color="#555", backgroundcolor="white")
    ax.text(8.3, 0.5, "stands still", ha="center", va="center", fontsize=9, color="#555", backgroundcolor="white")
    _bare(ax, (-1.5, 10.8), (0.1, 3.1))
    return figure


def generations():
    """Fronts over the generations of a run on the trap."""
    problem = SmallModelTrap(strength=3, seed=0)
    result = minimize(problem, PNSGA3(), save_history=True)
    return plots.plot_generations([step.pop.get("F") for step in result.history], LABELS, axes=(1, 0))


def front():
    """A front in front of the population it is from."""
    problem = SmallModelTrap(strength=3, seed=0)
    result = minimize(problem, PNSGA3(), seed=3)
    F = result.pop.get("F")
    return plots.plot_front(F[pareto_stages(F)[0]], LABELS, population=F)


def _published():
    """Return the published networks with their figures of CIFAR-10 and ImageNet as objectives."""
    known = {name: one for name, one in PUBLISHED.items() if one.cifar10_error and one.imagenet_flops}
    F = [[one.cifar10_error / 100, one.cifar10_params, one.imagenet_flops] for one in known.values()]
    return Front.from_objectives(
        [GENOTYPES[name] for name in known],
        F,
        ("error", "params", "ImageNet multiply-adds"),
        ("fraction", "millions", "millions of multiply-adds"),
    )


def pairs():
    """Each two of three objectives of the published networks."""
    return plots.plot_pairs(_published())


def parallel():
    """Three objectives of the published networks side by side."""
    return plots.plot_parallel(_published())


def cells():
    """The cells of a published genotype."""
    return plots.plot_genotype(GENOTYPES["CARS-H"])


def cell_201():
    """A cell of NAS-Bench-201."""
    text = "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|avg_pool_3x3~0|none~1|nor_conv_3x3~2|"
    return plots.plot_genotype(NASBench201Space().parse(text))


def chain():
    """A network of NAS-Bench-Macro."""
    return plots.plot_genotype(ChainSpace.nas_bench_macro().decode([1, 2, 2, 1, 0, 0, 2, 1]))


@cache
def _compared():
    """Return a small comparison: three algorithms, the trap, four seeds."""
    names = ("growth", "nsga3", "random")
    problems = {"trap": lambda seed: SmallModelTrap(strength=4, seed=seed)}
    return compare({name: partial(algorithm, name) for name in names}, problems, range(4), baseline="nsga3")


def convergence():
    """Hypervolume over evaluations, median and quartiles of four seeds."""
    made = _compared()
    return plots.plot_convergence({name: made.curves("trap", name) for name in made.algorithms})


def attainment():
    """Median attainment surfaces of four seeds."""
    made = _compared()
    fronts = {name: [run.final for run in made.of("trap", name)] for name in made.algorithms}
    return plots.plot_attainment(fronts, LABELS)


DRAWN = (
    *(overview, stages, survivors, trap_curves, trap_protection, timeline),
    *(generations, front, pairs, parallel, cells, cell_201, chain, convergence, attainment),
)


def draw_all(out):
    """Draw every figure as SVG into a directory."""
    with rc_context({"svg.hashsalt": "carsmoo", "font.size": 10}):
        for draw in DRAWN:
            _save(draw(), Path(out) / f"{draw.__name__}.svg")


def _save(drawn, path):
    figure = drawn if isinstance(drawn, Figure) else drawn.figure
    figure.savefig(path, metadata={"Date": None})


def _staged(ax, stages, y, title, ylabel):
    number = {int(k): i for i, stage in enumerate(stages) for k in stage}
    for k in range(len(SIZE)):
        ax.scatter(SIZE[k], y[k], s=90, color=SHADES[min(number[k], 3)], edgecolor=INK, linewidth=0.6, zorder=3)
    _named(ax, y, {k for k, i in number.items() if i < 2})
    for i, stage in enumerate(stages):
        if len(stage) > 1:
            order = stage[np.argsort(SIZE[stage])]
            ax.plot(SIZE[order], y[order], color=SHADES[min(i, 3)], linewidth=1.2, zorder=2)
    ax.set_title(title, fontsize=10, loc="left")
    finish(ax, "size", ylabel)


def _named(ax, y, dark):
    for k, name in enumerate(NAMES):
        colour = "white" if k in dark else INK
        ax.text(SIZE[k], y[k], name, ha="center", va="center", fontsize=8, color=colour, zorder=4)


def _box(ax, x, y, text, colour):
    box = {"boxstyle": "round,pad=0.5", "facecolor": colour, "edgecolor": INK, "linewidth": 0.9}
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, bbox=box, zorder=5)


def _arrow(ax, start, end, text="", at=None, bend=0.0):
    arrow = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=2)
    if text:
        ax.text(*at, text, ha="center", va="center", fontsize=8.5, color="#444")


def _bare(ax, x, y):
    ax.set_xlim(*x)
    ax.set_ylim(*y)
    ax.set_axis_off()


if __name__ == "__main__":
    draw_all(sys.argv[1])
