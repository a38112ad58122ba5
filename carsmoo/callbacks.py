"""pymoo callbacks that are there from before the first evaluation, and several of them in one."""

from __future__ import annotations

from typing import Any

from pymoo.core.callback import Callback


class RunCallback(Callback):  # type: ignore[misc]
    """A pymoo callback that a :class:`~carsmoo.continuous.Continuous` algorithm also tells when a run begins."""

    def begin(self, algorithm: Any) -> None:
        """Prepare for the run of an algorithm that was set up and has evaluated nothing yet."""


class Callbacks(RunCallback):
    """Several callbacks as one, called in their order, whatever kind they are.

    Args:
        *callbacks: pymoo callbacks or functions of an algorithm.
    """

    def __init__(self, *callbacks: Any) -> None:
        super().__init__()
        self.callbacks = callbacks

    def begin(self, algorithm: Any) -> None:
        """Tell those that want to know that a run begins."""
        for callback in self.callbacks:
            if isinstance(callback, RunCallback):
                callback.begin(algorithm)

    def notify(self, algorithm: Any) -> None:
        """Call each."""
        for callback in self.callbacks:
            callback(algorithm)
