"""Loggers: what a run tells, to whom it may concern, in three calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from carsmoo.algorithm.callbacks import RunCallback
from carsmoo.config.toml import plain
from carsmoo.runs.build import config_of
from carsmoo.runs.checkpoint import is_main
from carsmoo.utils.progress import Step


class Logger(Protocol):
    """Anything with these three methods; see :class:`LoggerCallback` for what they are given."""

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begin a run, or go on with it.

        Args:
            config: its settings as TOML holds them, sections as mappings in it.
        """

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take what was measured.

        Args:
            values: by name.
            step: epochs trained so far, never fewer than in the call before; generations where a problem counts none.
        """

    def end(self, finished: bool) -> None:
        """End the run.

        Args:
            finished: whether it came to its end; otherwise it may go on later.
        """


class LoggerError(OSError):
    """A logger that failed; the message says which and why."""


class LoggerCallback(RunCallback):
    """A pymoo callback that tells a logger of a run: its settings, each epoch and generation, and its end.

    An epoch has ``PHASE/NAME``, such as ``training/loss``; a generation its number ``generation``, ``evaluations``,
    ``best/OBJECTIVE`` and what is known of its :class:`~carsmoo.Trust`, such as ``trust/halves``. Where several
    processes work on a problem, rank 0 alone tells.

    Args:
        logger: any :class:`~carsmoo.runs.logger.Logger`, such as those of :mod:`carsmoo.runs.trackers`.
        warn: called with a line if the logger raises :class:`~carsmoo.runs.logger.LoggerError` once the run is going
            on, which then goes on without it; if this is not given the error ends the run.

    Raises:
        TypeError: for a logger without these methods.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3, LoggerCallback
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> class Printed:
        ...     def begin(self, config):
        ...         print("seed", config["seed"])
        ...     def log(self, values, step):
        ...         print(step, values["evaluations"])
        ...     def end(self, finished):
        ...         print("finished" if finished else "stopped")
        >>> callback = LoggerCallback(Printed())
        >>> result = minimize(SmallModelTrap(population=8), PNSGA3(), ("n_gen", 2), seed=1, callback=callback)
        seed 1
        1 8
        2 32
        finished
    """

    def __init__(self, logger: Logger, warn: Callable[[str], None] | None = None) -> None:
        super().__init__()
        for name in ("begin", "log", "end"):
            if not callable(getattr(logger, name, None)):
                raise TypeError(
                    f"logger: expected methods begin, log and end, got {type(logger).__name__} without {name}"
                )
        self.logger = logger
        self._warn = warn
        self._algorithm: Any = None
        self._told = False

    def begin(self, algorithm: Any) -> None:
        """Tell the settings, and listen to the problem's steps."""
        if not is_main(algorithm.problem):
            return
        super().begin(algorithm)
        self._algorithm = algorithm
        self.logger.begin(_settings(algorithm))
        self._told = True

    def notify(self, algorithm: Any) -> None:
        """Tell of the generation that has just ended, and of the end if it was the last."""
        if not self._told:
            return
        problem, best = algorithm.problem, algorithm.pop.get("F").min(axis=0).tolist()
        names = getattr(problem, "objective_names", None) or [f"f{k + 1}" for k in range(problem.n_obj)]
        trust = getattr(problem, "trust", None)
        known = {} if trust is None else dataclasses.asdict(trust)
        self._log(
            {
                "generation": algorithm.n_gen,
                "evaluations": algorithm.evaluator.n_eval,
                **{f"best/{name}": value for name, value in zip(names, best, strict=True)},
                **{f"trust/{name}": value for name, value in known.items() if isinstance(value, float)},
            }
        )
        if algorithm.termination.has_terminated():
            self._end(finished=True)

    def hear(self, step: Step) -> None:
        """Tell what was measured in a step, but not of a supernet beside the weights whose epochs are counted."""
        if step.phase == "supernet":
            return
        values = {f"{step.phase}/{name}": value for name, value in step.figures.items() if name != "epoch"}
        if values and self._told:
            self._log(values)

    def leave(self) -> None:
        """Tell that the run is left, finished if there was nothing left of it."""
        self._end(finished=self._algorithm is not None and not self._algorithm.has_next())

    def __deepcopy__(self, memo: dict[int, Any]) -> LoggerCallback:
        """Return the callback itself: a run has one, whoever copies its algorithm."""
        return self

    def _log(self, values: Mapping[str, float]) -> None:
        at = getattr(self._algorithm.problem, "epoch", self._algorithm.n_gen)
        self._call(lambda: self.logger.log(values, at))

    def _end(self, *, finished: bool) -> None:
        if self._told:
            self._call(lambda: self.logger.end(finished))
        self._told = False

    def _call(self, what: Callable[[], None]) -> None:
        """Call the logger; where it fails and there is somebody to warn, no more from here on."""
        try:
            what()
        except LoggerError as error:
            if self._warn is None:
                raise
            self._told = False
            self._warn(f"{error}; the search goes on without it")


def _settings(algorithm: Any) -> Mapping[str, Any]:
    """Return the settings of a search; of what has no configuration, names, seed and size."""
    config = config_of(algorithm.problem, algorithm)
    if config is not None:
        return {name: value for name, value in plain(config.to_plain()).items() if name != "log"}
    names = {name: type(made).__name__ for name, made in (("problem", algorithm.problem), ("algorithm", algorithm))}
    sizes = {name: getattr(algorithm, name, None) for name in ("seed", "pop_size")}
    return {**names, **{name: value for name, value in sizes.items() if value is not None}}
