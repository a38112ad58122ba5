"""What each setting is: its key, its value as TOML, and what annotations and docstrings say of it."""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from carsmoo.config.toml import toml_value
from carsmoo.space.known import KINDS
from carsmoo.space.search_space import SearchSpace

_ENDLESS = 10**9
"""A limit from here on is there for the machine's sake, and is not told."""


class Setting(NamedTuple):
    """One setting of a configuration.

    Attributes:
        key: its name after those of its sections, such as ``training.warmup_epochs``.
        value: its value as TOML; None where it has none.
        kind: type, range or choices, in words.
        meaning: what its class's docstring says of it, as plain text.
    """

    key: str
    value: str | None
    kind: str
    meaning: str


def settings_of(config: Any, prefix: str = "") -> Iterator[Setting]:
    """Yield the settings of a dataclass and of the dataclasses in it, in their order, with keys after a prefix."""
    hints, told = get_type_hints(type(config)), arguments(type(config))
    for field in dataclasses.fields(config):
        value, key = getattr(config, field.name), prefix + field.name
        if isinstance(value, SearchSpace):
            yield from _of_space(value, f"{key}.")
        elif dataclasses.is_dataclass(value):
            yield from settings_of(value, f"{key}.")
        else:
            kind = _kind(hints[field.name], field.metadata.get("range", (0, None, False, False)))
            yield Setting(key, None if value is None else toml_value(value), kind, told.get(field.name, ""))
            if isinstance(value, tuple) and dataclasses.is_dataclass(next(iter(value), None)):
                yield from _unset(settings_of(type(value[0])(), f"{key}[]."))


def _of_space(space: SearchSpace, prefix: str) -> Iterator[Setting]:
    """Yield a space's kind and settings, then what the other kinds have."""
    *others, last = KINDS
    kinds = f"{', '.join(others)} or {last}"
    yield Setting(f"{prefix}kind", toml_value(type(space).__name__), kinds, "which space; its settings are the others.")
    told = set()
    for own in settings_of(space, prefix):
        told.add(own.key)
        yield own
    for name, made in KINDS.items():
        for other in _unset(settings_of(made(), prefix)):
            if other.key not in told:
                told.add(other.key)
                yield other._replace(kind=f"of {name}: {other.kind}")


def _unset(settings: Iterator[Setting]) -> Iterator[Setting]:
    return (setting._replace(value=None) for setting in settings)


def arguments(cls: type) -> dict[str, str]:
    """Return what the section ``Args`` of a class's Google docstring says, by name, as plain text on one line."""
    section = inspect.cleandoc(cls.__doc__ or "").partition("\nArgs:\n")[2]
    section = re.split(r"^(?=\S)", section, maxsplit=1, flags=re.M)[0]  # to the next section
    entries = re.split(r"^ {4}(\w+): ", section, flags=re.M)[1:]
    return {name: _plain(text) for name, text in zip(entries[::2], entries[1::2], strict=True)}


def _plain(text: str) -> str:
    """Return a docstring's text without its markup: of a reference that hides its path the name alone."""
    text = re.sub(r":[\w:]+:`(?:~[\w.]*\.)?([^`]+)`", r"\1", " ".join(text.split()))
    return text.replace("``", "")


def _kind(annotation: Any, limits: tuple[float, float | None, bool, bool]) -> str:
    """Return a type in words, with the range of a number or the choices of a literal."""
    if NoneType in get_args(annotation):
        (kind,) = (kind for kind in get_args(annotation) if kind is not NoneType)
        return f"{_kind(kind, limits)}; need not be given"
    if get_origin(annotation) in (Union, UnionType):
        return ", or ".join(_kind(kind, limits) for kind in get_args(annotation))
    if annotation in (int, float):
        return ("integer" if annotation is int else "number") + _range(*limits)
    if get_origin(annotation) is Literal:
        *others, last = get_args(annotation)
        return f"{', '.join(others)} or {last}" if others else str(last)
    if get_origin(annotation) is tuple:
        of = get_args(annotation)
        if dataclasses.is_dataclass(of[0]):
            return "list of sections"
        names = _kind(of[0], limits) if get_origin(of[0]) is Literal else {int: "integers", str: "texts"}[of[0]]
        return f"list of {names}" if of[-1] is ... else f"list of {len(of)} {names}"
    return {bool: "true or false", str: "text"}[annotation]


def _range(low: float, high: float | None, open_low: bool, open_high: bool) -> str:
    least = f"above {low}" if open_low else f"at least {low}"
    if high is None or high == math.inf or high >= _ENDLESS:
        return f", {least}"
    return f", {least}, {'below' if open_high else 'at most'} {high}"
