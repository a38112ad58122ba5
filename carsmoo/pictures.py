"""The pictures of a run's directory and of a comparison, as PNG and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carsmoo import plots, suite
from carsmoo.owned import require_own
from carsmoo.rundir import RunDirectory

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


def draw_run(run: RunDirectory) -> None:
    """Draw a run's front, and its populations over the generations."""
    front, populations = run.read_front(), run.read_populations()
    labels = [f"{name} ({unit})" if unit else name for name, unit in zip(front.names, front.units, strict=True)]
    y = front.names.index("error") if "error" in front.names else 0
    if len(labels) < 2:
        return
    axes = (next(k for k in range(len(labels)) if k != y), y)
    last = populations[-1] if populations else None
    _save(plots.plot_front(front.F, labels, population=last, axes=axes), run.path / "front")
    if populations:
        _save(plots.plot_generations(populations, labels, axes=axes), run.path / "generations")


def draw_cells(run: RunDirectory) -> None:
    """Draw the cells of a run's best network."""
    front = run.read_front()
    best = int(front.column("error").argmin()) if "error" in front.names else 0
    _save(plots.plot_genotype(front.genotypes[best]), run.path / "cells")


def draw_comparison(comparison: Any, out: Path) -> None:
    """Draw how the algorithms converge on each problem, and their median fronts where there are two objectives."""
    for problem in comparison.problems:
        curves = {name: comparison.curves(problem, name) for name in comparison.algorithms}
        convergence, attainment = comparison_names(problem)
        _save(plots.plot_convergence(curves), out / convergence)
        if comparison.reference(problem).shape[1] == 2:
            fronts = {name: [run.final for run in comparison.of(problem, name)] for name in comparison.algorithms}
            _save(plots.plot_attainment(fronts, suite.labels(problem)), out / attainment)


def comparison_names(problem: str) -> tuple[str, str]:
    """Return the names of a problem's pictures in a comparison, without their endings."""
    stem = problem.replace(":", "-")
    return f"{stem}-convergence", f"{stem}-attainment"


def _save(drawn: Any, path: Path) -> None:
    require_drawable(path.parent, path.name)
    for ending in ENDINGS:
        plots.save(drawn, path.with_name(f"{path.name}.{ending}"))
