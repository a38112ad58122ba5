"""The table of a comparison: its columns, as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from carsmoo.compare.comparison import Score
from carsmoo.utils.owned import TABLE


class Column(NamedTuple):
    """A column as people read it: its name, its name in LaTeX (none where it is left out there), a score's text."""

    name: str
    latex: str | None
    text: Callable[[Score], str]


def _spread(values: tuple[float, float, float]) -> str:
    return f"{values[1]:.4f} [{values[0]:.4f}, {values[2]:.4f}]"


def _p(p: float) -> str:
    return "-" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"


COLUMNS = (
    Column("problem", "problem", lambda score: score.problem),
    Column("algorithm", "algorithm", lambda score: score.algorithm),
    Column("n", None, lambda score: str(score.n)),
    Column("hypervolume", "hypervolume", lambda score: _spread(score.hv)),
    Column("IGD+", "IGD+", lambda score: _spread(score.igd)),
    Column("size 10-90 %", r"size, 10--90\,\%", lambda score: f"{score.size_low:.3g}-{score.size_high:.3g}"),
    Column("p", "$p$", lambda score: _p(score.p)),
    Column("A12", "$A_{12}$", lambda score: f"{score.a12:.2f}"),
    Column("p of size range", r"$p_{\mathrm{size}}$", lambda score: _p(score.p_size)),
    Column("seconds", "seconds", lambda score: "-" if np.isnan(score.seconds) else f"{score.seconds:.3g}"),
)
"""Columns of the terminal's table; LaTeX has those that have a name there, and CSV plain figures."""


def to_csv(scores: Sequence[Score]) -> str:
    """Return the table as CSV, a row a score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE)
    for s in scores:
        sizes = (s.size_low, s.size_high)
        figures = (*s.hv, *s.igd, s.evaluations, *sizes, s.p, s.a12, s.p_size, s.seconds)
        writer.writerow([s.problem, s.algorithm, s.n, *(f"{figure:.6g}" for figure in figures)])
    return text.getvalue()


def to_latex(scores: Sequence[Score]) -> str:
    """Return the table in LaTeX; the document needs ``booktabs``."""
    columns = [column for column in COLUMNS if column.latex is not None]
    begin = rf"\begin{{tabular}}{{ll{'r' * (len(columns) - 2)}}}"
    lines = [begin, r"\toprule", " & ".join(str(c.latex) for c in columns) + r" \\", r"\midrule"]
    last = scores[0].problem if scores else ""
    for score in scores:
        if score.problem != last:
            lines.append(r"\midrule")
            last = score.problem
        problem, algorithm, *figures = [column.text(score) for column in columns]
        cells = [re.sub(r"([&%$#_{}])", r"\\\1", name) for name in (problem, algorithm)]
        cells += [re.sub(r"(?<=\d)-|^-$", "--", text).replace("<", "$<$") for text in figures]  # ranges, no figure
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])
