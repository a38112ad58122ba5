"""A run's directory: its configuration, its log, its front. It is never shared by two runs."""

from __future__ import annotations

import json
import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.callback import Callback

from carsmoo.front import Front
from carsmoo.presets import SearchConfig

FRONT, LOG, CONFIG = "front", "log.jsonl", "config.toml"


class RunDirectory:
    """The files of one run.

    Args:
        path: the directory; use :meth:`create` for a new run.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @classmethod
    def create(cls, path: str | Path, config: SearchConfig) -> RunDirectory:
        """Make the directory for a new run and write its configuration.

        Raises:
            FileExistsError: if there is anything in it already.
        """
        run = cls(path)
        run.require_empty()
        run.path.mkdir(parents=True, exist_ok=True)
        (run.path / CONFIG).write_text(config.to_toml(), encoding="utf-8")
        versions = {name: version(name) for name in ("carsmoo", "pymoo", "moocore", "torch", "numpy")}
        run.log("start", versions=versions, python=platform.python_version(), seed=config.seed)
        return run

    def require_empty(self) -> None:
        """Check that a new run may use the directory.

        Raises:
            FileExistsError: if it is a file or holds anything.
        """
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FileExistsError(f"out: expected a new or empty directory, got {self.path}, which holds another run")

    def log(self, event: str, **figures: Any) -> None:
        """Append one event, a line of JSON, to the log."""
        line = json.dumps({"event": event, "at": round(time.time(), 3), **figures})
        with (self.path / LOG).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def write_front(self, front: Front) -> None:
        """Write the front as CSV and as JSON; each file is replaced at once, whatever interrupts."""
        for ending, write in (("csv", front.to_csv), ("json", front.to_json)):
            beside = self.path / f".{FRONT}.{ending}"
            write(beside)
            beside.replace(self.path / f"{FRONT}.{ending}")

    def read_front(self) -> Front:
        """Return the front.

        Raises:
            ValueError: if the directory holds none, or a damaged one.
        """
        path = self.path / f"{FRONT}.json"
        if not path.is_file():
            raise ValueError(f"run: expected a directory with {path.name}, got {self.path}")
        return Front.read(path)

    def read_populations(self) -> list[NDArray[np.float64]]:
        """Return the objectives of each generation's population, (n, m) each, from the log.

        A last line that was cut off in the middle is passed over.

        Raises:
            ValueError: if there is no log, or a line that is damaged.
        """
        path = self.path / LOG
        if not path.is_file():
            raise ValueError(f"run: expected a directory with {LOG}, got {self.path}")
        populations = []
        *lines, _ = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                if event["event"] == "generation":
                    populations.append(np.array(event["F"], dtype=np.float64))
            except (json.JSONDecodeError, KeyError, TypeError, ValueError):
                raise ValueError(f"{path}:{number}: expected an event as JSON, got {line[:40]!r}") from None
        return populations


class RunLog(Callback):  # type: ignore[misc]
    """A pymoo callback that logs each generation and keeps the front of the last one in the directory.

    Args:
        run: where to.
        begin: time at which the run began, of ``time.monotonic``.
    """

    def __init__(self, run: RunDirectory, begin: float) -> None:
        super().__init__()
        self.run = run
        self.begin = begin

    def notify(self, algorithm: Any) -> None:
        """Write the generation that has just ended."""
        problem, pop = algorithm.problem, algorithm.pop
        X, F = pop.get("X"), pop.get("F")
        self.run.log(
            "generation",
            generation=algorithm.n_gen,
            evaluations=algorithm.evaluator.n_eval,
            epoch=problem.epoch,
            seconds=round(time.monotonic() - self.begin, 2),
            best=dict(zip(problem.objective_names, F.min(axis=0).tolist(), strict=True)),
            F=F.tolist(),
        )
        front = Front.of(problem.space.decode(X), F, problem.objective_names, problem.objective_units, problem.about())
        self.run.write_front(front)
