"""Every layer against itself in float64, forward and backward: ``python -m tests.support.layers SIZE ...``.

Under malloc's own checks it also dies of a write past the end of a layer's memory. Layers stand without their norms,
behind which the gradients of weights cancel; the norm is a layer of its own here.
"""

import copy
import itertools
import sys
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models.auxiliary import AuxiliaryHead
from carsmoo.nets.models.batch_norm import SubnetNorm
from carsmoo.nets.models.cells import Stem, set_memory_format
from carsmoo.nets.models.graph_layers import module_at
from carsmoo.nets.models.ops import FactorizedReduce, ReLUConvNorm, operation
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.graph import Layer
from tests.support.networks import Passing, generator

CHANNELS = range(1, 18)
GRAPHS = [  # kind, channels that it gives (0: those that it reads), stride
    ("stem_relu", 5, 1), ("stem_relu_next", 8, 2), ("mb_conv_3x3_e1", 0, 1), ("mb_conv_5x5_e3", 7, 2), ("head", 24, 1),
    ("nor_conv_1x1", 6, 2), ("nor_conv_3x3", 0, 1), ("nor_conv_3x3", 6, 2), ("project", 5, 2), ("reduce_block", 6, 2),
]  # fmt: skip
TOLERANCE = 1e-4
CLEAR_OF_ZERO = 1e-6  # of the others' size: a sum that small may change its sign in float32, and ReLU its slope with it


def layers(channels: int) -> Iterator[tuple[str, int, nn.Module]]:
    """Yield (name, channels in, layer) of all that a network of so many channels is made of."""
    for name, stride in itertools.product(PRIMITIVES[1:], (1, 2)):
        if channels > 1 or (name, stride) != ("skip_connect", 2):  # a network has 2 channels at least
            yield f"{name}, stride {stride}", channels, operation(name, channels, stride, passing)
    yield "norm", channels, SubnetNorm(channels)
    for other in {channels + 1, max(2, channels // 2)}:
        yield f"1x1 to {other}", channels, ReLUConvNorm(channels, other, passing)
        yield f"reduction to {other}", channels, FactorizedReduce(channels, other, passing)
    for stem, colours in itertools.product(("cifar", "imagenet"), (1, 3)):
        if channels > 1:
            network = NetworkConfig(channels=channels, stem=stem, image_shape=(colours, 32, 32), n_classes=3)
            yield f"{stem} stem of {colours}", colours, AllOf(Stem(network, passing))
    if channels in (1, 3, 16):
        for kind, c_out, stride in GRAPHS:
            layer = Layer(kind, channels, c_out or channels, 32, 32, stride)
            yield f"{kind} to {layer.c_out}, stride {stride}", channels, module_at(layer, passing)
    if channels in (1, 2, 7, 16):  # 768 channels inside, whatever is read
        network = NetworkConfig(channels=2, stem="cifar", image_shape=(3, 32, 32), n_classes=3)
        head = AuxiliaryHead(channels, network)
        head.features = nn.Sequential(*(part for part in head.features if not isinstance(part, nn.BatchNorm2d)))
        yield "auxiliary head", channels, head


def passing(channels: int) -> nn.Module:
    """Build what takes the place of a norm."""
    return Passing()


class AllOf(nn.Module):
    """A stem, all of which runs."""

    def __init__(self, stem: Stem) -> None:
        super().__init__()
        self.stem = stem

    def forward(self, x: Tensor) -> Tensor:
        return self.stem(x, len(self.stem.convs))[1]


def results(layer: nn.Module, x: Tensor, memory_format: torch.memory_format) -> list[Tensor]:
    """Return a layer's output, and the gradients of the sum of its weighed values by its input and its parameters."""
    x = x.clone(memory_format=memory_format).requires_grad_()
    y: Tensor = layer(x)
    weights = torch.empty_like(y).copy_(torch.randn(y.shape, generator=generator()))
    return [y.detach(), *torch.autograd.grad(y, [x, *layer.parameters()], weights)]


class NearestToZero(TorchDispatchMode):
    """While it is active: the least absolute value that a ReLU was given, in units of their root mean square."""

    def __init__(self) -> None:
        super().__init__()
        self.least = float("inf")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.ops.aten.relu.default, torch.ops.aten.relu_.default):
            sums = args[0][args[0] != 0].abs()  # of zeros alone it is 0 in float32, too
            self.least = min(self.least, float(sums.min() / sums.square().mean().sqrt()))
        return func(*args, **(kwargs or {}))


def example(exact: nn.Module, channels: int, size: int) -> tuple[Tensor, list[Tensor]]:
    """Return an input, (2, channels, size, size), for which no ReLU is near its kink, and the results of float64."""
    for seed in itertools.count(size, 64):
        x = torch.randn(2, channels, size, size, generator=generator(seed))
        with torch.no_grad(), NearestToZero() as nearest:
            exact(x.double())
        if nearest.least > CLEAR_OF_ZERO:
            return x, results(exact, x.double(), torch.contiguous_format)
    raise AssertionError


def check(name: str, channels: int, layer: nn.Module, exact: nn.Module, size: int) -> None:
    """Compare a layer in both memory formats with the same in float64.

    Raises:
        AssertionError: naming what differs by more than the tolerance.
    """
    x, expected = example(exact, channels, size)
    for memory_format in (torch.channels_last, torch.contiguous_format):
        set_memory_format(layer, memory_format)
        found = results(layer, x, memory_format)
        for k, (a, b) in enumerate(zip(found, expected, strict=True)):
            error = float((a - b).abs().max() / b.abs().max().clamp(min=1))
            what = ("output", "gradient of the input")[k] if k < 2 else f"gradient of parameter {k - 2}"
            assert error < TOLERANCE, f"{name}, {channels} channels, {size} px, {memory_format}: {what} off by {error}"


def main(sizes: list[int]) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for channels in CHANNELS:
        for name, c_in, layer in layers(channels):
            exact = copy.deepcopy(layer).double()
            for size in sizes:
                check(name, c_in, layer, exact, size)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
