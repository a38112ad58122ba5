"""Tables for the terminal, built here and printed by the command line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.table import Table

from carsmoo.compare.comparison import Score
from carsmoo.runs.retrained_front import places_of
from carsmoo.space.front import Front
from carsmoo.space.genotype import Edge


def front_table(front: Front) -> Table:
    """Return a front as a table, a row a network, with its operations counted by cell."""
    table = Table(title="Pareto front", title_justify="left", box=None)
    table.add_column("#", justify="right")
    for name, unit in zip(front.names, front.units, strict=True):
        table.add_column(f"{name}\n({unit})" if unit else name, justify="right")
    table.add_column("operations, normal | reduction")
    for k, (genotype, values) in enumerate(front, 1):
        numbers = [f"{value:.4f}" if value < 100 else f"{value:.1f}" for value in values.values()]
        table.add_row(str(k), *numbers, f"{operations(genotype.normal)} | {operations(genotype.reduce)}")
    return table


def trained_table(final: Front) -> Table:
    """Return trained networks as a table, a row a network of a final front."""
    table = Table(title="Trained alone", title_justify="left", box=None)
    titles = {"error": "test error", "held_out_error": "held-out error", "search_error": "error in the search"}
    table.add_column("#", justify="right")
    for name, unit in zip(final.names, final.units, strict=True):
        table.add_column(titles.get(name, f"{name} ({unit})"), justify="right")
    table.add_column("operations, normal | reduction")
    for place, (genotype, values) in zip(places_of(final), final, strict=True):
        numbers = [f"{value:.2%}" if name in titles else f"{value:.3f}" for name, value in values.items()]
        table.add_row(str(place), *numbers, f"{operations(genotype.normal)} | {operations(genotype.reduce)}")
    return table


def score_table(scores: Sequence[Score], baseline: str) -> Table:
    """Return a comparison as a table, a row for each problem and algorithm."""
    caption = (
        f"median and quartiles over seeds; p against {baseline}: Wilcoxon's signed rank, Holm; A12: chance to beat it"
    )
    table = Table(caption=caption, caption_justify="left", box=None)
    for name in ("problem", "algorithm", "n", "hypervolume", "IGD+", "size 10-90 %", "p", "A12", "p of size range"):
        table.add_column(name, justify="left" if name in ("problem", "algorithm") else "right")
    last = ""
    for s in scores:
        table.add_row(
            s.problem if s.problem != last else "",
            s.algorithm,
            str(s.n),
            f"{s.hv[1]:.4f} [{s.hv[0]:.4f}, {s.hv[2]:.4f}]",
            f"{s.igd[1]:.4f} [{s.igd[0]:.4f}, {s.igd[2]:.4f}]",
            f"{s.size_low:.3g}-{s.size_high:.3g}",
            _p(s.p),
            f"{s.a12:.2f}",
            _p(s.p_size),
        )
        last = s.problem
    return table


def operations(edges: Sequence[Edge]) -> str:
    """Return a cell's operations, counted, in a few letters: 3 sep3, 2 skip."""
    letters = {"conv_": "", "pool_": "", "connect": "", "3x3": "3", "5x5": "5", "_": ""}
    short = []
    for op, _ in edges:
        for long, brief in letters.items():
            op = op.replace(long, brief)
        short.append(op.removesuffix("3") if op[:3] in ("max", "avg") else op)
    return " ".join(f"{short.count(op)}{op}" for op in dict.fromkeys(sorted(short)) if op != "none")


def _p(p: float) -> str:
    return "-" if np.isnan(p) else "<0.001" if p < 0.001 else f"{p:.3f}"
