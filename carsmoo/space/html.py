"""A front as HTML for notebooks: a table, a small picture as SVG, and whose figures they are; all text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from moocore import is_nondominated
from numpy.typing import NDArray

from carsmoo.space.words import Column, main_axes

_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 310, 24, 170  # the frame of the picture, in pixels


def front_html(columns: Sequence[Column], F: NDArray[np.float64], cells: Sequence[str], caption: str) -> str:
    """Return the table of a front, and over it its picture where there are two objectives or more.

    Args:
        columns: how its m objectives are written.
        F: the objectives, (n, m).
        cells: each network's cells in words, n of them.
        caption: over the table.
    """
    heads = ["#", *(column.label for column in columns), "cells"]
    rows = [
        [str(place), *(column.number(value) for column, value in zip(columns, values, strict=True)), words]
        for place, (values, words) in enumerate(zip(F.tolist(), cells, strict=True), 1)
    ]
    head, *body = [
        "<tr>" + "".join(f"<{tag}>{escape(text)}</{tag}>" for text in texts) + "</tr>"
        for tag, texts in [("th", heads), *(("td", row) for row in rows)]
    ]
    table = f"<table><caption>{escape(caption)}</caption><thead>{head}</thead><tbody>{''.join(body)}</tbody></table>"
    return f"<div>{_picture(columns, F) if len(columns) > 1 and len(F) else ''}{table}</div>"


def _picture(columns: Sequence[Column], F: NDArray[np.float64]) -> str:
    """Return the front in its main objectives as SVG: what is not beaten in these two is filled and joined by steps."""
    x, y = main_axes([column.name for column in columns])
    points = F[:, [x, y]]
    low, high = points.min(axis=0), points.max(axis=0)
    share = (points - low) / np.where(high > low, high - low, 1.0)
    drawn = np.array([_LEFT, _BOTTOM]) + share * np.array([_RIGHT - _LEFT, _TOP - _BOTTOM])
    first = is_nondominated(points, keep_weakly=True)
    best = drawn[first]
    steps = best[np.argsort(best[:, 0], kind="stable")].tolist()
    path = "".join(f" H{a:.1f} V{b:.1f}" for a, b in steps[1:])
    rings = np.where(first, "", ' fill="none" stroke="currentColor"').tolist()
    places = zip(drawn.tolist(), rings, strict=True)
    dots = "".join(f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3"{ring}/>' for (a, b), ring in places)
    texts = [
        (_LEFT, _BOTTOM + 18, "start", columns[x].number(low[0])),
        (_RIGHT, _BOTTOM + 18, "end", columns[x].number(high[0])),
        ((_LEFT + _RIGHT) // 2, _BOTTOM + 34, "middle", columns[x].label),
        (_LEFT - 8, _BOTTOM + 4, "end", columns[y].number(low[1])),
        (_LEFT - 8, _TOP + 4, "end", columns[y].number(high[1])),
        (_LEFT - 8, _TOP - 12, "start", columns[y].label),
    ]
    written = "".join(f'<text x="{a}" y="{b}" text-anchor="{anchor}">{escape(t)}</text>' for a, b, anchor, t in texts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="330" height="210" viewBox="0 0 330 210" role="img" '
        'fill="currentColor" font-family="sans-serif" font-size="11"><title>Pareto front</title>'
        f'<path d="M{steps[0][0]:.1f} {steps[0][1]:.1f}{path}" fill="none" stroke="currentColor"/>{dots}{written}</svg>'
    )
