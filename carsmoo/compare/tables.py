"""The table of a comparison as CSV and as LaTeX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import numpy as np

from carsmoo.compare.comparison import Score
from carsmoo.utils.owned import TABLE


def to_csv(scores: Sequence[Score]) -> str:
    """Return the table as CSV, a row a score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(TABLE)
    for s in scores:
        sizes = (s.size_low, s.size_high)
        figures = (*s.hv, *s.igd, s.evaluations, *sizes, s.p, s.a12, s.p_size)
        writer.writerow([s.problem, s.algorithm, s.n, *(f"{figure:.6g}" for figure in figures)])
    return text.getvalue()


def to_latex(scores: Sequence[Score]) -> str:
    """Return the table in LaTeX; the document needs ``booktabs``."""
    lines = [
        r"\begin{tabular}{llrrrrrr}",
        r"\toprule",
        r"problem & algorithm & hypervolume & IGD+ & size, 10--90\,\% & $p$ & $A_{12}$ & $p_{\mathrm{size}}$ \\",
        r"\midrule",
    ]
    last = scores[0].problem if scores else ""
    for score in scores:
        if score.problem != last:
            lines.append(r"\midrule")
            last = score.problem
        cells = [_escaped(score.problem), _escaped(score.algorithm), _spread(score.hv), _spread(score.igd)]
        cells += [f"{score.size_low:.3g}--{score.size_high:.3g}", _p(score.p), f"{score.a12:.2f}", _p(score.p_size)]
        lines.append(" & ".join(cells) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", ""])


def _escaped(text: str) -> str:
    for character in "&%$#_{}":
        text = text.replace(character, "\\" + character)
    return text


def _spread(values: tuple[float, float, float]) -> str:
    return f"{values[1]:.4f} [{values[0]:.4f}, {values[2]:.4f}]"


def _p(p: float) -> str:
    return "--" if np.isnan(p) else "$<$0.001" if p < 0.001 else f"{p:.3f}"
