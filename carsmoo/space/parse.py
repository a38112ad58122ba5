"""Reads ``Name(field=...)`` as papers and repositories paste it, without evaluating it."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Sequence
from typing import Any

from carsmoo.utils.validation import short


def read_call(text: str, name: str, fields: Sequence[str]) -> dict[str, Any]:
    """Read ``[NAME =] name(field=literal, ...)`` and return the fields' values.

    Literals may be nested in lists and tuples; ``range``, ``list`` and ``tuple`` of literals are understood too.

    Args:
        text: Python source.
        name: what is called.
        fields: names of all arguments, in the order of positional ones.

    Raises:
        TypeError: if ``text`` is no text.
        ValueError: if the text is no such call with just these fields.
    """
    expected = f"{name.lower()}: expected {name}({fields[0]}=[...], ...)"
    if not isinstance(text, str):
        raise TypeError(f"{expected}, got {type(text).__name__}")
    try:
        statements = ast.parse(textwrap.dedent(text).strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f"{expected}, got {short(text)} ({error})") from None
    call = getattr(statements[0], "value", None) if len(statements) == 1 else None
    if not isinstance(call, ast.Call) or not _is_named(call.func, name):
        raise ValueError(f"{expected}, got {short(text)}")
    named = [*zip(fields, call.args, strict=False), *((keyword.arg, keyword.value) for keyword in call.keywords)]
    given = dict(named)
    if len(call.args) > len(fields) or len(named) > len(given) or set(given) != set(fields):
        raise ValueError(f"{name.lower()}: expected the fields {', '.join(fields)}, got {short(text)}")
    return {field: _literal(name, given[field]) for field in fields}


def _literal(name: str, node: ast.expr) -> Any:
    try:
        if isinstance(node, ast.Call) and _is_named(node.func, "range") and not node.keywords:
            bounds = [ast.literal_eval(arg) for arg in node.args]
            if 1 <= len(bounds) <= 3 and all(isinstance(b, int) and abs(b) < 1000 for b in bounds):
                return tuple(range(*bounds))
        if isinstance(node, ast.Call) and _is_named(node.func, "list", "tuple") and len(node.args) == 1:
            return _literal(name, node.args[0])
        return ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ValueError(f"{name.lower()}: expected literals, got {short(ast.unparse(node))}") from None


def _is_named(node: ast.expr, *names: str) -> bool:
    return (isinstance(node, ast.Name) and node.id in names) or (isinstance(node, ast.Attribute) and node.attr in names)
