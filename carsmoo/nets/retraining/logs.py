"""How far trainings in other processes are, read from the logs in their folders."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from carsmoo.nets.retraining.job import Job
from carsmoo.utils.progress import Listener, Step
from carsmoo.utils.run_store import LOG

EVERY = 1.0
"""Seconds between two looks at the logs."""


class Logs:
    """The logs of some trainings, which have a line an epoch.

    Args:
        jobs: the trainings.
    """

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self._epochs = [0] * len(jobs)
        self._figures: Mapping[str, float] = {}

    def read(self) -> Step:
        """Return how many epochs of all are done, of the phase ``training``.

        Its figures are those of a network's last epoch, of one that has told since the logs were read before if there
        is one, and ``network``, the place of its job, from 1.
        """
        for k, job in enumerate(self.jobs):
            lines = _whole_lines(job.folder / LOG)
            if lines and len(lines) != self._epochs[k]:
                self._figures = {"network": k + 1, **_numbers(lines[-1])}
            self._epochs[k] = min(len(lines), job.recipe.epochs)
        total = sum(job.recipe.epochs for job in self.jobs)
        return Step(phase="training", done=sum(self._epochs), total=total, unit="epochs", figures=self._figures)


@contextmanager
def followed(jobs: Sequence[Job], listener: Listener) -> Iterator[None]:
    """Tell a listener how far trainings are, at first and whenever an epoch is done, as long as the context lasts.

    Args:
        jobs: the trainings, of other processes.
        listener: called from a thread, see :meth:`Logs.read`.
    """
    logs, end = Logs(jobs), threading.Event()

    def follow() -> None:
        done = -1
        while True:
            step = logs.read()
            if step.done != done:
                listener(step)
            done = step.done
            if end.wait(EVERY):
                return

    thread = threading.Thread(target=follow, name="logs of trainings", daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def _whole_lines(path: Path) -> list[bytes]:
    """Return the lines of a file, if it is there, without a last one that is still being written."""
    return path.read_bytes().split(b"\n")[:-1] if path.is_file() else []


def _numbers(line: bytes) -> dict[str, float]:
    """Return the numbers of a line by name; none of a damaged line, which the training writes anew as it goes on."""
    try:
        figures = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(figures, dict):
        return {}
    return {name: value for name, value in figures.items() if type(value) in (int, float)}
