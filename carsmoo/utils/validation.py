"""Validation of arguments; messages name the argument, what was expected and what was given, on one line."""

from __future__ import annotations

import inspect
import math
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


def instance(name: str, value: Any, kind: type[T]) -> T:
    """Return ``value``, checked to be of a kind.

    Raises:
        TypeError: if it is of another kind.
    """
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {shown(value)}")
    return value


def whole(name: str, value: Any, least: int) -> int:
    """Return ``value`` as an integer, checked to be at least ``least``.

    Raises:
        TypeError: for anything else.
        ValueError: for one below ``least``.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name}: expected an integer of at least {least}, got {shown(value)}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {shown(value)}")
    return int(value)


def finite(value: object) -> float | None:
    """Return a real number as a float; None for anything else, a truth value, NaN, or one that no float holds."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def real(name: str, value: Any, least: float) -> float:
    """Return ``value`` as a finite number, checked to be at least ``least``.

    Raises:
        TypeError: for no number.
        ValueError: for one below ``least``, infinity or NaN.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        raise TypeError(f"{name}: expected a number of at least {least}, got {shown(value)}")
    number = finite(value)
    if number is None or number < least:
        raise ValueError(f"{name}: expected at least {least}, and finite, got {shown(value)}")
    return number


def array(name: str, value: Any) -> NDArray[Any]:
    """Return ``value`` as an array.

    Raises:
        ValueError: for rows of different lengths.
    """
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(f"{name}: expected rows of one length, got {shown(value)}") from None


def numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return ``value`` as an array of numbers, a copy.

    Raises:
        ValueError: for anything else.
    """
    try:
        return np.array(array(name, value), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name}: expected numbers, got {shown(value)}") from None


def keywords(kind: type) -> set[str]:
    """Return the names that the constructors of a class and its bases take."""
    names: set[str] = set()
    for base in kind.__mro__[:-1]:
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names - {"self"}


def reject_unknown(who: str, kwargs: dict[str, Any], known: set[str]) -> None:
    """Check keywords, which pymoo would swallow.

    Raises:
        TypeError: naming the first that is not known.
    """
    for name in kwargs:
        if name not in known:
            raise TypeError(f"{who}: expected keywords among {', '.join(sorted(known))}, got {name!r}")


def short(text: str, length: int = 60) -> str:
    """Return a text in quotes on one line, cut to a length."""
    text = " ".join(text.split())
    return repr(text if len(text) <= length else f"{text[: length - 1]}…")


def shown(value: object) -> str:
    """Return the text of a value for a message, on one line, cut to a length."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python writes no integers of thousands of digits
        text = f"a {type(value).__name__} with a huge number"
    return text if len(text) <= 120 else f"{text[:119]}…"


def one_line(error: BaseException) -> str:
    """Return an error's message on one line; its kind if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


class StoppedError(RuntimeError):
    """Work that could not go on though nothing about its input was wrong; the message says why, and what is kept."""
