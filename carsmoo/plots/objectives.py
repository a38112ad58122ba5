"""Fronts of three objectives or more: each two of them in a panel, or all of them side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from carsmoo.plots.points import Labels, Points, label_of
from carsmoo.plots.style import GREY, INK, legible, new_axes, new_figure, shade
from carsmoo.space.front import Front
from carsmoo.space.words import Column

_PLACES = {0.0: (0, -5, "center", "top"), 1.0: (0, 5, "center", "bottom"), 0.5: (5, 0, "left", "center")}
"""Where the value at a height of an axis is written: points to the right and up, and how it is aligned."""


def plot_pairs(F: ArrayLike | Front, labels: Labels | None = None, *, population: ArrayLike | None = None) -> Figure:
    """Draw each two of a front's objectives in a panel; the score goes along y in the first row.

    A panel joins by steps what is not dominated in its two objectives. What is on the front of all objectives and
    beaten in these two is drawn pale, everything else as a ring.

    Args:
        F: a :class:`~carsmoo.Front`, or the objectives of one, (n, m), minimised.
        labels: as for :func:`plot_front`.
        population: objectives of others, (k, m), drawn behind.

    Raises:
        ValueError: if F is not (n, m) with the m labels, or has no row.
        TypeError: for objectives without labels.
    """
    points = Points.of(F, labels, population)
    order = _order(points)
    n = len(order) - 1
    figure = new_figure(2.6 * n + 0.6, 2.3 * n + 0.6)
    grid = figure.subplots(n, n, sharex="col", sharey="row", squeeze=False)
    for row in range(n):
        for column in range(n):
            ax = grid[row, column]
            if column < row:
                ax.set_axis_off()
                continue
            points.draw(ax, (order[column + 1], order[row]), points.here)
            if column > row:  # the panel at the end of a row or a column names its axes
                ax.set_xlabel("")
                ax.set_ylabel("")
            ax.tick_params(labelbottom=column == row, labelleft=column == row)
    found: dict[str, Artist] = {}
    for ax in grid.ravel():
        handles, names = ax.get_legend_handles_labels()
        found |= dict(zip(names, handles, strict=True))
    told = points.names(found)
    look: dict[str, Any] = {"frameon": False, "fontsize": 8}
    if n == 1:
        figure.legend([found[name] for name in told], told, loc="outside upper left", **look)
    else:  # in the corner, where no panel is
        grid[-1, 0].legend([found[name] for name in told], told, loc="center left", **look)
    return figure


def plot_parallel(F: ArrayLike | Front, labels: Labels | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw a front with an axis for each objective, lower is better on each, and a line for each network.

    The score is the first axis; networks of a lower score are darker. What is dominated is dashed.

    Args:
        F: a :class:`~carsmoo.Front`, or the objectives of one, (n, m), minimised.
        labels: as for :func:`plot_front`.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if F is not (n, m) with the m labels, or has no row.
        TypeError: for objectives without labels.
    """
    points = Points.of(F, labels)
    order = _order(points)
    ax = ax or new_axes(1.5 * len(order) + 1.2, 3.6)
    values = np.vstack([points.F, points.others])[:, order]
    low, high = values.min(axis=0), values.max(axis=0)
    heights = np.where(high > low, (values - low) / np.where(high > low, high - low, 1.0), 0.5)
    n = len(points.F)
    ranks = np.argsort(np.argsort(-points.F[:, order[0]], kind="stable"), kind="stable")
    beaten: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.8}
    for k in np.argsort(-values[:, 0], kind="stable").tolist():  # the best is drawn last
        look = {"color": shade(int(ranks[k]), n)} if k < n else beaten
        ax.plot(heights[k], marker="o", markersize=3, label="_", **look)
    for place, k in enumerate(order):
        ax.vlines(place, 0, 1, color=INK, linewidth=0.8, zorder=1)
        ends = {0.0: low[place], 1.0: high[place]} if high[place] > low[place] else {0.5: low[place]}
        for height, value in ends.items():
            right, up, horizontal, vertical = _PLACES[height]
            text: dict[str, Any] = {"ha": horizontal, "va": vertical, "fontsize": 8, "color": INK}
            told = _written(points.labels[k], value)
            ax.annotate(told, (place, height), (right, up), textcoords="offset points", **text)
    ax.set_xticks(range(len(order)), [legible(label_of(points.labels[k])) for k in order])
    ax.set_xlim(-0.4, len(order) - 0.6)
    ax.set_ylim(-0.08, 1.08)
    ax.set_yticks([])
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    score = label_of(points.labels[order[0]]).partition(" (")[0]
    ax.set_title(legible(f"a line a network, the darker the lower its {score}"), fontsize=8, loc="left")
    return ax


def _order(points: Points) -> list[int]:
    """Return the objectives with the score first."""
    score = points.axes[1]
    return [score, *(k for k in range(len(points.labels)) if k != score)]


def _written(label: str | Column, value: float) -> str:
    return label.number(value) if isinstance(label, Column) else f"{value:.4g}"
