"""Tables for the terminal, built here and printed by the command line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.table import Table

from carsmoo.compare.comparison import Score
from carsmoo.compare.tables import COLUMNS
from carsmoo.runs.retrained_front import places_of
from carsmoo.space.front import Front
from carsmoo.space.genotype import Edge


def table_of(heads: Iterable[str], left: Sequence[str] = (), *, no_wrap: bool = False, **options: Any) -> Table:
    """Return an empty table without lines; its columns are aligned to the right but for those named in ``left``."""
    table = Table(box=None, title_justify="left", caption_justify="left", **options)
    for head in heads:
        table.add_column(head, justify="left" if head in left else "right", no_wrap=no_wrap)
    return table


def front_table(front: Front) -> Table:
    """Return a front as a table, a row a network, with its operations counted by cell."""
    heads = [label.replace(" (", "\n(") for label in front.labels]
    places = list(range(1, len(front) + 1))
    return _networks("Pareto front", front, heads, places, lambda _, value: f"{value:.{4 if value < 100 else 1}f}")


def trained_table(final: Front) -> Table:
    """Return trained networks as a table, a row a network of a final front."""
    titles = {"error": "test error", "held_out_error": "held-out error", "search_error": "error in the search"}
    heads = [
        {**titles, "search_loss": "loss in the search"}.get(name, label)
        for name, label in zip(final.names, final.labels, strict=True)
    ]

    def text(name: str, value: float) -> str:
        return f"{value:.2%}" if name in titles else f"{value:.3f}"

    return _networks("Trained alone", final, heads, places_of(final), text)


def _networks(
    title: str, front: Front, heads: list[str], places: list[int], text: Callable[[str, float], str]
) -> Table:
    operation_column = "operations, normal | reduction"
    table = table_of(["#", *heads, operation_column], left=(operation_column,), title=title)
    for place, (genotype, values) in zip(places, front, strict=True):
        numbers = [text(name, value) for name, value in values.items()]
        table.add_row(str(place), *numbers, f"{operations(genotype.normal)} | {operations(genotype.reduce)}")
    return table


def score_table(scores: Sequence[Score], baseline: str) -> Table:
    """Return a comparison as a table, a row for each problem and algorithm."""
    caption = (
        f"median and quartiles over seeds; p against {baseline}: Wilcoxon's signed rank, Holm; A12: chance to beat it"
    )
    table = table_of([column.name for column in COLUMNS], left=("problem", "algorithm"), caption=caption)
    last = ""
    for score in scores:
        problem, *others = [column.text(score) for column in COLUMNS]
        table.add_row("" if problem == last else problem, *others)
        last = problem
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
