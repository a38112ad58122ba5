"""Commands under torchrun which rank 1 disturbs once: ``torchrun ... -m tests.support.workers SIGNAL WHEN ...``.

With ``SIGKILL`` it ends itself. Any other signal it sends to the launcher, and goes on once that has sent it on.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from itertools import count
from typing import Any

from carsmoo.cli.entry import main
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.nets.supernet import trainer
from carsmoo.utils.launch import Launch

LIMIT = 60.0
"""Seconds in which the launcher has to send a signal on."""


def disturb(name: str) -> None:
    """End this process, or let the launcher end all and wait until its signal is here."""
    number = signal.Signals[name]
    if number == signal.SIGKILL:
        os.kill(os.getpid(), number)
    heard: list[int] = []
    before: Any = signal.getsignal(number)

    def hear(signum: int, frame: object) -> None:
        heard.append(signum)
        before(signum, frame)

    signal.signal(number, hear)
    os.kill(os.getppid(), number)
    end = time.monotonic() + LIMIT
    while not heard and time.monotonic() < end:  # a handler that raises ends this too
        time.sleep(0.01)


def at_step(step: int, act: Callable[[], None]) -> None:
    """Act in the middle of a step of the supernet, counted from 0, after its gradients are there."""
    original, steps = trainer.step_unless, count()

    def go(*told: Any) -> None:
        if next(steps) == step:
            act()
        original(*told)

    trainer.step_unless = go


def at_epoch(epoch: int, act: Callable[[], None]) -> None:
    """Act before an epoch of a network that is trained alone, counted from 0."""
    original = NetworkTrainer.epoch

    def go(self: NetworkTrainer, *told: Any) -> float:
        if self.epochs == epoch:
            act()
        return original(self, *told)

    NetworkTrainer.epoch = go  # type: ignore[method-assign]


if __name__ == "__main__":
    (name, when, *argv), launch = sys.argv[1:], Launch.here()
    if (launch.rank, launch.restarts) == (1, 0):
        (at_step if argv[0] == "search" else at_epoch)(int(when), lambda: disturb(name))
    main(argv)
