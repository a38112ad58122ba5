"""The result file of a truth set: JSON lines that several processes add to, each training claimed by one of them.

The first line holds the settings that all trainings share; each other line is one training. A line is added whole,
under a lock; what a process that was killed left of one is cut off. Claims are file locks, which end with their
process.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from filelock import FileLock, Timeout

from benchmarks.truth.sets import Task
from carsmoo.utils.trees import difference

RESULTS = Path(__file__).parent / "results"

CLAIMS = "claims"
"""Folder of the locks, beside the result files."""

Record: TypeAlias = dict[str, Any]

ReadAs: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Records:
    """The trainings of one truth set.

    Args:
        path: of the file; made with its first line.
        settings: what all trainings share, plain values.
        read_as: returns what the settings of a file of before mean by the fields of today.

    Raises:
        ValueError: if the file holds trainings by other settings, naming the first difference.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], read_as: ReadAs = dict) -> None:
        self.path = path
        self.claims = path.parent / CLAIMS
        self.claims.mkdir(parents=True, exist_ok=True)
        plain = json.loads(json.dumps(settings))
        with self._lock():
            if not whole_lines(path):
                append_line(path, {"settings": plain})
        found = difference(read_as(read(path)[0]), plain)
        if found is not None:
            raise ValueError(f"{path} holds trainings by other settings: {found}")

    def done(self) -> set[Task]:
        """Return the trainings that the file holds."""
        return {task_of(record) for record in read(self.path)[1]}

    def add(self, record: Record) -> None:
        """Add a training at the end of the file, at once."""
        with self._lock():
            append_line(self.path, record)

    @contextmanager
    def claimed(self, task: Task) -> Iterator[bool]:
        """Claim a training while the context lasts; tell whether it is ours to make, neither done nor another's."""
        lock = FileLock(self.claims / f"{self.path.stem}.{task.label}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield task not in self.done()
        finally:
            lock.release()

    def _lock(self) -> FileLock:
        return FileLock(self.claims / f"{self.path.stem}.lock")


def work(records: Records, tasks: Iterable[Task], make: Callable[[Task], Record]) -> int:
    """Make and add all trainings that are neither done nor claimed by another process, and return their number."""
    made = 0
    for task in tasks:
        with records.claimed(task) as ours:
            if ours:
                records.add(make(task))
                made += 1
    return made


def append_line(path: Path, document: Mapping[str, Any]) -> None:
    """Add a line of JSON to a file, made if there is none; a last line that was not written to its end goes."""
    whole = sum(len(line) + 1 for line in whole_lines(path))
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(whole)
        file.seek(whole)
        file.write(json.dumps(document).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file that end, without their ends; none if there is no file."""
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []


def read(path: Path) -> tuple[dict[str, Any], list[Record]]:
    """Return the settings and the trainings of a result file.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no result file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected the results of python -m benchmarks.truth.train_alone, got no file")
    try:
        first, *rest = [json.loads(line) for line in whole_lines(path)]
        for record in rest:
            task_of(record)
        return first["settings"], rest
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected settings and trainings, a line each, got another ({error!r})") from None


def task_of(record: Mapping[str, Any]) -> Task:
    """Return which training a line tells of."""
    return Task(name=str(record["name"]), seed=int(record["seed"]), budget=float(record["budget"]))
