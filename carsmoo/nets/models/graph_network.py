"""The stand-alone network of an architecture that is told as a graph."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial

from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models.auxiliary import AuxiliaryHead
from carsmoo.nets.models.base import (
    ArchitectureNetwork,
    Inherited,
    SharedWeights,
    copy_weights,
    drop_paths,
)
from carsmoo.nets.models.batch_norm import BatchNorm, NormBuilder
from carsmoo.nets.models.graph_layers import compute, in_slots, module_at
from carsmoo.nets.models.ops import Identity
from carsmoo.space.architecture import SpaceArchitecture
from carsmoo.space.graph import auxiliary_place, branches


class GraphNetwork(ArchitectureNetwork):
    """The network of one architecture of a :class:`~carsmoo.SearchSpace`, an ordinary ``nn.Module``.

    Args:
        genotype: the architecture.
        network: widths, depth, stem, image shape, classes, auxiliary head.

    Raises:
        ValueError: if the weights do not fit in the memory.
    """

    genotype: SpaceArchitecture

    def __init__(self, genotype: SpaceArchitecture, network: NetworkConfig) -> None:
        super().__init__(genotype, network)
        self.vertices = genotype.graph(network)
        self._branches = branches(self.vertices)
        norm: NormBuilder = partial(BatchNorm, affine=network.bn_affine)
        held = [vertex for vertex in self.vertices if vertex.slot]
        self.layers = in_slots({v.slot: module_at(v.layer, norm) for v in held if v.slot != "classifier"})
        place = auxiliary_place(self.vertices)
        channels = self.vertices[place].layer.c_out
        self.auxiliary = AuxiliaryHead(channels, network) if network.auxiliary_head else None
        self._auxiliary_place = place
        self.classifier = module_at(self.vertices[-1].layer, norm)  # type: ignore[assignment]

    def forward_both(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits and those of the auxiliary head, which is run in training only and None otherwise."""
        path = self._dropped if self.training and self.drop_path > 0 else None
        values = compute(self.vertices, self._layer_at, x, path=path)
        logits, inner = values[-1], values[self._auxiliary_place]
        assert logits is not None
        assert inner is not None
        return logits, self.auxiliary(inner) if self.training and self.auxiliary is not None else None

    def _copy_from(self, supernet: SharedWeights) -> None:
        for slot in (*self.layers, "classifier"):
            source = supernet.layer_at(slot)
            assert isinstance(source, nn.Module)
            copy_weights(source, self._layer_at(slot))

    def frame(self) -> list[nn.Module]:
        """Return the parts that all architectures have."""
        return [self.classifier]

    def operations(self) -> Mapping[Hashable, Inherited]:
        """Return the layers that have weights by their slots."""
        return {
            vertex.slot: Inherited(self.layers[vertex.slot], vertex.layer)
            for vertex in self.vertices
            if vertex.slot and vertex.slot != "classifier" and any(True for _ in self.layers[vertex.slot].parameters())
        }

    def _layer_at(self, slot: str) -> nn.Module:
        return self.classifier if slot == "classifier" else self.layers[slot]

    def _dropped(self, place: int, term: int, y: Tensor) -> Tensor:
        """Return a term of a sum, dropped for some images unless it is a shortcut, or of an identity or another sum."""
        if (place, term) not in self._branches or isinstance(self.layers[self.vertices[term].slot], Identity):
            return y
        return drop_paths(self.drop_path, self.path_generator, y)
