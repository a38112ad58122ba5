from dataclasses import replace
from pathlib import Path

import pytest

from carsmoo import CARSProblem, DARTSSpace, NetworkConfig, SupernetTraining
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.config.search import SearchConfig
from carsmoo.cost import memory
from carsmoo.cost.memory import require_count, require_search, require_step, require_weights
from carsmoo.nets.latency.measure import build as measured
from carsmoo.nets.latency.measure import network_latency
from carsmoo.nets.models.network import Network
from carsmoo.runs.build import build
from carsmoo.runs.export import of_genotype
from carsmoo.space.darts_graph import kept_by_step
from carsmoo.zoo import GENOTYPES
from tests.support.commands import call
from tests.support.toy import ToyProblem

A, GB = GENOTYPES["CARS-A"], 10**9
WIDE = NetworkConfig(channels=10**9)


def test_what_a_step_keeps_by_hand() -> None:
    network = NetworkConfig(
        channels=2, layers=1, image_shape=(1, 5, 4)
    )  # a single cell, which reduces to 4 channels, 3x2
    assert kept_by_step(network, (4, 3)) == 4 * (2 * 5 * 4 + 2 * 3 * 3 * 2)


def test_the_bytes_at_which_something_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NetworkConfig(channels=2, layers=1, image_shape=(1, 5, 4))
    kept = kept_by_step(network, (4, 3))
    require_step(network, 100, 7, kept, 4 * (300 + 7 * kept))
    with pytest.raises(ValueError, match=r"network: expected what fits .*1 cell of 2 channels .*1x5x4, 7 of them"):
        require_step(network, 100, 7, kept, 4 * (300 + 7 * kept) - 1)
    monkeypatch.setattr(memory, "physical_memory", lambda: 1740)
    require_weights(network, 435)
    require_count("population", 1, 30)
    with pytest.raises(ValueError, match=r"network: expected what fits in the memory, 0.0 GB"):
        require_weights(network, 436)
    with pytest.raises(ValueError, match=r"population: expected what fits in the memory, .*, got 1 of 31 variables"):
        require_count("population", 1, 31)
    monkeypatch.setattr(memory, "physical_memory", lambda: None)
    require_weights(network, 10**30)


REFUSED = {
    "a supernet": (lambda: CARSProblem(network=WIDE), "network"),
    "a deep supernet": (lambda: CARSProblem(network=NetworkConfig(channels=2000, layers=1000)), "network"),
    "a population": (lambda: CARSProblem(training=SupernetTraining(pop_size=10**8)), "pop_size"),
    "a step's architectures": (
        lambda: CARSProblem(training=SupernetTraining(subnets_per_step=10**9)),
        "subnets_per_step",
    ),
    "an algorithm's population": (lambda: PNSGA3(pop_size=10**8).setup(ToyProblem()), "pop_size"),
    "an algorithm's offspring": (lambda: PNSGA3(n_offsprings=10**8).setup(ToyProblem()), "n_offsprings"),
    "a configuration": (lambda: build(SearchConfig().updated({"algorithm": {"pop_size": 10**8}})), "pop_size"),
    "a network": (lambda: Network(A, WIDE), "network"),
    "an export": (lambda: of_genotype(A, WIDE), "network"),
    "a latency table": (lambda: measured(DARTSSpace(), WIDE), "network"),
    "a latency table of a huge image": (
        lambda: measured(DARTSSpace(), NetworkConfig(image_shape=(3, 10**6, 10**6))),
        "network",
    ),
    "a huge image": (lambda: network_latency([A], NetworkConfig(image_shape=(3, 10**6, 10**6))), "images"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_refused_before_it_is_made(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 32 * GB)
    act, argument = REFUSED[name]
    with pytest.raises(ValueError, match=f"^{argument}: expected what fits in the memory, 32.0 GB, got .* at least"):
        act()


def test_a_step_on_many_images_is_refused_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: GB // 10)
    network = NetworkConfig(channels=16)
    CARSProblem(network=network, training=SupernetTraining(batch_size=16))
    with pytest.raises(ValueError, match=r"network: expected what fits in the memory, 0.1 GB, .* 960 of them at once"):
        CARSProblem(network=network, training=SupernetTraining(batch_size=10**9))


def test_a_step_of_the_supernet_that_own_weights_ask_counts_too() -> None:
    plan = SupernetTraining(weights="own", main_effects="population", batch_size=8)
    asking = replace(plan, supernet_epochs=1)
    supernet = asking.of_supernet
    assert supernet is not None
    assert supernet.batch_size == SupernetTraining().batch_size > plan.batch_size
    network = NetworkConfig(channels=16).for_data((1, 32, 32), 10)

    def check(tried: SupernetTraining, images: int) -> None:
        require_search(DARTSSpace(), network, tried, images, memory=GB // 10)

    check(plan, 1000)
    check(asking, 8)  # all images that there are, at once
    with pytest.raises(ValueError, match=rf"^network: .*, {supernet.batch_size} of them at once"):
        check(asking, 1000)


def test_a_step_of_probes_counts_too() -> None:
    plan = SupernetTraining(batch_size=8)
    network = NetworkConfig(channels=16).for_data((1, 32, 32), 10)
    require_search(DARTSSpace(), network, plan, 1000, memory=GB // 20)
    with pytest.raises(ValueError, match=r"^network: .*, 32 of them at once"):
        require_search(DARTSSpace(), network, replace(plan, probes=6), 1000, memory=GB // 20)


def test_the_papers_settings_fit_in_16_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    for channels, layers in ((16, 8), (36, 20), (48, 20)):
        network = NetworkConfig(channels=channels, layers=layers, image_shape=(3, 32, 32), n_classes=10)
        require_step(network, 3 * 10**8, 128, kept_by_step(network, (4, 4)), 16 * GB)


def test_the_command_says_so_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 32 * GB)
    for setting in ("training.pop_size=100000000", "network.channels=1000000000", "algorithm.pop_size=100000000"):
        assert call("search", "--out", str(tmp_path / "run"), "--set", setting) == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "expected what fits in the memory, 32.0 GB, got" in error
    assert call("export", str(A), "--channels", "1000000000", "--out", str(tmp_path / "run")) == 2
    assert "expected what fits in the memory" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
