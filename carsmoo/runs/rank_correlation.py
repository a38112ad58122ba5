"""Rank fidelity: Kendall's tau between the supernet's order of networks and that of the same networks retrained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from carsmoo import plots
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.plots.retrained import plot_ranks
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.network_folders import short_name
from carsmoo.runs.retrained_front import (
    config_of_run,
    errors_of,
    jobs_for,
    require_results,
    restored,
    train_jobs,
)
from carsmoo.runs.snapshot import Snapshot
from carsmoo.space.architecture import Architecture
from carsmoo.space.words import score_among
from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.files import write_json
from carsmoo.utils.progress import Listener, unheard
from carsmoo.utils.validation import integer

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group
    from carsmoo.nets.supernet.problem import CARSProblem

FIDELITY = "fidelity"
SCORE: Final = "score"
STATISTICS: tuple[Literal["recalibrated", "batch"], ...] = ("recalibrated", "batch")
NAMES = {
    SCORE: "what the search selects by",
    "recalibrated": "batch norm recalibrated",
    "batch": "batch norm of each batch",
    "own": "weights and batch norm of its own",
}
"""What the orders of a search are called."""

Scores = dict[str, NDArray[np.float64]]

Source = Literal["population", "front"]


def fidelity(
    run: RunDirectory,
    networks: int,
    recipe: TrainingRecipe,
    *,
    source: Source = "population",
    data: str | None = None,
    processes: int | None = None,
    exact: bool = True,
    listener: Listener = unheard,
    group: Group | None = None,
) -> dict[str, Any]:
    """Retrain some networks of a run and return how the search's order agrees with theirs.

    The search's errors are those on search-validation with the weights of the last checkpoint, of a supernet once with
    batch norm recalibrated on training images and once with that of each validation batch; the networks' are those on
    the test split. Kendall's tau-b compares the orders; beside it stand that of what the search selects by, an error or
    loss on the images that score, or fitted, and that of "more parameters first", which is known without a search. The
    result is written as ``fidelity.json``, and the errors are drawn as ``fidelity.png`` and ``fidelity.pdf``; the
    networks are in the folder ``fidelity``, and those that are there already are left alone.

    Args:
        run: the run.
        networks: how many, spread evenly over the sizes that there are; at least 2.
        recipe: how they are trained.
        source: where they are taken from, the last population or the front.
        data: name of the images; those of the run if not given.
        processes: see :func:`carsmoo.nets.retraining.parallel.train_each`.
        exact: see :class:`~carsmoo.nets.retraining.job.Job`.
        listener: called after each network that the supernet scores, and as by
            :func:`carsmoo.nets.retraining.parallel.train_each`.
        group: see :func:`carsmoo.nets.retraining.parallel.train_each`; rank 0 alone writes the result.

    Raises:
        ValueError: if there are fewer networks, or no checkpoint.
        FileExistsError: if a file of the result's names holds something else.
        BlockingIOError: if another launch of several ranks trains there.
    """
    from carsmoo.nets.distributed.group import current

    integer("networks", networks, 2)
    if source not in ("population", "front"):
        raise ValueError(f"source: expected population or front, got {source!r}")
    require_results(run, FIDELITY)
    problem, snapshot = restored(run)
    there = _population(problem, snapshot) if source == "population" else run.read_front().genotypes
    chosen = _spread(problem, there, networks)
    jobs = jobs_for(chosen, run.path / FIDELITY, recipe, data or config_of_run(run).data, exact=exact)
    supernet = _scores(problem, chosen, listener)
    group = current() if group is None else group
    cards = train_jobs(jobs, processes, listener, group)
    result = _result(problem, snapshot, source, supernet, cards, chosen)
    if group.is_main:
        require_results(run, FIDELITY)
        write_json(run.path / f"{FIDELITY}.json", result)
        _draw(run, supernet, errors_of(cards), result)
    return result


def _population(problem: CARSProblem, snapshot: Snapshot) -> Sequence[Architecture]:
    """Return the genotypes of a checkpoint's population."""
    held = snapshot.document["algorithm"]
    try:
        members = held["attributes"]["pop"]["population"]
        X = held["individuals"]["columns"]["_X"]["stack"][members]
    except (KeyError, TypeError, IndexError):
        raise ValueError(f"{snapshot.path}: expected a checkpoint with a population, got one without") from None
    genotypes: Sequence[Architecture] = problem.space.decode(problem.space.canonical(X))
    return genotypes


def _spread(problem: CARSProblem, genotypes: Sequence[Architecture], n: int) -> list[Architecture]:
    """Return ``n`` of some genotypes, different ones and evenly spread over the order of their sizes."""
    from carsmoo.cost.closed_form import over_sizes

    meanings = [problem.space.encode(genotype).tobytes() for genotype in genotypes]
    different = list(dict(zip(reversed(meanings), reversed(genotypes), strict=True)).values())
    if len(different) < n:
        raise ValueError(f"networks: expected at most the {len(different)} different ones that there are, got {n}")
    return [different[k] for k in over_sizes(different, problem.network, n)]


def _scores(problem: CARSProblem, chosen: Sequence[Architecture], listener: Listener) -> Scores:
    """Return the scores of some networks with the search's weights, (n,) each, by what they are."""
    if problem.training.weights == "own":
        found: Scores = {"own": problem.validation_errors(chosen, None, listener)}
    else:
        found = {kind: problem.validation_errors(chosen, kind, listener) for kind in STATISTICS}
    score = score_among(problem.objective_names)
    if score is not None:
        moving = [problem.objective_names[k] for k in problem.moving]
        found[SCORE] = problem.moving_values(problem.space.encode(chosen))[:, moving.index(score)]
    return found


def _result(
    problem: CARSProblem,
    snapshot: Snapshot,
    source: Source,
    supernet: Scores,
    cards: Sequence[dict[str, Any]],
    chosen: Sequence[Architecture],
) -> dict[str, Any]:
    alone = errors_of(cards)
    kendall = {kind: dataclasses.asdict(rank_correlation(scores, alone)) for kind, scores in supernet.items()}
    sizes = [card["costs"]["params"] for card in cards]
    return {
        "source": source,
        "generation": snapshot.generation,
        "supernet": {**problem.provenance(), "kendall": kendall},
        "params": {"kendall": dataclasses.asdict(rank_correlation(-np.array(sizes), alone))},
        "alone": {"split": "test", "weights": "stand-alone", "recipe": cards[0]["recipe"]["settings"]},
        "networks": [
            {
                "name": short_name(genotype),
                "genotype": str(genotype),
                "params": sizes[k],
                "supernet_error": {kind: float(of[k]) for kind, of in supernet.items() if kind != SCORE},
                **({"supernet_score": float(supernet[SCORE][k])} if SCORE in supernet else {}),
                "alone_error": float(alone[k]),
            }
            for k, genotype in enumerate(chosen)
        ],
    }


def _draw(run: RunDirectory, supernet: Scores, alone: NDArray[np.float64], result: dict[str, Any]) -> None:
    labelled = {}
    for kind, errors in supernet.items():
        if kind != SCORE:  # which need not be an error
            found = rank_correlation(errors, alone)
            labelled[f"{NAMES[kind]}: tau {found}" if found.tells else NAMES[kind]] = errors
    drawn = plot_ranks(labelled, alone, title=f"{len(alone)} networks of the {result['source']}")
    plots.save_both(drawn, run.path / FIDELITY)
