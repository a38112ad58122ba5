"""Figures of a comparison: how algorithms converge, and their median fronts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from carsmoo import plots
from carsmoo.compare import suite
from carsmoo.space.words import Column


def draw_comparison(comparison: Any, out: Path) -> None:
    """Draw how the algorithms converge on each problem, and their median fronts where there are two objectives."""
    for problem in comparison.problems:
        curves = {name: comparison.curves(problem, name) for name in comparison.algorithms}
        convergence, attainment = comparison_names(problem)
        plots.save_both(plots.plot_convergence(curves), out / convergence)
        if comparison.reference(problem).shape[1] == 2:
            fronts = {name: [run.final for run in comparison.of(problem, name)] for name in comparison.algorithms}
            found = [F for runs in fronts.values() for F in runs if len(F)] or [comparison.reference(problem)]
            values = np.concatenate(found).T.tolist()
            columns = [Column.of(*told, of) for told, of in zip(suite.units(problem).items(), values, strict=True)]
            plots.save_both(plots.plot_attainment(fronts, columns), out / attainment)


def comparison_names(problem: str) -> tuple[str, str]:
    """Return the names of a problem's pictures in a comparison, without their endings."""
    stem = problem.replace(":", "-")
    return f"{stem}-convergence", f"{stem}-attainment"
