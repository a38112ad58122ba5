"""Parameters and multiply-adds of a network in closed form, for one genotype or for a whole population at once.

Parameters are all that a network holds but its auxiliary head (as published figures are told); multiply-adds are those
of the convolutions and the linear classifier that run. Edges with the operation ``none`` are absent and cost nothing.
Operations of a user's own are counted once a shape.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.lookup import AdditiveTable
from carsmoo.cost.operation import count
from carsmoo.cost.structure import Layer, edge_layer, frame_layers, layers
from carsmoo.space.genotype import DARTSSpace, Genotype
from carsmoo.space.operation import Operation
from carsmoo.utils.validation import instance


class Cost(NamedTuple):
    """Parameters and multiply-adds (for one image) of a part of a network."""

    params: int
    flops: int


def params(genotype: Genotype, network: NetworkConfig) -> int:
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


def flops(genotype: Genotype, network: NetworkConfig) -> int:
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


def cost(genotype: Genotype, network: NetworkConfig) -> Cost:
    """Return both costs of ``Network(genotype, network)``.

    Raises:
        TypeError: for anything but a Genotype and a NetworkConfig.
        ValueError: if the genotype has an operation outside :data:`~carsmoo.space.PRIMITIVES`.
    """
    instance("genotype", genotype, Genotype).require_known()
    instance("network", network, NetworkConfig)
    each = [
        (layer_params(layer, network.bn_affine), layer_flops(layer) * runs) for layer, runs in layers(genotype, network)
    ]
    return Cost(*map(sum, zip(*each, strict=True)))


def layer_params(layer: Layer, affine: bool) -> int:
    """Return the parameters of a layer, whose norms are affine or not."""
    if isinstance(layer.kind, Operation):
        own = count(layer.kind, layer.c_in, layer.stride, layer.height, layer.width)
        return own.weights + 2 * affine * own.norms
    weights, norms = _weights_and_norms(layer)
    biases = layer.c_out if layer.kind == "classifier" else 0
    return weights + biases + 2 * affine * norms * layer.c_out


def layer_flops(layer: Layer) -> int:
    """Return the multiply-adds of a layer that runs, for one image."""
    if isinstance(layer.kind, Operation):
        return count(layer.kind, layer.c_in, layer.stride, layer.height, layer.width).flops
    return _weights_and_norms(layer)[0] * layer.area


def supernet_params(space: DARTSSpace, network: NetworkConfig) -> int:
    """Return the number of parameters of a supernet, which has every operation on every edge."""
    widths = space.nodes, space.nodes
    held = [layer for layer, _ in frame_layers(network, widths)]
    for cell in network.cells(*widths):
        for node in range(space.nodes):
            held += [edge_layer(op, i, cell) for i in range(2 + node) for op in space.ops]
    return sum(layer_params(layer, affine=False) for layer in held)


class CostTable:
    """Both costs for vectors of a space, by look-up: the cost of a network is a sum over its edges.

    Args:
        space: the space whose vectors are looked up.
        network: the network they are built into.

    Raises:
        TypeError: for anything but a DARTSSpace and a NetworkConfig.

    Example:
        >>> from carsmoo import DARTSSpace, NetworkConfig
        >>> from carsmoo.cost import CostTable
        >>> from carsmoo.zoo import GENOTYPES
        >>> space = DARTSSpace()
        >>> table = CostTable(space, NetworkConfig.cifar())
        >>> table.params(space.encode([GENOTYPES["CARS-A"], GENOTYPES["CARS-I"]])).tolist()
        [2432206, 3594718]
    """

    def __init__(self, space: DARTSSpace, network: NetworkConfig) -> None:
        self.space = instance("space", space, DARTSSpace)
        self.network = instance("network", network, NetworkConfig)
        self._params = AdditiveTable(space, network, self._params_of)
        self._flops = AdditiveTable(space, network, _flops_of)

    def params(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the parameters of each row of ``X`` (n, n_var), (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._params.look_up(X)

    def flops(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the multiply-adds of each row of ``X`` (n, n_var) for one image, (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._flops.look_up(X)

    def _params_of(self, layer: Layer, runs: bool) -> int:
        return layer_params(layer, self.network.bn_affine)


def _flops_of(layer: Layer, runs: bool) -> int:
    return layer_flops(layer) if runs else 0


def _weights_and_norms(layer: Layer) -> tuple[int, int]:
    """Return the weights of a layer, each of which multiplies once for a pixel that it gives, and its norms."""
    kind, pointwise = layer.kind, layer.c_in * layer.c_out
    if kind.startswith(("sep_conv", "dil_conv")):
        repeats = 2 if kind.startswith("sep_conv") else 1
        return repeats * (layer.c_in * int(kind[-1]) ** 2 + pointwise), repeats
    if kind.startswith("stem"):
        return 9 * pointwise, 1
    if kind == "entry" or (kind == "skip_connect" and layer.stride == 2):
        return pointwise, 1
    return (pointwise, 0) if kind == "classifier" else (0, 0)  # pooling, identity, zeros, sums: nothing
