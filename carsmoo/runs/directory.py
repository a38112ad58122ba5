"""A run's directory: its configuration, its log, its front. It is never shared by two runs."""

from __future__ import annotations

import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.renamed import sections_with_new_names
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import read_toml
from carsmoo.runs.events import Event, events_in
from carsmoo.runs.snapshot import SearchStore, versions
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.known import is_known, space_of
from carsmoo.utils.files import write_whole
from carsmoo.utils.launch import Launch
from carsmoo.utils.owned import is_own, require_own

FRONT, CONFIG = "front", "config.toml"

_FRONTS = (f"{FRONT}.csv", f"{FRONT}.json")


class RunDirectory(SearchStore):
    """The files of one run of the command line, or of a script that logs, its checkpoints among them.

    Args:
        path: the directory; use :meth:`create` for a new run.
        ops: what its architectures are read with where they have operations, or a space, of one's own: ``space.ops``,
            or the space.
    """

    names = (CONFIG, *_FRONTS)

    def __init__(self, path: str | Path, ops: Vocabulary = PRIMITIVES) -> None:
        super().__init__(path)
        self.ops = ops

    @classmethod
    def create(cls, path: str | Path, config: SearchConfig) -> RunDirectory:
        """Return a directory in which a new run was started, see :meth:`start`."""
        run = cls(path, PRIMITIVES if is_known(config.space) else config.space)
        run.start(config)
        return run

    def start(self, config: SearchConfig) -> None:
        """Make and lock the directory for a new run, and write its configuration.

        Raises:
            FileExistsError: if there is anything in it already.
            BlockingIOError: if another run is going on there.
        """
        self.require_empty()
        self.lock()
        self.require_empty()
        self.write_start(config, config.seed)

    def write_start(self, config: SearchConfig | None, seed: int | None) -> None:
        """Write the configuration of a new run, if one says how it was made, and the beginning of its log, anew."""
        self.log_path.unlink(missing_ok=True)
        if config is not None:
            write_whole(self.path / CONFIG, config.to_toml().encode())
        self.log_start(seed)

    def require_own(self, *more: str) -> None:
        """Check that the log, the front and files of more names may be written anew.

        Raises:
            FileExistsError: naming the first that is not carsmoo's.
        """
        if self.log_path.is_symlink():
            raise FileExistsError(f"{self.log_path}: expected a file, got a symbolic link")
        require_own(self.log_path, *(self.path / name for name in (*_FRONTS, *more)))

    def is_only_begun(self) -> bool:
        """Return whether all that the directory holds is the beginning of a script's run, of which nothing is saved."""
        if not self.log_path.is_file() or self.log_path.is_symlink() or not is_own(self.log_path) or self.files():
            return False
        begun = all(event.name == "start" for event in self.events())
        return begun and {path.name for path in self.others()} <= {CONFIG, self.log_path.name}

    def require_empty(self) -> None:
        """Check that a new run may use the directory.

        Raises:
            FileExistsError: if it is a file or holds anything.
        """
        held = self.path.exists() and not self.path.is_dir()
        if self.path.is_dir():  # one killed at its very start has left its lock and part of its configuration
            held = bool(self.others() or self.files())
        if held:
            raise FileExistsError(f"out: expected a new or empty directory, got {self.path}, which holds another run")

    def config(self) -> SearchConfig | None:
        """Return the configuration; None if there is no file of it.

        Raises:
            ValueError, TypeError: if it is damaged, naming the setting.
        """
        path = self.path / CONFIG
        if not path.is_file():
            return None
        sections = sections_with_new_names(read_toml(path))
        space = sections.pop("space", {})
        try:
            if self.ops is PRIMITIVES:
                plan = SearchConfig().updated({"space": space})
            else:
                plan = SearchConfig(space=space_of(space, self.ops))
        except (ValueError, TypeError) as error:
            if self.ops is PRIMITIVES and not str(error).startswith(("space.kind:", "space.ops:")):
                raise
            told = f"{self.path} is read with the space that it was searched in, --space FILE:NAME"
            raise type(error)(f"{error}; {told}") from None
        return plan.updated(sections)

    def is_begun(self, config: SearchConfig) -> bool:
        """Return whether a search of a configuration was begun here, of which nothing else may be saved yet."""
        written = (self.path / CONFIG).read_bytes() == config.to_toml().encode()
        return written or (self.log_path.is_file() and self.log_path.stat().st_size > 0 and is_own(self.log_path))

    def is_of(self, config: SearchConfig, job: str) -> bool:
        """Return whether the directory holds a run of this configuration that this launch has begun or resumed.

        One with a budget is whatever was planned by it.
        """
        try:
            planned = config.training.budget is not None and self.log_path.is_file()
            same = planned or self.config() == config
            return same and (not self.log_path.is_file() or self.last_job() == job)
        except (ValueError, TypeError):
            return False

    def last_job(self) -> str | None:
        """Return the launch that began or last resumed the run; None if it had no launcher or there is no run."""
        events = self.read_log() if self.log_path.is_file() else []
        starts = [event for event in events if event["event"] in ("start", "resume")]
        return starts[-1].get("job") if starts else None

    def log(self, event: str, **figures: Any) -> None:
        """Append one event, a line of JSON, to the log."""
        self.append(event=event, at=round(time.time(), 3), **figures)

    def log_start(self, seed: int | None) -> None:
        """Log that a run begins, with what versions."""
        self.log("start", versions=versions(), python=platform.python_version(), seed=seed, **_launched())

    def restart_log(self, config: SearchConfig) -> None:
        """Begin the log anew."""
        self.log_path.unlink(missing_ok=True)
        self.log_start(config.seed)

    def log_resume(self, generation: int, checkpoint: int) -> None:
        """Log that a run resumes after a generation, from a checkpoint."""
        self.log("resume", generation=generation, checkpoint=checkpoint, versions=versions(), **_launched())

    def read_log(self) -> list[dict[str, Any]]:
        """Return the events of the log, one a line.

        A last line that was cut off in the middle is passed over.

        Raises:
            ValueError: if there is no log, or a line that is damaged.
        """
        return [event.fields for event in self.events()]

    def events(self) -> list[Event]:
        """Return the events of the log as :meth:`read_log` does, with their lines."""
        if not self.log_path.is_file():
            raise ValueError(f"run: expected a directory with {self.log_path.name}, got {self.path}")
        return events_in(self.log_path)

    def read_populations(self) -> list[NDArray[np.float64]]:
        """Return the objectives of each generation's population, (n, m) each, from the log.

        Raises:
            ValueError: as :meth:`read_log`, or for a generation without finite objectives.
        """
        return [event.objectives() for event in self.events() if event.name == "generation"]

    def write_front(self, front: Front, name: str = FRONT) -> None:
        """Write a front as CSV and as JSON; each file is replaced at once, whatever interrupts.

        Raises:
            FileExistsError: if one of them is there and is not carsmoo's.
        """
        csv, document = (self.path / f"{name}.{ending}" for ending in ("csv", "json"))
        require_own(csv, document)
        front.to_csv(csv)
        front.to_json(document)

    def read_front(self) -> Front:
        """Return the front.

        Raises:
            ValueError: if the directory holds none, or a damaged one.
        """
        path = self.path / f"{FRONT}.json"
        if not path.is_file():
            hint = f"; carsmoo resume {self.path} goes on to one" if self.files() else ""
            raise ValueError(f"run: expected a directory with {path.name}, got {self.path}{hint}")
        return self.load_front(path.name)

    def load_front(self, name: str) -> Front:
        """Return the front of a file in the directory, its architectures of the run's space.

        Raises:
            ValueError: if the file is damaged, or the space is not the run's.
            OSError: if it cannot be read.
        """
        config = None if self.ops is PRIMITIVES else self.config()
        try:
            return Front.load(self.path / name, self.ops if config is None else config.space)
        except ValueError:
            self.config()  # says so if it is the space that is missing
            raise


def _launched() -> dict[str, Any]:
    """Return which launch a process belongs to and how many it has; nothing for one by itself."""
    launch = Launch.here()
    return {"job": launch.job, "processes": launch.size} if launch.job else {}
