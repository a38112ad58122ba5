"""The data of a report, read from a run's directory as plain data."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carsmoo.config.search import SearchConfig
from carsmoo.cost.objectives import OBJECTIVES
from carsmoo.runs.directory import FRONT, RunDirectory
from carsmoo.runs.events import Event
from carsmoo.runs.report.generations import Generation, Loss, generations_of, losses_of, spent_of
from carsmoo.runs.report.trainings import NetworkTraining, trainings_of
from carsmoo.runs.retrained_front import FINAL
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES

UNREAD: Mapping[str, Any] = {"checkpoint": "cannot be read"}
"""What is told of the machine where no checkpoint is whole."""


@dataclass(frozen=True, kw_only=True)
class TrainedFront:
    """The retrained networks of a front.

    Attributes:
        front: what was measured.
        place: for each network of the search's front its row in ``front``; None where it was not trained.
    """

    front: Front
    place: tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """All that a report tells.

    Attributes:
        name: of the directory.
        front: the networks found; none before the first generation is scored.
        generations: in their order; none if the log has none.
        losses: an entry an epoch.
        spent: seconds of each phase of ``PHASES`` that the log tells of.
        seconds: how long the run took.
        started: when, in seconds since 1970 (UTC).
        ended: whether the search came to its planned end.
        resumed: how often it was resumed.
        rollbacks: how often training diverged and went back.
        test_error: of the network of lowest error on the test split, a fraction, with the supernet's weights; None if
            it was not measured.
        config: the settings; None if the directory has none.
        seed: of the run, as its log tells; None if it does not.
        versions: of the packages that ran it, and of Python.
        environment: what else decides the last bits, as a checkpoint tells: torch, device, threads; ``UNREAD`` if all
            checkpoints are damaged.
        trained: the retrained front; None if there is none.
        trainings: of single networks, those under way too.
    """

    name: str
    front: Front
    generations: tuple[Generation, ...]
    losses: tuple[Loss, ...]
    spent: Mapping[str, float]
    seconds: float
    started: float
    ended: bool
    resumed: int
    rollbacks: int
    test_error: float | None
    config: SearchConfig | None
    seed: int | None
    versions: Mapping[str, str]
    environment: Mapping[str, Any]
    trained: TrainedFront | None
    trainings: tuple[NetworkTraining, ...]

    @property
    def seeds(self) -> str:
        """The seed in words: the run's, and where a script gave its problem another one, that too."""
        config = None if self.config is None else self.config.seed
        told = [f"{seed}" for seed in (self.seed, config) if seed is not None]
        return " (problem ".join(dict.fromkeys(told)) + ")" * (len({*told}) > 1) or "–"

    @property
    def rest(self) -> float | None:
        """Seconds in no phase: survival, mating, checkpoints; None if the log tells of no phase."""
        return max(self.seconds - sum(self.spent.values()), 0.0) if self.spent else None


def extract(path: str | Path, before: RunReport | None = None, ops: Vocabulary = PRIMITIVES) -> RunReport:
    """Read a run's directory.

    Args:
        path: the directory, of a search that ended, goes on or was interrupted.
        ops: what its architectures are read with, see :class:`~carsmoo.runs.directory.RunDirectory`.
        before: what was read of the same run earlier; it spares reading a checkpoint anew.

    Raises:
        ValueError, TypeError: if the directory holds no run of the command line, or something in it is damaged, naming
            the file.
        OSError: if it cannot be read.
    """
    run = RunDirectory(path, ops)
    front = _front(run)
    if len(front.names) < 2 or (len(front) == 0 and (run.path / f"{FRONT}.json").is_file()):
        found = f"{len(front)} of {', '.join(front.names)}"
        raise ValueError(f"{run.path.name}/front.json: expected networks with two objectives or more, got {found}")
    events = run.events()
    seconds = [event.time("seconds") for event in events if "seconds" in event.fields]
    ends = [event for event in events if event.name == "end"]
    first = events[0] if events else None
    resumed = sum(event.name == "resume" for event in events)
    known = before.environment if before is not None and before.resumed == resumed else UNREAD
    return RunReport(
        name=printable(run.path.resolve().name),
        front=front,
        generations=generations_of(events, len(front.names)),
        losses=losses_of(events),
        spent=spent_of(events),
        seconds=max(seconds, default=0.0),
        started=first.time("at") if first else 0.0,
        ended=bool(ends) and events[-1] is ends[-1],
        resumed=resumed,
        rollbacks=sum(event.name == "rollback" for event in events),
        test_error=ends[-1].real("test_error_of_best") if ends and "test_error_of_best" in ends[-1].fields else None,
        config=run.config(),
        seed=first.fields["seed"] if first is not None and isinstance(first.fields.get("seed"), int) else None,
        versions=_versions(events),
        environment=_environment(run) if known in ({}, UNREAD) else known,
        trained=_trained(run, front),
        trainings=trainings_of(run.path, front),
    )


def _front(run: RunDirectory) -> Front:
    """Return the front, one without networks of a search that has begun and has not scored any."""
    begun = run.log_path.is_file() and not (run.path / f"{FRONT}.json").is_file()
    config = run.config() if begun else None
    if config is None:
        return run.read_front()
    units = [OBJECTIVES.get(name, "") for name in config.objectives]
    return Front.from_objectives((), np.empty((0, len(units))), config.objectives, units, {"data": config.data})


def _versions(events: Sequence[Event]) -> dict[str, str]:
    """Return versions, of the start or the last resume."""
    versions: dict[str, str] = {}
    for event in events:
        if event.name in ("start", "resume"):
            versions |= event.texts("versions")
            if isinstance(event.fields.get("python"), str):
                versions["python"] = event.fields["python"]
    return versions


def printable(name: str) -> str:
    """Return a file's name with bytes that are no UTF-8 escaped."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _environment(run: RunDirectory) -> Mapping[str, Any]:
    """Return what decides the last bits, as a checkpoint tells; nothing where there is none."""
    try:
        return dict(run.snapshot().document["environment"]) if run.files() else {}
    except ValueError:
        return UNREAD


def _trained(run: RunDirectory, front: Front) -> TrainedFront | None:
    if not (run.path / f"{FINAL}.json").is_file():
        return None
    final = run.load_front(f"{FINAL}.json")
    rows = {genotype: k for k, genotype in enumerate(final.genotypes)}
    return TrainedFront(front=final, place=tuple(rows.get(genotype) for genotype in front.genotypes))
