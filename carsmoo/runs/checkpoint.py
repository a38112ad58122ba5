"""Checkpoints: the whole state of a run, saved at its boundaries by a pymoo callback."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carsmoo.algorithm.callbacks import RunCallback
from carsmoo.algorithm.display import FrontOutput
from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.problems.moving import MovingProblem
from carsmoo.runs.build import config_of, says_all
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.log import RunLog, front_of
from carsmoo.runs.snapshot import SearchStore, captured, configuration, versions
from carsmoo.utils.progress import Step
from carsmoo.utils.trees import Tree

if TYPE_CHECKING:
    from carsmoo.runs.snapshot import Snapshot


class Checkpoint(RunCallback):
    """A pymoo callback that saves checkpoints of a run, from which :func:`carsmoo.resume` resumes it bit for bit.

    It saves when a run begins, after each warm-up epoch of a moving problem and after each generation. A save is
    written at once or not at all, and the last two are kept. The directory is locked during the run.

    Where several processes work on a problem, rank 0 alone saves; the others may have a checkpoint too.

    It takes algorithms with :class:`~carsmoo.Continuous`, such as PNSGA3, on moving and on other problems.

    Args:
        path: directory of the run; the saves go to its folder ``checkpoint``.
        every: boundaries from one save to the next, at least 1; the last generation is always saved.
        log: whether the directory holds the log, the front and the configuration too, as that of ``carsmoo search``
            does, so that ``carsmoo report``, ``train``, ``plot`` and ``export`` take it; for problems of architectures,
            such as a CARSProblem. A run that is resumed goes on with the log that it has.

    Raises:
        TypeError: for a path that is none.
        ValueError: for another ``every``.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3, Checkpoint
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> result = minimize(SmallModelTrap(population=8), PNSGA3(), ("n_gen", 3), callback=Checkpoint("run"))
        >>> result.algorithm.callback.path.name
        'run'
    """

    def __init__(self, path: str | Path, every: int = 1, *, log: bool = False) -> None:
        super().__init__()
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise ValueError(f"every: expected an integer of at least 1, got {every!r}")
        if not isinstance(path, (str, Path)):
            raise TypeError(f"path: expected that of a directory, got {path!r}")
        self.path = Path(path)
        self.every = every
        self.log = RunLog(RunDirectory(self.path)) if log else None
        self.store: SearchStore = SearchStore(self.path) if self.log is None else self.log.run
        self._locked = False  # by this checkpoint, not by a session around it
        self._number = 0
        self._boundaries = 0
        self._begin = 0.0
        self._problem: Any = None
        self._constant: dict[str, Any] | None = None
        self._resumed: Snapshot | None = None

    def begin(self, algorithm: Any) -> None:
        """Start to save the run of an algorithm that was set up just now.

        Raises:
            FileExistsError: if the folder of the saves holds another run's, or anything else; with a log, if the
                directory does.
            BlockingIOError: if another run is going on there.
            TypeError: if the problem or the algorithm holds what cannot be saved, or the problem cannot be logged.
        """
        self._problem = problem = algorithm.problem
        if not is_main(problem):
            return
        fresh = captured(algorithm)
        if isinstance(problem, MovingProblem):
            problem.state_dict()  # refuses what cannot be saved before anything is written
        if self.log is not None and not isinstance(problem, GenotypeProblem):
            raise TypeError(f"log: expected a problem of architectures, got {type(problem).__name__}")
        if self._resumed is None:
            self._require_unused()
        self._lock()
        config = config_of(problem, algorithm)
        self._constant = {
            "versions": versions(),
            "environment": problem.reproducibility() if isinstance(problem, MovingProblem) else {},
            "problem": configuration(problem),
            "config": config.to_toml() if config is not None and says_all(config) else None,
            "seed": algorithm.seed,
            "setup": fresh if self._resumed is None else self._resumed.document["setup"],
        }
        if self.log is not None:
            self.log.begin(algorithm)
        super().begin(algorithm)
        self._begin = time.time() - (0.0 if self._resumed is None else self._resumed.seconds)
        if self._resumed is None:
            self._require_unused()
            if self.log is not None:
                self.log.run.write_start(config, algorithm.seed)
            self._save(fresh)

    def resume_from(self, snapshot: Snapshot) -> None:
        """Take the run that begins next for one that goes on from a snapshot.

        Raises:
            BlockingIOError: if another process runs there, or has gone on since the snapshot was read.
            FileExistsError: if the log or the front that it goes on with is not carsmoo's.
        """
        self._resumed, self._number = snapshot, snapshot.number
        if self.log is not None:
            self.log.run.require_own()
        self._lock()
        if self.log is not None:
            self.log = RunLog(self.log.run, snapshot.seconds)

    def resumed(self, algorithm: Any) -> None:
        """Take note that a run goes on, now that its log ends where the snapshot was saved."""
        if self.log is None or self._resumed is None:
            return
        self.log.run.log_resume(self._resumed.generation, self._resumed.number)
        if self._resumed.generation:
            self.log.keep(front_of(algorithm))

    def leave(self) -> None:
        """Let others run here again."""
        if self._locked:
            self.store.unlock()
        self._locked = False

    def notify(self, algorithm: Any) -> None:
        """Save the generation that has just ended.

        Raises:
            TypeError: for an algorithm that does not tell when its run begins.
            OSError: if it cannot be written; the saves before it are untouched then.
        """
        if self._problem is not None and not is_main(self._problem):
            return
        if self._constant is None:
            raise TypeError(
                f"Checkpoint: expected an algorithm with carsmoo.Continuous, got {type(algorithm).__name__}; "
                f"write class A(Continuous, {type(algorithm).__name__})"
            )
        ends = algorithm.termination.has_terminated()
        if self.log is not None:
            self.log.notify(algorithm)
        if self._due() or ends:
            output = getattr(algorithm.display, "output", None)
            shown = output.state() if isinstance(output, FrontOutput) else None
            self._save(captured(algorithm, ended=True), shown)
        if ends:
            if self.log is not None:
                self.log.run.log("end", seconds=self.log.seconds)
            self.leave()

    def __deepcopy__(self, memo: dict[int, Any]) -> Checkpoint:
        """Return the checkpoint itself: a run has one, whoever copies its algorithm."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to a process and a run."""
        return Checkpoint(self.path, self.every, log=self.log is not None).__dict__

    def hear(self, step: Step) -> None:
        """Save at a boundary of the warm-up."""
        if step.boundary and self._due():
            assert self._constant is not None
            self._save(self._constant["setup"])

    def _require_unused(self) -> None:
        if self.store.files():
            raise FileExistsError(
                f"{self.path}: expected a directory without checkpoints, or carsmoo.resume(...) of it"
            )
        if self.log is not None and not (self.path.is_dir() and self.log.run.is_only_begun()):
            self.log.run.require_empty()
        foreign = self.store.foreign()
        if foreign:
            raise FileExistsError(
                f"{self.store.folder}: expected a new or empty folder, got one with {foreign[0].name}"
            )

    def _lock(self) -> None:
        """Lock the directory, if that has not been done, in which no other run may have gone on since the last save."""
        if not self.store.lock():
            return
        self._locked = True
        damaged = () if self._resumed is None else self._resumed.damaged
        newest = [path.name for path in self.store.files() if path.name not in damaged][-1:]
        if newest and int(newest[0].partition("-")[0]) > self._number:
            self.leave()
            raise BlockingIOError(
                f"{self.path}: expected no other run in this directory, got one that went on just now"
            )

    def _due(self) -> bool:
        self._boundaries += 1
        return self._boundaries % self.every == 0

    def _save(self, algorithm: Tree, output: Any = None) -> None:
        assert self._constant is not None
        self._lock()
        changing = {
            "algorithm": algorithm,
            "seconds": time.time() - self._begin,
            "output": output,
            "log_bytes": self.store.log_size(),
        }
        moving = isinstance(self._problem, MovingProblem)
        state = {f"state/{name}": a for name, a in self._problem.state_dict().items()} if moving else {}
        self._number += 1
        self.store.write(self._number, {**self._constant, **changing}, state)


def is_main(problem: Any) -> bool:
    """Return whether this process, of those that work on a problem, is the one that writes."""
    return not isinstance(problem, MovingProblem) or problem.is_main
