"""Self-test: the operations on this machine's kernels, forward and backward, against float64."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from carsmoo.nets.models.batch_norm import SubnetNorm
from carsmoo.nets.models.device import FORMATS
from carsmoo.nets.models.ops import operation
from carsmoo.space.genotype import PRIMITIVES

TOLERANCE = 1e-3
"""Largest difference that passes. float32 leaves about 1e-6 here; a kernel that is wrong is off by far more."""

_BATCH = 3
_SHAPES = (
    (4, 8, 8),
    (16, 9, 9),
    (36, 9, 6),
)  # channels, rows, columns: fewer channels than a vector is wide, odd sides


class Checked(NamedTuple):
    """What the test of one operation in one memory format found.

    Attributes:
        operation: its name.
        memory_format: name of the memory format.
        difference: the largest one of an output or gradient from float64, relative to the largest number there.
        failure: why it could not run, on one line; empty if it ran.
    """

    operation: str
    memory_format: str
    difference: float
    failure: str = ""

    @property
    def passed(self) -> bool:
        """Whether the operation ran and computes what it should."""
        return not self.failure and self.difference <= TOLERANCE


def check_operations(device: torch.device) -> Iterator[Checked]:
    """Yield what is found of each operation but ``none``, which computes nothing, in each memory format.

    Each one runs with stride 1 and 2 on images of three shapes, and is compared with itself in float64 on the CPU:
    output, gradient of the input, gradients of the weights.
    """
    for name in PRIMITIVES:
        for memory_format in FORMATS if name != "none" else ():
            try:
                yield Checked(name, memory_format, _difference(name, memory_format, device))
            except RuntimeError as error:  # of torch, for what a kernel cannot do
                yield Checked(name, memory_format, np.inf, " ".join(str(error).split()))


def _difference(name: str, memory_format: str, device: torch.device) -> float:
    # With this seed no ReLU is given a number so near to 0 (2e-5) that rounding decides whether a gradient passes it.
    rng, layout = np.random.default_rng(0), FORMATS[memory_format]
    differences: list[float] = []
    for channels, height, width in _SHAPES:
        for stride in (1, 2):
            with torch.device("meta"):  # where no weights are drawn
                module = operation(name, channels, stride, SubnetNorm)
            exact = module.to_empty(device="cpu").double()
            for weights in exact.parameters():
                fan_in = weights[0].numel()
                weights.data.copy_(_drawn(rng, *weights.shape) / fan_in**0.5)
            x = _drawn(rng, _BATCH, channels, height, width)
            slope = _drawn(rng, _BATCH, channels, -(-height // stride), -(-width // stride))
            expected = _computed(exact, x.double(), slope.double())
            with _no_tf32(device):
                module = exact.to(device, torch.float32).to(memory_format=layout)
                found = _computed(module, *(v.to(device, memory_format=layout) for v in (x, slope)))
            for here, there in zip(found, expected, strict=True):
                differences.append(float((here.cpu().double() - there).abs().max() / there.abs().max()))
    return float(np.max(differences))  # which is NaN if one is


def _drawn(rng: np.random.Generator, *shape: int) -> Tensor:
    """Return normal numbers that float32 holds."""
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _computed(module: nn.Module, x: Tensor, slope: Tensor) -> list[Tensor]:
    """Return a layer's output, and the gradients of its input and weights where the output's is ``slope``."""
    x = x.detach().requires_grad_()
    y = module(x)
    return [y.detach(), *torch.autograd.grad(y, [x, *module.parameters()], slope)]


def _no_tf32(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which a CUDA device's convolutions are as precise as float32."""
    if device.type != "cuda":
        return nullcontext()
    flags: AbstractContextManager[Any] = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
    return flags
