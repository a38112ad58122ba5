"""Settings as fields of frozen dataclasses, each checked by its annotation and its range."""

from __future__ import annotations

import dataclasses
import math
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from carsmoo.utils.validation import boolean, choice, instance, integer, number, shown


def setting(
    default: Any, low: int = 0, high: float | None = None, *, open_low: bool = False, open_high: bool = False
) -> Any:
    """Return a dataclass's field of a number in a range; without an upper end 10**9 is that of an integer."""
    return dataclasses.field(default=default, metadata={"range": (low, high, open_low, open_high)})


def check_settings(config: Any) -> None:
    """Check a dataclass's integers, numbers, names, choices, truth values and sections; None where it is allowed.

    What is a number or one of some names is checked as what it looks like.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.
    """
    hints = get_type_hints(type(config))
    for field in dataclasses.fields(config):
        name, value, kind = field.name, getattr(config, field.name), hints[field.name]
        kinds = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
        if value is None and NoneType in kinds:
            continue
        names = [of for of in kinds if get_origin(of) is Literal]
        if names and isinstance(value, str) and len(kinds) > 1:
            if value not in get_args(names[0]):
                choices = ", ".join(map(repr, get_args(names[0])))
                raise ValueError(f"{name}: expected a number or {choices}, got {shown(value)}")
            continue
        low, high, open_low, open_high = field.metadata.get("range", (0, None, False, False))
        if kinds[0] is int:
            limit = 10**9 if high is None else None if high == math.inf else int(high)
            object.__setattr__(config, name, integer(name, value, low, limit))
        elif kinds[0] is float:
            most = math.inf if high is None else high
            found = number(name, value, low, most, open_low=open_low, open_high=open_high)
            object.__setattr__(config, name, value if isinstance(value, (int, float)) else found)
        elif kinds[0] is bool:
            boolean(name, value)
        elif get_origin(kinds[0]) is Literal:
            choice(name, value, get_args(kinds[0]))
        elif kinds[0] is str:
            if not isinstance(value, str):
                raise TypeError(f"{name}: expected a name, got {shown(value)}")
            if any("\ud800" <= letter <= "\udfff" for letter in value):  # of a path that is no UTF-8
                raise ValueError(f"{name}: expected a text that UTF-8 can write, got {shown(value)}")
        elif isinstance(kinds[0], type) and dataclasses.is_dataclass(kinds[0]):
            instance(name, value, kinds[0])
