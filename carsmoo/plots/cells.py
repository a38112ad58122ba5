"""Architectures drawn: cells as graphs, chains as rows of boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carsmoo.config.network import NetworkConfig
from carsmoo.plots.rows import draw_rows, rows_size
from carsmoo.plots.style import GREY, INK, legible, new_axes, new_figure
from carsmoo.space.architecture import Architecture
from carsmoo.space.darts_picture import cell_picture
from carsmoo.space.genotype import Edge, Genotype
from carsmoo.space.picture import Picture
from carsmoo.utils.validation import instance, number

_LINES: dict[str, tuple[Any, float]] = {
    "strong": ("-", 1.6),
    "plain": ("-", 1.2),
    "thin": ("-", 0.7),
    "dashed": ((0, (5, 2)), 1.4),
    "dotted": (":", 1.4),
    "dash-dotted": ((0, (1, 1, 3, 1)), 1.2),
    "quiet": ("-", 0.6),
}
_HEIGHTS = (0.0, 0.7, 1.5)
"""How high the levels of a graph are drawn, the first ones."""

WIDTH, HEIGHT = 8.4, 3.0
"""Of a graph, in inches."""

SMALL = 5.0
"""Inches below which a picture is drawn for a column of text."""


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
    ax = ax or new_axes(WIDTH, HEIGHT)
    _draw_graph(ax, cell_picture("", edges, concat), small=False)
    ax.set_title(legible(title), fontsize=10, loc="left")
    return ax


def plot_genotype(genotype: Any, network: NetworkConfig | None = None, *, width: float = WIDTH) -> Figure:
    """Draw an architecture of any space in a new figure: cells one over the other, a chain as a row of boxes.

    Lines of cells are those of :func:`plot_cell`. A space of one's own shows the layers of its network.

    Args:
        genotype: the architecture.
        network: the network whose layers are shown, where the space does not say what else; a small one if not given.
        width: of the figure, in inches; a chain goes on below where it is longer.

    Raises:
        TypeError: for anything but an architecture.
        ValueError: for one with an unknown operation, or a width below 2.
    """
    instance("genotype", genotype, Architecture).require_known()
    wide, small = number("width", width, 2), width < SMALL
    pictures: list[Picture] = genotype.drawn(network or NetworkConfig())
    sizes = [rows_size(one, wide, small) if one.row else (wide, HEIGHT) for one in pictures]
    figure = new_figure(max(w for w, _ in sizes), sum(h for _, h in sizes))
    axes = figure.subplots(len(pictures), 1, height_ratios=[h for _, h in sizes], squeeze=False)[:, 0]
    for picture, ax in zip(pictures, axes, strict=True):
        if picture.row:
            draw_rows(ax, picture, wide, small)
        else:
            _draw_graph(ax, picture, small=small)
        if len(pictures) > 1:
            ax.set_title(legible(picture.title), fontsize=10, loc="left")
    return figure


def _draw_graph(ax: Axes, picture: Picture, *, small: bool) -> None:
    """Draw boxes at their places and arrows between them, each with its label."""
    places = [(box.column, _height(box.level)) for box in picture.boxes]
    between: dict[tuple[int, int], int] = {}
    size = 6 if small else 7
    for arrow in picture.arrows:
        twin = 0
        if arrow.label:
            twin = between.setdefault((arrow.start, arrow.end), 0)
            between[arrow.start, arrow.end] += 1
        style, width = _LINES[arrow.line]
        colour, text = GREY if arrow.line == "quiet" else INK, arrow.label.replace("_", " ")
        start, end = places[arrow.start], places[arrow.end]
        _arrow(ax, start, end, colour, style, width, text, 0.25 * twin, arrow.at, size)
    for box, (x, y) in zip(picture.boxes, places, strict=True):
        _box(ax, x, y, box.text, "#e4e4e4" if box.kind == "frame" else "white", 8 if small else 9)
    ax.set_xlim(-0.45, max(x for x, _ in places) + 0.45)
    heights = [y for _, y in places]
    ax.set_ylim(min(heights) - 0.35, max(heights) + 0.35)
    ax.set_axis_off()


def _height(level: int) -> float:
    """Return how high a level is drawn."""
    steps = abs(level)
    height = _HEIGHTS[steps] if steps < len(_HEIGHTS) else _HEIGHTS[-1] + 0.8 * (steps - len(_HEIGHTS) + 1)
    return height if level > 0 else -height


def _box(ax: Axes, x: float, y: float, text: str, colour: str, size: float) -> None:
    box: dict[str, Any] = {"boxstyle": "round,pad=0.35", "facecolor": colour, "edgecolor": INK, "linewidth": 0.9}
    ax.text(x, y, legible(text), ha="center", va="center", fontsize=size, color=INK, bbox=box, zorder=5)


def _arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    style: Any,
    width: float,
    text: str,
    bend: float,
    along: float | None,
    size: float,
) -> None:
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": width}
    arrow |= {"shrinkA": 10, "shrinkB": 12, "connectionstyle": f"arc3,rad={bend}"}
    ax.annotate("", xy=end, xytext=start, arrowprops=arrow, zorder=2)
    if text:
        (x0, y0), (x1, y1) = start, end
        if along is None:
            along = 0.29 if 2 < x1 - x0 < 3 else 0.4  # clear of the node that an edge of two columns passes
        x, y = x0 + along * (x1 - x0), y0 + along * (y1 - y0)
        x, y = x + 0.48 * bend * (y1 - y0), y - 0.48 * bend * (x1 - x0)
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.9}
        ax.text(x, y, legible(text), ha="center", va="center", fontsize=size, color=INK, bbox=box, zorder=4)
