"""The pictures of a run's directory and of a comparison, as PNG and PDF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from carsmoo import plots, suite
from carsmoo.rundir import RunDirectory


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
        stem = problem.replace(":", "-")
        _save(plots.plot_convergence(curves), out / f"{stem}-convergence")
        if comparison.reference(problem).shape[1] == 2:
            fronts = {name: [run.final for run in comparison.of(problem, name)] for name in comparison.algorithms}
            _save(plots.plot_attainment(fronts, suite.labels(problem)), out / f"{stem}-attainment")


def _save(drawn: Any, path: Path) -> None:
    for ending in ("png", "pdf"):
        plots.save(drawn, path.with_name(f"{path.name}.{ending}"))
