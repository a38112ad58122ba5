"""Plots of networks that were trained after a search: arrays in, matplotlib Axes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from carsmoo.plots.style import GREY, INK, finish, new_axes
from carsmoo.utils.validation import numbers


def plot_final_front(
    searched: ArrayLike,
    trained: ArrayLike,
    xlabel: str,
    *,
    score: str = "error",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw retrained networks over the front of the search.

    Args:
        searched: cost and score with the search's weights, (n, 2).
        trained: cost and error of those that were retrained, (k, 2).
        xlabel: name of the cost.
        score: what the search scored; all but the error has an axis of its own, to the right.
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for arrays of another shape.
    """
    before, after = _points("searched", searched), _points("trained", trained)
    ax = ax or new_axes()
    beside = ax if score == "error" else ax.twinx()
    drawn = []
    for on, points, colour, face, marker, label in (
        (beside, before, GREY, "none", "o", f"{score} in the search, search-validation"),
        (ax, after, INK, INK, "s", "error trained alone, test"),
    ):
        ordered = points[np.argsort(points[:, 0], kind="stable")]
        x, y = ordered[:, 0], ordered[:, 1]
        on.plot(x, y, color=colour, linewidth=0.8, zorder=2)
        drawn.append(on.scatter(x, y, s=24, color=face, edgecolor=colour, marker=marker, label=label, zorder=3))
    _finish(ax, xlabel, "error", title, drawn)
    if beside is not ax:
        beside.set_ylabel(f"{score} in the search")
        beside.spines["top"].set_visible(False)
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


def _finish(ax: Axes, xlabel: str, ylabel: str, title: str, handles: Sequence[Artist] | None = None) -> None:
    finish(ax, xlabel, ylabel)
    ax.set_title(title, fontsize=9)
    ax.legend(handles=handles, frameon=False, fontsize=8)
