"""The training of networks in a time: how many of them, and for how many epochs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import torch

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.cost.closed_form import params
from carsmoo.nets.data import TrainingData
from carsmoo.nets.retraining.trainer import NetworkTrainer, error_of
from carsmoo.space.architecture import Architecture

RESERVE = 10.0, 0.08
"""Seconds, and share of a budget, that are left to imports, the test images, pictures and noise."""

TIMED = 3
"""Networks that are measured: the smallest, one in the middle, the largest."""

STEPS = 6
"""Steps of each that are timed at most, after one that is not."""

FEWEST, MOST = 10, 300
"""Epochs that a network is trained for at least, unless the recipe has fewer, and at most."""


def epoch_seconds(genotypes: Sequence[Architecture], recipe: TrainingRecipe, data: TrainingData) -> list[float]:
    """Return the seconds of an epoch of each network, by what a few of them are measured to need.

    Args:
        genotypes: of the networks.
        recipe: how they are trained.
        data: images, on the device where they are trained.
    """
    shape = recipe.network(data.image_shape, data.classes)
    sizes = [params(genotype, shape) for genotype in genotypes]
    order = np.argsort(sizes, kind="stable")
    places = order[np.unique(np.linspace(0, len(order) - 1, TIMED).round().astype(int))]
    timed = [_epoch_seconds(genotypes[k], recipe, data) for k in places]
    found: list[float] = np.interp(sizes, [sizes[k] for k in places], timed).tolist()
    return found


def fitting(
    seconds: float,
    each: Sequence[float],
    order: Sequence[int],
    recipe: TrainingRecipe,
    *,
    spent: float = 0.0,
    at_once: int = 1,
) -> tuple[list[int], int]:
    """Return which networks are trained in a time, places of ``each``, and for how many epochs.

    As many as can be trained for at least :data:`FEWEST` epochs: the first one, then those spread over the others.

    Args:
        seconds: that all may take.
        each: seconds of an epoch of each network.
        order: places of the networks, the most wanted one first, the others along the front.
        recipe: whose epochs are enough where they are fewer than the fewest.
        spent: seconds that have gone already.
        at_once: networks that are trained at a time, each as fast as one alone.

    Raises:
        ValueError: if not even one network can be trained so long.
    """
    usable = (seconds - spent) * (1 - RESERVE[1]) - RESERVE[0]
    least = min(FEWEST, recipe.epochs)
    first, *others = order
    for count in range(len(order), 0, -1):
        places = np.linspace(0, len(others) - 1, count - 1).round().astype(int).tolist()
        chosen = [first, *(others[k] for k in dict.fromkeys(places))]
        epochs = int(min(at_once, len(chosen)) * usable / sum(each[k] for k in chosen))
        if epochs >= least:
            return chosen, min(epochs, MOST)
    needed = spent + (least * each[first] + RESERVE[0]) / (1 - RESERVE[1])
    raise ValueError(f"budget: expected at least {needed:.0f}s for {least} epochs of one network, got {seconds:.0f}s")


@torch.inference_mode(False)
def _epoch_seconds(genotype: Architecture, recipe: TrainingRecipe, data: TrainingData) -> float:
    trainer = NetworkTrainer(genotype, dataclasses.replace(recipe, epochs=1), data)
    steps = trainer.steps_per_epoch
    order = torch.arange(len(trainer.train)).tensor_split(steps)[: STEPS + 1]
    generator, times, before = torch.Generator().manual_seed(0), [], time.perf_counter()
    for images, labels in trainer.train.augmented(order, trainer.augment, generator):
        float(trainer.step(data.normalise(images), labels))  # waits for the device
        times.append(time.perf_counter() - before)
        before = time.perf_counter()
    seconds = steps * float(np.mean(times[1:] or times))
    if trainer.held_out is None:
        return seconds
    some = trainer.held_out.at(torch.arange(min(len(trainer.held_out), 2 * recipe.batch)))
    error_of(trainer.network, some, data.normalise)
    return seconds + (time.perf_counter() - before) * len(trainer.held_out) / len(some)
