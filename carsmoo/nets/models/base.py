"""What a search and a training ask of shared weights and of a stand-alone network, whatever the space."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import params, supernet_params
from carsmoo.cost.memory import require_weights
from carsmoo.nets.models.batch_norm import BatchNorm, Statistics, SubnetNorm
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace

if TYPE_CHECKING:
    from typing_extensions import Self

Run = Callable[[Tensor, Statistics | None], Tensor]
"""Applies a layer."""


class SharedWeights(nn.Module):
    """The weights of all architectures of a space; a forward pass runs one of them and remembers nothing.

    A subclass makes its layers.

    Args:
        space: the architectures.
        network: widths, depth, image shape and classes.

    Attributes:
        space: the architectures.
        network: widths, depth, image shape and classes.

    Raises:
        ValueError: if the weights do not fit in the memory.
    """

    space: SearchSpace
    network: NetworkConfig

    def __init__(self, space: SearchSpace, network: NetworkConfig) -> None:
        super().__init__()
        require_weights(network, supernet_params(space, network))
        self.space = space
        self.network = network

    @abstractmethod
    def forward(self, x: Tensor, genotype: Any, statistics: Statistics | None = None) -> Tensor:
        """Return the logits of one architecture, (n, classes), for images ``x`` (n, c, h, w).

        ``statistics`` are of its batch norm; None normalises by the batch.
        """

    @abstractmethod
    def layer_at(self, slot: str) -> Run:
        """Return the layer that lies in a slot of the space's graphs, a module or what applies one."""

    @abstractmethod
    def each_operation(self) -> Iterator[nn.Module]:
        """Yield the modules among which architectures choose."""

    @abstractmethod
    def chosen_parameters(self, genotype: Any) -> list[nn.Parameter]:
        """Return the parameters W_i that an architecture uses."""


class Inherited(NamedTuple):
    """A part of a network that can be handed on: its weights, and what it has to be alike in to fit elsewhere."""

    module: nn.Module
    kind: Hashable


class ArchitectureNetwork(nn.Module):
    """The network of one architecture, an ordinary ``nn.Module``.

    A subclass makes its layers.

    Args:
        genotype: what it computes.
        network: widths, depth, stem, image shape, classes, auxiliary head.

    Attributes:
        genotype: what it computes.
        config: widths, depth, stem, image shape, classes, auxiliary head.
        drop_path: probability with which what a sum adds is dropped per image, in training only; an identity never is.
            A schedule sets it between epochs.
        path_generator: draws the paths that are dropped; it lives on the CPU. None: torch's global one.

    Raises:
        ValueError: if the weights do not fit in the memory.
    """

    genotype: Architecture
    config: NetworkConfig
    drop_path: float
    path_generator: torch.Generator | None
    classifier: nn.Linear
    auxiliary: nn.Module | None

    def __init__(self, genotype: Architecture, network: NetworkConfig) -> None:
        super().__init__()
        require_weights(network, params(genotype, network))
        self.genotype = genotype
        self.config = network
        self.drop_path = network.drop_path_prob
        self.path_generator = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (n, classes), for images ``x`` (n, c, h, w)."""
        return self.forward_both(x)[0]

    @abstractmethod
    def forward_both(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits and those of the auxiliary head, which is run in training only and None otherwise."""

    @torch.no_grad()
    def inherit(self, supernet: SharedWeights) -> Self:
        """Copy the weights that its architecture uses from a supernet, and return the network.

        Running statistics do not come with them: a supernet has none. Let ``torch.optim.swa_utils.update_bn`` measure
        them on training images before the network is used without further training.

        Raises:
            ValueError: if the two differ in anything that shapes the weights.
        """
        require_same_shapes(self.config, supernet.network)
        supernet.space.encode(self.genotype)
        self._copy_from(supernet)
        return self

    @abstractmethod
    def _copy_from(self, supernet: SharedWeights) -> None:
        """Copy the weights that its architecture uses from a supernet of its shape, whose space has it."""

    @abstractmethod
    def frame(self) -> list[nn.Module]:
        """Return the parts that all architectures have."""

    @abstractmethod
    def operations(self) -> Mapping[Hashable, Inherited]:
        """Return the chosen operations that have weights, by where they are and what they are."""


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights of ``source``; what ``target`` has besides are the parts of batch norm."""
    result = target.load_state_dict(source.state_dict(), strict=False)
    norms = [name for name, layer in target.named_modules() if isinstance(layer, (BatchNorm, SubnetNorm))]
    assert not result.unexpected_keys
    assert all(any(key.startswith(name) for name in norms) for key in result.missing_keys)


def require_same_shapes(network: NetworkConfig, supernet: NetworkConfig) -> None:
    """Check that a network can take over weights from a supernet.

    Raises:
        ValueError: naming the first field that differs.
    """
    for field in ("channels", "layers", "stem", "stem_multiplier", "n_classes"):
        own, other = getattr(network, field), getattr(supernet, field)
        if own != other:
            raise ValueError(f"{field}: expected {own} as in the network, got {other} in the supernet")
    own, other = network.input_shape[0], supernet.input_shape[0]
    if own != other:
        raise ValueError(f"images: expected {own} channels as in the network, got {other} in the supernet")


def drop_paths(probability: float, generator: torch.Generator | None, y: Tensor) -> Tensor:
    """Drop path: zero a term of a sum for some images, scaling the others up."""
    keep = torch.empty(y.shape[0], 1, 1, 1, dtype=torch.float32).bernoulli_(1 - probability, generator=generator)
    return y * keep.to(y) / (1 - probability)
