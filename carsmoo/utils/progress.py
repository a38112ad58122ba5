"""Progress events of all that takes its time, and their listeners: progress bars, a clock."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """A progress event: one step of a phase is done.

    Attributes:
        phase: what is being done, such as ``"warm-up"``, ``"training"`` or ``"scoring"``.
        done: steps of the phase that are done; 0 announces it, ``total`` ends it.
        total: steps that the phase has.
        unit: what a step is.
        time: generations that the problem has advanced, in a search.
        figures: what was measured in the step, by name.
        boundary: whether the state, taken now, is a point to resume from.
    """

    phase: str
    done: int
    total: int
    unit: str
    time: int = 0
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    boundary: bool = False


Listener: TypeAlias = Callable[[Step], None]


def unheard(step: Step) -> None:
    """Do nothing: the listener where there is none."""


class ProgressBars:
    """A listener that draws a progress bar for the current phase, with the time left, and clears it at its end.

    The figures of a step stay until another one has some. A console that is no terminal is left alone.

    Args:
        console: where to draw; standard error if not given.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or error_console()
        self._progress: Progress | None = None
        self._phase = ""

    def __call__(self, step: Step) -> None:
        """Draw the bar of ``step``."""
        if step.phase != self._phase:
            self.close()
        if self._progress is None:
            self._phase = step.phase
            self._progress = Progress(
                TextColumn("[bold]{task.description:<9}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}  {task.fields[figures]}"),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                console=self.console,
                transient=True,
                disable=not has_bars(self.console),
            )
            self._progress.add_task(step.phase, total=step.total, unit=step.unit, figures="")
            self._progress.start()
        task = self._progress.task_ids[0]
        self._progress.update(task, completed=step.done, total=step.total)
        if step.figures:
            told = "  ".join(f"{name} {value:.3g}" for name, value in step.figures.items())
            self._progress.update(task, figures=told)
        if step.done >= step.total:
            self.close()

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Leave the console to others for as long as the context lasts."""
        progress = self._progress
        if progress is not None:
            progress.stop()
        yield
        if progress is not None:
            progress.start()

    def close(self) -> None:
        """Clear the bar, also of a phase that did not come to its end."""
        if self._progress is not None:
            self._progress.stop()
        self._progress, self._phase = None, ""


def error_console() -> Console:
    """Return the console of standard error: a terminal only if it is one, whatever colours are asked for.

    Notebooks set ``FORCE_COLOR``, which makes rich take a pipe for a terminal, where a bar becomes a line a frame.
    """
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    return Console(stderr=True, force_terminal=None if is_terminal else False)


def has_bars(console: Console) -> bool:
    """Return whether bars can be drawn on a console."""
    return console.is_terminal and not console.is_dumb_terminal


class PhaseClock:
    """A listener that adds up the seconds of each phase, from one of its steps to the next.

    A phase's first step counts from the step that announces it (``done=0``); what lies between phases is not counted.
    Several steps may tell the same number done, as where several supernets score a network each.

    Args:
        now: gives the time in seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._spent: dict[str, float] = {}
        self._last: tuple[str, int, float] = ("", 0, 0.0)

    def __call__(self, step: Step) -> None:
        """Add the time since the phase's step before."""
        phase, done, since = self._last
        now = self._now()
        if step.phase == phase and step.done >= max(done, 1):
            self._spent[phase] = self._spent.get(phase, 0.0) + now - since
        self._last = (step.phase, step.done, now)

    def take(self) -> dict[str, float]:
        """Return the seconds of each phase since they were taken last."""
        spent = {phase: round(seconds, 3) for phase, seconds in self._spent.items()}
        self._spent = {}
        return spent
