"""Events of a log as they are read back, their fields checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.utils.validation import finite, shown

LATEST = 253_402_300_799
"""Seconds from 1970 to the last date that there is, at the end of the year 9999."""


class Event:
    """An event of the log whose fields are checked as they are read; an unfit one is a ValueError with its line."""

    def __init__(self, where: str, fields: dict[str, Any]) -> None:
        self.where, self.fields, self.name = where, fields, fields["event"]

    def real(self, name: str) -> float:
        """Return a finite number."""
        value = finite(self.fields.get(name))
        if value is None:
            raise self._unfit(name, "a finite number", self.fields.get(name))
        return value

    def within(self, name: str, low: float, high: float) -> float | None:
        """Return a number from ``low`` to ``high``; None where the field is null or missing."""
        value = None if self.fields.get(name) is None else self.real(name)
        if value is not None and not low <= value <= high:
            raise self._unfit(name, f"a number in {low:g}..{high:g}", value)
        return value

    def inner(self, name: str, expected: str) -> Event | None:
        """Return a field that holds fields of its own, what is ``expected``, as an event; None if there is none."""
        if name not in self.fields:
            return None
        value = self.fields[name]
        if not isinstance(value, dict):
            raise self._unfit(name, expected, value)
        return Event(f"{self.where}: {name}", {"event": self.name, **value})

    def time(self, name: str) -> float:
        """Return seconds, from 0 to the last date that there is."""
        value = self.real(name)
        if not 0 <= value <= LATEST:
            raise self._unfit(name, f"seconds in 0..{LATEST}", value)
        return value

    def whole(self, name: str) -> int:
        """Return a whole number from 0."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
            raise self._unfit(name, "a whole number from 0", value)
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Return texts by name, none if there is no such field."""
        value = self.fields.get(name, {})
        if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
            raise self._unfit(name, "texts by name", value)
        return value

    def objectives(self, m: int | None = None) -> NDArray[np.float64]:
        """Return the population's objectives, (n, m) with n > 0; any number m if it is not given."""
        rows = self.fields.get("F")
        told = "m" if m is None else m
        if m is None and isinstance(rows, list) and rows and isinstance(rows[0], list):
            m = len(rows[0])
        if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and len(row) == m for row in rows):
            raise self._unfit("F", f"(n, {told}) finite numbers, n > 0", rows)
        for row in rows:
            for value in row:
                if finite(value) is None:
                    raise self._unfit("F", f"(n, {told}) finite numbers", value)
        return np.array(rows, dtype=np.float64)

    def _unfit(self, name: str, expected: str, got: object) -> ValueError:
        return ValueError(f"{self.where}: {name}: expected {expected}, got {shown(got)}")


def events_in(path: Path, name: str | None = None) -> list[Event]:
    """Return the events of a log, one a line, without a last line that was cut off in the middle.

    Args:
        path: the log.
        name: of events whose lines do not name them, as those of a training.

    Raises:
        ValueError: for a line that is damaged, naming it.
    """
    try:
        *lines, _ = path.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected JSON, got {error}") from None
    events = []
    for number, line in enumerate(lines, 1):
        try:
            fields = {**({} if name is None else {"event": name}), **json.loads(line)}
            if not isinstance(fields["event"], str):
                raise TypeError  # noqa: TRY301
        except (KeyError, TypeError, ValueError, RecursionError):
            raise ValueError(f"{path}:{number}: expected an event as JSON, got {line[:40]!r}") from None
        events.append(Event(f"{path}:{number}", fields))
    return events
