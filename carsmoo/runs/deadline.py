"""The end of a search whose time is up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from carsmoo.algorithm.callbacks import RunCallback

LATE = 1.07
"""How much longer than its budget a search may take, before it ends with fewer generations than planned."""


def _by_itself(find: Callable[[], bool]) -> bool:
    return find()


class Deadline(RunCallback):
    """A callback that ends a run after a generation whose like would not fit in the time any more.

    It is called after the checkpoint is written, so that the run can be resumed to the end of its plan. Each process of
    a group has one, and they end the run together.

    Args:
        seconds: that the run may take, from now on.
        say: called with a line if the run ends early.
        decide: returns on all processes what the first one finds, see
            :meth:`~carsmoo.nets.distributed.group.Group.decide`.
        clock: gives the time in seconds.
    """

    def __init__(
        self,
        seconds: float,
        say: Callable[[str], None],
        decide: Callable[[Callable[[], bool]], bool] = _by_itself,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self.end = clock() + LATE * seconds
        self.say, self.decide, self.clock = say, decide, clock
        self._last: float | None = None

    def notify(self, algorithm: Any) -> None:
        """End the run if another generation would be too late."""
        planned = algorithm.termination.n_max_gen
        if algorithm.n_gen >= planned or not self.decide(self._is_late):
            return
        self.say(
            f"the time is up after {algorithm.n_gen - 1} of {planned - 1} generations: this machine was slower than "
            "when it was measured; carsmoo resume goes on"
        )
        algorithm.termination.terminate()
        algorithm.termination.update(algorithm)  # or it would run for another generation

    def _is_late(self) -> bool:
        """Return whether another generation as long as the last one would end too late."""
        now, before = self.clock(), self._last
        self._last = now
        return 2 * now - (now if before is None else before) > self.end
