"""An operation of one's own as a layer of a supernet or of a stand-alone network."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from carsmoo.nets.models.batch_norm import NormBuilder, Statistics
from carsmoo.space.operation import Operation


class Passed:
    """The statistics that a layer was called with, for as long as its call lasts."""

    def __init__(self) -> None:
        self.statistics: Statistics | None = None


class PassedNorm(nn.Module):
    """A norm within a module of one's own, which is called with nothing but its input.

    Args:
        norm: the norm.
        passed: what the layer around it was called with.
    """

    def __init__(self, norm: nn.Module, passed: Passed) -> None:
        super().__init__()
        self.norm, self.passed = norm, passed

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (n, c, h, w), normalised."""
        y: Tensor = self.norm(x, self.passed.statistics)
        return y


class OwnOperation(nn.Module):
    """An operation of one's own, called as any other layer.

    Args:
        operation: which builds the module.
        channels: of its input and output.
        stride: 1 or 2.
        norm: makes the norms.
    """

    def __init__(self, operation: Operation, channels: int, stride: int, norm: NormBuilder) -> None:
        super().__init__()
        self.passed = Passed()
        self.module = operation.build(channels, stride, lambda size: PassedNorm(norm(size), self.passed))
        for part in self.module.modules():
            if isinstance(part, nn.Conv2d) and _picks_pixels(part):
                part.register_forward_pre_hook(partial(_every, part.stride))
                part.stride = (1, 1)

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c, h, w)."""
        if statistics is None:
            y: Tensor = self.module(x)
            return y
        self.passed.statistics = statistics
        try:
            y = self.module(x)
        finally:
            self.passed.statistics = None
        return y


def _picks_pixels(convolution: nn.Conv2d) -> bool:
    """Return whether a convolution reads some of the pixels only: 1x1, with a stride, without padding.

    Its pixels are taken before it then, as in :class:`~carsmoo.nets.models.ops.FactorizedReduce` and for its reason:
    given the stride, oneDNN's backward writes past its memory where there are few channels.
    """
    unpadded = convolution.padding in ((0, 0), "valid")
    return convolution.kernel_size == (1, 1) and max(convolution.stride) > 1 and unpadded


def _every(stride: tuple[int, ...], module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Tensor]:
    """Return every so many-th row and column of a layer's input."""
    return (inputs[0][:, :, :: stride[0], :: stride[1]],)
