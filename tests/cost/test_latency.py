"""Predictions from made-up tables."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.latency import LatencyCosts, latency
from carsmoo.cost.latency_table import LatencyTable, Timing
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.darts_graph import layers, layers_needed
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.space.graph import Layer
from carsmoo.zoo import GENOTYPES

SPACE = DARTSSpace()
NETWORKS = {
    "search": NetworkConfig(image_shape=(1, 9, 7)),
    "cifar": NetworkConfig.cifar(channels=6, layers=7),
    "imagenet": NetworkConfig.imagenet(channels=8, layers=5, image_shape=(3, 45, 50)),
    "one cell": NetworkConfig(channels=4, layers=1, image_shape=(1, 5, 5)),
}


def made_up(space: DARTSSpace = SPACE, network: NetworkConfig = NETWORKS["search"], **fields: Any) -> LatencyTable:
    rng = np.random.default_rng(0)
    timings = {}
    for memory_format in ("channels_last", "contiguous"):
        for layer in layers_needed(space, network):
            low, ms, high = sorted(rng.random(3).round(6).tolist())
            timings[layer, memory_format] = Timing(ms, low, high)
    given = {"device": "abacus", "threads": 2, "memory_format": "contiguous", "between": 0.25, "scale": 1.125, **fields}
    return LatencyTable(layers=timings, space=space, network=network, **given)


def running(genotype: Genotype, network: NetworkConfig) -> list[Layer]:
    return [layer for layer, runs in layers(genotype, network) if runs]


def draw(space: DARTSSpace, n: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    X = rng.integers(space.xl, space.xu + 1, size=(n, space.n_var))
    X[0] = 0
    for row in X[1 : n // 2]:  # many absent edges
        row[np.arange(space.n_var) % 3 > 0] *= rng.random(space.n_var - space.n_var // 3) < 0.3
    X.setflags(write=False)
    return X


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
@pytest.mark.parametrize("space", [SPACE, DARTSSpace(2, PRIMITIVES[1:]), DARTSSpace(1, ("none", "dil_conv_3x3"))])
def test_a_population_is_predicted_as_one_by_one(space: DARTSSpace, network: NetworkConfig) -> None:
    table, X = made_up(space, network), draw(space, 60)
    costs = LatencyCosts(space, network, table)
    found = costs.ms(X)
    assert found.tolist() == [latency(genotype, network, table) for genotype in space.decode(X)]
    assert costs.ms(X[7:8])[0] == found[7]
    assert costs.ms(space.canonical(X)).tolist() == found.tolist()


def test_each_layer_adds_its_scaled_time_and_what_lies_between_in_the_memory_format_of_the_table() -> None:
    genotype, network = GENOTYPES["CARS-I"], NETWORKS["search"]
    for memory_format in ("channels_last", "contiguous"):
        table = made_up(memory_format=memory_format)
        times = [table.layers[layer, memory_format].ms for layer in running(genotype, network)]
        assert latency(genotype, network, table) == pytest.approx(0.25 * len(times) + 1.125 * sum(times))


def test_a_table_of_another_network_is_refused_by_the_layer_that_is_missing() -> None:
    table = made_up()
    with pytest.raises(ValueError, match=r"expected a table with the \d+ layers of the network, got one without \d+ "):
        LatencyCosts(SPACE, NETWORKS["cifar"], table)
    with pytest.raises(ValueError, match="expected a table with stem 3->18 at 32x32, stride 1, contiguous, got one w"):
        latency(GENOTYPES["CARS-I"], NETWORKS["cifar"], table)
    LatencyCosts(DARTSSpace(2, PRIMITIVES[3:]), replace(NETWORKS["search"], layers=5), made_up(DARTSSpace(2)))


def test_other_arguments_are_refused() -> None:
    table, network = made_up(), NETWORKS["search"]
    with pytest.raises(TypeError, match="genotype: expected Architecture, got 'CARS-I'"):
        latency("CARS-I", network, table)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="table: expected LatencyTable, got None"):
        LatencyCosts(SPACE, network, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"X: expected \(n, 24\), got \(1, 3\)"):
        LatencyCosts(SPACE, network, table).ms([[1, 2, 3]])
