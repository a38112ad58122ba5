"""SIGINT and SIGTERM for a command: the step at hand is finished, then the run is left; a second one ends it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import Any

from carsmoo.algorithm.callbacks import RunCallback
from carsmoo.utils.progress import Step

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def handled(handler: Any, *numbers: int) -> Iterator[None]:
    """Give signals, SIGINT and SIGTERM if none are named, to a handler for as long as the context lasts."""
    before = {number: signal.signal(number, handler) for number in numbers or SIGNALS}
    try:
        yield
    finally:
        for number, theirs in before.items():
            signal.signal(number, theirs)


class InterruptedRunError(KeyboardInterrupt):
    """A run that was left because of a signal.

    Args:
        signum: the signal's number.
    """

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """What a shell expects of a command that a signal ended: 130 for SIGINT, 143 for SIGTERM."""
        return 128 + self.signum


class Interruption(RunCallback):
    """A callback, the last one of a run, that leaves it when a signal came while :meth:`listening`.

    A second signal ends the process at once. Of processes launched together that is a second SIGINT only: what a
    terminal sends to all of them, their launcher passes on as SIGTERM.

    Args:
        told: called when the first signal comes.
        launched: whether the process was launched with others.
    """

    def __init__(self, told: Callable[[], None], *, launched: bool = False) -> None:
        super().__init__()
        self.told, self.launched = told, launched
        self.signum: int | None = None

    def listening(self) -> AbstractContextManager[None]:
        """Return a context in which signals are noticed here."""
        return handled(self._handle)

    def notify(self, algorithm: Any) -> None:
        """Leave the run after a generation if a signal came.

        Raises:
            InterruptedRunError: if one did.
        """
        self._leave_if_told()

    def hear(self, step: Step) -> None:
        """Leave the run after a step if a signal came."""
        self._leave_if_told()

    def _leave_if_told(self) -> None:
        if self.signum is not None:
            raise InterruptedRunError(self.signum)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.signum is None:
            self.signum = signum
            self.told()
        elif signum == signal.SIGINT or not self.launched:
            os._exit(128 + signum)
