"""Search spaces for tests: small ones of ours, and one as a user writes it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo import ChainSpace, DARTSSpace, NASBench201Space, NetworkConfig, SearchSpace, Stage
from carsmoo.space import Layer, Vertex, classifier_vertex, reaching_the_end, stem_vertices
from tests.support.operations import GHOST, INVERTED, SQUEEZE


@dataclass(frozen=True)
class Forked(SearchSpace):
    """Operations side by side, joined by a concatenation."""

    branches: int = 2
    ops: tuple[str, ...] = ("skip_connect", "nor_conv_3x3", "avg_pool_3x3")

    @property
    def xu(self) -> NDArray[np.int64]:
        return np.full(self.branches, len(self.ops) - 1)

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        vertices = stem_vertices(network)
        last, c, size = len(vertices) - 1, network.channels, vertices[-1].layer.after
        for k, op in enumerate(self.ops[gene] for gene in architecture.genes):
            vertices.append(Vertex(Layer(op, c, c, *size), (last,), f"branch{k}_{op}"))
        joined = Layer("concat", c, c * self.branches, *size)
        vertices.append(Vertex(joined, tuple(range(last + 1, len(vertices)))))
        return reaching_the_end([*vertices, classifier_vertex(vertices, network)])

    def text(self, genes: tuple[int, ...]) -> str:
        return "+".join(self.ops[gene] for gene in genes)

    def genes(self, text: str) -> list[int]:
        if not set(text.split("+")) <= set(self.ops):
            raise ValueError(f"architecture: expected operations among {self.ops}, got {text!r}")
        return [self.ops.index(op) for op in text.split("+")]


CHAIN = ChainSpace((Stage(1, 2, 1, ("skip", "mb_conv_3x3_e2", "nor_conv_3x3")), Stage(2, 1, 2)), head=2)
CELL = NASBench201Space()
OWN = ChainSpace((Stage(ops=("skip", GHOST, "mb_conv_3x3_e1")), Stage(1.5, stride=2, ops=(SQUEEZE, "skip"))), head=0)
OWN_CELLS = DARTSSpace(nodes=2, ops=("none", "skip_connect", "sep_conv_3x3", INVERTED))
FORKED = Forked()
SPACES = {"chain": CHAIN, "cell": CELL, "own operations": OWN, "of one's own": FORKED}
NETWORK = NetworkConfig(channels=4, layers=3, image_shape=(3, 9, 10), n_classes=3)


def drawn(space: SearchSpace, n: int, seed: int = 0) -> list[Any]:
    """Return random architectures."""
    rng = np.random.default_rng(seed)
    found: list[Any] = space.decode(rng.integers(space.xl, space.xu + 1, (n, space.n_var)))
    return found
