"""Networks with random weights, drawn from a seed or a generator."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from carsmoo.nets.models.own_operation import OwnOperation

M = TypeVar("M", bound=nn.Module)


def drawn(make: Callable[[], M], generator: torch.Generator) -> M:
    """Return the module that ``make`` returns, on the CPU, with weights from ``generator``; no other is touched."""
    with torch.device("meta"):  # torch would draw the weights from its global generator
        module = make()
    module.float().to_empty(device="cpu")  # float32, whatever torch's default type is
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
    initialise(module, generator)
    return module


def generator_of(seeds: np.random.SeedSequence) -> torch.Generator:
    """Return torch's generator, on the CPU, for one of the streams that a seed was split into."""
    return torch.Generator().manual_seed(int(seeds.generate_state(1, np.uint64)[0] >> 1))


@torch.no_grad()
def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights of convolutions and linear layers from ``generator``, by torch's own rules.

    The global generator is not touched, and the drawn values do not depend on the device.
    """
    own: set[nn.Module] = set()  # within operations of a user's own
    for layer in module.modules():
        if isinstance(layer, OwnOperation):
            own.update(layer.modules())
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            bound = 1 / math.sqrt(layer.weight[0].numel())
            for parameter in layer.parameters():
                values = torch.empty(parameter.shape, dtype=torch.float32)
                parameter.copy_(values.uniform_(-bound, bound, generator=generator))
        elif layer in own and not isinstance(layer, nn.BatchNorm2d) and [*layer.parameters(recurse=False)]:
            _reset(layer, generator)


def _reset(layer: nn.Module, generator: torch.Generator) -> None:
    """Let a layer draw its parameters from a seed that ``generator`` gives; the global generator is left as it was."""
    seed = int(torch.randint(2**62, (), generator=generator))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        layer.reset_parameters()  # type: ignore[operator]  # looked for where the operation's costs are counted
