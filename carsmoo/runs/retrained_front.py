"""The retrained front: a finished search's networks retrained, and their rank correlation with the supernet's order."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carsmoo import plots
from carsmoo.compare.statistics import Correlation, rank_correlation
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.plots.retrained import plot_final_front
from carsmoo.runs.build import build
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.snapshot import Snapshot, read
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.utils.files import Store
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener
from carsmoo.utils.validation import shown
from carsmoo.zoo import GENOTYPES

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group
    from carsmoo.nets.retraining.job import Job
    from carsmoo.nets.supernet.problem import CARSProblem

NETWORKS, FINAL = "networks", "final-front"


def short_name(genotype: Genotype) -> str:
    """Return a genotype's published name, or else eight letters that tell it from others."""
    known = {published: name for name, published in GENOTYPES.items()}
    return known.get(genotype) or hashlib.sha256(str(genotype).encode()).hexdigest()[:8]


def config_of_run(run: RunDirectory) -> SearchConfig:
    """Return the configuration of a run of the command line.

    Raises:
        ValueError: if there is none.
    """
    config = run.config()
    if config is None:
        raise ValueError(f"run: expected a directory with config.toml, got {run.path}")
    return config


def restored(run: RunDirectory) -> tuple[CARSProblem, Snapshot]:
    """Return a run's problem with the supernet restored from the newest checkpoint, and the checkpoint.

    It is one of this process alone, also where several were launched.

    Raises:
        ValueError: if there is no checkpoint, or it is damaged.
    """
    from carsmoo.nets.distributed.group import ALONE

    snapshot = read(run.path)
    problem: CARSProblem = build(snapshot.config or config_of_run(run), ALONE)[0]
    problem.load_state(snapshot.state)
    return problem, snapshot


def jobs_for(
    genotypes: Sequence[Genotype],
    folder: Path,
    recipe: TrainingRecipe,
    data: str,
    *,
    device: str | None = None,
    exact: bool = True,
    supernet: Any = None,
) -> list[Job]:
    """Return the trainings of some networks, each in a folder of its own, counted from 1.

    Args:
        genotypes: of the networks.
        folder: holds the networks' folders.
        recipe: how they are trained.
        data: name of the images.
        device: where to compute.
        exact: see :class:`~carsmoo.nets.retraining.job.Job`.
        supernet: whose weights they start from, if given.

    Raises:
        ValueError: if the data do not exist, or the networks do not fit the supernet.
    """
    from carsmoo.nets.data.load import load_for_training
    from carsmoo.nets.retraining.job import Job
    from carsmoo.nets.retraining.trainer import inherited

    initial: list[Any] = [None] * len(genotypes)
    if supernet is not None:
        images = load_for_training(data, recipe)
        network = recipe.network(images.image_shape, images.classes)
        initial = [inherited(genotype, network, supernet) for genotype in genotypes]
    common: dict[str, Any] = {"recipe": recipe, "data": data, "device": device, "exact": exact}
    return [
        Job(folder=folder / f"{k}-{short_name(genotype)}", genotype=genotype, initial=weights, **common)
        for k, (genotype, weights) in enumerate(zip(genotypes, initial, strict=True), 1)
    ]


def train_front(
    jobs: Sequence[Job],
    chosen: Sequence[int],
    processes: int | None,
    listener: Listener,
    group: Group,
) -> dict[int, dict[str, Any]]:
    """Retrain the chosen networks of a front, and return their cards by their places.

    See :func:`carsmoo.nets.retraining.parallel.train_each`. Several ranks do so in one launch at a time.

    Raises:
        BlockingIOError: if another launch trains there.
    """
    from carsmoo.nets.retraining.parallel import train_each

    with alone_in(jobs[0].folder.parent, group):
        cards = train_each([jobs[k] for k in chosen], processes, listener, group)
    return dict(zip(chosen, cards, strict=True))


@contextmanager
def alone_in(folder: Path, group: Group) -> Iterator[None]:
    """Keep other launches of several ranks from training in a folder, for as long as the context lasts.

    Raises:
        BlockingIOError: if another one does; ValueError on the ranks that are not the first.
    """
    if group.size == 1:
        yield
        return
    store = Store(folder)
    group.decide(store.lock)
    try:
        yield
    finally:
        store.unlock()


def finished_cards(jobs: Sequence[Job]) -> dict[int, dict[str, Any]]:
    """Return the cards of those networks that have been trained to their ends as the jobs say, by their places."""
    from carsmoo.nets.data.load import load_for_training
    from carsmoo.nets.retraining.job import finished

    data = load_for_training(jobs[0].data, jobs[0].recipe)
    cards = {}
    for k, job in enumerate(jobs):
        try:
            card = finished(job, data)
        except ValueError:  # trained by another recipe, which does not compare
            continue
        if card is not None:
            cards[k] = card
    return cards


def write_final_front(run: RunDirectory, front: Front, cards: dict[int, dict[str, Any]]) -> tuple[Front, Correlation]:
    """Write the trained networks of a front beside it, draw both, and return them and how their orders agree.

    ``final-front.csv`` and ``final-front.json`` hold every trained network in the front's order: its error on the test
    split, its size and multiply-adds as it was trained, its error on the images held out, and the search's error.

    Args:
        run: the run.
        front: the search's.
        cards: of the trained networks, by their places in the front.
    """
    from carsmoo.nets.retraining.job import HELD_OUT, TEST, error_in

    places = sorted(cards)
    searched = front.column("error")[places]
    names, units = ["error", "params", "flops"], ["", "M", "M"]
    costs = [cards[k]["costs"] for k in places]
    columns = [
        [error_in(cards[k], TEST) for k in places],
        [cost["params"] / 1e6 for cost in costs],
        [cost["flops"] / 1e6 for cost in costs],
    ]
    held_out = [error_in(cards[k], HELD_OUT) for k in places]
    if None not in held_out:
        names.append("held_out_error")
        columns.append(held_out)
    names.append("search_error")
    F = np.column_stack([*columns, searched]).astype(np.float64)
    correlation = rank_correlation(searched, F[:, 0])
    first = cards[places[0]]
    about = {
        "data": first["data"]["name"],
        "split": TEST,
        "weights": "stand-alone",
        "epoch": [_epoch(cards[k]) for k in places],
        "places": [k + 1 for k in places],
        "recipe": first["recipe"]["settings"],
        "start": first["recipe"]["start"].split()[0],
        "search": front.about,
        "kendall": dataclasses.asdict(correlation),
    }
    units += [""] * (len(names) - len(units))
    final = Front(tuple(front.genotypes[k] for k in places), F, tuple(names), tuple(units), about)
    require_results(run)
    run.write_front(final, FINAL)
    _draw(run, front, final, correlation)
    return final, correlation


def require_results(run: RunDirectory, name: str = FINAL) -> None:
    """Check that files of a name may be written in a run's directory: none is there yet, or one of carsmoo.

    Networks go to a folder beside them, which must be no link.

    Raises:
        FileExistsError: naming the first that is something else.
    """
    folder = run.path / (NETWORKS if name == FINAL else name)
    if folder.is_symlink():
        raise FileExistsError(f"{folder}: expected a directory, got a symbolic link")
    require_own(*(run.path / f"{name}.{ending}" for ending in ("csv", "json", "png", "pdf")))


def trained_folder(run: RunDirectory, number: int | None = None) -> Path | None:
    """Return where a trained network of a run is; None if it has not been trained.

    Args:
        run: the run.
        number: which of the front's networks, counted from 1. If not given: that of the smallest error on the images
            held out, or in the search where none were, of those that have been trained.

    Raises:
        ValueError: if the file of the trained front is damaged, naming it.
    """
    path = run.path / f"{FINAL}.json"
    if not path.is_file():
        return None
    final = Front.load(path)
    places = _places(path, final)
    by = "held_out_error" if "held_out_error" in final.names else "search_error"
    if by not in final.names:
        raise ValueError(f"{path}: expected a column {by}, got {', '.join(final.names)}")
    chosen = places[final.best(by)] if number is None else number
    if chosen not in places:
        return None
    genotype = final.genotypes[places.index(chosen)]
    folder = run.path / NETWORKS / f"{chosen}-{short_name(genotype)}"
    return folder if folder.is_dir() else None


def _places(path: Path, final: Front) -> list[int]:
    """Return the places, from 1, in the search's front that a file of trained networks tells of."""
    places: Any = final.about.get("places")
    fits = isinstance(places, list) and len(places) == len(final) > 0
    if not fits or not all(type(place) is int and place > 0 for place in places):
        raise ValueError(
            f"{path}: places: expected an integer from 1 for each network, one or more, got {shown(places)}"
        )
    return list(places)


def _draw(run: RunDirectory, front: Front, final: Front, correlation: Correlation) -> None:
    other = next((name for name in front.names if name != "error"), None)
    if other is None:
        return
    sizes = front.column(other)
    label = front.labels[front.names.index(other)]
    places = [place - 1 for place in final.about["places"]]
    drawn = plot_final_front(
        np.column_stack([sizes, front.column("error")]),
        np.column_stack([sizes[places], final.column("error")]),
        f"{label}, as searched" if label != other else other,
        title=f"Kendall's tau {correlation}",
    )
    plots.save_both(drawn, run.path / FINAL)


def _epoch(card: dict[str, Any]) -> int:
    return max(int(one["epoch"]) for one in card["accuracy"])


def errors_of(cards: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Return the test errors that cards tell of, (n,)."""
    from carsmoo.nets.retraining.job import TEST, error_in

    return np.array([error_in(card, TEST) for card in cards], dtype=np.float64)
