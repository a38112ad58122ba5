"""What can be exported: a trained network, a network of a run with the supernet's weights, or a genotype alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import load_for_training
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.network import measure_noise, untrained
from carsmoo.nets.models.serialization import load
from carsmoo.nets.retraining.card import card_of_data
from carsmoo.nets.retraining.trainer import error_of
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES

if TYPE_CHECKING:
    from torch import Tensor

REAL = 64
"""Real images that an export is compared on."""


class Source(NamedTuple):
    """What is exported.

    Attributes:
        network: the network.
        told: the fields ``data``, ``recipe`` and ``accuracy`` of its card.
        images: raw images of its data, (n, c, h, w) as float32; None where there are none at hand.
    """

    network: ArchitectureNetwork
    told: dict[str, Any]
    images: Tensor | None


def of_trained(path: Path, ops: Vocabulary = PRIMITIVES, data: str | None = None) -> Source:
    """Return the network that a folder holds, with images of its test split if its data are at hand.

    Args:
        path: the folder.
        ops: as for :func:`carsmoo.load`.
        data: name of the images, with the path that its card does not tell; else they are looked for in the directory
            of now.

    Raises:
        ValueError, OSError: as :func:`carsmoo.load`.
    """
    network = load(path, ops)
    told = {key: network.card[key] for key in ("data", "recipe", "accuracy")}
    if told["data"] is None:
        return Source(network, told, None)
    name = told["data"]["name"]
    for place in (name,) if data is None else (data, name):
        try:
            images = load_for_training(place, TrainingRecipe())  # the name says whether they stay in files
        except (ValueError, OSError):
            continue
        if (images.name, images.image_shape) == (name, network.config.input_shape):
            return Source(network, told, images.test.first(REAL).float().cpu())
    return Source(network, told, None)  # the command says that it compared on noise alone


def of_run(problem: CARSProblem, front: Front, number: int | None = None) -> Source:
    """Return a network of a search's front with the weights of the supernet.

    Args:
        problem: the search, as it was saved last.
        front: its front.
        number: which of the front's networks, counted from 1; the one of the smallest error if not given.

    Raises:
        ValueError: if there is no such network.
    """
    if len(front) == 0 or (number is not None and not 1 <= number <= len(front)):
        raise ValueError(f"network: expected one of 1..{len(front)} as in the front, got {number}")
    return of_search(problem, front.genotypes[front.best() if number is None else number - 1])


def of_search(problem: CARSProblem, genotype: Architecture) -> Source:
    """Return the network of a genotype with the weights that it has in a search now."""
    network = problem.subnet(genotype)
    data = problem.images
    about = problem.provenance()
    accuracy = {key: about[key] for key in ("split", "epoch", "weights")}
    shared = problem.training.weights == "shared"
    fitted = ", the classifier fitted to search-train images" if problem.training.classifier_images else ""
    recipe = {
        "weights": f"inherited from the supernet of a search{fitted}" if shared else "of a search, the network's own",
        "batch_norm": "measured on search-train images" if shared else "running statistics of its training",
        "seed": problem.seed,
        "training": dataclasses.asdict(problem.training),
    }
    error = error_of(network, data.validation, data.normalise)
    told = {"data": card_of_data(data), "recipe": recipe, "accuracy": [{**accuracy, "error": error}]}
    return Source(network, told, data.validation.images[:REAL].float().cpu())


def of_genotype(genotype: Architecture, network: NetworkConfig, seed: int = 0) -> Source:
    """Return a network with random weights."""
    built = untrained(genotype, network, seed)
    measure_noise(built, seed)
    recipe = {"weights": "random, untrained", "batch_norm": "measured on noise", "seed": seed}
    return Source(built.eval(), {"data": None, "recipe": recipe, "accuracy": []}, None)
