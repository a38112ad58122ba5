"""One training of a truth set."""

from __future__ import annotations

import dataclasses
import math
import time
from typing import Any

import torch
from torch.optim.lr_scheduler import OneCycleLR

from benchmarks.truth.sets import TruthSet
from carsmoo.nets.data import ImageData
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.space.genotype import Genotype
from carsmoo.utils.validation import DivergenceError

DIVISOR = 1e3
"""What the highest learning rate is divided by for the first step, and for the last."""


def train_alone(genotype: Genotype, made: TruthSet, data: ImageData, seed: int, budget: float) -> dict[str, Any]:
    """Train a network and return its errors, fractions, on the test split and on the held-out images.

    Args:
        genotype: its cells.
        made: the recipe.
        data: images.
        seed: of initial weights, held-out images, order and augmentation.
        budget: length in units of the recipe's epochs; the schedule is stretched to it.

    Returns:
        ``test``, ``held_out``; ``loss``, the mean training loss of the last epoch; ``epochs``, ``steps``; and
        ``core_seconds`` of this process, training and scoring.

    Raises:
        ValueError: if the budget is no whole number of epochs.
        DivergenceError: if the loss is not finite any more.
    """
    epochs = round(budget * made.recipe.epochs)
    if epochs < 1 or epochs != budget * made.recipe.epochs:
        raise ValueError(f"budget: expected whole epochs, got {budget:g} of {made.recipe.epochs}")
    begin = time.process_time()
    trainer = NetworkTrainer(genotype, dataclasses.replace(made.recipe, seed=seed), data)
    recipe, images = trainer.recipe, trainer.train
    steps = -(-len(images) // recipe.batch)
    trainer.optimizer = torch.optim.SGD(
        trainer.network.parameters(),
        recipe.learning_rate,
        recipe.momentum,
        weight_decay=recipe.weight_decay,
        nesterov=True,
        fused=True,
    )
    schedule = OneCycleLR(
        trainer.optimizer,
        recipe.learning_rate,
        total_steps=epochs * steps,
        pct_start=made.warmup,
        anneal_strategy="linear",
        cycle_momentum=False,
        div_factor=DIVISOR,
        final_div_factor=1.0,
    )
    loss = math.nan
    for epoch in range(1, epochs + 1):
        total = 0.0
        order = torch.randperm(len(images), generator=trainer.generator).tensor_split(steps)
        for batch, labels in images.augmented(order, trainer.augment, trainer.generator):
            total += float(trainer.step(data.normalise(batch), labels))
            if schedule.last_epoch < epochs * steps - 1:
                schedule.step()
        loss = total / steps
        if not math.isfinite(loss):
            raise DivergenceError(f"training: expected a finite loss, got {loss} in epoch {epoch} of {genotype}")
    assert trainer.held_out is not None
    errors = {"test": trainer.error(data.test), "held_out": trainer.error(trainer.held_out)}
    counted = {"epochs": epochs, "steps": epochs * steps, "core_seconds": round(time.process_time() - begin, 1)}
    return {**errors, "loss": round(loss, 4), **counted}
