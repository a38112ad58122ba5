"""What a picture of an architecture shows: boxes and arrows between them, for any program that draws."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from carsmoo.space.graph import Vertex
from carsmoo.space.words import short_operation

MOST_BOXES = 80
"""A graph of more layers is told as text."""


class Box(NamedTuple):
    """A box of a picture.

    Attributes:
        text: what stands in it.
        column: how far to the right, from 0.
        level: how far up, or down where it is negative.
        kind: ``"choice"``; ``"frame"`` for what all architectures of a space have; ``"absent"`` for nothing.
        words: what a reader is told of it, by which it is found in another picture; empty if it is in all of them.
        group: what boxes beside each other have in common, such as their stage.
    """

    text: str
    column: float
    level: int = 0
    kind: str = "choice"
    words: str = ""
    group: str = ""


class Arrow(NamedTuple):
    """An arrow of a picture.

    Attributes:
        start: place of the box that it leaves.
        end: place of the box that it comes to.
        label: the operation on it.
        line: ``"strong"``, ``"plain"``, ``"thin"``, ``"dashed"``, ``"dotted"``, ``"dash-dotted"`` or ``"quiet"``.
        words: as a box's.
        at: where on its way the label stands best, 0 to 1, if the drawing program does not know better.
    """

    start: int
    end: int
    label: str = ""
    line: str = "plain"
    words: str = ""
    at: float | None = None


class Picture(NamedTuple):
    """A picture: a cell, a chain, a graph.

    Attributes:
        title: what it shows.
        boxes: its boxes; where it is a row, sorted by their columns, which are whole numbers.
        arrows: its arrows.
        words: the same as text, for who does not see it.
        row: whether it goes on in a row below where it is too long.
    """

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...] = ()
    words: str = ""
    row: bool = False

    def to_plain(self) -> dict[str, Any]:
        """Return it as dictionaries and lists."""
        boxes, arrows = [box._asdict() for box in self.boxes], [arrow._asdict() for arrow in self.arrows]
        return {**self._asdict(), "boxes": boxes, "arrows": arrows}

    def rows(self, most: int) -> list[list[int]]:
        """Return its columns by the rows that they stand in, at most so many in one, groups whole if they fit."""
        groups: dict[int, str] = {}
        for box in self.boxes:
            groups.setdefault(int(box.column), box.group)
        columns, rows = sorted(groups), []
        while columns:
            cut = min(most, len(columns))
            if cut < len(columns):
                ends = (k for k in range(cut, cut // 2, -1) if groups[columns[k - 1]] != groups[columns[k]])
                cut = next(ends, cut)
            rows.append(columns[:cut])
            columns = columns[cut:]
        return rows


LINES = {"sep": "strong", "dil": "dashed", "max": "dotted", "avg": "dash-dotted", "ski": "thin"}
"""Lines of operations by their first letters; others are plain."""


def line_of(op: str) -> str:
    """Return the line of an operation's arrow."""
    return LINES.get(op[:3], "plain")


def plain_words(op: str) -> str:
    """Return an operation's name in brief, with usual spaces."""
    return short_operation(op).replace("\N{NO-BREAK SPACE}", " ")


def boxed(text: str) -> str:
    """Return a text in lines that fit in a box."""
    return textwrap.fill(text, 11)


def picture_of_text(text: str) -> Picture:
    """Return the picture of an architecture of which only the text is known."""
    return Picture("architecture", (Box(textwrap.fill(text, 76), 0),), words=f"architecture: {text}")


def picture_of_graph(vertices: Sequence[Vertex], text: str) -> Picture:
    """Return the picture of the layers that run, each to the right of what it reads, or of the text if many do."""
    running = [k for k, vertex in enumerate(vertices) if vertex.runs]
    if len(running) > MOST_BOXES:
        return picture_of_text(text)
    columns: dict[int, int] = {}
    for k in running:
        columns[k] = 1 + max((columns[i] for i in vertices[k].inputs), default=-1)
    beside = [sum(1 for column in columns.values() if column == c) for c in range(len(running))]
    order = sorted(running, key=lambda k: columns[k])  # stable
    boxes, seen = [], [0] * len(running)
    for k in order:
        column, kind = columns[k], vertices[k].layer.kind
        level = beside[column] - 1 - 2 * seen[column]
        seen[column] += 1
        words = f"{plain_words(kind)} at place {column}"
        boxes.append(Box(boxed(plain_words(kind)), column, level, "choice" if vertices[k].slot else "frame", words))
    places = {k: place for place, k in enumerate(order)}
    arrows = [Arrow(places[i], places[k]) for k in order for i in vertices[k].inputs]
    return Picture("network", tuple(boxes), tuple(arrows), f"network: {text}", row=True)
