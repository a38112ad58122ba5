"""Parameters and multiply-adds of a network in closed form, for one genotype or for a whole population at once.

Parameters are all that a network holds but its auxiliary head (as published figures are told); multiply-adds are those
of the convolutions and the linear classifier that run. Edges with the operation ``none`` are absent and cost nothing.
Operations of a user's own are counted once a shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.operation import count
from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import MB_CONV, NOR_CONV, Layer
from carsmoo.space.operation import Operation
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import instance


class Cost(NamedTuple):
    """Parameters and multiply-adds (for one image) of a part of a network."""

    params: int
    flops: int


def params(genotype: Architecture, network: NetworkConfig) -> int:
    """Return the number of parameters of ``Network(genotype, network)``, without its auxiliary head.

    Raises:
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.

    Example:
        >>> from carsmoo import NetworkConfig
        >>> from carsmoo.cost import params
        >>> from carsmoo.zoo import GENOTYPES
        >>> params(GENOTYPES["CARS-I"], NetworkConfig.cifar())
        3594718
    """
    return cost(genotype, network).params


def over_sizes(genotypes: Sequence[Architecture], network: NetworkConfig, n: int) -> list[int]:
    """Return the places of ``n`` of some genotypes, evenly spread over the order of their parameters, smallest first.

    Of equally large ones the order is that of their text.
    """
    order = sorted(range(len(genotypes)), key=lambda k: (params(genotypes[k], network), str(genotypes[k])))
    return [order[k] for k in np.linspace(0, len(order) - 1, n).round().astype(int)]


def flops(genotype: Architecture, network: NetworkConfig) -> int:
    """Return the multiply-adds of ``Network(genotype, network)`` for one image, without its auxiliary head.

    Raises:
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.

    Example:
        >>> from carsmoo import NetworkConfig
        >>> from carsmoo.cost import flops
        >>> from carsmoo.zoo import GENOTYPES
        >>> flops(GENOTYPES["CARS-I"], NetworkConfig.imagenet())
        566151168
    """
    return cost(genotype, network).flops


def cost(genotype: Architecture, network: NetworkConfig) -> Cost:
    """Return both costs of ``Network(genotype, network)``.

    Raises:
        TypeError: for anything but an architecture and a NetworkConfig.
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.
    """
    instance("genotype", genotype, Architecture).require_known()
    instance("network", network, NetworkConfig)
    each = [
        (layer_params(layer, network.bn_affine), layer_flops(layer) * runs) for layer, runs in genotype.layers(network)
    ]
    return Cost(*map(sum, zip(*each, strict=True)))


def layer_params(layer: Layer, affine: bool) -> int:
    """Return the parameters of a layer, whose norms are affine or not."""
    if isinstance(layer.kind, Operation):
        own = count(layer.kind, layer.c_in, layer.stride, layer.height, layer.width)
        return own.weights + 2 * affine * own.norms
    parts = _parts(layer)
    biases = layer.c_out if layer.kind == "classifier" else 0
    return parts.early + parts.late + biases + 2 * affine * parts.norms


def layer_flops(layer: Layer) -> int:
    """Return the multiply-adds of a layer that runs, for one image."""
    if isinstance(layer.kind, Operation):
        return count(layer.kind, layer.c_in, layer.stride, layer.height, layer.width).flops
    parts = _parts(layer)
    return parts.early * layer.height * layer.width + parts.late * layer.area


def supernet_params(space: SearchSpace, network: NetworkConfig) -> int:
    """Return the number of parameters of a supernet, which has every operation in every place."""
    return sum(layer_params(layer, affine=False) for layer in space.places(network).values())


class CostTable:
    """Both costs for vectors of a space, by look-up: the cost of a network is a sum over its layers.

    Args:
        space: the space whose vectors are looked up.
        network: the network they are built into.

    Raises:
        TypeError: for anything but a SearchSpace and a NetworkConfig.

    Example:
        >>> from carsmoo import DARTSSpace, NetworkConfig
        >>> from carsmoo.cost import CostTable
        >>> from carsmoo.zoo import GENOTYPES
        >>> space = DARTSSpace()
        >>> table = CostTable(space, NetworkConfig.cifar())
        >>> table.params(space.encode([GENOTYPES["CARS-A"], GENOTYPES["CARS-I"]])).tolist()
        [2432206, 3594718]
    """

    def __init__(self, space: SearchSpace, network: NetworkConfig) -> None:
        self.space = instance("space", space, SearchSpace)
        self.network = instance("network", network, NetworkConfig)
        self._params = space.look_up(network, self._params_of)
        self._flops = space.look_up(network, _flops_of)

    def params(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the parameters of each row of ``X`` (n, n_var), (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._params(X)

    def flops(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the multiply-adds of each row of ``X`` (n, n_var) for one image, (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._flops(X)

    def _params_of(self, layer: Layer, runs: bool) -> int:
        return layer_params(layer, self.network.bn_affine)


def _flops_of(layer: Layer, runs: bool) -> int:
    return layer_flops(layer) if runs else 0


class _Parts(NamedTuple):
    """What a layer has: weights that multiply for each pixel it reads, those for each it gives; its norms' channels."""

    early: int
    late: int
    norms: int


@lru_cache(maxsize=4096)
def _parts(layer: Layer) -> _Parts:
    """Return the weights and norms of a layer, kept for a while: each training step asks for its architectures'."""
    kind, pointwise = layer.kind, layer.c_in * layer.c_out
    if kind.startswith(("sep_conv", "dil_conv")):
        repeats = 2 if kind.startswith("sep_conv") else 1
        return _Parts(0, repeats * (layer.c_in * int(kind[-1]) ** 2 + pointwise), repeats * layer.c_out)
    if found := MB_CONV.fullmatch(kind):
        kernel, expansion = int(found[1]), int(found[2])
        inner, expands = expansion * layer.c_in, expansion > 1
        norms = (1 + expands) * inner + layer.c_out
        return _Parts(expands * layer.c_in * inner, inner * kernel**2 + inner * layer.c_out, norms)
    if found := NOR_CONV.fullmatch(kind):
        return _Parts(0, int(found[1]) ** 2 * pointwise, layer.c_out)
    if kind.startswith("stem"):
        return _Parts(0, 9 * pointwise, layer.c_out)
    if kind in ("entry", "project", "head") or (kind == "skip_connect" and layer.stride == 2):
        return _Parts(0, pointwise, layer.c_out)
    if kind == "reduce_block":
        return _Parts(0, 9 * pointwise + 9 * layer.c_out**2 + pointwise, 2 * layer.c_out)
    if kind == "last_norm":
        return _Parts(0, 0, layer.c_out)
    return _Parts(0, pointwise if kind == "classifier" else 0, 0)  # pooling, identity, zeros, sums: nothing
