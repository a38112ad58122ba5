"""Training of shared weights on mini-batches of architectures (CARS sec. 3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from carsmoo import cost
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import ALONE, Group, spread
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.models.device import precision
from carsmoo.nets.supernet.sgd import step_unless
from carsmoo.space.architecture import Architecture


class SupernetTrainer:
    """Trains a supernet by SGD, a step at a time.

    Only the weights that a step's architectures use get a gradient, decay and a momentum step. A step whose gradient is
    not finite changes nothing and is counted, on the device, without waiting for it.

    Args:
        supernet: the shared weights.
        data: images on the supernet's device.
        plan: batch size, learning rate and its schedule.
        generator: draws the order of the images and their augmentation; it lives on the CPU.
        group: the processes that share the work, each with the same arguments and with the same calls; one if not
            given. A step's architectures, or the parts of its batch, are spread over them, and their gradients added.
            Where there are more processes than architectures times parts, batches are split further.

    Attributes:
        steps: steps done so far, the skipped ones too, of which the schedule knows the learning rate.
        updates: how many of the steps used each parameter of the supernet; None where an older state did not tell.
        slowdown: factor on the plan's learning rate, 1 unless training had to be rolled back.
    """

    @torch.inference_mode(False)
    def __init__(
        self,
        supernet: SharedWeights,
        data: ImageData,
        plan: SupernetTraining,
        generator: torch.Generator,
        group: Group = ALONE,
    ) -> None:
        self.supernet = supernet
        self.data = data
        self.plan = plan
        self.generator = generator
        self.group = group
        self.steps = 0
        self.slowdown = 1.0
        self._places = {parameter: k for k, parameter in enumerate(supernet.parameters())}
        self.updates: NDArray[np.int64] | None = np.zeros(len(self._places), dtype=np.int64)
        self._skipped = torch.zeros((), dtype=torch.float32, device=data.train.labels.device)
        self.optimizer = torch.optim.SGD(
            supernet.parameters(), plan.learning_rate, plan.momentum, weight_decay=plan.weight_decay, fused=True
        )

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch; images that do not fill a batch wait for the next shuffle."""
        return max(len(self.data.train) // self.plan.batch_size, 1)

    @property
    def epochs(self) -> float:
        """Epochs trained so far."""
        return self.steps / self.steps_per_epoch

    @property
    def median_updates(self) -> float | None:
        """The median of ``updates`` over the operations; None if it is not known or none has weights."""
        first = [next(op.parameters(), None) for op in self.supernet.each_operation()]
        places = [self._places[parameter] for parameter in first if parameter is not None]
        return None if self.updates is None or not places else float(np.median(self.updates[places]))

    def epoch(self, architectures: Iterator[Sequence[Architecture]]) -> Iterator[Tensor]:
        """Train for an epoch, each step on its architectures, and yield their mean losses, scalars on the device."""
        order = torch.randperm(len(self.data.train), generator=self.generator).to(self.data.train.labels.device)
        for indices in order[: self.steps_per_epoch * self.plan.batch_size].tensor_split(self.steps_per_epoch):
            images = self.data.augmentation(self.data.train.images[indices], self.generator)
            yield self.step(self.data.normalise(images), self.data.train.labels[indices], next(architectures))

    @torch.inference_mode(False)
    def step(self, images: Tensor, labels: Tensor, architectures: Sequence[Architecture]) -> Tensor:
        """Make one step on the mean of the architectures' gradients (eq. 3) and return their mean loss, a scalar.

        The loss of a skipped step is returned as 0.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate_at(self.epochs) * self.slowdown
        used = list(dict.fromkeys(p for genotype in architectures for p in self.supernet.chosen_parameters(genotype)))
        losses = self._passes(images, labels, architectures, used)
        if self.group.size > 1:
            losses = self._added(used, losses)
        norm = torch.nn.utils.clip_grad_norm_(used, self.plan.grad_clip)
        loss = losses.sum()
        skip = ~(norm.isfinite() & loss.isfinite())
        self._skipped += skip
        step_unless(self.optimizer, used, skip)
        for parameter in used:
            parameter.grad = None
        self.steps += 1
        if self.updates is not None:
            self.updates[[self._places[parameter] for parameter in used]] += 1
        return torch.where(skip, torch.zeros_like(loss), loss)

    def take_skipped(self) -> int:
        """Return the number of steps skipped since the last call."""
        skipped = int(self._skipped)
        self._skipped.zero_()
        return skipped

    def _passes(
        self, images: Tensor, labels: Tensor, architectures: Sequence[Architecture], parameters: Sequence[nn.Parameter]
    ) -> Tensor:
        """Run this process's share forward and backward; return what it adds to each architecture's loss.

        Gradients are added up over the architectures of a part of the batch first, then over parts: in the order in
        which processes that have a part each add theirs.
        """
        losses = torch.zeros(len(architectures), dtype=torch.float32, device=labels.device)
        sums: dict[nn.Parameter, Tensor] = {}
        for _, passes in groupby(self._share(architectures, len(images)), key=lambda share: share[1].start):
            for k, part in passes:
                with precision(images.device):
                    loss = F.cross_entropy(self.supernet(images[part], architectures[k]), labels[part])
                    loss = loss / (len(architectures) * (len(labels) / len(labels[part])))
                torch.autograd.backward([loss])
                losses[k] += loss.detach()
            for parameter in parameters:
                if parameter.grad is not None:
                    sums[parameter] = sums[parameter] + parameter.grad if parameter in sums else parameter.grad
                    parameter.grad = None
        for parameter, gradient in sums.items():
            parameter.grad = gradient
        return losses

    def _share(self, architectures: Sequence[Architecture], images: int) -> list[tuple[int, slice]]:
        """Return which architectures this process runs, and on which images of the batch."""
        several = self.group.size > 1 or len(architectures) > 1
        costs = [float(cost.flops(one, self.supernet.network)) for one in architectures] if several else [1.0]
        return spread(costs, images, self.group.size, self.plan.ghost_batches)[self.group.rank]

    def _added(self, parameters: Sequence[nn.Parameter], losses: Tensor) -> Tensor:
        """Add up the gradients and the architectures' losses of all processes, in one go; return the losses.

        All parameters, which any process's architectures use, have a gradient afterwards.
        """
        total = sum(p.numel() for p in parameters)
        # x + -0.0 is x, and -0.0 for -0.0
        bucket = torch.full((total + len(losses),), -0.0, dtype=torch.float32, device=parameters[0].device)
        offset, views = 0, []
        for parameter in parameters:
            views.append(bucket.as_strided(parameter.shape, parameter.stride(), offset))
            if parameter.grad is not None:
                views[-1].copy_(parameter.grad)
            offset += parameter.numel()
        bucket[total:] = losses
        self.group.add(bucket)
        for parameter, view in zip(parameters, views, strict=True):
            parameter.grad = view
        return bucket[total:]
