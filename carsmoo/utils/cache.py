"""The cache of measurements of this machine: texts in a folder of the user's, on which nothing but time depends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from carsmoo.utils.files import write_whole


def cache_folder() -> Path | None:
    """Return the cache folder for measurements of this machine; None for a user without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "carsmoo"
    except RuntimeError:  # neither HOME nor an entry among the system's users
        return None


def read_cached(name: str) -> str | None:
    """Return a text from the cache folder; None where there is none, or no folder."""
    folder = cache_folder()
    try:
        return None if folder is None else (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def write_cached(name: str, text: str) -> None:
    """Keep a text in the cache folder where there is a place for it: nothing but time depends on it."""
    folder = cache_folder()
    if folder is not None:
        with suppress(OSError):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, text.encode())
