"""Plots of networks that were trained after a search: arrays in, matplotlib Axes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from carsmoo.plots.points import staircase
from carsmoo.plots.style import GREY, INK, entry, finish, legible, new_axes
from carsmoo.space.words import Column
from carsmoo.utils.validation import finite_numbers


def plot_final_front(
    searched: ArrayLike,
    trained: ArrayLike,
    xlabel: str | Column,
    *,
    score: str = "error",
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw retrained networks over the front of the search; steps join what is not dominated of either.

    Args:
        searched: cost and score with the search's weights, (n, 2); an error as a fraction.
        trained: cost and error of those that were retrained, (k, 2).
        xlabel: name of the cost; as :class:`~carsmoo.space.words.Column` it is drawn in engineering units.
        score: what the search scored; all but the error has an axis of its own, to the right.
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for arrays of another shape, or with numbers that are not finite.
    """
    before, after = _points("searched", searched), _points("trained", trained)
    ax = ax or new_axes()
    beside = ax if score == "error" else ax.twinx()
    drawn = []
    for on, points, colour, face, marker, label in (
        (beside, before, GREY, "none", "o", f"{score} in the search, search-validation"),
        (ax, after, INK, INK, "s", "error trained alone, test"),
    ):
        steps = staircase(points)
        on.plot(steps[:, 0], steps[:, 1], drawstyle="steps-post", color=colour, linewidth=0.8, zorder=2)
        look: dict[str, Any] = {"color": face, "edgecolor": colour, "marker": marker, "label": entry(label)}
        drawn.append(on.scatter(points[:, 0], points[:, 1], s=24, zorder=3, **look))
    _finish(ax, xlabel, Column.of("error", "fraction", []), title, drawn)
    if beside is not ax:
        beside.set_ylabel(legible(f"{score} in the search"))
        beside.spines["top"].set_visible(False)
    return ax


def plot_ranks(supernet: Mapping[str, ArrayLike], alone: ArrayLike, *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw errors with the weights of a search against those of the same networks retrained.

    Args:
        supernet: errors (n,), fractions, by what they are called, one to three of them.
        alone: errors when retrained, (n,), fractions.
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for arrays of different lengths, or with numbers that are not finite.
    """
    y = finite_numbers("alone", alone)
    ax = ax or new_axes()
    styles = (("o", INK, INK), ("s", "none", INK), ("^", "none", GREY))
    for (label, errors), (marker, face, edge) in zip(supernet.items(), styles, strict=False):
        x = finite_numbers(label, errors)
        if x.shape != y.shape or y.ndim != 1:
            raise ValueError(f"{label}: expected {y.shape} errors as trained alone, got {x.shape}")
        ax.scatter(x, y, s=26, color=face, edgecolor=edge, marker=marker, label=entry(label), zorder=3)
    searched = Column.of("error with the search's weights", "fraction", [])
    _finish(ax, searched, Column.of("error trained alone", "fraction", []), title)
    return ax


def _points(name: str, values: ArrayLike) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    points = finite_numbers(name, values)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"{name}: expected (n, 2), got {points.shape}")
    return points


def _finish(
    ax: Axes, xlabel: str | Column, ylabel: str | Column, title: str, handles: Sequence[Artist] | None = None
) -> None:
    finish(ax, xlabel, ylabel)
    ax.set_title(legible(title), fontsize=9)
    ax.legend(handles=handles, frameon=False, fontsize=8)
