"""Networks with random weights, drawn from a seed or a generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn
from torch.optim.swa_utils import update_bn

from carsmoo.config import NetworkConfig
from carsmoo.genotype import Genotype
from carsmoo.memory import BYTES, require_fits
from carsmoo.nets.network import Network
from carsmoo.nets.supernet import initialise

M = TypeVar("M", bound=nn.Module)


def untrained(genotype: Genotype, network: NetworkConfig, seed: int = 0) -> Network:
    """Return a network with torch's initial weights, drawn from ``seed`` alone, in training mode.

    Args:
        genotype: its cells.
        network: its shape.
        seed: of the weights, at least 0.
    """
    return build(genotype, network, torch.Generator().manual_seed(seed))


def build(genotype: Genotype, network: NetworkConfig, generator: torch.Generator) -> Network:
    """Return a network with weights from ``generator``, drawn by torch's rules; the global generator is not touched."""
    return drawn(lambda: Network(genotype, network), generator)


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


def measure_noise(network: Network, seed: int = 0, n: int = 16) -> None:
    """Let a network's batch norm measure its statistics on ``n`` images of noise, without which its logits vanish.

    Raises:
        ValueError: if they do not fit in the memory.
    """
    colours, height, width = network.config.image_shape
    require_fits("images", BYTES * n * colours * height * width, f"{n} of {colours}x{height}x{width}")
    generator = torch.Generator().manual_seed(seed)
    update_bn([torch.randn(n, *network.config.image_shape, generator=generator, dtype=torch.float32)], network)
