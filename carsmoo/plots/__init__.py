"""Plots for papers: fronts, cells, retrained networks."""

from carsmoo.plots.cells import plot_cell, plot_genotype
from carsmoo.plots.fronts import plot_attainment, plot_convergence, plot_front, plot_generations
from carsmoo.plots.objectives import plot_pairs, plot_parallel
from carsmoo.plots.retrained import plot_final_front, plot_ranks
from carsmoo.plots.style import ENDINGS, GREY, INK, finish, new_axes, new_figure, require_drawable, save, save_both

__all__ = [
    "ENDINGS",
    "GREY",
    "INK",
    "finish",
    "new_axes",
    "new_figure",
    "plot_attainment",
    "plot_cell",
    "plot_convergence",
    "plot_final_front",
    "plot_front",
    "plot_generations",
    "plot_genotype",
    "plot_pairs",
    "plot_parallel",
    "plot_ranks",
    "require_drawable",
    "save",
    "save_both",
]
