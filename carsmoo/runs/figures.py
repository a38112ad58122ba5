"""The pictures of a run's directory and of a comparison, as PNG and PDF."""

from __future__ import annotations

from carsmoo import plots
from carsmoo.runs.directory import RunDirectory
from carsmoo.space.words import main_axes


def draw_run(run: RunDirectory) -> None:
    """Draw a run's front, of three objectives or more also side by side, and its populations over the generations."""
    front, populations = run.read_front(), run.read_populations()
    if len(front.names) < 2:
        return
    last = populations[-1] if populations else None
    plots.save_both(plots.plot_front(front, population=last), run.path / "front")
    if len(front.names) > 2:
        plots.save_both(plots.plot_parallel(front), run.path / "parallel")
    if populations:
        plots.save_both(
            plots.plot_generations(populations, front.columns, axes=main_axes(front.names)), run.path / "generations"
        )


def draw_cells(run: RunDirectory) -> None:
    """Draw the cells, or the layers, of a run's best network."""
    front, config = run.read_front(), run.config()
    network = None if config is None else config.network
    plots.save_both(plots.plot_genotype(front.genotypes[front.best()], network), run.path / "cells")
