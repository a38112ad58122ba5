"""The store of a run, be it a search or a training: checkpoints of a document and arrays, and a log beside them."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from carsmoo.utils.files import Saved, Store, append, cut, flushed_size, unfinished, unfinished_name
from carsmoo.utils.owned import is_own
from carsmoo.utils.trees import Tree, difference, pack, unpack
from carsmoo.utils.validation import shown

FORMAT = 2
"""Version of the format. It rises with any change of what a checkpoint means, and others are refused."""

FOLDER, LOG = "checkpoint", "log.jsonl"


class RunStore(Store):
    """What a run keeps in its directory: checkpoints in the folder ``checkpoint``, ``log.jsonl``, and other files.

    Args:
        path: the directory.
    """

    kind = "checkpoint"
    """What is saved, for messages."""

    fields: Mapping[str, Any] = MappingProxyType({})
    """Types of the document's fields."""

    names: tuple[str, ...] = ()
    """Files that the run writes beside."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.log_path = self.path / LOG
        super().__init__(self.path / FOLDER)

    def lock(self) -> bool:
        """Keep other runs out, as any store does, and remove what killed writes of the run's files have left."""
        new = super().lock()
        for left, name in unfinished(self.path).items():
            if name in self.names:
                left.unlink(missing_ok=True)
        return new

    def others(self) -> list[Path]:
        """Return what is in the directory beside checkpoints, and what killed writes of the run's files have left."""
        there = [path for path in self.path.iterdir() if path != self.folder]
        return sorted(path for path in there if unfinished_name(path) not in self.names) + self.foreign()

    def write(self, number: int, document: Tree, arrays: Mapping[str, Any]) -> None:
        """Save a document and arrays beside it, whole or not at all.

        Raises:
            OSError: if it cannot be written; what is there is untouched then.
        """
        text, aside = pack({"format": FORMAT, **document})
        self.save(number, text, {**aside, **arrays})

    def read(self) -> tuple[Saved, dict[str, Any]] | None:
        """Return the newest checkpoint that is whole, and its document; None if there is no file at all.

        Raises:
            ValueError: if all are damaged, or it is of another format or kind.
        """
        saved = self.newest()
        if saved is None:
            return None
        document = unpack(saved.text, saved.arrays)
        if not isinstance(document, dict):
            raise ValueError(f"{self.folder}: expected a {self.kind}, got something else")  # noqa: TRY004
        found = document.get("format", 1)
        if found != FORMAT:
            raise ValueError(f"{self.path}: expected a {self.kind} of format {FORMAT}, got format {shown(found)}")
        for name, kind in self.fields.items():
            if name not in document or not isinstance(document[name], kind):
                raise ValueError(f"{self.path}: expected a {self.kind} with a fitting {name!r}, got another or none")
        return saved, document

    def require_same(self, what: str, expected: Tree, got: Tree) -> None:
        """Check that something is as it was when the run began.

        Raises:
            ValueError: naming the first difference.
        """
        found = difference(expected, got)
        if found is not None:
            raise ValueError(f"{self.path}: {what} is not that of the run: {found}")

    def append(self, **fields: Any) -> None:
        """Append a line of JSON to the log."""
        append(self.log_path, f"{json.dumps(fields)}\n".encode())

    def log_size(self) -> int | None:
        """Return the size of the log, all of it flushed to the disk; None if there is none."""
        return flushed_size(self.log_path) if self.log_path.is_file() and is_own(self.log_path) else None

    def cut_log(self, size: int | None) -> None:
        """Cut the log back to what it was when a checkpoint was saved; another file of its name is left alone."""
        log = self.log_path
        held = log.stat().st_size if log.is_file() and not log.is_symlink() else 0
        if held > (size or 0) and is_own(log):
            cut(log, size or 0)
        elif size is not None and held < size:
            warnings.warn(
                f"{log}: expected {size} bytes, got {held}; part of the log is lost", RuntimeWarning, stacklevel=4
            )
