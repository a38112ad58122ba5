"""Times as people write them: ``"90s"``, ``"10m"``, ``"1h30m"``."""

from __future__ import annotations

import re

from carsmoo.utils.validation import shown

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_FORM = re.compile(r"(?=[\d.])" + "".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?){unit})?" for unit in _UNITS))


def seconds_of(name: str, text: object) -> float:
    """Return the seconds that a text means: hours, minutes and seconds in this order, each with its letter.

    Args:
        name: of the setting, for what is raised.
        text: such as ``"90s"``, ``"10m"`` or ``"1h30m"``.

    Raises:
        ValueError: for another form, or no time at all.
    """
    found = _FORM.fullmatch(text.strip().lower()) if isinstance(text, str) else None
    seconds = sum(_UNITS[unit] * float(n) for unit, n in found.groupdict().items() if n) if found else 0.0
    if not 0 < seconds < 1e9:
        raise ValueError(f"{name}: expected a time such as 90s, 10m or 1h30m, got {shown(text)}")
    return seconds


def duration(seconds: float) -> str:
    """Return seconds in words, two digits or more: ``"0.5 s"``, ``"45 s"``, ``"12 min"``, ``"3 h 24 min"``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s" if seconds >= 3 or seconds == 0 else f"{seconds:.2g} s"
    if seconds < 5970:
        return f"{seconds / 60:.0f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min"
