"""Generations, epochs and times as a search's log tells them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from moocore import is_nondominated
from numpy.typing import NDArray

from carsmoo.algorithm.display import relative_hypervolume
from carsmoo.problems.trust import Trust
from carsmoo.runs.events import Event

BESIDE = ("supernet", "probes")
"""Phases of networks beside those of the search."""

PHASES = (*BESIDE, "warm-up", "training", "scoring")
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


def generations_of(events: Sequence[Event], m: int) -> tuple[Generation, ...]:
    """Return the generations of ``m`` objectives that a log tells of.

    Raises:
        ValueError: for a damaged one, naming its line.
    """
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
    supernets, probes = (told.within(name, least, 1e6) for name, least in (("n_members", 1), ("n_probes", 0)))
    return Trust(
        halves=halves,
        successive=successive,
        members=members,
        distinct=told.within("distinct", 0, 1),
        updates=told.within("updates", 0, 1e15),
        n_members=1 if supernets is None else int(supernets),
        shared=told.fields.get("shared", True) is not False,
        probes=told.within("probes", -1, 1),
        n_probes=0 if probes is None else int(probes),
    )


def losses_of(events: Sequence[Event]) -> tuple[Loss, ...]:
    """Return the epochs of the search's weights that a log tells of, without those of networks beside them."""
    return tuple(
        _loss(event) for event in events if event.name in PHASES and event.name not in BESIDE and "loss" in event.fields
    )


def _loss(event: Event) -> Loss:
    skipped = event.whole("skipped") if "skipped" in event.fields else 0
    return Loss(phase=event.name, epoch=event.whole("epoch"), loss=event.real("loss"), skipped=skipped)


def spent_of(events: Sequence[Event]) -> dict[str, float]:
    """Return the seconds of each phase that a log tells of, in their order."""
    spent: dict[str, float] = {}
    for event in events:
        parts = event.inner("spent", "seconds by phase")
        for phase in PHASES:
            if parts is not None and phase in parts.fields:
                spent[phase] = spent.get(phase, 0.0) + parts.time(phase)
    return {phase: spent[phase] for phase in PHASES if phase in spent}
