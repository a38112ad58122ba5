"""A search in a directory: started or resumed, logged, saved at each boundary, and left in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carsmoo.algorithm.continuous import Callbacks, RunCallback
from carsmoo.config.search import SearchConfig
from carsmoo.runs.build import build
from carsmoo.runs.checkpoint import Checkpoint
from carsmoo.runs.directory import RunDirectory, RunLog, front_of
from carsmoo.runs.resume import resume_snapshot
from carsmoo.runs.signals import InterruptedRunError, Interruption
from carsmoo.runs.snapshot import FOLDER, LOG, Snapshot, read
from carsmoo.space.front import Front
from carsmoo.utils.files import Store
from carsmoo.utils.launch import Launch
from carsmoo.utils.progress import ProgressBars
from carsmoo.utils.validation import StoppedError

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

PICTURES = tuple(f"{name}.{ending}" for name in ("front", "generations") for ending in ("png", "pdf"))
"""Files that are drawn when a search ends."""

Say = Callable[[str], None]


class Session:
    """A search in a directory.

    Args:
        path: the directory.
        say: called with what is worth telling.
        group: the processes that search together, see :class:`~carsmoo.CARSProblem`; each has a session
            and calls it alike, and rank 0 alone writes.
        every: boundaries from one checkpoint to the next.
        tensorboard: whether figures are written for TensorBoard too.

    Attributes:
        run_dir: the directory.
        plan: the configuration.
        problem: the problem, once started or resumed.
        algorithm: the algorithm, once started or resumed.
    """

    plan: SearchConfig
    problem: Any
    algorithm: Any

    def __init__(self, path: Path, *, say: Say, group: Group, every: int = 1, tensorboard: bool = False) -> None:
        self.run_dir = RunDirectory(path)
        self.group = group
        self.launch = Launch.here()
        self.say = say
        self.every = every
        self.log = RunLog(self.run_dir)
        self.interruption = Interruption(
            lambda: self._bars_close("finishing the step at hand; once more stops at once")
        )
        self._tensorboard = tensorboard

    def start(self, plan: SearchConfig) -> None:
        """Start a new search.

        Raises:
            ValueError, TypeError: if something in the plan does not fit, naming it.
            FileExistsError: if the directory holds another run.
            ImportError: if TensorBoard is asked for and not installed.
        """
        problem, algorithm = build(plan, self.group)
        callbacks = self._callbacks()
        if self.group.is_main:
            self.run_dir.start(plan)
        _set_threads(problem.fastest_threads())
        self.plan = plan
        self._setup(problem, algorithm, callbacks)

    def start_or_resume(self, plan: SearchConfig) -> None:
        """Start a new search, or resume it where the launcher of processes has started them again.

        Raises:
            ValueError, TypeError, FileExistsError, ImportError, BlockingIOError: as :meth:`start` and :meth:`resume`.
        """
        launch = self.launch
        if launch.job and self.group.decide(lambda: self.run_dir.is_of(plan, launch.job)):
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
        saved = self.group.decide(lambda: bool(Store(path / FOLDER).files()))
        if not saved and (config is None or not self.group.decide(lambda: self.run_dir.is_begun(config))):
            raise ValueError(f"run: expected a directory with checkpoints, got {path}")
        if self.group.is_main:
            self.run_dir.require_own(*PICTURES)
            self.run_dir.lock()
        try:
            if config is not None and not saved:
                self._resume_unsaved(config, generations)
            else:
                self._resume_saved(config, generations, exact)
        except BaseException:
            self.run_dir.unlock()
            raise

    def _resume_saved(self, config: SearchConfig | None, generations: int | None, exact: bool) -> None:
        """Resume from the newest checkpoint that is whole."""
        path = self.run_dir.path
        snapshot = read(path)
        for name in snapshot.damaged:
            self.say(f"{name} is damaged; going on from the checkpoint before it")
        plan = config or snapshot.config
        if plan is None:
            raise ValueError(f"run: expected one of the command line, got that of a script in {path}; resume it there")
        self.plan = plan
        self._resume_from(snapshot, generations, exact)

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
            if self.interruption.signum is not None and self.group.size > 1:
                raise InterruptedRunError(self.interruption.signum) from error  # another process left first
            reason = " ".join(str(error).split())
            raise StoppedError(f"{reason}; what was saved goes on with: carsmoo resume {self.run_dir.path}") from error
        finally:
            self._bars_close()
        return front

    def _resume_unsaved(self, config: SearchConfig, generations: int | None) -> None:
        """Resume from the beginning a search that was stopped before anything of it was saved."""
        if self.group.is_main:
            if Store(self.run_dir.path / FOLDER).files():
                raise BlockingIOError(
                    f"{self.run_dir.path}: expected no other run in this directory, got one that went on just now"
                )
            if (self.run_dir.path / LOG).is_file() and self.run_dir.read_populations():
                raise ValueError(
                    f"run: expected checkpoints beside a log with generations, got none in {self.run_dir.path}"
                )
        self.say("nothing was saved yet; the search starts from its beginning")
        problem, algorithm = build(config, self.group)
        callbacks = self._callbacks()
        _set_threads(problem.fastest_threads())
        if self.group.is_main:
            (self.run_dir.path / LOG).unlink(missing_ok=True)
            self.run_dir.log_start(config)
        self.plan = config
        termination = None if generations is None else ("n_gen", generations + 1)
        self._setup(problem, algorithm, callbacks, termination)

    def _setup(self, problem: Any, algorithm: Any, callbacks: Callbacks, termination: Any = None) -> None:
        options = {"termination": termination, "seed": self.plan.seed, "verbose": True, "callback": callbacks}
        self.problem, self.algorithm = problem, algorithm.setup(problem, **options)

    def _resume_from(self, snapshot: Snapshot, generations: int | None, exact: bool) -> None:
        done = snapshot.generation
        if generations is not None and generations + 1 < done:
            raise ValueError(f"generations: expected at least the {done - 1} that are done, got {generations}")
        if exact:
            _use_threads(snapshot)
        problem, algorithm = build(self.plan, self.group)
        before, now = (
            found.get("processes") for found in (snapshot.document["environment"], problem.reproducibility())
        )
        job = self.launch.job
        if before != now and job and self.group.decide(lambda: self.run_dir.last_job() == job):
            self.say(f"{now or 1} processes after {before or 1}: the last bits may differ")
            exact = False
        self.log = RunLog(self.run_dir, snapshot.seconds)
        self.problem, self.algorithm = resume_snapshot(
            snapshot,
            problem,
            algorithm,
            termination=None if generations is None else ("n_gen", generations + 1),
            callback=self._callbacks(done),
            verbose=True,
            exact=exact,
        )
        if self.group.is_main:
            self.run_dir.log_resume(done, snapshot.number)
            if done:
                self.log.keep(front_of(self.algorithm))
        self.say(f"going on from generation {done}" if done else f"going on from epoch {self.problem.epoch} of warm-up")

    def _callbacks(self, generation: int = 0) -> Callbacks:
        """Return what is called each generation, in this order: logs, checkpoint, and whether a signal came."""
        if not self.group.is_main:
            return Callbacks(self.interruption)
        logs: list[RunCallback] = [self.log]
        if self._tensorboard:
            from carsmoo.runs.tensorboard import TensorBoardLog

            logs.append(TensorBoardLog(self.run_dir.path / "tensorboard", generation))
        return Callbacks(*logs, Checkpoint(self.run_dir.path, self.every), self.interruption)

    def _bars_close(self, text: str | None = None) -> None:
        """Clear the progress bars, and say something below them."""
        for listener in getattr(getattr(self, "problem", None), "run_listeners", []):
            if isinstance(listener, ProgressBars):
                listener.close()
        if text is not None:
            self.say(text)


def _use_threads(snapshot: Snapshot) -> None:
    """Compute with as many threads as the run did, on which the last bits depend."""
    threads = snapshot.document["environment"].get("threads")
    if isinstance(threads, int) and 1 <= threads <= 1024:
        _set_threads(threads)


def _set_threads(threads: int) -> None:
    import torch

    if threads != torch.get_num_threads():
        torch.set_num_threads(threads)
