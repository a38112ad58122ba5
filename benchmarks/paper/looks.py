"""How the experiments' figures look: shades and dashes that read without colour, and axes as in carsmoo.plots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from moocore import is_nondominated
from numpy.typing import ArrayLike

INK = "#1a1a1a"
GREY = "#9a9a9a"
SHADES = ("#c2722d", "#6f7f8f", "#123a6b")
"""Three shades that differ in lightness too."""

DASHES: tuple[Any, ...] = ((0, (1, 1.2)), (0, (5, 2)), "-")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "<", "*", ">", "p", "h", "d", "H", "8")


def panels(rows: int, columns: int, width: float, height: float, **grid: Any) -> tuple[Figure, Any]:
    """Return a figure of this size in inches and its axes, outside pyplot's global state."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, gridspec_kw=grid or None)


def finish(ax: Axes, x: str, y: str, title: str = "") -> None:
    """Label axes and take off what only fills space."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.set_title(title, fontsize=10, loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)


def steps(ax: Axes, points: ArrayLike, **look: Any) -> None:
    """Draw the front of some points (n, 2), minimised, as a staircase."""
    A = np.asarray(points, dtype=float)
    A = A[is_nondominated(A)]
    A = A[np.argsort(A[:, 0], kind="stable")]
    ax.plot(A[:, 0], A[:, 1], drawstyle="steps-post", **look)


def dots(ax: Axes, groups: Sequence[ArrayLike], names: Sequence[str], colours: Sequence[Any]) -> None:
    """Draw groups of values as dots with their medians; lines join those of one seed where groups are alike long."""
    values = [np.asarray(group, dtype=float) for group in groups]
    if len({len(group) for group in values}) == 1:
        ax.plot(range(len(values)), np.array(values), color="#b5b5b5", linewidth=0.7)
    for k, (group, colour) in enumerate(zip(values, colours, strict=True)):
        ax.scatter(np.full(len(group), k), group, s=16, color=[colour], zorder=3)
        ax.hlines(np.median(group), k - 0.22, k + 0.22, color=INK, linewidth=1.6, zorder=4)
    ax.set_xticks(range(len(values)), names)
    ax.set_xlim(-0.5, len(values) - 0.5)
