"""One architecture, whatever the space: what costs, networks, files and tables ask of it."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from carsmoo.space.graph import Layer, Vertex
from carsmoo.space.picture import Picture, picture_of_text
from carsmoo.space.plain import json_of
from carsmoo.space.words import cells_in_words

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig
    from carsmoo.space.search_space import SearchSpace


Vocabulary: TypeAlias = "Sequence[str] | SearchSpace"
"""What the architectures of a file are read with: the operations that may occur, or the space."""


class Architecture(ABC):
    """What a network computes, without its widths and depth: those are a NetworkConfig's.

    Two are equal, and have the same hash, that are written alike; ``str`` writes one so that its space reads it. One
    network may be written in several ways, of which the space's ``canonical`` vector has one.
    """

    @abstractmethod
    def graph(self, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return its layers in such a network, each after those that it reads, the classifier last."""

    @abstractmethod
    def to_json(self) -> str:
        """Return it as one line of JSON."""

    @abstractmethod
    def build(self, network: NetworkConfig) -> Any:
        """Return the stand-alone network, a :class:`~carsmoo.nets.models.base.ArchitectureNetwork`."""

    @property
    @abstractmethod
    def summary(self) -> Mapping[str, str]:
        """Its operations in words, by the names of its parts."""

    @property
    def brief(self) -> str:
        """Its operations in a few letters, for a table."""
        return str(self)

    @property
    @abstractmethod
    def order(self) -> Any:
        """What it is sorted by, so that neighbours have much in common."""

    def layers(self, network: NetworkConfig) -> Iterable[tuple[Layer, bool]]:
        """Yield each layer that its network holds, and whether it runs."""
        return ((vertex.layer, vertex.runs) for vertex in self.graph(network))

    def kept(self, network: NetworkConfig) -> int:
        """Return how many numbers, for an image, a step of its training keeps for the way back, at least."""
        return sum(layer.size for layer, runs in self.layers(network) if runs)

    def drawn(self, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the pictures that show it, in such a network where that matters."""
        return [picture_of_text(str(self))]

    def depth_in_words(self, network: NetworkConfig) -> str:
        """Return how deep and wide its network is: ``5 cells of 8 channels``."""
        return cells_in_words(network)

    def require_known(self) -> None:  # noqa: B027  # an architecture of a space knows its operations
        """Check that each operation is one that can be built.

        Raises:
            ValueError: naming the first that cannot.
        """

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """What its files are read with."""

    @property
    def short_hash(self) -> str:
        """Eight letters and digits that tell it from others, the same on every machine."""
        return hashlib.sha256(str(self).encode()).hexdigest()[:8]


@dataclass(frozen=True)
class SpaceArchitecture(Architecture):
    """An architecture as the vector that it has in its space.

    Args:
        space: the space.
        genes: the vector, canonical.
    """

    space: SearchSpace
    genes: tuple[int, ...]

    def graph(self, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return its layers; see :meth:`carsmoo.SearchSpace.graph`."""
        return _graph(self, network, tuple(op.build for op in self.space.own_operations))

    def drawn(self, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the pictures that show it; see :meth:`carsmoo.SearchSpace.drawn`."""
        return self.space.drawn(self, network)

    def depth_in_words(self, network: NetworkConfig) -> str:
        """Return how deep and wide its network is."""
        return self.space.depth_in_words(network)

    def to_json(self) -> str:
        """Return space and text as one line of JSON."""
        return json_of(str(self), self.space.to_plain())

    def build(self, network: NetworkConfig) -> Any:
        """Return the stand-alone network."""
        return import_module("carsmoo.nets.models.graph_network").GraphNetwork(self, network)

    @property
    def summary(self) -> Mapping[str, str]:
        """Its text."""
        return {"architecture": str(self)}

    @property
    def order(self) -> tuple[int, ...]:
        """Its vector."""
        return self.genes

    @property
    def vocabulary(self) -> SearchSpace:
        """Its space."""
        return self.space

    def __str__(self) -> str:
        return self.space.text(self.genes)

    def __repr__(self) -> str:
        return f"{type(self.space).__name__}({self.short_hash}; {self})"


@lru_cache(maxsize=1024)
def _graph(architecture: SpaceArchitecture, network: NetworkConfig, builds: tuple[Any, ...]) -> tuple[Vertex, ...]:
    """Return an architecture's layers, kept for a while: each training step asks twice.

    What builds operations of one's own tells apart those of one name, such as one that a notebook defines again.
    """
    return architecture.space.graph(architecture, network)
