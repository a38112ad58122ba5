"""A search in a directory: started or resumed, logged, saved at each boundary, and left in order."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carsmoo.algorithm.callbacks import Callbacks, RunCallback
from carsmoo.config.search import SearchConfig
from carsmoo.runs.build import build, config_of, functions_in, require_table
from carsmoo.runs.checkpoint import Checkpoint
from carsmoo.runs.deadline import Deadline
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.log import RunLog, front_of
from carsmoo.runs.logger import LoggerCallback, LoggerError
from carsmoo.runs.resume import resume_snapshot
from carsmoo.runs.signals import InterruptedRunError, Interruption
from carsmoo.runs.trackers import logger_of
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.utils.launch import Launch
from carsmoo.utils.progress import ProgressBars
from carsmoo.utils.validation import StoppedError, one_line

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group
    from carsmoo.nets.supernet.budget import BudgetPlan

PICTURES = tuple(f"{name}.{ending}" for name in ("front", "parallel", "generations") for ending in ("png", "pdf"))
"""Files that are drawn when a search ends."""

Say = Callable[[str], None]


class Session:
    """A search in a directory.

    Args:
        path: the directory.
        ops: what its architectures are read with, see :class:`~carsmoo.runs.directory.RunDirectory`.
        say: called with what is worth telling.
        warn: called with what a user should know of the results; ``say`` if not given.
        group: the processes that search together, see :class:`~carsmoo.CARSProblem`; each has a session
            and calls it alike, and rank 0 alone writes.
        every: boundaries from one checkpoint to the next.
        log: trackers that are told of it, beside those of its configuration.
        verbose: whether progress bars are drawn, on a terminal, and a row of each generation is printed.

    Attributes:
        run_dir: the directory.
        plan: the configuration.
        problem: the problem, once started or resumed.
        algorithm: the algorithm, once started or resumed.
        seconds_left: of the budget that a search was started with, once it is planned; None if it has none.
    """

    plan: SearchConfig
    problem: Any
    algorithm: Any

    def __init__(
        self,
        path: Path,
        ops: Vocabulary = PRIMITIVES,
        *,
        say: Say,
        group: Group,
        warn: Say | None = None,
        every: int = 1,
        log: Sequence[str] = (),
        verbose: bool = True,
    ) -> None:
        self.run_dir = RunDirectory(path, ops)
        self.group = group
        self.launch = Launch.here()
        self.say = say
        self.warn = say if warn is None else warn
        self.every = every
        self.log = RunLog(self.run_dir)
        self.interruption = Interruption(
            lambda: self._close_bars("finishing the step at hand; once more stops at once"),
            launched=self.launch.size > 1,
        )
        self._trackers, self._verbose = tuple(log), verbose
        self.seconds_left: float | None = None

    def start(self, plan: SearchConfig) -> None:
        """Start a new search; what does not fit in the plan, or another run in the directory, is refused by name."""
        self._start(plan, self.run_dir.start)

    def start_or_resume(self, plan: SearchConfig) -> None:
        """Start a new search, or resume it where the launcher of processes has started them again."""
        job = self.launch.job
        if job and self.group.decide(lambda: self.run_dir.is_of(plan, job)):
            self.resume()
        else:
            self.start(plan)

    def resume(self, generations: int | None = None, *, exact: bool = True) -> None:
        """Resume the search that the directory holds.

        Args:
            generations: generations of evolution in all, instead of as many as planned.
            exact: whether other versions, threads or another device are refused.

        Raises:
            ValueError: if there is none, or the first difference to it as it was, by name.
            BlockingIOError: if it is still going on.
        """
        path = self.run_dir.path
        if not path.is_dir():
            raise ValueError(f"run: expected the directory of a run, got {path}")
        config = self.run_dir.config()
        saved = self.group.decide(lambda: bool(self.run_dir.files()))
        if not saved and (config is None or not self.group.decide(lambda: self.run_dir.is_begun(config))):
            raise ValueError(f"run: expected a directory with checkpoints, got {path}")
        if self.group.is_main:
            self.run_dir.require_own(*PICTURES)
            self.run_dir.lock()
        try:
            if saved or config is None:
                self._resume(config, generations, exact)
            else:
                self._resume_unsaved(config, generations)
        except BaseException:
            self.run_dir.unlock()
            raise

    def run(self) -> Front:
        """Search to the end, and return the front as it is scored then.

        Raises:
            InterruptedRunError: if a signal came.
            StoppedError: if it cannot go on.
        """
        try:
            self.algorithm.run()
            front: Front = self.problem.front(self.algorithm)
            if self.group.is_main:
                self.run_dir.write_front(front)
        except (OSError, ArithmeticError, RuntimeError, ValueError, MemoryError) as error:
            self.run_dir.unlock()
            if self.interruption.signum is not None and self.group.size > 1:
                raise InterruptedRunError(self.interruption.signum) from error  # another process left first
            told = f"{one_line(error)}; what was saved goes on with: carsmoo resume {self.run_dir.path}"
            raise StoppedError(told) from error
        finally:
            self.algorithm.callback.leave()  # also of a run that ended before its plan did
            self._close_bars()
        return front

    def _start(self, plan: SearchConfig, begin: Callable[[SearchConfig], None], generations: int | None = None) -> None:
        """Set up a search from its beginning, which rank 0 writes down once nothing is found wrong with the plan."""
        begun = time.monotonic()
        problem, algorithm = build(plan, self.group)
        planned: BudgetPlan | None = problem.budget_plan
        if planned is not None:
            plan = dataclasses.replace(config_of(problem, algorithm) or plan, log=plan.log)
            if planned.budget is not None:
                self.seconds_left = planned.budget - (time.monotonic() - begun)
        callbacks = self._callbacks(plan)
        if self.group.is_main:
            begin(plan)
            if planned is not None and planned.figures():
                self.run_dir.log("plan", **planned.figures())
                for line in planned.lines():
                    self.say(line)
        _set_threads(problem.fastest_threads())
        options: dict[str, Any] = {"seed": plan.seed, "verbose": self._verbose, "callback": callbacks}
        options["termination"] = _n_gen(generations)
        try:
            self.plan, self.problem, self.algorithm = plan, problem, algorithm.setup(problem, **options)
        except LoggerError as error:
            self.run_dir.unlock()
            raise StoppedError(f"{error}; once that is mended: carsmoo resume {self.run_dir.path}") from error

    def _resume_unsaved(self, config: SearchConfig, generations: int | None) -> None:
        """Start a search anew that was stopped before anything of it was saved."""
        run = self.run_dir
        if self.group.is_main:
            if run.files():
                raise BlockingIOError(
                    f"{run.path}: expected no other run in this directory, got one that went on just now"
                )
            if run.log_path.is_file() and run.read_populations():
                raise ValueError(f"run: expected checkpoints beside a log with generations, got none in {run.path}")
        self.say("nothing was saved yet; the search starts from its beginning")
        self._start(config, run.restart_log, generations)

    def _resume(self, config: SearchConfig | None, generations: int | None, exact: bool) -> None:
        """Resume from the newest checkpoint that is whole."""
        snapshot = self.run_dir.snapshot()
        for name in snapshot.damaged:
            self.warn(f"{name} is damaged; going on from the checkpoint before it")
        plan = config or snapshot.config
        if plan is None or functions_in(plan):
            where = self.run_dir.path
            raise ValueError(f"run: expected one of the command line, got that of a script in {where}; resume it there")
        self.plan, done = plan, snapshot.generation
        if generations is not None and generations + 1 < done:
            raise ValueError(f"generations: expected at least the {done - 1} that are done, got {generations}")
        held = snapshot.document["environment"]
        if exact:
            _set_threads(held.get("threads"))
        require_table(plan, self.run_dir.path)
        problem, algorithm = build(plan, self.group)
        before, now, job = held.get("processes"), problem.reproducibility().get("processes"), self.launch.job
        if before != now and job and self.group.decide(lambda: self.run_dir.last_job() == job):
            self.warn(f"{now or 1} processes after {before or 1}: the last bits may differ")
            exact = False
        self.log = RunLog(self.run_dir, snapshot.seconds)
        options: dict[str, Any] = {"termination": _n_gen(generations), "verbose": self._verbose, "exact": exact}
        made = resume_snapshot(snapshot, problem, algorithm, callback=self._callbacks(plan), **options)
        self.problem, self.algorithm = made
        if self.group.is_main:
            self.run_dir.log_resume(done, snapshot.number)
            if done:
                self.log.keep(front_of(self.algorithm))
        self.say(f"going on from generation {done}" if done else f"going on from epoch {self.problem.epoch} of warm-up")

    def _callbacks(self, plan: SearchConfig) -> Callbacks:
        """Return what is called each generation, in this order: logs, checkpoint, and whether a signal came."""
        end = () if self.seconds_left is None else (Deadline(self.seconds_left, self.warn, self.group.decide),)
        if not self.group.is_main:
            return Callbacks(*end, self.interruption)
        logs: list[RunCallback] = [self.log]
        for name in dict.fromkeys((*plan.log, *self._trackers)):
            logs.append(LoggerCallback(logger_of(name, self.run_dir.path), self._warn))
        checkpoint = Checkpoint(self.run_dir.path, self.every)
        checkpoint.store = self.run_dir  # which this session has locked
        return Callbacks(*logs, checkpoint, *end, self.interruption)

    def _warn(self, text: str) -> None:
        """Clear the progress bars, and warn below them."""
        self._close_bars()
        self.warn(text)

    def _close_bars(self, text: str | None = None) -> None:
        """Clear the progress bars, and say something below them."""
        for listener in getattr(getattr(self, "problem", None), "run_listeners", []):
            if isinstance(listener, ProgressBars):
                listener.close()
        if text is not None:
            self.say(text)


def _n_gen(generations: int | None) -> tuple[str, int] | None:
    """Return the termination after so many generations of evolution, the first of a run's only scores."""
    return None if generations is None else ("n_gen", generations + 1)


def _set_threads(threads: Any) -> None:
    """Compute with as many threads as the run did, on which the last bits depend."""
    import torch

    if isinstance(threads, int) and 1 <= threads <= 1024 and threads != torch.get_num_threads():
        torch.set_num_threads(threads)
