"""A space as plain data, and an architecture as JSON of those and of its text."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carsmoo.utils.validation import short, shown

if TYPE_CHECKING:
    from carsmoo.space.search_space import SearchSpace


def plain_of(space: SearchSpace) -> dict[str, Any]:
    """Return kind and arguments of a space, but for those that are None; the kind alone if it is no dataclass."""
    plain: dict[str, Any] = {"kind": type(space).__qualname__}
    if dataclasses.is_dataclass(space):
        plain |= _without_none(json.loads(json.dumps(dataclasses.asdict(space))))
    return plain


def json_of(text: str, space: Mapping[str, Any]) -> str:
    """Return the architecture of a text as one line of JSON, with its space as plain data."""
    return json.dumps({"space": space, "architecture": text})


def text_in_json(text: str, space: Mapping[str, Any]) -> str:
    """Return the text of the architecture that :func:`json_of` wrote.

    Args:
        text: JSON.
        space: plain data of the space that it is to be of.

    Raises:
        ValueError: if it is no such JSON, or of another space, of which the first field that differs is named.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError, TypeError) as error:
        raise ValueError(f"architecture: expected JSON, got {short(str(text))} ({error})") from None
    if not isinstance(document, dict) or set(document) != {"space", "architecture"}:
        raise ValueError(f"architecture: expected the fields space, architecture, got {short(text)}")
    own, other = json.loads(json.dumps(space)), document["space"]
    if other != own:
        field, there = "kind", other
        if isinstance(other, dict):
            field = next(name for name in (*own, *other) if own.get(name, other) != other.get(name, own))
            there = other.get(field, "none")
        told = shown(own.get(field, "none"))
        raise ValueError(f"architecture: {field} of its space: expected {told}, got {shown(there)}")
    found = document["architecture"]
    if not isinstance(found, str):
        raise ValueError(f"architecture: expected a text, got {shown(found)}")  # noqa: TRY004
    return found


def _without_none(value: Any) -> Any:
    """Return plain data without what is None in mappings, which files of settings leave out too."""
    if isinstance(value, dict):
        return {name: _without_none(one) for name, one in value.items() if one is not None}
    return [_without_none(one) for one in value] if isinstance(value, list) else value
