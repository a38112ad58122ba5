"""How all plots look, and how they are saved; each plot picks its colours from here."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

from carsmoo.plots.shown import ShownAxes, ShownFigure
from carsmoo.space.words import Column
from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import CREATOR, require_own
from carsmoo.utils.validation import shown

INK = "#1a1a1a"
GREY = "#9a9a9a"


def new_axes(width: float = 4.8, height: float = 3.4) -> Axes:
    """Return the axes of a new figure of this size in inches, outside pyplot's global state."""
    axes: Axes = new_figure(width, height).add_subplot(axes_class=ShownAxes)
    return axes


def new_figure(width: float, height: float) -> Figure:
    """Return a new figure of this size in inches, outside pyplot's global state; a notebook shows it."""
    return ShownFigure(figsize=(width, height), layout="constrained")


def save(drawn: Axes | Figure, path: str | Path) -> None:
    """Write a drawing to a file; PDF and SVG keep their text and lines as vectors, PNG has 200 dots an inch.

    The file is there whole or not at all.

    Raises:
        TypeError: for what is no drawing.
        ValueError: for a path without an ending that matplotlib knows.
        OSError: if it cannot be written.
    """
    if not isinstance(drawn, (Axes, Figure)):
        raise TypeError(f"drawn: expected Axes or a Figure, got {shown(drawn)}")
    figure = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    assert figure is not None
    ending = Path(path).suffix[1:]
    if ending not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"path: expected an ending such as .pdf, .svg or .png, got {str(path)!r}")
    program = {"png": "Software", "pdf": "Creator", "svg": "Creator"}.get(ending)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=ending, dpi=200, metadata={program: CREATOR} if program else None)
    write_whole(Path(path), buffer.getvalue())


def legible(text: object) -> str:
    """Return a text as matplotlib can draw it: mathematics between dollar signs, if it is that, else as it is."""
    told = str(text)
    try:
        if "$" in told:
            MathTextParser("path").parse(told)
    except ValueError:
        return told.replace("$", r"\$")
    return told


def entry(name: object) -> str:
    """Return a name for a legend as :func:`legible` does; matplotlib leaves out those that begin with an underscore."""
    return legible(f" {name}" if str(name).startswith("_") else name)


def finish(ax: Axes, x: str | Column, y: str | Column) -> None:
    """Name the axes, and leave of their frame what a reader needs; a column's axis counts in engineering units."""
    for axis, label in ((ax.xaxis, x), (ax.yaxis, y)):
        if isinstance(label, Column):
            axis.set_label_text(legible(label.label))
            if label.scale != 1.0:
                axis.set_major_formatter(partial(_tick, label.scale))
        else:
            axis.set_label_text(legible(label))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)


def _tick(scale: float, value: float, _: int | None) -> str:
    return f"{value * scale:.10g}"


def shade(k: int, n: int) -> tuple[float, float, float]:
    """Return the k-th of n shades, from a light grey to a dark blue."""
    t = k / (n - 1) if n > 1 else 1.0
    light, dark = np.array([0.80, 0.84, 0.88]), np.array([0.05, 0.12, 0.30])
    red, green, blue = (light + (dark - light) * t).tolist()
    return red, green, blue


ENDINGS = ("png", "pdf")


def require_drawable(folder: Path, *names: str) -> None:
    """Check that pictures may be drawn in a folder: none is there yet, or one of carsmoo.

    Args:
        folder: the folder.
        *names: of the pictures, without their endings.

    Raises:
        FileExistsError: naming the first file that is something else.
    """
    require_own(*(folder / f"{name}.{ending}" for name in names for ending in ENDINGS))


def save_both(drawn: Axes | Figure, path: Path) -> None:
    """Write a drawing beside ``path`` as PNG and as PDF.

    Raises:
        FileExistsError: if one of them is there and is something else.
    """
    require_drawable(path.parent, path.name)
    for ending in ENDINGS:
        save(drawn, path.with_name(f"{path.name}.{ending}"))
