"""What networks that are chains of layers begin and end with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from carsmoo.space.graph import Layer, Vertex, halved

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig


def stem_vertices(network: NetworkConfig, relu: bool = False) -> list[Vertex]:
    """Return a stem's convolutions: one of stride 1, or three of stride 2 for large images; with a ReLU each or not."""
    colours, height, width = network.input_shape
    c, kind = network.channels, "stem_relu" if relu else "stem"
    if network.stem == "cifar":
        return [Vertex(Layer(kind, colours, c, height, width), (), "stem0")]
    widths = [(colours, max(c // 2, 1)), (max(c // 2, 1), c), (c, c)]
    return [
        Vertex(
            Layer(f"{kind}_next" if k else kind, *pair, halved(height, k), halved(width, k), 2),
            (k - 1,) if k else (),
            f"stem{k}",
        )
        for k, pair in enumerate(widths)
    ]


def classifier_vertex(vertices: Sequence[Vertex], network: NetworkConfig) -> Vertex:
    """Return the classifier that reads the last of some vertices."""
    last = vertices[-1].layer
    return Vertex(
        Layer("classifier", last.c_out, network.output_classes, *last.after), (len(vertices) - 1,), "classifier"
    )
