"""Rows of boxes, such as chains and graphs of layers, which go on below where they are too long."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from carsmoo.plots.style import GREY, INK, legible
from carsmoo.space.picture import Box, Picture

_TINTS = ("#eef2f7", "#f7f1e6")
"""Behind groups of boxes, in turn."""


class _Sizes(NamedTuple):
    """Of boxes and what is between them, in inches; of texts in points."""

    width: float
    height: float
    gap: float
    font: float
    margin: float = 0.24
    turn: float = 0.15  # from a box to the line that goes to another row
    head: float = 0.22  # over the boxes of a group, for its name

    @property
    def pitch(self) -> float:
        return self.width + self.gap


_USUAL = _Sizes(width=0.84, height=0.42, gap=0.3, font=9)
_SMALL = _Sizes(width=0.74, height=0.34, gap=0.24, font=7, head=0.18)


class _Layout(NamedTuple):
    """Where boxes stand.

    Attributes:
        centres: of the boxes, in inches.
        row: that each box stands in.
        width: of all, in inches.
        height: of all, in inches.
    """

    centres: list[tuple[float, float]]
    row: list[int]
    width: float
    height: float


def rows_size(picture: Picture, room: float, small: bool) -> tuple[float, float]:
    """Return width and height of a row of boxes, in inches, that goes on below where ``room`` is too narrow."""
    layout = _layout(picture, room, _SMALL if small else _USUAL)
    return layout.width, layout.height


def draw_rows(ax: Axes, picture: Picture, room: float, small: bool) -> None:
    """Draw a row of boxes, with arrows between them and a tint behind those of a group."""
    sizes = _SMALL if small else _USUAL
    layout = _layout(picture, room, sizes)
    _draw_groups(ax, picture, layout, sizes)
    for arrow in picture.arrows:
        _draw_arrow(ax, layout, arrow.start, arrow.end, sizes)
    for box, centre in zip(picture.boxes, layout.centres, strict=True):
        _draw_box(ax, box, centre, layout, sizes)
    ax.set_xlim(0, layout.width)
    ax.set_ylim(-layout.height, 0)
    ax.set_axis_off()


def _layout(picture: Picture, room: float, sizes: _Sizes) -> _Layout:
    if len(picture.boxes) == 1:  # a text
        lines = picture.boxes[0].text.split("\n")
        width, height = 0.085 * max(map(len, lines)) + 0.4, 0.19 * len(lines) + 0.5
        return _Layout([(width / 2, -height / 2)], [0], width, height)
    most = max(int((room - 2 * sizes.margin + sizes.gap) / sizes.pitch), 2)
    rows = picture.rows(most)
    step = sizes.height + (0.14 if any(box.level for box in picture.boxes) else 0.0)
    bent = any(picture.boxes[arrow.end].column - picture.boxes[arrow.start].column > 1 for arrow in picture.arrows)
    row_of = {column: k for k, row in enumerate(rows) for column in row}
    place = {column: k for row in rows for k, column in enumerate(row)}
    row = [row_of[int(box.column)] for box in picture.boxes]
    centres, top = [(0.0, 0.0)] * len(picture.boxes), 0.1
    for k in range(len(rows)):
        own = [i for i, r in enumerate(row) if r == k]
        top += sizes.head if any(picture.boxes[i].group for i in own) else 0.18 if bent else 0.0
        most_up = max(picture.boxes[i].level for i in own) / 2
        most_down = min(picture.boxes[i].level for i in own) / 2
        for i in own:
            x = sizes.margin + sizes.width / 2 + sizes.pitch * place[int(picture.boxes[i].column)]
            centres[i] = (x, -(top + sizes.height / 2 + (most_up - picture.boxes[i].level / 2) * step))
        top += sizes.height + (most_up - most_down) * step + (0.34 if k + 1 < len(rows) else 0.14)
    width = 2 * sizes.margin - sizes.gap + sizes.pitch * max(map(len, rows))
    return _Layout(centres, row, max(width, 2.0), top)


def _draw_groups(ax: Axes, picture: Picture, layout: _Layout, sizes: _Sizes) -> None:
    names = list(dict.fromkeys(box.group for box in picture.boxes if box.group))
    for number, name in enumerate(names):
        rows = dict.fromkeys(layout.row[i] for i, box in enumerate(picture.boxes) if box.group == name)
        for row in rows:
            own = [i for i, box in enumerate(picture.boxes) if box.group == name and layout.row[i] == row]
            xs, ys = np.array([layout.centres[i] for i in own]).T
            left, right = xs.min() - sizes.width / 2 - 0.09, xs.max() + sizes.width / 2 + 0.09
            low, high = ys.min() - sizes.height / 2 - 0.08, ys.max() + sizes.height / 2 + sizes.head
            look: dict[str, Any] = {
                "boxstyle": "round,pad=0,rounding_size=0.06",
                "facecolor": _TINTS[number % 2],
                "linewidth": 0,
            }
            ax.add_patch(FancyBboxPatch((left, low), right - left, high - low, zorder=0, **look))
            ax.text(
                left + 0.06, high - 0.03, legible(name), ha="left", va="top", fontsize=sizes.font - 1.5, color="#555555"
            )


def _draw_box(ax: Axes, box: Box, centre: tuple[float, float], layout: _Layout, sizes: _Sizes) -> None:
    alone = len(layout.centres) == 1
    width, height = (layout.width - 0.2, layout.height - 0.2) if alone else (sizes.width, sizes.height)
    look: dict[str, Any] = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 0.9, "edgecolor": INK}
    look["facecolor"] = {"frame": "#e4e4e4", "absent": "none"}.get(box.kind, "white")
    if box.kind == "absent":
        look |= {"edgecolor": GREY, "linestyle": (0, (3, 2))}
    ax.add_patch(FancyBboxPatch((centre[0] - width / 2, centre[1] - height / 2), width, height, zorder=5, **look))
    colour = "#6a6a6a" if box.kind == "absent" else INK
    lines = box.text.count("\n")
    size = sizes.font if lines < 1 or alone else sizes.font * (0.87 if lines < 2 else 0.7)
    ax.text(
        *centre, legible(box.text), ha="center", va="center", fontsize=size, color=colour, linespacing=1.05, zorder=6
    )


def _draw_arrow(ax: Axes, layout: _Layout, start: int, end: int, sizes: _Sizes) -> None:
    """Draw an arrow from a box to one on its right, bent over those between them, or to a row below."""
    (x0, y0), (x1, y1) = layout.centres[start], layout.centres[end]
    half = sizes.width / 2
    look: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 9, "color": INK, "linewidth": 1.0, "zorder": 2}
    look |= {"shrinkA": 0, "shrinkB": 0}
    if layout.row[start] != layout.row[end]:
        lowest = min(y for (_, y), row in zip(layout.centres, layout.row, strict=True) if row == layout.row[start])
        gutter, right, left = lowest - sizes.height / 2 - 0.19, x0 + half + sizes.turn, x1 - half - sizes.turn
        points = [(x0 + half, y0), (right, y0), (right, gutter), (left, gutter), (left, y1), (x1 - half, y1)]
        ax.add_patch(FancyArrowPatch(path=Path(points), **look))
        return
    between = any(
        row == layout.row[start] and x0 < x < x1 and abs(y - (y0 + (x - x0) / (x1 - x0) * (y1 - y0))) < sizes.height / 2
        for (x, y), row in zip(layout.centres, layout.row, strict=True)
    )
    if between:  # over them, from top to top
        look |= {"connectionstyle": f"arc3,rad={-0.9 * sizes.height / (x1 - x0)}"}
        y0, y1, half = y0 + sizes.height / 2, y1 + sizes.height / 2, 0.0
    ax.add_patch(FancyArrowPatch((x0 + half, y0), (x1 - half, y1), **look))
