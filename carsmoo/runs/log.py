"""The log of a search: an event a line, written by a callback, and read back with its fields checked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.algorithm.continuous import RunCallback
from carsmoo.space.front import Front
from carsmoo.utils.progress import PhaseClock, Step
from carsmoo.utils.validation import finite, shown

if TYPE_CHECKING:
    from carsmoo.runs.directory import RunDirectory

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


class RunLog(RunCallback):
    """A callback that logs each epoch and generation, and keeps the front of the last one in the directory.

    An event tells in ``spent`` how many seconds each phase took since the event before.

    Args:
        run: where to.
        seconds: that the run had taken before.

    Attributes:
        front: that of the last whole generation; None before the first one was scored.
    """

    def __init__(self, run: RunDirectory, seconds: float = 0.0) -> None:
        super().__init__()
        self.run = run
        self.front: Front | None = None
        self._before = seconds
        self._begin = time.monotonic()
        self._algorithm: Any = None
        self._clock = PhaseClock()

    @property
    def seconds(self) -> float:
        """Seconds that the run has taken, without the time between its parts."""
        return round(self._before + time.monotonic() - self._begin, 2)

    def begin(self, algorithm: Any) -> None:
        """Start the clock, and listen to the problem's steps."""
        super().begin(algorithm)
        self._begin, self._algorithm = time.monotonic(), algorithm

    def notify(self, algorithm: Any) -> None:
        """Write the generation that has just ended."""
        problem, F = algorithm.problem, algorithm.pop.get("F")
        self.run.log(
            "generation",
            generation=algorithm.n_gen,
            evaluations=algorithm.evaluator.n_eval,
            epoch=problem.epoch,
            seconds=self.seconds,
            spent=self._clock.take(),
            best=dict(zip(problem.objective_names, F.min(axis=0).tolist(), strict=True)),
            F=F.tolist(),
        )
        self.keep(front_of(algorithm))

    def keep(self, front: Front) -> None:
        """Keep the front of the last whole generation, here and in the directory."""
        self.front = front
        self.run.write_front(front)

    def hear(self, step: Step) -> None:
        """Write a step in which something was measured."""
        self._clock(step)
        if step.figures:
            told = {"generation": self._algorithm.n_gen, "seconds": self.seconds, "spent": self._clock.take()}
            self.run.log(step.phase, **told, **step.figures)


def front_of(algorithm: Any) -> Front:
    """Return the front of an algorithm's population as it was scored last."""
    front: Front = algorithm.problem.front_of(algorithm.pop.get("X"), algorithm.pop.get("F"))
    return front
