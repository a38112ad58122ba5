"""Contents of a checkpoint: its document, its arrays, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import NoneType, SimpleNamespace
from typing import Any

from carsmoo.config.search import SearchConfig
from carsmoo.problems.moving import MovingProblem
from carsmoo.utils.capture import capture
from carsmoo.utils.run_store import RunStore
from carsmoo.utils.trees import Arrays, Tree

NOT_STATE = (
    *("problem", "callback", "display", "output", "history", "off", "start_time"),  # what is around a run
    *("verbose", "save_history", "_given"),  # how it is shown, and what is settled by now
)
"""Attributes of an algorithm that a checkpoint leaves out."""


def versions() -> dict[str, str]:
    """Return the versions of the packages that decide what a run does."""
    return {name: version(name) for name in ("carsmoo", "pymoo", "moocore", "numpy")}


def captured(algorithm: Any, *, ended: bool = False) -> Tree:
    """Return an algorithm's state, as it is, or as it will be once the callbacks of a generation are done."""
    held = dict(vars(algorithm))
    if ended:
        held["n_iter"] += 1
        if held["archive"] is not None:
            held["archive"] = held["archive"].add(algorithm.off)
    return {**capture(SimpleNamespace(**held), NOT_STATE), "kind": type(algorithm).__qualname__}


def configuration(problem: Any) -> Tree:
    """Return what a problem was made with, as plain data."""
    if isinstance(problem, MovingProblem):
        return problem.fingerprint()
    private = [name for name in vars(problem) if name.startswith("_")]
    return {"kind": type(problem).__qualname__, "made": capture(problem, private, lenient=True)["attributes"]}


_FIELDS: Mapping[str, Any] = {
    **dict.fromkeys(("versions", "environment", "problem", "setup", "algorithm"), dict),
    "config": (str, NoneType),
    "seed": (int, NoneType),
    "seconds": (int, float),
    "output": (list, NoneType),
    "log_bytes": (int, NoneType),
}
"""What a checkpoint's document holds."""


@dataclass(frozen=True)
class Snapshot:
    """A checkpoint as it was read.

    Attributes:
        path: the run's directory.
        number: its place in the order of saves.
        document: all but the state of the problem.
        state: the state of a moving problem.
        damaged: names of newer files that were passed over because they are not what was written.
    """

    path: Path
    number: int
    document: dict[str, Any]
    state: Arrays
    damaged: tuple[str, ...]

    @property
    def config(self) -> SearchConfig | None:
        """The configuration of the run, if one says it all."""
        text = self.document["config"]
        return None if text is None else SearchConfig.from_toml(text)

    @property
    def generation(self) -> int:
        """Generations that were done, 0 before the first was scored."""
        done = self.document["algorithm"]["attributes"]["n_iter"]
        return 0 if done is None else done - 1

    @property
    def seconds(self) -> float:
        """Seconds that the run had taken."""
        return float(self.document["seconds"])


class SearchStore(RunStore):
    """The store of a search."""

    fields = _FIELDS

    def snapshot(self) -> Snapshot:
        """Return the newest checkpoint that is whole.

        Raises:
            ValueError: if there is none, or it is of another format.
        """
        found = self.read()
        if found is None:
            raise ValueError(f"run: expected a directory with checkpoints, got {self.path}")
        saved, document = found
        for name in ("setup", "algorithm"):
            held = document[name].get("attributes")
            fits = isinstance(held, dict) and "termination" in held and isinstance(held.get("n_iter"), int | None)
            if not fits:
                raise ValueError(f"{self.path}: expected a checkpoint with a fitting {name!r}, got another one")
        state = {name.removeprefix("state/"): a for name, a in saved.arrays.items() if name.startswith("state/")}
        return Snapshot(self.path, saved.number, document, state, saved.damaged)


def read(path: str | Path) -> Snapshot:
    """Return the newest checkpoint of a run's directory that is whole.

    Raises:
        ValueError: if there is none, or it is of another format.
    """
    if not isinstance(path, (str, Path)):
        raise TypeError(f"path: expected that of a run's directory, got {path!r}")
    return SearchStore(path).snapshot()
