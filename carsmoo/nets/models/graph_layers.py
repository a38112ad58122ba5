"""Layers of networks that are told as a graph, and how one computes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from carsmoo.nets.models.base import Run
from carsmoo.nets.models.batch_norm import NormBuilder, Statistics
from carsmoo.nets.models.cells import MemoryFormat
from carsmoo.nets.models.ops import Convolution, PaddedDepthwise, ReLUFirst, module_of, operation
from carsmoo.space.graph import MB_CONV, NOR_CONV, Layer, Vertex, halved, halvings
from carsmoo.space.operation import Operation


class ConvNorm(nn.Module):
    """Convolution and norm, and a ReLU or none: ``memory_format`` is what it gives out, if it is set."""

    def __init__(self, layer: Layer, kernel: int, norm: NormBuilder, relu: bool) -> None:
        super().__init__()
        self.stride = layer.stride
        self.kernel = kernel
        stride = 1 if kernel == 1 else layer.stride  # a 1x1 kernel's pixels are taken before it, see FactorizedReduce
        self.conv = Convolution(layer.c_in, layer.c_out, kernel, stride, kernel // 2, bias=False)
        self.norm = norm(layer.c_out)
        self.relu = relu

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c_in, h, w)."""
        if self.kernel == 1 and self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        y: Tensor = self.norm(self.conv(x), statistics)
        return F.relu(y) if self.relu else y


class StemConv(ConvNorm, MemoryFormat):
    """A stem's convolution, which reads the images or the one before it and gives a memory format out.

    Args:
        layer: its shape.
        norm: makes the norm.
        relu: whether a ReLU stands behind it; where it reads another one without, one stands before it.
    """

    def __init__(self, layer: Layer, norm: NormBuilder, relu: bool) -> None:
        super().__init__(layer, 3, norm, relu)
        self.before = layer.kind == "stem_next"

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c_in, h, w)."""
        y = super().forward(F.relu(x) if self.before else x, statistics)
        return y.contiguous(memory_format=self.memory_format)


class InvertedBottleneck(nn.Module):
    """MobileNetV2's block without its residual: 1x1 expansion, depthwise, 1x1 projection (Sandler et al., CVPR 2018).

    The residual is a sum of the graph. Departs: ReLU instead of ReLU6.
    """

    def __init__(self, layer: Layer, kernel: int, expansion: int, norm: NormBuilder) -> None:
        super().__init__()
        inner = expansion * layer.c_in
        self.expand = Convolution(layer.c_in, inner, 1, bias=False) if expansion > 1 else None
        self.depthwise = PaddedDepthwise(inner, kernel, layer.stride, 1)
        self.project = Convolution(inner, layer.c_out, 1, bias=False)
        self.norms = nn.ModuleList(norm(c) for c in ([inner] if expansion > 1 else []) + [inner, layer.c_out])

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c_in, h, w)."""
        *first, second, third = self.norms
        if self.expand is not None:
            x = F.relu(first[0](self.expand(x), statistics))
        x = F.relu(second(self.depthwise(x), statistics))
        y: Tensor = third(self.project(x), statistics)
        return y


class NorConv(ReLUFirst):
    """ReLU, convolution that keeps the size or halves it, norm."""

    def __init__(self, layer: Layer, kernel: int, norm: NormBuilder) -> None:
        super().__init__()
        self.block = ConvNorm(layer, kernel, norm, relu=False)

    def after_relu(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / stride), ceil(w / stride))."""
        y: Tensor = self.block(x, statistics)
        return y


class ReduceBlock(nn.Module):
    """NAS-Bench-201's residual block of stride 2: two 3x3 convolutions, beside them a mean and a 1x1 convolution."""

    def __init__(self, layer: Layer, norm: NormBuilder) -> None:
        super().__init__()
        height, width = layer.after
        self.first = NorConv(layer, 3, norm)
        self.second = NorConv(Layer("", layer.c_out, layer.c_out, height, width), 3, norm)
        self.shortcut = Convolution(layer.c_in, layer.c_out, 1, bias=False)

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return (n, c_out, ceil(h / 2), ceil(w / 2)) of ``x`` (n, c_in, h, w)."""
        y: Tensor = self.second(self.first(x, statistics), statistics)
        beside: Tensor = self.shortcut(F.avg_pool2d(x, 2, 2, ceil_mode=True, count_include_pad=False))
        return y + beside


class NormReLU(nn.Module):
    """Norm and ReLU."""

    def __init__(self, channels: int, norm: NormBuilder) -> None:
        super().__init__()
        self.norm = norm(channels)

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return the same shape as ``x`` (n, c, h, w)."""
        return F.relu(self.norm(x, statistics))


class Classifier(nn.Linear):
    """The mean over the image, and a linear layer."""

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return logits (n, classes) of ``x`` (n, c, h, w)."""
        return super().forward(x.mean(dim=(2, 3)))


def module_at(layer: Layer, norm: NormBuilder) -> nn.Module:
    """Build the module of a vertex that has a slot.

    Raises:
        ValueError: if there is no such layer.
    """
    kind = layer.kind
    if isinstance(kind, Operation):
        return operation(kind, layer.c_in, layer.stride, norm)
    if kind.startswith("stem"):
        return StemConv(layer, norm, relu=kind.startswith("stem_relu"))
    if found := MB_CONV.fullmatch(kind):
        return InvertedBottleneck(layer, int(found[1]), int(found[2]), norm)
    if found := NOR_CONV.fullmatch(kind):
        return NorConv(layer, int(found[1]), norm)
    match kind:
        case "project" | "head":
            return ConvNorm(layer, 1, norm, relu=kind == "head")
        case "reduce_block":
            return ReduceBlock(layer, norm)
        case "last_norm":
            return NormReLU(layer.c_in, norm)
        case "classifier":
            return Classifier(layer.c_in, layer.c_out)
    return module_of(layer, norm)


def compute(
    vertices: Sequence[Vertex],
    layer_at: Callable[[str], Run],
    x: Tensor,
    statistics: Statistics | None = None,
    path: Callable[[int, int, Tensor], Tensor] | None = None,
) -> list[Tensor | None]:
    """Return what each vertex gives for images ``x`` (n, c, h, w), None for one that does not run.

    Args:
        vertices: the graph.
        layer_at: gives the layer of a slot.
        x: images.
        statistics: handed to the layers.
        path: applied to the terms of sums, for drop path; given the places of sum and term.
    """
    values: list[Tensor | None] = []
    for place, vertex in enumerate(vertices):
        if not vertex.runs:
            values.append(None)
            continue
        if vertex.layer.kind == "zeros":
            values.append(_zeros(vertices, place, x))
            continue
        inputs = [value for i in vertex.inputs if (value := values[i]) is not None] or [x]
        if vertex.slot:
            values.append(layer_at(vertex.slot)(inputs[0], statistics))
        else:
            if path is not None and vertex.layer.kind == "add":
                inputs = [path(place, i, value) for i, value in zip(vertex.inputs, inputs, strict=True)]
            values.append(joined(vertex, inputs))
    return values


def joined(vertex: Vertex, inputs: Sequence[Tensor]) -> Tensor:
    """Return what a vertex without weights gives: a sum, a concatenation, or zeros of the size that the layer says.

    Zeros are given the images.

    Raises:
        ValueError: for another layer.
    """
    match vertex.layer.kind:
        case "add":
            return inputs[0] + inputs[1]
        case "concat":
            return torch.cat(list(inputs), dim=1)
        case "zeros":
            return inputs[0].new_zeros(inputs[0].shape[0], vertex.layer.c_out, *vertex.layer.after)
    raise ValueError(f"layer: expected add, concat or zeros without a slot, got {vertex.layer.kind!r}")


def _zeros(vertices: Sequence[Vertex], place: int, x: Tensor) -> Tensor:
    """Return the zeros of a vertex, as large as what they name of images ``x`` of any size."""
    vertex = vertices[place]
    size = vertex.layer.after
    if vertex.inputs:
        times = halvings(vertices, vertex.inputs[0])
        size = halved(x.shape[2], times), halved(x.shape[3], times)
    return x.new_zeros(x.shape[0], vertex.layer.c_out, *size)


def in_slots(layers: Mapping[str, nn.Module]) -> nn.ModuleDict:
    """Return layers by their slots, as a module.

    Raises:
        ValueError: for a slot that cannot be the name of a module.
    """
    held = nn.ModuleDict()
    for slot, layer in layers.items():
        try:
            held[slot] = layer
        except KeyError as error:
            told = f"got {slot!r} ({error.args[0]})"
            raise ValueError(f"slot: expected a name that a module may have, without dots, {told}") from None
    return held
