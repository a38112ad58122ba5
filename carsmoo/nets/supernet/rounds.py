"""A round of training: one network, alone, for some steps at a learning rate that rises and falls."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from carsmoo.config.schedules import one_cycle
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.device import precision
from carsmoo.nets.supernet.sgd import step_unless


def steps_per_epoch(plan: SupernetTraining, data: ImageData) -> int:
    """Return the steps of an epoch."""
    return max(len(data.train) // plan.batch_size, 1)


def round_rate(plan: SupernetTraining, step: int, steps: int) -> float:
    """Return the learning rate in the middle of a step, counted from 0, of a round of so many: one cycle."""
    return max(plan.learning_rate * one_cycle((step + 0.5) / steps), plan.learning_rate_min)


@torch.inference_mode(False)
@torch.enable_grad()
def train_round(
    network: ArchitectureNetwork, plan: SupernetTraining, data: ImageData, steps: int, generator: torch.Generator
) -> float:
    """Train a network for a round, and return the loss of its last step; it is in evaluation mode then.

    Args:
        network: the network.
        plan: batch size, rates, momentum, decay and clipping.
        data: images, where the network is.
        steps: of the round, at least 1.
        generator: draws the order of the images and their augmentation.
    """
    network.train()
    parameters = list(network.parameters())
    optimizer = torch.optim.SGD(
        parameters,
        plan.learning_rate,
        plan.momentum,
        weight_decay=plan.weight_decay,
        nesterov=plan.momentum > 0,
        fused=True,
    )
    for k, indices in enumerate(batches(plan, data, steps, generator)):
        for group in optimizer.param_groups:
            group["lr"] = round_rate(plan, k, steps)
        images = data.augmentation(data.train.images[indices], generator)
        with precision(images.device):
            loss = F.cross_entropy(network(data.normalise(images)), data.train.labels[indices])
        torch.autograd.backward([loss])
        norm = torch.nn.utils.clip_grad_norm_(parameters, plan.grad_clip)
        step_unless(optimizer, parameters, ~norm.isfinite())
        optimizer.zero_grad()
    network.eval()
    return float(loss.detach())


def batches(plan: SupernetTraining, data: ImageData, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Yield the indices of so many batches; all images have a turn before one has another."""
    labels, given, each = data.train.labels, 0, steps_per_epoch(plan, data)
    while given < steps:
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        for part in order[: each * plan.batch_size].tensor_split(each)[: steps - given]:
            yield part
            given += 1
