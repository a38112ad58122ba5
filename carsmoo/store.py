"""Files that are there whole or not at all: atomic writing, and numbered saves of which the last two are kept."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

TEXT = "state.json"
"""Name, among a save's arrays, of the text."""

KEPT = 2


def write_whole(path: Path, content: bytes) -> None:
    """Write a file beside its place, flush it to the disk and put it in its place at once.

    Raises:
        OSError: if that cannot be done; what was in its place is untouched then.
    """
    beside = path.with_name(f".{path.name}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


@dataclass(frozen=True)
class Saved:
    """One save as it was read.

    Attributes:
        number: its place in the order of saves.
        text: its text.
        arrays: its arrays, by name.
        damaged: names of newer files that were passed over because they are not what was written.
    """

    number: int
    text: str
    arrays: dict[str, NDArray[Any]]
    damaged: tuple[str, ...]


class Store:
    """Numbered saves in a folder; the last two are kept.

    A save is one file in the safetensors format, which holds numbers and text only. Its name carries the number and the
    first half of the SHA-256 of its content, so that a file which is not what was written is noticed.

    Args:
        folder: made when it is locked.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock: FileLock | None = None

    def lock(self) -> None:
        """Keep other processes from writing here, until :meth:`unlock` or the end of this process.

        Raises:
            BlockingIOError: if another process does.
            OSError: if the folder cannot be made.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.folder / "lock", is_singleton=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise BlockingIOError(
                f"{self.folder}: expected no other run in this directory, got one that is going on"
            ) from None
        self._lock = lock

    def unlock(self) -> None:
        """Let others write here again."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def files(self) -> list[Path]:
        """Return the saves, the oldest first; they may be damaged."""
        found = [path for path in self.folder.glob("*.safetensors") if not path.name.startswith(".")]
        return sorted(found, key=lambda path: (path.name.partition("-")[0], path.lstat().st_mtime_ns))

    def save(self, number: int, text: str, arrays: Mapping[str, NDArray[Any]]) -> Path:
        """Write one save, and drop all but it and the one before.

        Raises:
            OSError: if it cannot be written; what is there is untouched then.
        """
        held = {name: np.asarray(a, order="C") for name, a in arrays.items()}
        content = save({**held, TEXT: np.frombuffer(text.encode(), dtype=np.uint8)})
        path = self.folder / f"{number:06d}-{_digest(content)}.safetensors"
        write_whole(path, content)
        others = [other for other in self.files() if other != path]
        before = [other for other in others if _number(other) < number][-(KEPT - 1) :]
        for other in others:
            if other not in before and (other.is_file() or other.is_symlink()):
                other.unlink(missing_ok=True)
        return path

    def newest(self) -> Saved | None:
        """Return the newest save that is what was written; None if there is no file at all.

        Raises:
            ValueError: if there are files, and none of them is.
        """
        damaged: list[str] = []
        for path in reversed(self.files()):
            try:
                text, arrays = _read(path)
            except (ValueError, OSError):
                damaged.append(path.name)
                continue
            return Saved(_number(path), text, arrays, tuple(damaged))
        if damaged:
            raise ValueError(f"{self.folder}: expected a save that is whole, got only damaged ones: {damaged}")
        return None


def _read(path: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    content = path.read_bytes()
    if path.stem != f"{_number(path):06d}-{_digest(content)}":
        raise ValueError(f"{path}: expected what was written, got another content")
    try:
        arrays = load(content)
        return arrays.pop(TEXT).tobytes().decode(), arrays
    except (SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a save, got {error}") from None


def _number(path: Path) -> int:
    digits = path.name.partition("-")[0]
    return int(digits) if digits.isdecimal() else -1


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _flush_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
