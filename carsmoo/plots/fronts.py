"""Plots for papers: arrays or a front in, matplotlib Axes out. Every plot reads without colour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from moocore import eaf
from numpy.typing import ArrayLike, NDArray

from carsmoo.plots.objectives import plot_pairs
from carsmoo.plots.points import Labels, Points, matrix, staircase, two_axes
from carsmoo.plots.style import entry, finish, legible, new_axes, shade
from carsmoo.space.front import Front
from carsmoo.utils.validation import finite_numbers, integer, number, numbers, shown

_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (3, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))


@overload
def plot_front(
    F: ArrayLike | Front,
    labels: Labels | None = ...,
    *,
    population: ArrayLike | None = ...,
    axes: tuple[int, int],
    label: str = ...,
    ax: Axes | None = ...,
) -> Axes: ...


@overload
def plot_front(
    F: ArrayLike | Front,
    labels: Labels | None = ...,
    *,
    population: ArrayLike | None = ...,
    axes: None = ...,
    label: str = ...,
    ax: Axes,
) -> Axes: ...


@overload
def plot_front(
    F: ArrayLike | Front,
    labels: Labels | None = ...,
    *,
    population: ArrayLike | None = ...,
    axes: None = ...,
    label: str = ...,
    ax: None = ...,
) -> Axes | Figure: ...


def plot_front(
    F: ArrayLike | Front,
    labels: Labels | None = None,
    *,
    population: ArrayLike | None = None,
    axes: tuple[int, int] | None = None,
    label: str = "Pareto front",
    ax: Axes | None = None,
) -> Axes | Figure:
    """Draw a front of two objectives as the region it dominates, one of more as :func:`plot_pairs` does.

    What is dominated in all objectives is a ring, as the population is; what is not, but is in the two drawn, is pale.

    Args:
        F: a :class:`~carsmoo.Front`, or the objectives of one, (n, m), minimised.
        labels: names of the m objectives, with units; not needed for a ``Front``, whose axes then count in engineering
            units (16 k parameters) while all that is drawn stays in its own. Its ``columns`` do the same for arrays.
        population: objectives of others, (k, m), drawn behind; those farther off than twice the front's length are
            arrows at the edge of the axes, so that they do not squash it.
        axes: which objective goes along x and which along y; of two objectives (1, 0) if not given, and of a ``Front``
            the error along y.
        label: of the front in the legend.
        ax: where to draw; a new figure if not given.

    Returns:
        The axes; of three objectives or more the figure, unless ``axes`` or ``ax`` is given.

    Raises:
        ValueError: if F is not (n, m) with the m labels, has no row, or ``axes`` are no two of the objectives.
        TypeError: for objectives without labels.

    Example:
        >>> from carsmoo.plots import plot_front
        >>> ax = plot_front([[0.03, 2.4], [0.028, 2.7]], ("error", "parameters (millions)"))
        >>> ax.get_xlabel()
        'parameters (millions)'
    """
    points = Points.of(F, labels, population)
    if axes is None and ax is None and len(points.labels) > 2:
        return plot_pairs(F, labels, population=population)
    drawn = two_axes(points.axes if axes is None else axes, points.labels)
    ax = ax or new_axes()
    points.draw(ax, drawn, entry(label))
    handles, told = ax.get_legend_handles_labels()
    found = dict(zip(told, handles, strict=True))
    if len(found) > 1:
        names = points.names(found)
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1), "ncols": 2}  # clear of all points
        ax.legend([found[name] for name in names], names, frameon=False, fontsize=8, **place)
    return ax


def plot_generations(
    fronts: Sequence[ArrayLike],
    labels: Labels,
    *,
    generations: Sequence[int] | None = None,
    at_most: int = 7,
    axes: tuple[int, int] = (1, 0),
    ax: Axes | None = None,
) -> Axes:
    """Draw the fronts of several generations over each other, later ones darker.

    Args:
        fronts: objectives, (n_i, m) for each generation; what is dominated in the two objectives drawn is left out.
        labels: names of the m objectives, with units, or the ``columns`` of a front, as for :func:`plot_front`.
        generations: their numbers; 1, 2, ... if not given.
        at_most: how many to draw: the first, the last and others evenly between them.
        axes: which objective goes along x and which along y.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if there is no front, or one that is not (n, m) with the m labels, if ``generations`` are not as
            many as there are fronts, or ``axes`` no two of the objectives.
    """
    if not isinstance(fronts, (Sequence, np.ndarray)):
        raise TypeError(f"fronts: expected a list of arrays, got {shown(fronts)}")
    if len(fronts) == 0:
        raise ValueError("fronts: expected at least one, got none")
    if generations is not None and len(generations) != len(fronts):
        raise ValueError(f"generations: expected {len(fronts)} as there are fronts, got {len(generations)}")
    integer("at_most", at_most, 1)
    x, y = two_axes(axes, labels)
    ax = ax or new_axes()
    drawn = np.unique(np.linspace(0, len(fronts) - 1, min(at_most, len(fronts))).round().astype(int)).tolist()
    told = [k + 1 if generations is None else generations[k] for k in drawn]
    shades = [shade(k, len(drawn)) for k in range(len(drawn))]
    for k, colour in zip(drawn, shades, strict=True):
        points = staircase(matrix(fronts[k], labels)[:, [x, y]])
        ax.plot(points[:, 0], points[:, 1], drawstyle="steps-post", color=colour, linewidth=1.2)
        ax.scatter(points[:, 0], points[:, 1], s=9, color=[colour], zorder=3)
    if len(told) > 1:
        scale = ScalarMappable(BoundaryNorm(np.arange(len(told) + 1) - 0.5, len(told)), ListedColormap(shades))
        bar = ax.figure.colorbar(scale, ax=ax, label="generation", ticks=range(len(told)))
        bar.ax.set_yticklabels([legible(one) for one in told])
        bar.ax.tick_params(length=0)
    finish(ax, labels[x], labels[y])
    return ax


def _look(k: int, n: int) -> dict[str, Any]:
    """Return how the k-th of n lines is drawn, so that they are told apart without colour too."""
    return {"color": shade(n - 1 - k, n), "linestyle": _DASHES[k % len(_DASHES)], "linewidth": 1.5}


def plot_convergence(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], *, ylabel: str = "hypervolume", ax: Axes | None = None
) -> Axes:
    """Draw how several algorithms come along: the median over runs, in a band from the lower to the upper quartile.

    Args:
        curves: for each name evaluations, (k,), and the values of the runs by then, (runs, k).
        ylabel: what the values are.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if there is nothing to draw, or evaluations and values do not fit each other.
    """
    if not isinstance(curves, Mapping) or not curves:
        raise ValueError(f"curves: expected at least one, by name, got {shown(curves) if curves else 'none'}")
    parsed = {name: _curve(f"curves[{name!r}]", curve) for name, curve in curves.items()}
    ax = ax or new_axes()
    for k, (name, (x, runs)) in enumerate(parsed.items()):
        low, middle, high = np.quantile(runs, [0.25, 0.5, 0.75], axis=0)
        look = _look(k, len(parsed))
        ax.fill_between(x, low, high, color=look["color"], alpha=0.2, linewidth=0)
        ax.plot(x, middle, label=entry(name), **look)
    finish(ax, "evaluations", ylabel)
    ax.legend(frameon=False)
    return ax


def _curve(where: str, curve: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return evaluations, (k,), and values, (runs, k)."""
    if not isinstance(curve, (tuple, list)) or len(curve) != 2:
        raise ValueError(f"{where}: expected (evaluations, values), got {shown(curve)}")
    x, runs = finite_numbers(where, curve[0]), finite_numbers(where, curve[1])
    if x.ndim != 1 or runs.ndim != 2 or runs.shape[1:] != x.shape or 0 in runs.shape:
        raise ValueError(f"{where}: expected (runs, {x.size}) values, got {runs.shape}")
    return x, runs


def plot_attainment(
    fronts: Mapping[str, Sequence[ArrayLike]], labels: Labels, *, percentile: float = 50.0, ax: Axes | None = None
) -> Axes:
    """Draw the surface that a share of each algorithm's runs attains (moocore's empirical attainment function).

    Args:
        fronts: for each name the final objectives of its runs, (n_i, 2) each, minimised; a run without any attains
            nothing, and counts.
        labels: names of both objectives, with units, as for :func:`plot_front`; the second goes along x.
        percentile: the share of runs, percent; 50 is the median surface.
        ax: where to draw; a new figure if not given.

    Raises:
        TypeError: for a ``percentile`` that is no number.
        ValueError: if there is nothing to draw, objectives are not (n, 2), or ``percentile`` is not in (0, 100].
    """
    if not isinstance(fronts, Mapping) or not fronts:
        raise ValueError(f"fronts: expected at least one, by name, got {shown(fronts) if fronts else 'none'}")
    if isinstance(labels, str) or len(labels) != 2:
        raise ValueError(f"labels: expected two, got {shown(labels)}")
    number("percentile", percentile, 0, 100, open_low=True)
    if not all(map(len, fronts.values())):
        raise ValueError("fronts: expected a run of each name, got none of some")
    surfaces = {name: _surface(runs, labels, percentile) for name, runs in fronts.items()}
    ax = ax or new_axes()
    for k, (name, surface) in enumerate(surfaces.items()):
        steps = staircase(surface[:, [1, 0]])
        ax.plot(steps[:, 0], steps[:, 1], drawstyle="steps-post", label=entry(name), **_look(k, len(surfaces)))
    finish(ax, labels[1], labels[0])
    ax.legend(frameon=False)
    return ax


def _surface(runs: Sequence[ArrayLike], labels: Labels, percentile: float) -> NDArray[np.float64]:
    """Return the objectives, (k, 2), that a share of runs attains."""
    found = [matrix(F, labels) for F in (numbers("F", run) for run in runs) if F.size]
    share = round(percentile * len(runs) / max(len(found), 1), 9)  # of those that found something
    if not found or share > 100:
        return np.empty((0, 2))
    sets = np.concatenate([np.full(len(F), i) for i, F in enumerate(found)])
    surface: NDArray[np.float64] = eaf(np.concatenate(found), sets=sets, percentiles=[share])[:, :2]
    return surface
