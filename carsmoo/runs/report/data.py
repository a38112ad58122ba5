"""The data of a report, read from a run's directory as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from moocore import is_nondominated
from numpy.typing import NDArray

from carsmoo.algorithm.display import relative_hypervolume
from carsmoo.config.search import SearchConfig
from carsmoo.problems.trust import Trust
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.events import Event
from carsmoo.space.front import Front

FINAL = "final-front.json"
"""The retrained front, where the run has one."""

PHASES = ("warm-up", "training", "scoring")
"""What a search does, in its order; its time besides is the rest."""

LARGEST = 1e30
"""Objective, in units of the first generation's worst, that a hypervolume can be counted of."""


@dataclass(frozen=True, kw_only=True)
class Generation:
    """A generation's population, as it was scored in its time.

    Attributes:
        number: from 1, which only scores.
        epoch: epochs that the supernet had been trained for.
        seconds: since the run began.
        evaluations: networks scored so far.
        F: objectives, (n, m), minimised.
        front: indices of the non-dominated, ascending in the last objective.
        hypervolume: of ``F`` in units of the first generation's worst values, as the run's table tells it.
        trust: in the order of the networks that were scored; None where the log does not tell it.
    """

    number: int
    epoch: int
    seconds: float
    evaluations: int
    F: NDArray[np.float64]
    front: tuple[int, ...]
    hypervolume: float
    trust: Trust | None = None


@dataclass(frozen=True, kw_only=True)
class Loss:
    """An epoch of the supernet.

    Attributes:
        phase: ``warm-up`` or ``training``.
        epoch: from 1.
        loss: the mean cross-entropy over its steps.
        skipped: steps that were left out because their gradient was not finite.
    """

    phase: str
    epoch: int
    loss: float
    skipped: int


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
        front: the networks found.
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
        versions: of the packages that ran it, and of Python.
        environment: what else decides the last bits: torch, device, threads.
        trained: the retrained front; None if there is none.
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
    versions: Mapping[str, str]
    environment: Mapping[str, Any]
    trained: TrainedFront | None

    @property
    def rest(self) -> float | None:
        """Seconds in no phase: survival, mating, checkpoints; None if the log tells of no phase."""
        return max(self.seconds - sum(self.spent.values()), 0.0) if self.spent else None


def extract(path: str | Path) -> RunReport:
    """Read a run's directory.

    Args:
        path: the directory, of a search that ended or of one that was interrupted after its first generation.

    Raises:
        ValueError, TypeError: if the directory holds no run of the command line, or something in it is damaged, naming
            the file.
        OSError: if it cannot be read.
    """
    run = RunDirectory(path)
    front = run.read_front()
    if len(front) == 0 or len(front.names) < 2:
        found = f"{len(front)} of {', '.join(front.names)}"
        raise ValueError(f"{run.path.name}/front.json: expected networks with two objectives or more, got {found}")
    events = run.events()
    seconds = [event.time("seconds") for event in events if "seconds" in event.fields]
    ends = [event for event in events if event.name == "end"]
    first = events[0] if events else None
    versions, environment = _machine(run, events)
    return RunReport(
        name=run.path.resolve().name,
        front=front,
        generations=_generations(events, len(front.names)),
        losses=tuple(_loss(event) for event in events if event.name in PHASES and "loss" in event.fields),
        spent=_spent(events),
        seconds=max(seconds, default=0.0),
        started=first.time("at") if first else 0.0,
        ended=bool(ends) and events[-1] is ends[-1],
        resumed=sum(event.name == "resume" for event in events),
        rollbacks=sum(event.name == "rollback" for event in events),
        test_error=ends[-1].real("test_error_of_best") if ends and "test_error_of_best" in ends[-1].fields else None,
        config=run.config(),
        versions=versions,
        environment=environment,
        trained=_trained(run.path, front),
    )


def _generations(events: Sequence[Event], m: int) -> tuple[Generation, ...]:
    made: list[Generation] = []
    for event in events:
        if event.name == "generation":
            F = event.objectives(m)
            best = np.flatnonzero(is_nondominated(F, keep_weakly=True))
            worst = made[0].F.max(axis=0) if made else F.max(axis=0)
            with np.errstate(over="ignore"):
                largest = float(np.abs(F / np.where(worst > 0, worst, 1.0)).max())
            if largest > LARGEST:
                raise ValueError(
                    f"{event.where}: F: expected at most {LARGEST:g} times the first worst value, got {largest:g}"
                )
            made.append(
                Generation(
                    number=event.whole("generation"),
                    epoch=event.whole("epoch"),
                    seconds=event.time("seconds"),
                    evaluations=event.whole("evaluations"),
                    F=F,
                    front=tuple(sorted(best.tolist(), key=lambda k: (*F[k, ::-1],))),
                    hypervolume=relative_hypervolume(F, worst),
                    trust=_trust(event),
                )
            )
    return tuple(made)


def _trust(event: Event) -> Trust | None:
    told = event.inner("trust", "figures by name")
    if told is None:
        return None
    halves, successive, members = (told.within(name, -1, 1) for name in ("halves", "successive", "members"))
    supernets = told.within("n_members", 1, 1e6)
    return Trust(
        halves=halves,
        successive=successive,
        members=members,
        distinct=told.within("distinct", 0, 1),
        updates=told.within("updates", 0, 1e15),
        n_members=1 if supernets is None else int(supernets),
        shared=told.fields.get("shared", True) is not False,
    )


def _loss(event: Event) -> Loss:
    skipped = event.whole("skipped") if "skipped" in event.fields else 0
    return Loss(phase=event.name, epoch=event.whole("epoch"), loss=event.real("loss"), skipped=skipped)


def _spent(events: Sequence[Event]) -> dict[str, float]:
    """Return the seconds of each phase, in their order."""
    spent: dict[str, float] = {}
    for event in events:
        parts = event.inner("spent", "seconds by phase")
        for phase in PHASES:
            if parts is not None and phase in parts.fields:
                spent[phase] = spent.get(phase, 0.0) + parts.time(phase)
    return {phase: spent[phase] for phase in PHASES if phase in spent}


def _machine(run: RunDirectory, events: Sequence[Event]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return versions, of the start or the last resume, and the environment that a checkpoint tells of."""
    versions: dict[str, str] = {}
    for event in events:
        if event.name in ("start", "resume"):
            versions |= event.texts("versions")
            if isinstance(event.fields.get("python"), str):
                versions["python"] = event.fields["python"]
    if not run.files():
        return versions, {}
    environment = dict(run.snapshot().document["environment"])
    if isinstance(environment.get("torch"), str):
        versions["torch"] = environment.pop("torch")
    return versions, environment


def _trained(path: Path, front: Front) -> TrainedFront | None:
    if not (path / FINAL).is_file():
        return None
    final = Front.load(path / FINAL)
    rows = {genotype: k for k, genotype in enumerate(final.genotypes)}
    return TrainedFront(front=final, place=tuple(rows.get(genotype) for genotype in front.genotypes))
