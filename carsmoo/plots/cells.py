"""Cells drawn as graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carsmoo.plots.style import GREY, INK, new_axes, new_figure
from carsmoo.space.genotype import PRIMITIVES, Edge, Genotype
from carsmoo.utils.validation import instance

_STYLE: dict[str, tuple[str, float]] = {"sep": ("-", 1.6), "dil": ((0, (5, 2)), 1.4), "max": (":", 1.4)}  # type: ignore[dict-item]
_STYLE |= {"avg": ((0, (1, 1, 3, 1)), 1.2), "ski": ("-", 0.7)}  # type: ignore[dict-item]


def plot_cell(edges: Sequence[Edge], concat: Sequence[int], *, title: str = "", ax: Axes | None = None) -> Axes:
    """Draw a cell as a graph, from its inputs on the left to its output on the right.

    Convolutions are solid lines, dilated ones dashed, pooling dotted, skips thin, operations of a user's own in
    between; absent edges are left out.

    Args:
        edges: two (operation, input) pairs a node, as in a genotype.
        concat: the states that make the output.
        title: over the drawing.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if edges and concatenation are no cell, see :class:`~carsmoo.Genotype`.
    """
    Genotype(edges, concat, edges, concat).require_known()  # type: ignore[arg-type]  # checks them
    ax = ax or new_axes(8.4, 3.0)
    n_nodes = len(edges) // 2
    places = _places(n_nodes)
    output = (max(x for x, _ in places.values()) + 1.0, 0.0)
    for state in concat:
        _arrow(ax, places[state], output, GREY, "-", 0.6)
    between: dict[tuple[int, int], int] = {}
    for position, (op, i) in enumerate(edges):
        node = 2 + position // 2
        if op != "none":
            style, width = _STYLE[op[:3]] if op in PRIMITIVES else ("-", 1.2)
            twin = between.setdefault((i, node), 0)
            between[i, node] += 1
            _arrow(ax, places[i], places[node], INK, style, width, op.replace("_", " "), bend=0.25 * twin)
    names = {0: "c(k-2)", 1: "c(k-1)"} | {k: str(k - 2) for k in range(2, 2 + n_nodes)}
    for state, (x, y) in places.items():
        _box(ax, x, y, names[state], "#e4e4e4" if state < 2 else "white")
    _box(ax, *output, "c(k)", "#e4e4e4")
    ax.set_xlim(-0.45, output[0] + 0.45)
    heights = [y for _, y in places.values()]
    ax.set_ylim(min(heights) - 0.35, max(heights) + 0.35)
    ax.set_axis_off()
    ax.set_title(title, fontsize=10, loc="left")
    return ax


def plot_genotype(genotype: Any) -> Figure:
    """Draw both cells of a genotype, one over the other, in a new figure.

    Raises:
        TypeError: for anything but a genotype.
        ValueError: for one with an unknown operation.
    """
    instance("genotype", genotype, Genotype)
    figure = new_figure(8.4, 6.0)
    top, bottom = figure.subplots(2, 1)
    plot_cell(genotype.normal, genotype.normal_concat, title="normal cell", ax=top)
    plot_cell(genotype.reduce, genotype.reduce_concat, title="reduction cell", ax=bottom)
    return figure


def _places(n_nodes: int) -> dict[int, tuple[float, float]]:
    """Return where each state is drawn: the inputs far apart, the nodes between them, up and down in turn."""
    places = {0: (0.0, 1.5), 1: (0.0, -1.5)}
    for k in range(n_nodes):
        places[2 + k] = (1.3 * (k + 1), 0.7 if k % 2 == 0 else -0.7)
    return places


def _box(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    box: dict[str, Any] = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": INK, "linewidth": 0.9}
    ax.text(x, y, text, ha="center", va="center", fontsize=9, color=INK, bbox=box, zorder=5)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    style: Any,
    width: float,
    text: str = "",
    bend: float = 0.0,
) -> None:
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": width}
    arrow |= {"shrinkA": 10, "shrinkB": 12, "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=2)
    if text:
        (x0, y0), (x1, y1) = start, end
        along = 0.29 if 2 < x1 - x0 < 3 else 0.4  # clear of the node that an edge of two columns passes
        x, y = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
        x, y = x + 0.48 * bend * (y1 - y0), y - 0.48 * bend * (x1 - x0)
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
        ax.text(x, y, text, ha="center", va="center", fontsize=7, color=INK, bbox=box, zorder=4)
