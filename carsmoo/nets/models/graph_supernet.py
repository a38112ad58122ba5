"""The supernet of a space whose architectures are told as graphs."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models.base import Run, SharedWeights
from carsmoo.nets.models.batch_norm import Statistics, SubnetNorm
from carsmoo.nets.models.graph_layers import compute, in_slots, module_at
from carsmoo.nets.models.init import drawn
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace


class GraphSupernet(SharedWeights):
    """All architectures of a space over one set of weights: a module a slot, of which a pass runs those of a graph.

    Batch norm has neither affine parameters nor memory.

    Args:
        space: the architectures.
        network: widths, depth, image shape and classes.
        generator: draws the initial weights, by torch's rules for each layer.

    Raises:
        ValueError: if the weights do not fit in the memory.
    """

    @torch.inference_mode(False)
    def __init__(self, space: SearchSpace, network: NetworkConfig, generator: torch.Generator) -> None:
        super().__init__(space, network)
        places = space.places(network)
        self.layers = drawn(
            lambda: in_slots({slot: module_at(layer, SubnetNorm) for slot, layer in places.items()}), generator
        )
        # parameters stay the same objects on every device; walking over modules each step takes longer than it looks
        self._parameters_at = {slot: tuple(layer.parameters()) for slot, layer in self.layers.items()}

    def forward(self, x: Tensor, genotype: Architecture, statistics: Statistics | None = None) -> Tensor:
        """Return the logits of one architecture, (n, classes), for images ``x`` (n, c, h, w)."""
        logits = compute(genotype.graph(self.network), self.layer_at, x, statistics)[-1]
        assert logits is not None
        return logits

    def layer_at(self, slot: str) -> Run:
        """Return the layer of a slot."""
        return self.layers[slot]

    def each_operation(self) -> Iterator[nn.Module]:
        """Yield the layers that some architectures have and others have not."""
        always = set.intersection(*({v.slot for v in one.graph(self.network)} for one in self.space.covering()))
        return (layer for slot, layer in self.layers.items() if slot not in always)

    def chosen_parameters(self, genotype: Architecture) -> list[nn.Parameter]:
        """Return the parameters W_i that an architecture uses."""
        slots = [vertex.slot for vertex in genotype.graph(self.network) if vertex.slot and vertex.runs]
        return [parameter for slot in slots for parameter in self._parameters_at[slot]]
