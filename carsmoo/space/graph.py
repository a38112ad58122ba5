"""Architectures as graphs of layers: what costs, times, scores and built networks follow from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FRAME = ("stem", "stem_next", "entry", "add", "zeros", "concat", "classifier")
"""Kinds of layers around the operations: a stem's first and further convolutions, a 1x1 convolution that brings a
cell's input to its channels, the sum of two, a sum of nothing, a concatenation, the mean over the image with the linear
classifier."""

CHAIN = ("stem_relu", "stem_relu_next", "project", "head", "reduce_block", "last_norm")
"""Further kinds around them: a stem's convolutions with a norm and a ReLU each, a 1x1 convolution with a norm, the same
with a ReLU, NAS-Bench-201's residual block of stride 2, its last norm with a ReLU."""

MB_CONV = re.compile(r"mb_conv_([1-9]\d?)x\1_e([1-9]\d?)")
"""MobileNet's inverted bottleneck: kernel and expansion."""

NOR_CONV = re.compile(r"nor_conv_([1-9]\d?)x\1")
"""ReLU, convolution, norm: the kernel."""


def halved(size: int, times: int) -> int:
    """Return an image's height or width after so many layers of stride 2, each of which rounds up."""
    return -(-size // (1 << times))


class Layer(NamedTuple):
    """A layer with all that its time depends on, apart from the memory format.

    Attributes:
        kind: an operation, or one of :data:`~carsmoo.space.graph.FRAME` or
            :data:`~carsmoo.space.graph.CHAIN`.
        c_in: channels of its input, of one of them where it has several.
        c_out: channels, or classes, that it gives.
        height: rows of its input.
        width: columns of its input.
        stride: 1 or 2.
    """

    kind: str
    c_in: int
    c_out: int
    height: int
    width: int
    stride: int = 1

    @property
    def area(self) -> int:
        """Pixels of what it gives for one image; a classifier gives one."""
        halvings = self.stride - 1
        return 1 if self.kind == "classifier" else halved(self.height, halvings) * halved(self.width, halvings)

    @property
    def size(self) -> int:
        """Numbers that it gives for one image."""
        return self.c_out * self.area

    @property
    def after(self) -> tuple[int, int]:
        """Height and width of what it gives."""
        return halved(self.height, self.stride - 1), halved(self.width, self.stride - 1)


class Vertex(NamedTuple):
    """A layer of an architecture, and what it reads.

    Attributes:
        layer: what is computed.
        inputs: places of the vertices that it reads, which come before it; none: the images. Zeros read nothing: what
            they name there they are as large as.
        slot: where a supernet holds the layer's module, which all architectures share that choose it there; empty for
            a sum, a concatenation or zeros, which have none.
        runs: whether the logits depend on it. What does not is held, and not computed.
    """

    layer: Layer
    inputs: tuple[int, ...]
    slot: str = ""
    runs: bool = True


def reaching_the_end(vertices: Sequence[Vertex]) -> tuple[Vertex, ...]:
    """Return the same vertices, of which those run that the last one depends on."""
    needed = [False] * len(vertices)
    needed[-1] = True
    for place in range(len(vertices) - 1, -1, -1):
        if needed[place] and vertices[place].layer.kind != "zeros":
            for i in vertices[place].inputs:
                needed[i] = True
    return tuple(vertex._replace(runs=runs) for vertex, runs in zip(vertices, needed, strict=True))


def halvings(vertices: Sequence[Vertex], place: int) -> int:
    """Return how often the images have been halved in what a vertex gives."""
    times = 0
    while True:
        vertex = vertices[place]
        times += vertex.layer.stride - 1
        if not vertex.inputs:
            return times
        place = vertex.inputs[0]


def branches(vertices: Sequence[Vertex]) -> frozenset[tuple[int, int]]:
    """Return the terms of sums that drop path may drop, (place of the sum, place of the term).

    They are what layers of a slot give, but for a shortcut: a term that the other one is made of.
    """
    return frozenset(
        (place, term)
        for place, vertex in enumerate(vertices)
        if vertex.layer.kind == "add"
        for term, other in (vertex.inputs, vertex.inputs[::-1])
        if vertices[term].slot and not _depends(vertices, other, term)
    )


def _depends(vertices: Sequence[Vertex], place: int, earlier: int) -> bool:
    """Return whether a vertex depends on an earlier one, or is it."""
    waiting = {place}
    while waiting:
        last = max(waiting)
        if last <= earlier:
            return last == earlier
        waiting.remove(last)
        waiting.update(vertices[last].inputs)
    return False


def auxiliary_place(vertices: Iterable[Vertex]) -> int:
    """Return the place of the vertex that an auxiliary head reads: the first that runs at the last image size."""
    inner = [
        (k, vertex.layer) for k, vertex in enumerate(vertices) if vertex.runs and vertex.layer.kind != "classifier"
    ]
    last = inner[-1][1].after
    return next(k for k, layer in inner if layer.after == last)


def text_of(layer: Layer) -> str:
    """Return a layer as a few words."""
    return f"{layer.kind} {layer.c_in}->{layer.c_out} at {layer.height}x{layer.width}, stride {layer.stride}"
