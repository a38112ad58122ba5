"""The training of each network that ``carsmoo train`` trained or trains, as its log tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from carsmoo.runs.events import events_in
from carsmoo.runs.network_folders import NETWORKS, by_number, folders_of
from carsmoo.space.front import Front
from carsmoo.utils.run_store import LOG


@dataclass(frozen=True, kw_only=True)
class NetworkTraining:
    """A network's training, an entry an epoch.

    Attributes:
        name: of its folder.
        place: in the search's front, from 0; None where it is of none of its networks, as after a longer search.
        epochs: from 1.
        losses: mean cross-entropy over the epoch's steps.
        errors: on the images held out, fractions; None where none were.
    """

    name: str
    place: int | None
    epochs: tuple[int, ...]
    losses: tuple[float, ...]
    errors: tuple[float | None, ...]


def trainings_of(path: Path, front: Front) -> tuple[NetworkTraining, ...]:
    """Return the trainings in a run's directory, in the front's order, those of other networks last.

    Raises:
        ValueError: for a damaged log, naming its line.
    """
    places = {folder.name: k for k, folder in enumerate(folders_of(path / NETWORKS, front.genotypes))}
    logs = sorted((path / NETWORKS).glob(f"*/{LOG}"), key=lambda log: by_number(log.parent.name))
    made = [_training(log, places.get(log.parent.name)) for log in logs]
    return tuple(sorted((one for one in made if one.epochs), key=lambda one: one.place is None))


def _training(log: Path, place: int | None) -> NetworkTraining:
    events = events_in(log, "training")
    return NetworkTraining(
        name=log.parent.name,
        place=place,
        epochs=tuple(event.whole("epoch") for event in events),
        losses=tuple(event.real("loss") for event in events),
        errors=tuple(event.within("error", 0, 1) for event in events),
    )
