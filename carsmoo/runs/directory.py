"""A run's directory: its configuration, its log, its front. It is never shared by two runs."""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.algorithm.continuous import RunCallback
from carsmoo.config.renamed import sections_with_new_names
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import read_toml
from carsmoo.problems.moving import MovingProblem
from carsmoo.runs.snapshot import FOLDER, LOG, versions
from carsmoo.space.front import Front
from carsmoo.utils.files import Store, append, unfinished, unfinished_name, write_whole
from carsmoo.utils.launch import Launch
from carsmoo.utils.owned import is_own, require_own
from carsmoo.utils.progress import PhaseClock, Step

FRONT, CONFIG = "front", "config.toml"

_FRONTS = (f"{FRONT}.csv", f"{FRONT}.json")


class RunDirectory:
    """The files of one run.

    Args:
        path: the directory; use :meth:`create` for a new run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._store = Store(self.path / FOLDER)  # it has the lock

    @classmethod
    def create(cls, path: str | Path, config: SearchConfig) -> RunDirectory:
        """Make the directory for a new run and write its configuration.

        Raises:
            FileExistsError: if there is anything in it already.
            BlockingIOError: if another run is going on there.
        """
        run = cls(path)
        run.start(config)
        return run

    def start(self, config: SearchConfig) -> None:
        """Lock the directory for a new run and write its configuration, as :meth:`create` does.

        Raises:
            FileExistsError, BlockingIOError: as :meth:`create`.
        """
        self.require_empty()
        self.lock()
        self.require_empty()
        write_whole(self.path / CONFIG, config.to_toml().encode())
        self.log_start(config)

    def lock(self) -> None:
        """Keep other processes from running here for as long as this object is there.

        Raises:
            BlockingIOError: if another one does.
            FileExistsError: if there is something else where the lock belongs.
        """
        self._store.lock()
        for path, name in unfinished(self.path).items():
            if name in (CONFIG, *_FRONTS):
                path.unlink(missing_ok=True)

    def unlock(self) -> None:
        """Let other processes run here again."""
        self._store.unlock()

    def require_own(self, *more: str) -> None:
        """Check that the log, the front and files of more names may be written anew.

        Raises:
            FileExistsError: naming the first that is not carsmoo's.
        """
        log = self.path / LOG
        if log.is_symlink():
            raise FileExistsError(f"{log}: expected a file, got a symbolic link")
        require_own(log, *(self.path / name for name in (*_FRONTS, *more)))

    def is_begun(self, config: SearchConfig) -> bool:
        """Return whether a search of a configuration was begun here, of which nothing else may be saved yet."""
        log = self.path / LOG
        written = (self.path / CONFIG).read_bytes() == config.to_toml().encode()
        return written or (log.is_file() and log.stat().st_size > 0 and is_own(log))

    def config(self) -> SearchConfig | None:
        """Return the configuration; None if there is no file of it.

        Raises:
            ValueError, TypeError: if it is damaged, naming the setting.
        """
        path = self.path / CONFIG
        return SearchConfig().updated(sections_with_new_names(read_toml(path))) if path.is_file() else None

    def require_empty(self) -> None:
        """Check that a new run may use the directory.

        Raises:
            FileExistsError: if it is a file or holds anything.
        """
        there = self.path.exists()
        held = there and not self.path.is_dir()
        if there and not held:  # a run killed at its very start has left the lock
            others = [path for path in self.path.iterdir() if path != self._store.folder]
            held = any(unfinished_name(path) != CONFIG for path in others)
            held = held or bool(self._store.foreign() or self._store.files())
        if held:
            raise FileExistsError(f"out: expected a new or empty directory, got {self.path}, which holds another run")

    def log(self, event: str, **figures: Any) -> None:
        """Append one event, a line of JSON, to the log."""
        line = json.dumps({"event": event, "at": round(time.time(), 3), **figures})
        append(self.path / LOG, f"{line}\n".encode())

    def log_start(self, config: SearchConfig) -> None:
        """Log that a run begins, with what versions."""
        self.log("start", versions=versions(), python=platform.python_version(), seed=config.seed, **_launched())

    def log_resume(self, generation: int, checkpoint: int) -> None:
        """Log that a run resumes after a generation, from a checkpoint."""
        self.log("resume", generation=generation, checkpoint=checkpoint, versions=versions(), **_launched())

    def is_of(self, config: SearchConfig, job: str) -> bool:
        """Return whether the directory holds a run of this configuration that this launch has begun or resumed."""
        try:
            stopped_early = not (self.path / LOG).is_file()
            return self.config() == config and (stopped_early or self.last_job() == job)
        except (ValueError, TypeError):
            return False

    def last_job(self) -> str | None:
        """Return the launch that began or last resumed the run; None if it had no launcher or there is no run.

        Raises:
            ValueError: if the log is damaged.
        """
        log = self.path / LOG
        lines = log.read_text(encoding="utf-8").split("\n")[:-1] if log.is_file() else []
        starts = [event for event in map(json.loads, lines) if event.get("event") in ("start", "resume")]
        return starts[-1].get("job") if starts else None

    def write_front(self, front: Front, name: str = FRONT) -> None:
        """Write a front as CSV and as JSON; each file is replaced at once, whatever interrupts."""
        front.to_csv(self.path / f"{name}.csv")
        front.to_json(self.path / f"{name}.json")

    def read_front(self) -> Front:
        """Return the front.

        Raises:
            ValueError: if the directory holds none, or a damaged one.
        """
        path = self.path / f"{FRONT}.json"
        if not path.is_file():
            raise ValueError(f"run: expected a directory with {path.name}, got {self.path}")
        return Front.load(path)

    def read_log(self) -> list[dict[str, Any]]:
        """Return the events of the log, one a line.

        A last line that was cut off in the middle is passed over.

        Raises:
            ValueError: if there is no log, or a line that is damaged.
        """
        path = self.path / LOG
        if not path.is_file():
            raise ValueError(f"run: expected a directory with {LOG}, got {self.path}")
        try:
            *lines, _ = path.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected JSON, got {error}") from None
        events = []
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                if not isinstance(event["event"], str):
                    raise TypeError  # noqa: TRY301
            except (KeyError, TypeError, ValueError, RecursionError):
                raise ValueError(f"{path}:{number}: expected an event as JSON, got {line[:40]!r}") from None
            events.append(event)
        return events

    def read_populations(self) -> list[NDArray[np.float64]]:
        """Return the objectives of each generation's population, (n, m) each, from the log.

        Raises:
            ValueError: as :meth:`read_log`, or for a generation without objectives.
        """
        populations = []
        for number, event in enumerate(self.read_log(), 1):
            if event["event"] == "generation":
                where = f"{self.path / LOG}:{number}"
                try:
                    F = np.array(event["F"], dtype=np.float64)
                except (KeyError, TypeError, ValueError, OverflowError):
                    raise ValueError(
                        f"{where}: expected an event as JSON, got a generation without numbers F"
                    ) from None
                populations.append(F)
        return populations


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
        self._begin, self._algorithm = time.monotonic(), algorithm
        if isinstance(algorithm.problem, MovingProblem):
            algorithm.problem.run_listeners.append(self._hear)

    def notify(self, algorithm: Any) -> None:
        """Write the generation that has just ended."""
        problem, F = algorithm.problem, algorithm.pop.get("F")
        self.run.log(
            "generation",
            generation=algorithm.n_gen,
            evaluations=algorithm.evaluator.n_eval,
            epoch=problem.epoch,
            seconds=self.seconds,
            spent=self._clock.take(),
            best=dict(zip(problem.objective_names, F.min(axis=0).tolist(), strict=True)),
            F=F.tolist(),
        )
        self.keep(front_of(algorithm))

    def keep(self, front: Front) -> None:
        """Keep the front of the last whole generation, here and in the directory."""
        self.front = front
        self.run.write_front(front)

    def _hear(self, step: Step) -> None:
        self._clock(step)
        if step.figures:
            spent = self._clock.take()
            self.run.log(
                step.phase, generation=self._algorithm.n_gen, seconds=self.seconds, spent=spent, **step.figures
            )


def _launched() -> dict[str, Any]:
    """Return which launch a process belongs to and how many it has; nothing for one by itself."""
    launch = Launch.here()
    return {"job": launch.job, "processes": launch.size} if launch.job else {}


def front_of(algorithm: Any) -> Front:
    """Return the front of an algorithm's population as it was scored last."""
    front: Front = algorithm.problem.front_of(algorithm.pop.get("X"), algorithm.pop.get("F"))
    return front
