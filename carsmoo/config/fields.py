"""Checks of a setting's type and range, as the dataclasses of this package use them."""

from __future__ import annotations

import math

from carsmoo.utils.validation import shown


def is_integer(value: object) -> bool:
    """Return whether a value is an integer and no bool."""
    return isinstance(value, int) and not isinstance(value, bool)


def integer(config: object, name: str, *, least: int, most: int = 10**9) -> None:
    """Check that a setting is an integer in [least, most]."""
    value = getattr(config, name)
    if not is_integer(value):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
    if value > most:
        raise ValueError(f"{name}: expected at most {most}, got {shown(value)}")


def number(
    config: object, name: str, low: float, high: float, *, open_below: bool = False, open_above: bool = False
) -> None:
    """Check that a setting is a number in the interval from ``low`` to ``high``."""
    value = getattr(config, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if isinstance(value, int) and value > 10**300:
        raise ValueError(f"{name}: expected a number, got one of {value.bit_length()} bits")
    above = low < value if open_below else low <= value
    below = value < high if open_above or high == math.inf else value <= high
    if not (above and below):
        interval = f"{'(' if open_below else '['}{low}, {high}{')' if open_above or high == math.inf else ']'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value}")


def choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    """Check that a setting is one of the choices."""
    value = getattr(config, name)
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def boolean(config: object, name: str) -> None:
    """Check that a setting is True or False."""
    value = getattr(config, name)
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
