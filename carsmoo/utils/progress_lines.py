"""Progress where there is no terminal: a line when a phase begins and now and then while it goes on."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from carsmoo.utils.durations import duration
from carsmoo.utils.progress import Step
from carsmoo.utils.time_left import Estimate, phase_left

EVERY = 28.0
"""Seconds between the lines of a phase: with a step at hand and a pulse, no more than 30."""

PULSE = 1.0
"""Seconds after which it is looked whether a line is due, where no step comes."""


class Stop(Protocol):
    """What ends a thread, such as :class:`threading.Event`."""

    def wait(self, timeout: float) -> bool:
        """Return after ``timeout`` seconds, or earlier with True if it is time to stop."""


@dataclass
class _Phase:
    step: Step
    begun: int
    since: float
    figures: dict[str, float] = field(default_factory=dict)


class ProgressLines:
    """A listener that writes a line when a phase begins, and every :data:`EVERY` seconds while one goes on.

    Args:
        clock: gives the time in seconds.
        write: takes a line, without its end.
        estimate: tells the time left of all; None where nobody knows.
        as_json: whether a line is a JSON object; see ``line``.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        write: Callable[[str], None],
        *,
        estimate: Estimate | None = None,
        as_json: bool = False,
    ) -> None:
        self._clock, self._write, self._estimate, self._as_json = clock, write, estimate, as_json
        self._phases: dict[str, _Phase] = {}  # the one heard last comes last
        self._written = -math.inf
        self._lock = threading.RLock()  # a signal's handler may come in between

    def __call__(self, step: Step) -> None:
        """Take a step, and write its line if its phase begins or one is due."""
        with self._lock:
            now = self._clock()
            if self._estimate is not None:
                self._estimate.hear(step, now)
            phase = self._phases.pop(step.phase, None)
            begins = phase is None or step.time != phase.step.time or step.done < phase.step.done
            if phase is None or begins:
                phase = _Phase(step, step.done, now)
            phase.step = step
            phase.figures.update(step.figures)
            self._phases[step.phase] = phase
            if begins or now - self._written >= EVERY:
                self._tell(phase, now)

    def beat(self) -> None:
        """Write a line if one is due and a phase goes on: the one heard last of those that are not at their end."""
        with self._lock:
            now = self._clock()
            if now - self._written < EVERY:
                return
            for phase in reversed(self._phases.values()):
                if phase.step.done < phase.step.total:
                    self._tell(phase, now)
                    return

    def beat_until(self, stop: Stop) -> None:
        """Call :meth:`beat` again and again until it is time to stop."""
        try:
            while not stop.wait(PULSE):
                self.beat()
        except OSError:  # nobody reads any more: the next step says so, where it ends the run in order
            return

    @contextmanager
    def beating(self) -> Iterator[None]:
        """Write lines also where no step comes, such as while others compute, for as long as the context lasts."""
        stop = threading.Event()
        thread = threading.Thread(target=self.beat_until, args=(stop,), name="progress", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _tell(self, phase: _Phase, now: float) -> None:
        self._written = now
        step, seconds = phase.step, now - phase.since
        left = phase_left(step.done, step.total, seconds, phase.begun)
        run = None if self._estimate is None else self._estimate.left(now)
        if run is not None and left is not None:
            run = max(run, left)
        line = json_line if self._as_json else text_line
        self._write(line(step, phase.figures, seconds, left, run))


def text_line(step: Step, figures: dict[str, float], seconds: float, left: float | None, run: float | None) -> str:
    """Return a line for people.

    Args:
        step: the phase's last one.
        figures: what was measured in the phase last, of which the loss is told.
        seconds: since the phase began.
        left: seconds left of the phase.
        run: seconds left of all.
    """
    parts = [f"{step.phase}: {step.done}/{step.total} {step.unit}"]
    if seconds >= 1:
        parts[0] += f" after {duration(round(seconds))}"
    if "loss" in figures:
        parts.append(f"loss {figures['loss']:.3g}")
    if left:
        parts.append(f"{duration(round(left))} left")
    if run and run != left:  # the same where the phase is all there is
        parts.append(f"whole run {duration(round(run))} left")
    return ", ".join(parts)


def json_line(step: Step, figures: dict[str, float], seconds: float, left: float | None, run: float | None) -> str:
    """Return a line for programs, a JSON object; what is not known, or not finite, is null. See :func:`text_line`."""
    told = {
        "event": "progress",
        "phase": step.phase,
        "done": step.done,
        "total": step.total,
        "unit": step.unit,
        "generation": step.time,
        "seconds": round(seconds, 1),
        "left": None if left is None else round(left, 1),
        "run_left": None if run is None else round(run, 1),
        "figures": {name: value if math.isfinite(value) else None for name, value in figures.items()},
    }
    return json.dumps(told, allow_nan=False)
