"""The log of a search, written by a callback: an event a line."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from carsmoo.algorithm.callbacks import RunCallback
from carsmoo.space.front import Front
from carsmoo.utils.progress import PhaseClock, Step

if TYPE_CHECKING:
    from carsmoo.runs.directory import RunDirectory


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
        trust = getattr(problem, "trust", None)
        self.run.log(
            "generation",
            generation=algorithm.n_gen,
            evaluations=algorithm.evaluator.n_eval,
            epoch=getattr(problem, "epoch", problem.time),
            seconds=self.seconds,
            spent=self._clock.take(),
            best=dict(zip(problem.objective_names, F.min(axis=0).tolist(), strict=True)),
            **({} if trust is None else {"trust": asdict(trust)}),
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
