"""Captured states as trees: compared, and turned into JSON with their arrays aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.utils.validation import one_line

Tree: TypeAlias = Any
"""None, bool, int, float, str, an array, or a dictionary that says what it is: lists, sets, objects, populations."""

Arrays: TypeAlias = dict[str, NDArray[Any]]


_MARKS = ({"array"}, {"as it is"})
"""Keys of what stands for an array, and of what stands for a dictionary that would look like either."""


def difference(expected: Tree, got: Tree) -> str | None:
    """Return the first place where two captured states differ, as ``place: expected A, got B``; None if they agree.

    A number or a text is named before an array. Generators are not compared: a seed says what they start from.
    """
    found = sorted(_differences(expected, got, ""), key=lambda one: one[0])
    return found[0][1] if found else None


def pack(tree: Tree) -> tuple[str, Arrays]:
    """Return a tree as JSON with its arrays aside, by names that the JSON refers to."""
    arrays: Arrays = {}

    def plain(node: Tree, where: str) -> Any:
        if isinstance(node, np.ndarray):
            arrays[where] = node
            return {"array": where}
        if isinstance(node, dict):
            made = {name: plain(value, join(where, name)) for name, value in node.items()}
            return {"as it is": made} if set(made) in _MARKS else made
        if isinstance(node, list):
            return [plain(value, join(where, k)) for k, value in enumerate(node)]
        return node

    return json.dumps(plain(tree, "")), arrays


def unpack(text: str, arrays: Mapping[str, NDArray[Any]]) -> Tree:
    """Return the tree that :func:`pack` was given.

    Raises:
        ValueError: if the text is no JSON or names an array that there is not.
    """

    def full(node: Any) -> Tree:
        if isinstance(node, dict):
            if set(node) == {"array"}:
                return arrays[node["array"]]
            node = node["as it is"] if set(node) == {"as it is"} else node
            return {k: full(value) for k, value in node.items()}
        return [full(value) for value in node] if isinstance(node, list) else node

    try:
        return full(json.loads(text))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"state: expected a tree and its arrays, got something else ({brief(error)})") from None


def join(where: str, name: object) -> str:
    """Return the name of a place within another."""
    return f"{where}/{name}" if where else str(name)


def brief(error: BaseException) -> str:
    """Return an error in one line."""
    return one_line(f"{type(error).__name__}: {error}", 120)


def _differences(expected: Tree, got: Tree, where: str) -> Iterator[tuple[bool, str]]:
    if isinstance(expected, dict) and isinstance(got, dict):
        if "generator" in expected and "generator" in got:
            return
        for name in [*expected, *(name for name in got if name not in expected)]:
            place = where if name in ("attributes", "list", "tuple", "dict", "object") else join(where, name)
            yield from _differences(expected.get(name), got.get(name), place)
    elif isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        for k, (a, b) in enumerate(zip(expected, got, strict=True)):
            if isinstance(a, list) and isinstance(b, list) and len(a) == len(b) == 2 and a[0] == b[0]:  # a dict's item
                yield from _differences(a[1], b[1], join(where, a[0]))
            else:
                yield from _differences(a, b, join(where, k))
    elif isinstance(expected, np.ndarray) and isinstance(got, np.ndarray):
        same = expected.dtype == got.dtype and expected.shape == got.shape
        if not (same and np.array_equal(expected, got, equal_nan=expected.dtype.kind == "f")):
            yield True, f"{where}: expected {_short(expected)}, got {_short(got)}"
    elif type(expected) is not type(got) or (expected != got and not (expected != expected and got != got)):
        yield False, f"{where}: expected {_short(expected)}, got {_short(got)}"


def _short(node: Tree) -> str:
    """Return a node in a few words."""
    if isinstance(node, dict):
        for kind in ("object", "code", "list", "tuple", "set", "number"):
            if kind in node:
                return _short(node[kind])
    return one_line(node.tolist() if isinstance(node, np.ndarray) else node, 60)
