"""The operations of the DARTS space, for the supernet and for stand-alone networks alike.

A layer is called as ``layer(x, statistics=None)`` with x (n, c, h, w). Those of stride 2 give ceil(h / 2) x ceil(w / 2)
at any size, odd ones included. Convolutions have no bias; the norm layer comes from the builder.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carsmoo.nets.models.batch_norm import NormBuilder, Statistics
from carsmoo.nets.models.own_operation import OwnOperation
from carsmoo.space.graph import Layer
from carsmoo.space.operation import Operation


class Convolution(nn.Conv2d):
    """A convolution that draws no weights on the meta device, which takes as long as everything else of a network."""

    def reset_parameters(self) -> None:
        """Draw the weights by torch's rule, unless they have no memory yet."""
        if not self.weight.is_meta:
            super().reset_parameters()


class ReLUFirst(nn.Module):
    """A layer whose first step is a ReLU, which all that read the same input may share."""

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return what the layer makes of ``x`` (n, c, h, w)."""
        return self.after_relu(F.relu(x), statistics)

    def after_relu(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return the same of an ``x`` that a ReLU has gone over."""
        raise NotImplementedError


class ReLUConvNorm(ReLUFirst):
    """ReLU, 1x1 convolution, norm: brings a cell's input to its channels."""

    def __init__(self, c_in: int, c_out: int, norm: NormBuilder) -> None:
        super().__init__()
        self.conv = Convolution(c_in, c_out, 1, bias=False)
        self.norm = norm(c_out)

    def after_relu(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, h, w)."""
        y: Tensor = self.norm(self.conv(x), statistics)
        return y


class FactorizedReduce(ReLUFirst):
    """Halves the image: two 1x1 convolutions, of every second pixel and of those one further, joined."""

    def __init__(self, c_in: int, c_out: int, norm: NormBuilder) -> None:
        super().__init__()
        self.even = Convolution(c_in, c_out // 2, 1, bias=False)
        self.odd = Convolution(c_in, c_out - c_out // 2, 1, bias=False)
        self.norm = norm(c_out)

    def after_relu(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / 2), ceil(w / 2)); past an odd border the further pixel is zero."""
        height, width = x.shape[2:]
        even, odd = x[:, :, ::2, ::2], x[:, :, 1::2, 1::2]
        if height % 2 or width % 2:
            odd = F.pad(odd, (0, width % 2, 0, height % 2))
        # The pixels are taken before the convolutions. Given a stride of 2, oneDNN's backward of a 1x1 convolution
        # (torch 2.14, channels last) writes past its memory where there are fewer channels than its vectors are wide.
        joined = torch.cat([self.even(even), self.odd(odd)], dim=1)
        y: Tensor = self.norm(joined, statistics)
        return y


def _traced() -> bool:
    return torch.jit.is_tracing() or torch.compiler.is_compiling()  # type: ignore[no-untyped-call, attr-defined]


class Depthwise(Convolution):
    """A depthwise convolution without bias, padded to keep the size, that leaves out work on nothing but padding.

    The results are those of torch's layer. With stride and dilation 2 it reads even pixels only, and is an undilated
    convolution of those; taps that reach past the border from every pixel of a small image are left out. Torch has
    fast kernels for what is left, above all backward. While a network is traced it is the plain layer. The kernel
    is odd, stride and dilation are 1 or 2.
    """

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int) -> None:
        padding = dilation * (kernel - 1) // 2
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c, h, w)."""
        if _traced():
            return super().forward(x)
        stride, dilation = self.stride[0], self.dilation[0]
        if stride == dilation == 2:
            x = x[:, :, ::2, ::2]
            stride = dilation = 1
        centre = self.kernel_size[0] // 2
        reach = min(centre, (max(x.shape[2:]) - 1) // dilation)
        taps = slice(centre - reach, centre + reach + 1)
        return F.conv2d(
            x, self.weight[:, :, taps, taps], None, stride, reach * dilation, dilation if reach else 1, self.groups
        )


class PaddedDepthwise(Depthwise):
    """The same, which pads an image that its padding is as large as: oneDNN's gradient of the weights is slow on those.

    Torch 2.14 takes 3 to 8 times as long for 5x5 at 4x4 or 3x3 at 2x2 if it pads by itself. The results are those of
    another kernel, to the last digits.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c, h, w)."""
        reach = min(self.kernel_size[0] // 2, max(x.shape[2:]) - 1)
        if _traced() or self.dilation[0] > 1 or 2 * reach < min(x.shape[2:]):
            return super().forward(x)
        centre = self.kernel_size[0] // 2
        taps = slice(centre - reach, centre + reach + 1)
        return F.conv2d(F.pad(x, (reach,) * 4), self.weight[:, :, taps, taps], None, self.stride[0], 0, 1, self.groups)


class Separable(ReLUFirst):
    """ReLU, depthwise and 1x1 convolution, norm; ``repeats`` times, the first with the stride."""

    def __init__(
        self, channels: int, kernel: int, stride: int, norm: NormBuilder, *, dilation: int = 1, repeats: int = 1
    ) -> None:
        super().__init__()
        self.depthwise = nn.ModuleList(
            Depthwise(channels, kernel, stride if k == 0 else 1, dilation) for k in range(repeats)
        )
        self.pointwise = nn.ModuleList(Convolution(channels, channels, 1, bias=False) for _ in range(repeats))
        self.norm = nn.ModuleList(norm(channels) for _ in range(repeats))

    def after_relu(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride))."""
        layers = zip(self.depthwise, self.pointwise, self.norm, strict=True)
        for k, (depthwise, pointwise, norm) in enumerate(layers):
            x = norm(pointwise(depthwise(F.relu(x) if k else x)), statistics)
        return x


class Pool(nn.Module):
    """3x3 pooling; the mean leaves the border's padding out."""

    def __init__(self, kind: str, stride: int) -> None:
        super().__init__()
        self.kind = kind
        self.stride = stride

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride))."""
        if self.kind == "max":
            return F.max_pool2d(x, 3, self.stride, padding=1)
        return F.avg_pool2d(x, 3, self.stride, padding=1, count_include_pad=False)

    def extra_repr(self) -> str:
        """Show the layer's settings in its printed form."""
        return f"{self.kind}, stride={self.stride}"


class Identity(nn.Module):
    """Passes its input on."""

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return ``x``."""
        return x


def module_of(layer: Layer, norm: NormBuilder) -> nn.Module:
    """Build an input layer of a cell, or the operation of an edge."""
    if layer.kind != "entry":
        return operation(layer.kind, layer.c_in, layer.stride, norm)
    return (FactorizedReduce if layer.stride == 2 else ReLUConvNorm)(layer.c_in, layer.c_out, norm)


def operation(name: str, channels: int, stride: int, norm: NormBuilder) -> nn.Module:
    """Build the operation ``name`` of the DARTS space, or one of a user's own.

    Raises:
        ValueError: if there is no such operation to run (``none`` is an absent edge, not an operation).
    """
    if isinstance(name, Operation):
        return OwnOperation(name, channels, stride, norm)
    match name:
        case "max_pool_3x3" | "avg_pool_3x3":
            return Pool(name[:3], stride)
        case "skip_connect":
            return Identity() if stride == 1 else FactorizedReduce(channels, channels, norm)
        case "sep_conv_3x3" | "sep_conv_5x5":
            return Separable(channels, int(name[-1]), stride, norm, repeats=2)
        case "dil_conv_3x3" | "dil_conv_5x5":
            return Separable(channels, int(name[-1]), stride, norm, dilation=2)
    raise ValueError(f"operation: expected one that computes something, got {name!r}")
