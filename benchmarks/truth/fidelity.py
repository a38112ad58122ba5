"""Fidelity: what a search knows of the architectures of a truth set, measured and stored."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.truth.levers import LEVERS, Kind, Lever
from benchmarks.truth.records import whole_lines
from benchmarks.truth.sets import SETS, Architecture, architectures
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.distributed.group import ALONE
from carsmoo.nets.supernet.ensemble import Ensemble
from carsmoo.nets.supernet.main_effects import MainEffects
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.problems.trust import trust_of
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import PhaseClock

FILE = "fidelity.jsonl"

SCORES = ("error", "loss")
"""What networks are ordered by: the share of images that are wrong, or the cross entropy."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One measurement.

    Args:
        data: name of the truth set.
        lever: name of the way to score.
        epochs: that all architectures share.
        seed: of weights, order and augmentation.
    """

    data: str
    lever: str
    epochs: int
    seed: int = 0


def measure(task: Task) -> dict[str, Any]:
    """Return what a search would know of the random architectures of a truth set: their scores on two halves."""
    made, lever = SETS[task.data], LEVERS[task.lever]
    chosen = [one for one in architectures() if one.group != "published"]
    supernets = max(task.epochs // lever.epochs_each, 1) if lever.epochs_each else lever.supernets
    plan = SupernetTraining(
        **lever.plan,
        n_supernets=supernets,
        warmup_epochs=task.epochs,
        n_generations=0,
        pop_size=len(chosen),
        score_images=lever.images // supernets,
    )
    recipe = made.recipe
    shape = NetworkConfig(channels=recipe.channels, layers=recipe.layers, bn_affine=plan.weights == "own")
    data = f"{made.data}{'&' if '?' in made.data else '?'}pad=0"  # as the truth sets' recipe
    data += "" if lever.flip else "&flip=no"
    problem = CARSProblem(data, objectives=("loss", "params"), network=shape, training=plan, seed=task.seed)
    found = _searched(problem, chosen) if lever.kind is None else _trained(lever.kind, problem, chosen)
    seconds, tallies, updates, fitted = found
    trust = trust_of(tallies["loss"], updates=updates, score="loss")
    told = {what: halves(tallies[what]) for what in SCORES}
    if fitted is not None:  # a search by main effects goes by a fit to all networks, which has no halves
        told["loss"] = [[score, score] for score in fitted]
    return {
        **dataclasses.asdict(task),
        "core_seconds": round(seconds, 1),
        **{name: getattr(trust, name) for name in ("updates", "members", "n_members")},
        **{what: dict(zip([one.name for one in chosen], told[what], strict=True)) for what in SCORES},
        "images": lever.images,
        "torch": torch.__version__,
    }


class Found(NamedTuple):
    """What a measurement found: core-seconds, tallies by score, steps of the median weight, scores of a fit if any."""

    seconds: float
    tallies: dict[str, NDArray[Any]]
    updates: float | None
    fitted: list[float] | None = None


def _searched(problem: CARSProblem, chosen: Sequence[Architecture]) -> Found:
    """Return what a search finds of some architectures after its warm-up."""
    clock = PhaseClock(time.process_time)
    problem.listeners.append(clock)
    genotypes = [one.genotype for one in chosen]
    problem.evaluate(problem.space.encode(genotypes))
    taken = clock.take()
    tallies = {what: problem.tallies(genotypes, what) for what in SCORES}
    updates = None if problem.trust is None else problem.trust.updates
    trained, scored = (taken.get(phase, 0.0) for phase in ("warm-up", "scoring"))
    if problem.training.main_effects:  # others than those asked for were scored
        fitted = problem.moving_values(problem.space.encode(genotypes))[:, 0].round(6).tolist()
        return Found(trained + scored, tallies, updates, fitted)
    fits = 0.0
    if problem.training.classifier_images:  # but for what other ways are not charged for
        begun = time.process_time()
        by_shared_classifier(problem, genotypes)
        fits = scored - (time.process_time() - begun)
    return Found(trained + max(fits, 0.0), tallies, updates)


def by_shared_classifier(problem: CARSProblem, genotypes: Sequence[Genotype], score: str = "loss") -> NDArray[Any]:
    """Return the tallies that genotypes had if each were scored by the shared classifier, not by one of its own."""
    world, found = problem._running(), []
    for one in world.members if isinstance(world, Ensemble) else [world]:
        assert isinstance(one, SupernetState)
        kept, one.fitted_to = one.fitted_to, None
        found.append(one.scores(genotypes, score))
        one.fitted_to = kept
    return np.stack(found, axis=1)


def _trained(kind: Kind, problem: CARSProblem, chosen: Sequence[Architecture]) -> Found:
    """Return what weights of another kind than a search has lead to."""
    plan, genotypes = problem.training, [one.genotype for one in chosen]
    X, seed = problem.space.encode(genotypes), problem.seed or 0
    weights = kind(problem.space, problem.network, plan, problem.images, seed)
    begun, fitted = time.process_time(), None
    weights.begin()
    weights.join(X)
    if plan.main_effects:
        effects = MainEffects(problem.space, plan.networks_drawn, seed, ALONE)
        fitted = effects.scores(X, plan.warmup_epochs, partial(weights.scores, score="loss")).round(6).tolist()
    seconds = time.process_time() - begun
    return Found(seconds, {what: weights.scores(genotypes, what) for what in SCORES}, weights.updates, fitted)


def halves(tallies: NDArray[Any]) -> list[list[float]]:
    """Return the mean scores of networks on the even and on the odd images, (n, 2)."""
    summed = tallies.sum(axis=1) if tallies.ndim > 3 else tallies
    means: list[list[float]] = (summed[:, 0] / summed[:, 1]).round(6).tolist()
    return means


def stored(folder: Path) -> list[dict[str, Any]]:
    """Return the measurements of a folder that are on as many images as their levers take today."""
    records = [json.loads(line) for line in whole_lines(folder / FILE)]
    return [record for record in records if record.get("images", Lever.images) == LEVERS[record["lever"]].images]


def key(record: dict[str, Any]) -> Task:
    """Return which measurement it is."""
    return Task(**{field.name: record[field.name] for field in dataclasses.fields(Task)})
