"""Atomic file writes, and numbered saves of which the last two are kept."""

from __future__ import annotations

import errno
import gc
import hashlib
import json
import os
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
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
LOCK = "lock"

_SAVE = re.compile(r"[0-9]{6,}-[0-9a-f]{32}\.safetensors")
_UNFINISHED = re.compile(r"\.(.+)\.carsmoo-[0-9a-f]{16}", re.DOTALL)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file atomically: beside its place, flushed to the disk, then moved.

    No link is followed: one that is in the file's place is replaced, and what it leads to is left alone.

    Raises:
        OSError: if that cannot be done; what was in its place is untouched then.
    """
    beside = path.with_name(f".{path.name}.carsmoo-{secrets.token_hex(8)}")
    file = beside.open("xb")
    try:
        with file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def unfinished(folder: Path) -> dict[Path, str]:
    """Return what writes that were killed have left in a folder, and the names that the files were to have."""
    found = {path: unfinished_name(path) for path in folder.glob(".*")}
    return {path: name for path, name in found.items() if name is not None and _is_regular(path)}


def unfinished_name(path: Path) -> str | None:
    """Return the name that a file was to have whose write goes on or was killed; None for any other file."""
    match = _UNFINISHED.fullmatch(path.name)
    return None if match is None else match[1]


def append(path: Path, content: bytes) -> None:
    """Append to a file, or begin it; a link is refused with an OSError."""
    with open(path, "ab", opener=_through_no_link) as file:
        file.write(content)


def flushed_size(path: Path) -> int:
    """Flush a file to the disk, and return its size; a link is refused with an OSError."""
    with open(path, "ab", opener=_through_no_link) as file:
        os.fsync(file.fileno())
        return file.tell()


def cut(path: Path, size: int) -> None:
    """Cut a file to a size; a link is refused with an OSError."""
    with open(path, "ab", opener=_through_no_link) as file:
        file.truncate(size)


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

    def lock(self) -> bool:
        """Keep all other stores, of this process too, from writing here, until :meth:`unlock` or this one's end.

        What a write that was killed has left of a save is removed. Returns whether this one had not locked it before.

        Raises:
            BlockingIOError: if another one does.
            OSError: if the folder cannot be made, or it or the lock is something else.
        """
        if self._lock is not None:
            return False
        if self.folder.is_symlink():
            raise FileExistsError(f"{self.folder}: expected a folder, got a symbolic link")
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / LOCK
        if os.path.lexists(path) and not _is_lock(path):
            raise FileExistsError(f"{path}: expected a lock, got something else of this name")
        lock = FileLock(path, thread_local=False)  # whichever thread lets go of it
        for collect in (True, False):
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                if not collect or not gc.collect():  # a run of this process that nobody holds any more lets go
                    told = "; an algorithm of this process holds it: del it, or call its callback.leave()"
                    raise BlockingIOError(
                        f"{self.folder}: expected no other run in this directory, got one that is going on"
                        f"{told if self._held_here() else ''}"
                    ) from None
        self._lock = lock
        for left in self._unfinished():
            left.unlink(missing_ok=True)
        return True

    def _held_here(self) -> bool:
        """Tell whether another store of this process holds the lock, as an idle run of a notebook does."""
        stores = [one for one in gc.get_objects() if issubclass(type(one), Store) and one._lock is not None]
        return any(one.folder.absolute() == self.folder.absolute() for one in stores)

    def unlock(self) -> None:
        """Let others write here again."""
        if self._lock is not None:
            self._lock.release()
        self._lock = None

    def remove(self) -> None:
        """Remove the saves, the lock, which this process has, and the folder unless there is something else in it."""
        for path in (*filter(_is_whole, self.files()), *self._unfinished()):
            path.unlink(missing_ok=True)
        (self.folder / LOCK).unlink(missing_ok=True)
        self.unlock()
        with suppress(OSError):  # there is something else in it
            self.folder.rmdir()

    def files(self) -> list[Path]:
        """Return the saves, the oldest first; they may be damaged."""
        found = [path for path in self.folder.glob("*.safetensors") if _SAVE.fullmatch(path.name)]
        return sorted(found, key=lambda path: (_number(path), path.lstat().st_mtime_ns))

    def foreign(self) -> list[Path]:
        """Return what is in the folder beside saves, their remains and the lock."""
        if not os.path.lexists(self.folder):
            return []
        if self.folder.is_symlink() or not self.folder.is_dir():
            return [self.folder]
        there = [p for p in self.folder.iterdir() if not _SAVE.fullmatch(unfinished_name(p) or p.name)]
        return sorted(path for path in there if path.name != LOCK or not _is_lock(path))

    def save(self, number: int, text: str, arrays: Mapping[str, NDArray[Any]]) -> Path:
        """Write one save, and drop all but it and the one before; files that are no whole saves are left alone.

        Raises:
            OSError: if it cannot be written; what is there is untouched then.
        """
        held = {name: np.asarray(a, order="C") for name, a in arrays.items()}
        content = save({**held, TEXT: np.frombuffer(text.encode(), dtype=np.uint8)})
        path = self.folder / f"{number:06d}-{_digest(content)}.safetensors"
        write_whole(path, content)
        others = [other for other in self.files() if other != path and _is_whole(other)]
        before = [other for other in others if _number(other) < number][-(KEPT - 1) :]
        for other in others:
            if other not in before:
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

    def _unfinished(self) -> list[Path]:
        return [path for path, name in unfinished(self.folder).items() if _SAVE.fullmatch(name)]


def _read(path: Path) -> tuple[str, dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise ValueError(f"{path}: expected a file, got something else")
    content = path.read_bytes()
    if path.stem != f"{_number(path):06d}-{_digest(content)}":
        raise ValueError(f"{path}: expected what was written, got another content")
    try:
        arrays = load(content)
        return arrays.pop(TEXT).tobytes().decode(), arrays
    except (SafetensorError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected a save, got {error}") from None


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def _is_whole(path: Path) -> bool:
    """Return whether a file is a save as it was written."""
    return _is_regular(path) and path.stem == f"{_number(path):06d}-{_digest(path.read_bytes())}"


def _is_lock(path: Path) -> bool:
    """Return whether a file is empty, or tells whose it is where the system has no locks."""
    if not _is_regular(path):
        return False
    with path.open("rb") as file:
        return re.fullmatch(rb"(\d+\n.*)?", file.read(4096), re.DOTALL) is not None


def _is_regular(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _through_no_link(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise FileExistsError(f"{path}: expected a file, got a symbolic link") from None


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


def write_json(path: Path, document: Any) -> None:
    """Write a document as JSON, whole or not at all."""
    write_whole(path, (json.dumps(document, indent=1, allow_nan=False) + "\n").encode())
