"""The cells of DARTS as pictures."""

from __future__ import annotations

from collections.abc import Sequence

from carsmoo.space.picture import Arrow, Box, Picture, line_of, plain_words

MINUS = "\N{MINUS SIGN}"


def cell_picture(title: str, edges: Sequence[tuple[str, int]], concat: Sequence[int]) -> Picture:
    """Return a cell as a picture: its inputs on the left, its nodes up and down in turn, its output on the right.

    Args:
        title: over it.
        edges: two (operation, input) pairs a node, as in a genotype.
        concat: the states that make the output.
    """
    nodes = range(len(edges) // 2)
    boxes = [Box("c(k-2)", 0.0, 2, "frame"), Box("c(k-1)", 0.0, -2, "frame")]
    boxes += [Box(str(k), 1.3 * (k + 1), -1 if k % 2 else 1) for k in nodes]
    boxes.append(Box("c(k)", 1.3 * len(nodes) + 1.0, 0, "frame"))
    arrows = [Arrow(state, len(boxes) - 1, line="quiet", words=f"node {state - 2} in the output") for state in concat]
    said: list[list[str]] = [[] for _ in nodes]
    for position, (op, i) in enumerate(edges):
        if op != "none":
            node = position // 2
            words = f"{plain_words(op)} of {boxes[i].text.replace('-', MINUS)}"
            said[node].append(words)
            arrows.append(Arrow(i, 2 + node, str(op), line_of(op), f"{words} at node {node}"))
    told = "; ".join(f"node {node}: {' plus '.join(words) or 'nothing'}" for node, words in enumerate(said))
    return Picture(title, tuple(boxes), tuple(arrows), f"{title}. {told}.")
