"""How all plots look, and how they are saved; each plot picks its colours from here."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import CREATOR, require_own
from carsmoo.utils.validation import shown

INK = "#1a1a1a"
GREY = "#9a9a9a"


def new_axes(width: float = 4.8, height: float = 3.4) -> Axes:
    """Return the axes of a new figure of this size in inches, outside pyplot's global state."""
    axes: Axes = Figure(figsize=(width, height), layout="constrained").add_subplot()
    return axes


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


def finish(ax: Axes, x: str, y: str) -> None:
    """Name the axes, and leave of their frame what a reader needs."""
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color="#e6e6e6", linewidth=0.6)
    ax.set_axisbelow(True)


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
