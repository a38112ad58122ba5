"""The cell of NAS-Bench-201 (Dong and Yang, ICLR 2020)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.space.frame import classifier_vertex, stem_vertices
from carsmoo.space.graph import Layer, Vertex, reaching_the_end
from carsmoo.space.picture import Arrow, Box, Picture, line_of, plain_words
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import short

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
"""The five operations, in the benchmark's order."""

EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""(node, input) of each variable."""

_LABELS = (0.45, 0.6, 0.3, 0.27, 0.5, 0.55)
"""Where labels of the edges stand in a picture, so that they keep clear of each other."""

_TOKEN = re.compile(r"([a-z0-9_]+)~(\d)")


@dataclass(frozen=True)
class NASBench201Space(SearchSpace):
    """One cell of four nodes whose six edges choose among five operations: 15,625 architectures.

    Node ``k`` adds what its edges from all nodes before it give; node 0 is the cell's input, node 3 its output. The
    cell is repeated; where a NetworkConfig reduces (at one and two thirds of ``layers``) a residual block of stride 2
    stands in its place and doubles the channels, so that the benchmark's networks are those of 16 channels and 17
    layers. A vector holds the operation of each edge, in the order of the text; texts are the benchmark's.

    The stem gives ``channels`` channels, whatever ``stem_multiplier`` says.

    Example:
        >>> from carsmoo import NASBench201Space
        >>> space = NASBench201Space()
        >>> text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|skip_connect~2|"
        >>> space.encode(space.parse(text)).tolist()
        [3, 0, 1, 4, 2, 1]
    """

    @property
    def ops(self) -> tuple[str, ...]:
        """The five operations."""
        return OPS

    @property
    def xu(self) -> NDArray[np.int64]:
        """Upper bounds, (6,), inclusive."""
        return np.full(len(EDGES), len(OPS) - 1, dtype=np.int64)

    def text(self, genes: tuple[int, ...]) -> str:
        """Return the benchmark's text of a vector."""
        nodes: dict[int, str] = {}
        for (node, i), gene in zip(EDGES, genes, strict=True):
            nodes[node] = nodes.get(node, "|") + f"{OPS[gene]}~{i}|"
        return "+".join(nodes.values())

    def genes(self, text: str) -> Iterable[int]:
        """Return the vector of the benchmark's text.

        Raises:
            ValueError: if it is no such text.
        """
        found = _TOKEN.findall(text)
        known = [(op, int(i)) for op, i in found if op in OPS]
        if [i for _, i in known] == [i for _, i in EDGES]:
            genes = tuple(OPS.index(op) for op, _ in known)
            if self.text(genes) == "".join(text.split()):
                return genes
        raise ValueError(f"architecture: expected a text such as {self.text((3, 0, 1, 4, 2, 1))}, got {short(text)}")

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return an architecture's layers.

        Raises:
            ValueError: for a network of fewer than 3 layers, which is nothing but reductions.
        """
        if network.layers < 3:
            raise ValueError(f"layers: expected at least 3, with a cell before two reductions, got {network.layers}")
        chosen = [OPS[gene] for gene in architecture.genes]
        vertices = stem_vertices(network)
        channels = network.channels
        for position in range(network.layers):
            (height, width), before = vertices[-1].layer.after, len(vertices) - 1
            if network.reduces(position):
                block = Layer("reduce_block", channels, 2 * channels, height, width, 2)
                vertices.append(Vertex(block, (before,), f"cell{position}"))
                channels *= 2
            else:
                self._cell(vertices, position, chosen, Layer("", channels, channels, height, width))
        (height, width), last = vertices[-1].layer.after, len(vertices) - 1
        vertices.append(Vertex(Layer("last_norm", channels, channels, height, width), (last,), "last"))
        vertices.append(classifier_vertex(vertices, network))
        return reaching_the_end(vertices)

    def drawn(self, architecture: Any, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the picture of the cell; absent edges are left out."""
        boxes = (Box("0", 0, 0, "frame"), Box("1", 2, 2), Box("2", 4, -2), Box("3", 6, 0, "frame"))
        arrows = [
            Arrow(i, node, OPS[gene], line_of(OPS[gene]), f"{plain_words(OPS[gene])} of {i} at node {node}", at)
            for (node, i), gene, at in zip(EDGES, architecture.genes, _LABELS, strict=True)
            if OPS[gene] != "none"
        ]
        return [Picture("cell", boxes, tuple(arrows), f"cell. {'; '.join(a.words for a in arrows) or 'nothing'}.")]

    def _cell(self, vertices: list[Vertex], position: int, chosen: list[str], shape: Layer) -> None:
        """Add a cell's layers to those before it."""
        states = [len(vertices) - 1]
        for node in range(1, 4):
            total: int | None = None
            for op, (_, i) in ((op, edge) for op, edge in zip(chosen, EDGES, strict=True) if edge[0] == node):
                if op == "none":
                    continue
                slot = f"cell{position}_node{node}_from{i}_{op}"
                vertices.append(Vertex(shape._replace(kind=op), (states[i],), slot))
                if total is not None:
                    vertices.append(Vertex(shape._replace(kind="add"), (total, len(vertices) - 1)))
                total = len(vertices) - 1
            if total is None:
                vertices.append(Vertex(shape._replace(kind="zeros"), (states[0],)))
                total = len(vertices) - 1
            states.append(total)
