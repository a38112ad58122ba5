"""Latency by look-up: a measured table of layers, and what it predicts for one network or a whole population.

A network's latency is predicted as the sum, over the layers that run, of ``between + scale * (the layer's time)``. The
two numbers, not below zero, are fitted to a few whole networks when a table is measured
(:func:`carsmoo.nets.latency.measure.build`). They stand for what lies between layers, and for what a layer takes
longer among others than by itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.latency_table import PER_MS, LatencyTable
from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import Layer
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import instance


def latency(genotype: Architecture, network: NetworkConfig, table: LatencyTable) -> float:
    """Return the latency in ms at batch 1 that a table predicts for ``Network(genotype, network)``.

    Raises:
        TypeError: for anything but an architecture, a NetworkConfig and a LatencyTable.
        ValueError: if the table does not have a layer of the network.
    """
    instance("genotype", genotype, Architecture).require_known()
    instance("network", network, NetworkConfig)
    instance("table", table, LatencyTable)
    return sum(table.picoseconds(layer) for layer, runs in genotype.layers(network) if runs) / PER_MS


class LatencyCosts:
    """The predicted latency of vectors of a space, by look-up, as :class:`carsmoo.cost.CostTable` counts costs.

    Args:
        space: the space whose vectors are looked up.
        network: the network they are built into.
        table: times of layers.

    Raises:
        TypeError: for anything but a SearchSpace, a NetworkConfig and a LatencyTable.
        ValueError: if the table does not have all layers.
    """

    def __init__(self, space: SearchSpace, network: NetworkConfig, table: LatencyTable) -> None:
        self.space = instance("space", space, SearchSpace)
        self.network = instance("network", network, NetworkConfig)
        self.table = instance("table", table, LatencyTable)
        table.require(space, network)
        self._costs = space.look_up(network, self._picoseconds)

    def ms(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the latency of each row of ``X`` (n, n_var) in ms at batch 1, (n,).

        Raises:
            ValueError: if ``X`` is not a batch of vectors of the space.
        """
        return self._costs(X) / PER_MS

    def _picoseconds(self, layer: Layer, runs: bool) -> int:
        """Return what a layer adds; 0 for one that no network of the space has, since a table has all that do."""
        return self.table.picoseconds(layer) if runs and (layer, self.table.memory_format) in self.table.layers else 0
