"""Points of a front in two of their objectives: what is on the front, how it is joined, what else is in sight."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from moocore import is_nondominated
from numpy.typing import ArrayLike, NDArray

from carsmoo.plots.style import GREY, INK, finish
from carsmoo.space.front import Front
from carsmoo.space.words import Column, main_axes
from carsmoo.utils.validation import finite_numbers, shown

Labels: TypeAlias = Sequence[str | Column]
"""Names of objectives with their units; as :class:`~carsmoo.space.words.Column` they are drawn in engineering units."""

PALE = "#c9d3e0"

_BEYOND = {(0, -1): "<", (0, 1): ">", (1, -1): "v", (1, 1): "^"}
"""Markers at the edge of axes by the dimension in which a point is beyond, and to which side."""


@dataclass(frozen=True, kw_only=True)
class Points:
    """A front, and others beside it.

    Args:
        F: objectives of the front, (n, m), minimised.
        others: those of others, (k, m); what of the front as it was given is dominated is among them.
        labels: of the m objectives.
        axes: the objectives that go along x and y if two are drawn.
        behind: what the others are called.
    """

    F: NDArray[np.float64]
    others: NDArray[np.float64]
    labels: Labels
    axes: tuple[int, int]
    behind: str

    @classmethod
    def of(cls, F: ArrayLike | Front, labels: Labels | None, population: ArrayLike | None = None) -> Points:
        """Return a front, given as one or as its objectives and their labels, with a population beside it.

        Raises:
            ValueError: if F is not (n, m) with the m labels, or has no row.
            TypeError: for objectives without labels.
        """
        axes = 1, 0
        if isinstance(F, Front):
            if len(F.names) < 2:
                raise ValueError(f"F: expected a front of two objectives or more, got one of {F.names[0]} alone")
            axes, labels, F = main_axes(F.names), F.columns if labels is None else labels, F.F
        F = matrix(F, labels)
        assert labels is not None
        on = is_nondominated(F, keep_weakly=True)
        others = F[~on] if population is None else np.vstack([matrix(population, labels), F[~on]])
        behind = "dominated" if population is None else "population"
        return cls(F=F[on], others=others, labels=labels, axes=axes, behind=behind)

    @property
    def here(self) -> str:
        """What the points on the front of all objectives are called."""
        return f"on the front of all {len(self.labels)} objectives"

    @property
    def elsewhere(self) -> str:
        """What those of them are called that are beaten in the two objectives drawn."""
        return "on it, beaten in the two drawn"

    def names(self, drawn: Collection[str]) -> list[str]:
        """Return what is drawn in the order of a legend: the front, then what lies behind it."""
        behind = [self.elsewhere, self.behind, _beyond(self.behind)]
        return sorted(drawn, key=lambda name: behind.index(name) if name in behind else -1)

    def draw(self, ax: Axes, axes: tuple[int, int], label: str) -> None:
        """Draw two of the objectives.

        What is on the front in these two is dark and joined by steps, what is on that of all objectives alone is pale,
        and others are rings. Others that would squash the front are arrows at the edge of the axes.
        """
        x, y = axes
        front, others = self.F[:, [x, y]], self.others[:, [x, y]]
        both = is_nondominated(front, keep_weakly=True)
        steps = staircase(front)
        ax.plot(steps[:, 0], steps[:, 1], drawstyle="steps-post", color=INK, linewidth=1.0, zorder=2)
        if len(others):
            _draw_others(ax, front, others, self.behind)
        ax.scatter(front[both, 0], front[both, 1], s=24, color=INK, zorder=4, label=label)
        if not both.all():
            pale: dict[str, Any] = {"color": PALE, "edgecolor": INK, "linewidth": 0.8, "label": self.elsewhere}
            ax.scatter(front[~both, 0], front[~both, 1], s=24, zorder=3, **pale)
        finish(ax, self.labels[x], self.labels[y])


def _draw_others(ax: Axes, front: NDArray[np.float64], others: NDArray[np.float64], label: str) -> None:
    look: dict[str, Any] = {"color": "none", "edgecolor": GREY, "linewidth": 0.7}
    low, high = reach(front)
    side = (others > high).astype(int) - (others < low)
    inside = (side == 0).all(axis=1)
    ax.scatter(others[inside, 0], others[inside, 1], s=14, label=label, **look)
    if inside.all():
        return
    seen = np.vstack([front, others[inside]])
    first, last = seen.min(axis=0), seen.max(axis=0)
    margin = 0.06 * np.where(last > first, last - first, np.abs(last) + (last == 0))
    first, last = first - margin, last + margin
    ax.set_xlim(first[0], last[0])
    ax.set_ylim(first[1], last[1])
    told = _beyond(label)
    for (dimension, sign), marker in _BEYOND.items():
        beyond = side[:, dimension] == sign
        if dimension == 0:
            beyond &= side[:, 1] == 0
        if beyond.any():
            edge = others[beyond].clip(first, last)
            ax.scatter(edge[:, 0], edge[:, 1], s=22, marker=marker, clip_on=False, zorder=5, label=told, **look)
            told = "_"  # matplotlib leaves it out of the legend: once is enough


def _beyond(label: str) -> str:
    return f"{label}, beyond the axes"


def reach(front: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the lowest and the highest values, (2,) each, that axes may show so that a front stays large.

    To either side there is twice the front's own length. Where all of it has one value there is nothing to squash.
    """
    low, high = front.min(axis=0), front.max(axis=0)
    room = np.where(high > low, 2 * (high - low), np.inf)
    return low - room, high + room


def label_of(label: str | Column) -> str:
    """Return the text of a label."""
    return label.label if isinstance(label, Column) else label


def matrix(F: ArrayLike, labels: Labels | None) -> NDArray[np.float64]:
    """Return objectives, (n, m), checked to be finite and to have the m labels.

    Raises:
        TypeError: for something else than a list of labels.
        ValueError: if they do not fit.
    """
    A = finite_numbers("F", F)
    if isinstance(labels, str) or not isinstance(labels, Sequence):
        raise TypeError(f"labels: expected a list of names, got {shown(labels)}")
    if A.ndim != 2 or A.shape[1] != len(labels) or len(A) == 0 or len(labels) < 2:
        raise ValueError(f"F: expected (n, {len(labels)}) as there are labels, n > 0, got {A.shape}")
    return A


def two_axes(axes: tuple[int, int], labels: Labels) -> tuple[int, int]:
    """Return which objective goes along x and which along y.

    Raises:
        ValueError: if these are no two of them.
    """
    known = range(len(labels)) if isinstance(labels, Sequence) else ()
    if not isinstance(axes, (tuple, list)) or len(axes) != 2 or axes[0] == axes[1] or not all(k in known for k in axes):
        raise ValueError(f"axes: expected two different indices among 0..{len(known) - 1}, got {shown(axes)}")
    return axes[0], axes[1]


def staircase(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the non-dominated of some points (n, 2), from left to right; steps join them."""
    best: NDArray[np.float64] = points[is_nondominated(points)]
    return best[np.argsort(best[:, 0], kind="stable")]
