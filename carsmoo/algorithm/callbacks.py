"""Callbacks of a run: those that hear when it begins and how it goes on, and several as one."""

from __future__ import annotations

from typing import Any

from pymoo.core.callback import Callback, CallbackCollection
from pymoo.problems.dyn import TimeSimulation

from carsmoo.problems.moving import MovingProblem
from carsmoo.utils.progress import Step


class RunCallback(Callback):  # type: ignore[misc]
    """A pymoo callback that a :class:`~carsmoo.Continuous` algorithm also calls when a run begins."""

    def begin(self, algorithm: Any) -> None:
        """Prepare for the run of an algorithm that was set up and has evaluated nothing yet: hear a problem's steps."""
        if isinstance(algorithm.problem, MovingProblem):
            algorithm.problem.run_listeners.append(self.hear)

    def hear(self, step: Step) -> None:
        """Take a step of a moving problem."""

    def leave(self) -> None:
        """Let go of what is held for the run, which an error has left."""


class Callbacks(RunCallback):
    """Several callbacks as one, called in their order, whatever kind they are.

    Args:
        *callbacks: pymoo callbacks or functions of an algorithm.
    """

    def __init__(self, *callbacks: Any) -> None:
        super().__init__()
        self.callbacks = callbacks

    def begin(self, algorithm: Any) -> None:
        """Begin each callback that has a ``begin``."""
        for callback in self.callbacks:
            if isinstance(callback, RunCallback):
                callback.begin(algorithm)

    def leave(self) -> None:
        """Leave the run with each callback that has a ``leave``."""
        for callback in self.callbacks:
            if isinstance(callback, RunCallback):
                callback.leave()

    def notify(self, algorithm: Any) -> None:
        """Call each callback."""
        for callback in self.callbacks:
            callback(algorithm)


def advances_problem(callback: Any) -> bool:
    """Return whether a callback advances a moving problem by itself, as pymoo's ``TimeSimulation`` does."""
    if isinstance(callback, (Callbacks, CallbackCollection)):
        return any(advances_problem(one) for one in callback.callbacks)
    return isinstance(callback, TimeSimulation)
