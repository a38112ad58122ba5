"""Figures outside pyplot's global state that notebooks show by themselves, once, and that open in a window."""

from __future__ import annotations

import io
from importlib import import_module

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_DPI = 110  # of a screen, for the size in a notebook
_SHARP = 2  # pixels for each one of these


class ShownFigure(Figure):
    """A matplotlib figure that a notebook shows where it is the last line of a cell.

    Figures that pyplot does not manage are else told as ``<Figure size ...>``, unless pyplot was imported.
    """

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DPI * _SHARP)
        width, height = self.get_size_inches().tolist()
        return buffer.getvalue(), {"width": round(width * _DPI), "height": round(height * _DPI)}

    def show(self, warn: bool = True) -> None:
        """Show the figure in a window, or below the cell of a notebook; a script waits until the window is closed.

        Args:
            warn: not used; it is matplotlib's.

        Raises:
            RuntimeError: if matplotlib is older than 3.11, which cannot give a figure a window later on.
        """
        pyplot = import_module("matplotlib.pyplot")  # when it is called: it chooses a backend for the whole process
        try:
            pyplot.figure(self)
        except ValueError as error:
            raise RuntimeError(f"show: expected matplotlib 3.11 or newer ({error}); savefig() writes a file") from None
        pyplot.show()


class ShownAxes(Axes):
    """Axes of a :class:`ShownFigure`, which a notebook shows as their figure."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]] | None:
        figure = self.get_figure(root=True)
        return figure._repr_png_() if isinstance(figure, ShownFigure) else None
