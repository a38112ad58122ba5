"""What the experiments do at their small size: searches, training alone, choosing networks to train."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.compare import suite
from carsmoo.compare.runner import same_cost
from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import params
from carsmoo.nets.data import load
from carsmoo.nets.models.device import pick
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Step


def small_search(**fields: Any) -> SearchConfig:
    """Return a search of a minute or less on one core: the demo's digits and network, with a shorter plan."""
    plan = {"warmup_epochs": 10, "n_generations": 12, "memory_format": "channels_last", **fields}
    return SearchConfig(network=NetworkConfig(channels=8, layers=5), training=SupernetTraining(**plan))


def small_recipe(**fields: Any) -> TrainingRecipe:
    """Return a recipe of some seconds on one core: the search network's widths and depth; the last epoch counts."""
    return TrainingRecipe(**{"channels": 8, "layers": 5, "epochs": 10, "holdout_fraction": 0.0, **fields})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found and cost.

    Attributes:
        front: the last population's front, scored on the supernet's last weights.
        populations: objectives of each generation's population as it was scored, (n, m) each.
        seconds: wall time of the whole search.
        computing: processor seconds, which other processes on the machine do not lengthen; wall time on a GPU.
        epochs: epochs that the supernet was trained.
        scorings: networks that were scored.
    """

    front: Front
    populations: list[NDArray[np.float64]]
    seconds: float
    computing: float
    epochs: int
    scorings: int


def search(config: SearchConfig, algorithm: str = "growth", **extra: Any) -> Found:
    """Search once, at the cost of every other algorithm: as much training, and as many scorings.

    Args:
        config: data, network, plan and seed.
        algorithm: one of :data:`carsmoo.compare.suite.ALGORITHMS`.
        **extra: for :class:`~carsmoo.CARSProblem`, besides what ``config`` says.
    """
    given = {"objectives": config.objectives, "network": config.network, "training": config.training, **extra}
    problem = CARSProblem(data=config.data, space=config.space, device=config.device, seed=config.seed, **given)
    scorings, populations = 0, []

    def count(step: Step) -> None:
        nonlocal scorings
        scorings += step.total if step.phase == "scoring" and step.done == step.total else 0

    begin, computed = time.perf_counter(), time.process_time()
    made = suite.algorithm(algorithm)
    made.setup(problem, **same_cost(made, problem))
    problem.listeners.append(count)
    while made.has_next():
        made.next()
        populations.append(np.array(made.pop.get("F")))
    front = problem.front(made)
    seconds = time.perf_counter() - begin
    return Found(
        front=front,
        populations=populations,
        seconds=seconds,
        computing=time.process_time() - computed if problem.device.type == "cpu" else seconds,
        epochs=problem.epoch,
        scorings=scorings,
    )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network trained alone.

    Attributes:
        error: on the test split, after the last epoch.
        params: in millions, without an auxiliary head.
        seconds: wall time of its training.
        curve: error on held-out images after each epoch; empty where none are held out.
    """

    error: float
    params: float
    seconds: float
    curve: list[float]


def train_alone(genotype: Genotype, recipe: TrainingRecipe, data: str) -> Trained:
    """Train a network from random weights to the recipe's end, and score it once on the test split."""
    images = load(data).to(pick(None))
    begin = time.perf_counter()
    trainer, curve = NetworkTrainer(genotype, recipe, images), []
    for _ in range(recipe.epochs):
        trainer.epoch()
        if trainer.held_out is not None:
            curve.append(trainer.error(trainer.held_out))
    return Trained(
        error=trainer.error(images.test),
        params=params(genotype, recipe.network(images.image_shape, images.classes)) / 1e6,
        seconds=time.perf_counter() - begin,
        curve=curve,
    )


# ---------------------------------------------------------------------- choosing networks


def along(front: Front, k: int) -> list[Genotype]:
    """Return at most ``k`` networks of a front, spread evenly over its order by the last objective, ends included."""
    order = np.argsort(front.F[:, -1], kind="stable")
    chosen = np.unique(np.linspace(0, len(order) - 1, min(k, len(order))).round().astype(int))
    return [front.genotypes[order[i]] for i in chosen]


def by_size(space: DARTSSpace, network: NetworkConfig, quantiles: Sequence[float], seed: int) -> list[Genotype]:
    """Return random architectures whose parameters stand at some quantiles among 1000 drawn uniformly."""
    random_state = np.random.default_rng(seed)
    X = random_state.integers(space.xl, space.xu + 1, size=(1000, space.n_var))
    genotypes: list[Genotype] = space.decode(X)
    order = np.argsort([params(genotype, network) for genotype in genotypes], kind="stable")
    return [genotypes[order[round(q * (len(order) - 1))]] for q in quantiles]


def like_sized(space: DARTSSpace, network: NetworkConfig, like: Sequence[Genotype], seed: int) -> list[Genotype]:
    """Return for each of some networks one of 1000 random others with about as many parameters, no one twice."""
    random_state = np.random.default_rng([seed, len(like)])  # another stream than that of a search with this seed
    genotypes: list[Genotype] = space.decode(random_state.integers(space.xl, space.xu + 1, size=(1000, space.n_var)))
    sizes = np.array([np.inf if g in like else params(g, network) for g in genotypes], dtype=float)
    chosen = []
    for genotype in like:
        k = int(np.abs(sizes - params(genotype, network)).argmin())
        chosen.append(genotypes[k])
        sizes[k] = np.inf
    return chosen
