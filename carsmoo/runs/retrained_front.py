"""The retrained front: a finished search's networks retrained, and their rank correlation with the supernet's order."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carsmoo import plots
from carsmoo.config.renamed import sections_with_new_names
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.plots.retrained import plot_final_front
from carsmoo.plots.style import ENDINGS
from carsmoo.runs.build import build, functions_in
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.network_folders import NETWORKS, folders_of
from carsmoo.runs.snapshot import Snapshot, configuration
from carsmoo.space.architecture import Architecture
from carsmoo.space.front import Front
from carsmoo.utils.correlation import Correlation, rank_correlation
from carsmoo.utils.files import Store
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener
from carsmoo.utils.validation import shown

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group
    from carsmoo.nets.retraining.job import Job
    from carsmoo.nets.supernet.problem import CARSProblem

FINAL = "final-front"

CHOSEN_BY = {
    "held_out_error": "the images held out",
    "search_error": "the search's errors",
    "search_loss": "the search's losses",
}
"""What one of the retrained networks is chosen by, the first that they have: never the test split; and its words."""


def config_of_run(run: RunDirectory) -> SearchConfig:
    """Return the configuration of a run of the command line; a ValueError tells if there is none."""
    config = run.config()
    if config is None:
        raise ValueError(f"run: expected a directory with config.toml, got {run.path}")
    return config


def restored(run: RunDirectory) -> tuple[CARSProblem, Snapshot]:
    """Return a run's problem, of this process alone, with the supernet of the newest checkpoint, and the checkpoint.

    Raises:
        ValueError: if there is no checkpoint, or it is damaged, or an objective is a function, or the images or
            anything else of the problem is not what it was.
    """
    from carsmoo.nets.distributed.group import ALONE

    snapshot = run.snapshot()
    config = snapshot.config or config_of_run(run)
    if own := functions_in(config):
        told = f"{', '.join(own)} in {run.path}; the weights of this search are at hand in its script"
        raise ValueError(f"run: expected one whose objectives all are names, got the function {told}")
    problem: CARSProblem = build(config, ALONE)[0]
    run.require_same("problem", sections_with_new_names(snapshot.document["problem"]), configuration(problem))
    problem.load_state_dict(snapshot.state)
    return problem, snapshot


def jobs_for(
    genotypes: Sequence[Architecture],
    folder: Path,
    recipe: TrainingRecipe,
    data: str,
    *,
    device: str | None = None,
    exact: bool = True,
    searched: CARSProblem | None = None,
) -> list[Job]:
    """Return the trainings of some networks, each in the folder that ``folders_of`` names.

    Args:
        genotypes: of the networks.
        folder: holds the networks' folders.
        recipe: how they are trained.
        data: name of the images.
        device: where to compute.
        exact: see :class:`~carsmoo.nets.retraining.job.Job`.
        searched: the search whose weights they start from, if given.

    Raises:
        ValueError: if the data do not exist, or the networks do not fit the supernet.
    """
    from carsmoo.nets.data import load_for_training
    from carsmoo.nets.retraining.job import Job
    from carsmoo.nets.retraining.trainer import inherited, transferable

    initial: list[Any] = [None] * len(genotypes)
    if searched is not None and (searched.training.weights == "own" or searched.training.n_supernets > 1):
        initial = [transferable(searched.subnet(genotype)) for genotype in genotypes]
    elif searched is not None:
        images = load_for_training(data, recipe)
        network = recipe.network(images.image_shape, images.classes)
        initial = [inherited(genotype, network, searched.supernet) for genotype in genotypes]
    common: dict[str, Any] = {"recipe": recipe, "data": data, "device": device, "exact": exact}
    return [
        Job(folder=own, genotype=genotype, initial=weights, **common)
        for own, genotype, weights in zip(folders_of(folder, genotypes), genotypes, initial, strict=True)
    ]


def train_jobs(jobs: Sequence[Job], processes: int | None, listener: Listener, group: Group) -> list[dict[str, Any]]:
    """Retrain networks of a run, and return their cards; several ranks do so in one launch at a time.

    See :func:`carsmoo.nets.retraining.parallel.train_each`.

    Raises:
        FileExistsError: if a network's folder is a symbolic link.
        BlockingIOError: if another launch trains there; ValueError on the ranks that are not the first.
    """
    from carsmoo.nets.retraining.parallel import train_each

    for job in jobs:
        if job.folder.is_symlink():
            raise FileExistsError(f"{job.folder}: expected a directory, got a symbolic link")
    if group.size == 1:
        return train_each(jobs, processes, listener, group)
    store = Store(jobs[0].folder.parent)
    group.decide(store.lock)
    try:
        return train_each(jobs, processes, listener, group)
    finally:
        store.unlock()


def finished_cards(jobs: Sequence[Job]) -> dict[int, dict[str, Any]]:
    """Return the cards of those networks that have been trained to their ends as the jobs say, by their places."""
    from carsmoo.nets.data import load_for_training
    from carsmoo.nets.retraining.folder import finished

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
    split, its size and multiply-adds as it was trained, its error on the images held out, and the search's error or
    loss.

    Args:
        run: the run.
        front: the search's.
        cards: of the trained networks, by their places in the front.
    """
    from carsmoo.nets.retraining.card import HELD_OUT, TEST, error_in, figures_of

    places = sorted(cards)
    told, searched = [cards[k] for k in places], front.column(front.score)[places]
    columns: dict[str, Any] = {
        "error": errors_of(told),
        "params": [card["costs"]["params"] / 1e6 for card in told],
        "flops": [card["costs"]["flops"] / 1e6 for card in told],
        "held_out_error": [error_in(card, HELD_OUT) for card in told],
        f"search_{front.score}": searched,
    }
    if None in columns["held_out_error"]:
        del columns["held_out_error"]
    sizes = {"params": "millions", "flops": "millions of multiply-adds"}
    units = tuple(sizes.get(name, "fraction" if name.endswith("error") else "") for name in columns)
    F = np.column_stack(list(columns.values())).astype(np.float64)
    correlation, first = rank_correlation(searched, F[:, 0]), told[0]
    about = {
        "data": first["data"]["name"],
        "split": TEST,
        "weights": "stand-alone",
        "epoch": [figures_of(card)["epoch"] for card in told],
        "places": [k + 1 for k in places],
        "recipe": first["recipe"]["settings"],
        "start": first["recipe"]["start"].split()[0],
        "search": front.about,
        "kendall": dataclasses.asdict(correlation),
    }
    final = Front(tuple(front.genotypes[k] for k in places), F, tuple(columns), units, about)
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
    require_own(*(run.path / f"{name}.{ending}" for ending in ("csv", "json", *ENDINGS)))


def trained_folder(run: RunDirectory, number: int | None = None) -> Path | None:
    """Return where a trained network of a run is; None if it has not been trained.

    Args:
        run: the run.
        number: which of the search's front, counted from 1. If not given: that of the smallest error on the images held
            out, or in the search where none were, of those that have been trained.

    Raises:
        ValueError: if the file of the trained front is damaged, naming it, or there is no front.
    """
    path = run.path / f"{FINAL}.json"
    if not path.is_file():
        return None
    final = run.load_front(path.name)
    places_of(final, str(path))
    by = chosen_by(final)
    if by is None:
        raise ValueError(f"{path}: expected a column {' or '.join(CHOSEN_BY)}, got {', '.join(final.names)}")
    searched = run.read_front().genotypes
    if number is None:
        chosen = final.genotypes[final.best(by)]
    elif 1 <= number <= len(searched) and searched[number - 1] in final.genotypes:
        chosen = searched[number - 1]
    else:
        return None
    every = [*searched, *(genotype for genotype in final.genotypes if genotype not in searched)]
    folder = folders_of(run.path / NETWORKS, every)[every.index(chosen)]
    return folder if folder.is_dir() else None


def chosen_by(final: Front) -> str | None:
    """Return the column by which one of a retrained front's networks is chosen; None if it has none of them."""
    return next((name for name in CHOSEN_BY if name in final.names), None)


def places_of(final: Front, where: str = "final front") -> list[int]:
    """Return the places, from 1, in the search's front of the networks of a retrained one; ``where`` is for messages.

    Raises:
        ValueError: if it does not tell them.
    """
    places: Any = final.about.get("places")
    fits = isinstance(places, list) and len(places) == len(final) > 0
    if not fits or not all(type(place) is int and place > 0 for place in places):
        raise ValueError(
            f"{where}: places: expected an integer from 1 for each network, one or more, got {shown(places)}"
        )
    return list(places)


def _draw(run: RunDirectory, front: Front, final: Front, correlation: Correlation) -> None:
    other = next((name for name in front.names if name != front.score), None)
    if other is None:
        return
    sizes = front.column(other)
    cost, places = front.columns[front.names.index(other)], [place - 1 for place in places_of(final)]
    drawn = plot_final_front(
        np.column_stack([sizes, front.column(front.score)]),
        np.column_stack([sizes[places], final.column("error")]),
        dataclasses.replace(cost, name=f"{cost.name} as searched"),
        score=front.score,
        title=f"Kendall's tau {correlation}" if correlation.tells else "",
    )
    plots.save_both(drawn, run.path / FINAL)


def errors_of(cards: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """Return the test errors that cards tell of, (n,)."""
    from carsmoo.nets.retraining.card import TEST, error_in

    return np.array([error_in(card, TEST) for card in cards], dtype=np.float64)
