"""Predictions from made-up tables, and tables as files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo.config import NetworkConfig
from carsmoo.genotype import PRIMITIVES, DARTSSpace, Genotype
from carsmoo.latency import Additivity, LatencyCosts, LatencyTable, Timing, latency
from carsmoo.layers import Layer, layers_needed, layers_of
from carsmoo.zoo import GENOTYPES

SPACE = DARTSSpace()
NETWORKS = {
    "search": NetworkConfig(images=(1, 9, 7)),
    "cifar": NetworkConfig.cifar(channels=6, layers=7),
    "imagenet": NetworkConfig.imagenet(channels=8, layers=5, images=(3, 45, 50)),
    "one cell": NetworkConfig(channels=4, layers=1, images=(1, 5, 5)),
}


def made_up(space: DARTSSpace = SPACE, network: NetworkConfig = NETWORKS["search"], **fields: Any) -> LatencyTable:
    rng = np.random.default_rng(0)
    layers = {}
    for memory_format in ("channels_last", "contiguous"):
        for layer in layers_needed(space, network):
            low, ms, high = sorted(rng.random(3).round(6).tolist())
            layers[layer, memory_format] = Timing(ms, low, high)
    given = {"device": "abacus", "threads": 2, "memory_format": "contiguous", "between": 0.25, "scale": 1.125, **fields}
    return LatencyTable(layers=layers, space=space, network=network, **given)


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


def test_a_cell_by_hand() -> None:
    genotype = Genotype((("sep_conv_3x3", 0), ("none", 1)), (2,), (("skip_connect", 0), ("max_pool_3x3", 1)), (2,))
    network = NetworkConfig(channels=2, layers=1, images=(1, 5, 4), classes=3)  # its one cell reduces: 4 channels
    assert list(layers_of(genotype, network)) == [
        Layer("stem", 1, 6, 5, 4),
        Layer("entry", 6, 4, 5, 4),
        Layer("entry", 6, 4, 5, 4),
        Layer("concat", 4, 4, 3, 2),
        Layer("classifier", 4, 3, 3, 2),
        Layer("skip_connect", 4, 4, 5, 4, 2),
        Layer("max_pool_3x3", 4, 4, 5, 4, 2),
        Layer("add", 4, 4, 3, 2),
    ]
    nothing = Genotype((("none", 0), ("none", 1)), (2,), (("none", 0), ("none", 1)), (2,))
    assert [layer.kind for layer in layers_of(nothing, network)] == ["concat", "classifier", "zeros"]


def test_each_layer_adds_its_scaled_time_and_what_lies_between_in_the_memory_format_of_the_table() -> None:
    genotype, network = GENOTYPES["CARS-I"], NETWORKS["search"]
    for memory_format in ("channels_last", "contiguous"):
        table = made_up(memory_format=memory_format)
        times = [table.layers[layer, memory_format].ms for layer in layers_of(genotype, network)]
        assert latency(genotype, network, table) == pytest.approx(0.25 * len(times) + 1.125 * sum(times))


def test_a_table_comes_back_from_its_file(tmp_path: Path) -> None:
    table = made_up(additivity=Additivity(30, 0.99, 0.03, 10), about={"torch": "2", "rounds": 3})
    table.write(tmp_path / "t.json")
    assert LatencyTable.read(tmp_path / "t.json") == table
    assert LatencyTable.from_json(table.to_json()).to_json() == table.to_json()
    rows = [line for line in table.to_json().splitlines() if '"kind"' in line]
    assert len(rows) == len(table.layers)  # a line a layer
    assert json.loads(table.to_json())["unit"] == "ms"


def test_a_table_of_another_network_is_refused_by_the_layer_that_is_missing() -> None:
    table = made_up()
    with pytest.raises(ValueError, match=r"expected a table with the \d+ layers of the network, got one without \d+ "):
        LatencyCosts(SPACE, NETWORKS["cifar"], table)
    with pytest.raises(ValueError, match="expected a table with stem 3->18 at 32x32, stride 1, contiguous, got one w"):
        latency(GENOTYPES["CARS-I"], NETWORKS["cifar"], table)
    LatencyCosts(DARTSSpace(2, PRIMITIVES[3:]), replace(NETWORKS["search"], layers=5), made_up(DARTSSpace(2)))


def changed(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document.update(change)


def row(**change: Any) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["layers"][3].update(change)


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "format": (changed(carsmoo_latency=1), "expected a table of format 2, got"),
    "a field less": (lambda document: document.pop("device"), "expected the fields .*device"),
    "a field more": (changed(colour="red"), "expected the fields .*colour"),
    "seconds": (changed(unit="s"), "expected ms at batch 1, got 's' at batch 1"),
    "batch": (changed(batch=8), "expected ms at batch 1, got 'ms' at batch 8"),
    "no device": (changed(device=None), "device: expected a name, got None"),
    "threads": (changed(threads=0), "threads: expected at least 1, got 0"),
    "layout": (changed(memory_format="spiral"), "memory_format: expected one of channels_last, contiguous, got 'spir"),
    "scale": (changed(scale=0), "scale: expected more than 0, got 0"),
    "between": (changed(between=float("nan")), "between: expected at least 0, and finite, got nan"),
    "about": (changed(about=[1]), r"about: expected texts and integers, got \[1\]"),
    "additivity": (changed(additivity={"networks": 3}), "expected a table, got something else"),
    "spearman": (
        changed(additivity=Additivity(3, 1.5, 0.1, 2)._asdict()),
        "spearman: expected at most 1, got 1.5",
    ),
    "space": (changed(space={"nodes": 0, "ops": ["none"]}), "nodes: expected an integer in 1..64, got 0"),
    "network": (changed(network=[]), "expected a table, got something else"),
    "layers": (changed(layers=3), "expected a table, got something else"),
    "a row of nothing": (changed(layers=[None]), "layers: expected rows of kind, .*, got None"),
    "a kind": (row(kind="conv"), "kind: expected one of stem, .*, got 'conv'"),
    "a row's layout": (row(memory_format=3), "memory_format: expected one of channels_last, contiguous, got 3"),
    "half a channel": (row(c_in=0.5), "c_in: expected an integer of at least 1, got 0.5"),
    "a negative time": (row(ms=-1.0), "ms: expected at least 0, and finite, got -1.0"),
    "no time": (row(ms=None), "ms: expected a number of at least 0, got None"),
    "quartiles": (row(low=5.0), "ms: expected a median between its quartiles, got"),
    "a layer twice": (
        lambda document: document["layers"].append(document["layers"][0]),
        "layers: expected each once, got stem 1->24 at 9x7, stride 1, channels_last again",
    ),
}


@pytest.mark.parametrize(("damage", "says"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_table_is_named_in_one_line(
    damage: Callable[[dict[str, Any]], object], says: str, tmp_path: Path
) -> None:
    document = json.loads(made_up().to_json())
    damage(document)
    (tmp_path / "t.json").write_text(json.dumps(document))
    with pytest.raises(ValueError, match=f"t.json: .*{says}") as caught:
        LatencyTable.read(tmp_path / "t.json")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"[", b"[" * 100_000, b"[]", b"{}"])
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"t\.json: .*expected a.*table.*, got"):
        LatencyTable.read(tmp_path / "t.json")
    with pytest.raises(FileNotFoundError):
        LatencyTable.read(tmp_path / "no.json")
    with pytest.raises(TypeError, match="latency: expected the path of a table, got 3"):
        LatencyTable.read(3)  # type: ignore[arg-type]


def test_other_arguments_are_refused() -> None:
    table, network = made_up(), NETWORKS["search"]
    with pytest.raises(TypeError, match="genotype: expected Genotype, got 'CARS-I'"):
        latency("CARS-I", network, table)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="table: expected LatencyTable, got None"):
        LatencyCosts(SPACE, network, None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"X: expected \(n, 24\), got \(1, 3\)"):
        LatencyCosts(SPACE, network, table).ms([[1, 2, 3]])
