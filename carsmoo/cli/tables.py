"""Tables for the terminal, built here and printed by the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from carsmoo.compare.comparison import Score
from carsmoo.compare.tables import COLUMNS
from carsmoo.runs.retrained_front import places_of
from carsmoo.space.front import Front


def table_of(heads: Iterable[str], left: Sequence[str] = (), *, no_wrap: bool = False, **options: Any) -> Table:
    """Return an empty table without lines; its columns are aligned to the right but for those named in ``left``."""
    table = Table(box=None, title_justify="left", caption_justify="left", **options)
    for head in heads:
        table.add_column(head, justify="left" if head in left else "right", no_wrap=no_wrap)
    return table


def front_table(front: Front) -> Table:
    """Return a front as a table, a row a network, with its operations counted by cell."""
    heads = [column.label.replace(" (", "\n(") for column in front.columns]
    return _networks("Pareto front", front, heads, list(range(1, len(front) + 1)))


def trained_table(final: Front) -> Table:
    """Return trained networks as a table, a row a network of a final front."""
    titles = {"error": "test error", "held_out_error": "held-out error", "search_error": "error in the search"}
    titles["search_loss"] = "loss in the search"
    told = zip(final.names, final.columns, strict=True)
    columns = [dataclasses.replace(column, name=titles.get(name, column.name)) for name, column in told]
    heads = [column.label.replace(" (", "\n(") for column in columns]
    return _networks("Trained alone", final, heads, places_of(final))


def _networks(title: str, front: Front, heads: list[str], places: list[int]) -> Table:
    parts = front.genotypes[0].summary if len(front) else {"architecture": ""}
    operation_column = " | ".join(parts) if len(parts) == 1 else f"operations, {' | '.join(parts)}"
    table = table_of(["#", *heads, operation_column], left=(operation_column,), title=title)
    table.columns[-1].overflow = "fold"  # a text without spaces too is shown whole
    for place, (genotype, values) in zip(places, front, strict=True):
        numbers = [column.number(value) for column, value in zip(front.columns, values.values(), strict=True)]
        table.add_row(str(place), *numbers, genotype.brief)
    return table


def score_table(scores: Sequence[Score], baseline: str) -> Table:
    """Return a comparison as a table, a row for each problem and algorithm."""
    caption = (
        f"median and quartiles over seeds; p against {baseline}: Wilcoxon's signed rank, Holm; A12: chance to beat it; "
        "seconds: wall time of a search"
    )
    table = table_of([column.name for column in COLUMNS], left=("problem", "algorithm"), caption=caption)
    last = ""
    for score in scores:
        problem, *others = [column.text(score) for column in COLUMNS]
        table.add_row("" if problem == last else problem, *others)
        last = problem
    return table
