"""Validation of arguments; messages name the argument, what was expected and what was given, on one line."""

from __future__ import annotations

import inspect
import math
from collections.abc import Collection
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


def integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return ``value`` as an int, checked to be an integer in [low, high], or of at least ``low``.

    Raises:
        TypeError: for anything else.
        ValueError: for one out of the range.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        least = f" of at least {low}" if high is None else ""
        raise TypeError(f"{name}: expected an integer{least}, got {shown(value)}")
    if value < low:
        raise ValueError(f"{name}: expected at least {low}, got {shown(value)}")
    if high is not None and value > high:
        raise ValueError(f"{name}: expected at most {high}, got {shown(value)}")
    return int(value)


def indices(name: str, value: Any, n: int) -> tuple[int, ...]:
    """Return ``value`` as a tuple, checked to be a tuple or list of at least one index within 0..n-1, each once.

    Raises:
        ValueError: for anything else.
    """
    given = tuple(value) if isinstance(value, (tuple, list)) else ()
    whole = all(type(k) is int or isinstance(k, np.integer) for k in given)
    if not given or not whole or not set(given) <= set(range(n)) or len({*given}) < len(given):
        raise ValueError(f"{name}: expected different indices among 0..{n - 1}, got {shown(value)}")
    return tuple(int(k) for k in given)


def finite(value: object) -> float | None:
    """Return a real number as a float; None for anything else, a truth value, NaN, or one that no float holds."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def number(
    name: str, value: Any, low: float, high: float | None = None, *, open_low: bool = False, open_high: bool = False
) -> float:
    """Return ``value`` as a float, checked to be finite and in the interval from low to high, or of at least ``low``.

    Raises:
        TypeError: for no number.
        ValueError: for one out of the interval, infinity or NaN.
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        least = f" of at least {low}" if high is None else ""
        raise TypeError(f"{name}: expected a number{least}, got {shown(value)}")
    found, top = finite(value), math.inf if high is None else high
    inside = found is not None and low <= found <= top
    if not inside or (open_low and found == low) or (open_high and found == top):
        ends = f"{'(' if open_low else '['}{low}, {high}{')' if open_high or high == math.inf else ']'}"
        expected = (
            f"{'more than' if open_low else 'at least'} {low}, and finite" if high is None else f"a number in {ends}"
        )
        raise ValueError(f"{name}: expected {expected}, got {shown(value)}")
    assert found is not None
    return found


def boolean(name: str, value: Any) -> bool:
    """Return ``value``, checked to be True or False.

    Raises:
        TypeError: for anything else.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {shown(value)}")
    return value


def choice(name: str, value: T, choices: Collection[T]) -> T:
    """Return ``value``, checked to be one of the choices.

    Raises:
        ValueError: for anything else.
    """
    if value not in list(choices):  # some values have no hash
        raise ValueError(f"{name}: expected one of {', '.join(map(str, choices))}, got {shown(value)}")
    return value


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


def finite_numbers(name: str, value: Any) -> NDArray[np.float64]:
    """Return ``value`` as an array of numbers that are finite, a copy.

    Raises:
        ValueError: for anything else, the first that is not finite told.
    """
    found = numbers(name, value)
    odd = found[~np.isfinite(found)]
    if odd.size:
        raise ValueError(f"{name}: expected finite numbers, got {odd[0]}")
    return found


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


def one_line(text: object, length: int | None = None) -> str:
    """Return a text, or that of an error (its kind if it has none), on one line, cut to a length."""
    line = " ".join(str(text).split()) or (type(text).__name__ if isinstance(text, BaseException) else "")
    return line if length is None or len(line) <= length else f"{line[: length - 1]}…"


def short(text: str, length: int = 60) -> str:
    """Return a text in quotes on one line, cut to a length."""
    return repr(one_line(text, length))


def shown(value: object) -> str:
    """Return the text of a value for a message, on one line, cut to a length."""
    try:
        return one_line(repr(value), 120)
    except ValueError:  # Python writes no integers of thousands of digits
        return f"a {type(value).__name__} with a huge number"


class StoppedError(RuntimeError):
    """Work that could not go on though nothing about its input was wrong; the message says why, and what is kept."""


class DivergenceError(ArithmeticError):
    """Diverged training: losses or gradients that are not finite."""
