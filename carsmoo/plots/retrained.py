"""Plots of networks that were trained after a search: arrays in, matplotlib Axes out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from carsmoo.plots.style import GREY, INK, finish, new_axes
from carsmoo.utils.validation import numbers


def plot_final_front(
    searched: ArrayLike, trained: ArrayLike, xlabel: str, *, title: str = "", ax: Axes | None = None
) -> Axes:
    """Draw retrained networks over the front of the search.

    Args:
        searched: cost and error with the supernet's weights, (n, 2).
        trained: cost and error of those that were retrained, (k, 2).
        xlabel: name of the cost.
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for arrays of another shape.
    """
    before, after = _points("searched", searched), _points("trained", trained)
    ax = ax or new_axes()
    for points, colour, face, marker, label in (
        (before, GREY, "none", "o", "supernet, search-validation"),
        (after, INK, INK, "s", "trained alone, test"),
    ):
        ordered = points[np.argsort(points[:, 0], kind="stable")]
        x, y = ordered[:, 0], ordered[:, 1]
        ax.plot(x, y, color=colour, linewidth=0.8, zorder=2)
        ax.scatter(x, y, s=24, color=face, edgecolor=colour, marker=marker, label=label, zorder=3)
    _finish(ax, xlabel, "error", title)
    return ax


def plot_ranks(supernet: Mapping[str, ArrayLike], alone: ArrayLike, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw errors with the supernet's weights against those of the same networks retrained.

    Args:
        supernet: errors (n,) by what they are called, one to three of them.
        alone: errors when retrained, (n,).
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for arrays of different lengths.
    """
    y = numbers("alone", alone)
    ax = ax or new_axes()
    styles = (("o", INK, INK), ("s", "none", INK), ("^", "none", GREY))
    for (label, errors), (marker, face, edge) in zip(supernet.items(), styles, strict=False):
        x = numbers(label, errors)
        if x.shape != y.shape or y.ndim != 1:
            raise ValueError(f"{label}: expected {y.shape} errors as trained alone, got {x.shape}")
        ax.scatter(x, y, s=26, color=face, edgecolor=edge, marker=marker, label=label, zorder=3)
    _finish(ax, "error with the supernet's weights", "error trained alone", title)
    return ax


def _points(name: str, values: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    points = numbers(name, values)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name}: expected (n, 2), got {points.shape}")
    return points


def _finish(ax: Axes, xlabel: str, ylabel: str, title: str) -> None:
    finish(ax, xlabel, ylabel)
    ax.set_title(title, fontsize=9)
    ax.legend(frameon=False, fontsize=8)
