"""Proxies of the truth sets: measured is the proxy of an architecture; figures agree with a count by hand."""

import math
import shutil
from pathlib import Path

import pytest

from benchmarks.truth import proxies
from benchmarks.truth.proxies import figures, joined, measure, random_networks, stored_proxies
from benchmarks.truth.records import RESULTS, append_line
from benchmarks.truth.summary import tau
from carsmoo import CARSProblem, NetworkConfig
from carsmoo.nets.supernet.proxies import PROXIES, proxy


def test_two_orders_are_joined_by_their_mean_ranks() -> None:
    assert joined([0.1, 5.0, 0.3], [7, 9, 8]).tolist() == [1, 3, 2]
    assert joined([1, 2, 3], [3, 2, 1]).tolist() == [2, 2, 2]


@pytest.mark.end_to_end
def test_a_measurement_tells_each_proxy_of_each_architecture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    few = random_networks("demo", RESULTS).at([0, 3])
    monkeypatch.setattr(proxies, "random_networks", lambda data, folder: few)
    found = measure("demo", 1, tmp_path, list(PROXIES))
    problem = CARSProblem("cluttered-digits?pad=0", network=NetworkConfig(channels=8, layers=3), seed=1)
    for name in PROXIES:
        value = proxy(name, problem, seed=1)
        assert found[name] == {one: value(genotype) for one, genotype in zip(few.names, few.genotypes, strict=True)}
        assert all(map(math.isfinite, found[name].values()))


def test_figures_are_means_over_seeds_of_orders_against_the_truth(tmp_path: Path) -> None:
    for name in ("cifar16.jsonl", "architectures.jsonl"):
        shutil.copy(RESULTS / name, tmp_path / name)
    truth = random_networks("cifar16", tmp_path)
    right = dict(zip(truth.names, truth.test.tolist(), strict=True))
    wrong = {name: -error for name, error in right.items()}
    records = [
        {"data": "cifar16", "seed": seed, "core_seconds": dict.fromkeys(PROXIES, 1.0 + seed)}
        | {"synflow": right, "naswot": wrong, "grad_norm": order, "random_features": right}
        for seed, order in enumerate((right, wrong))
    ]
    append_line(tmp_path / "fidelity.jsonl", {"data": "cifar16", "lever": "own", "epochs": 18, "loss": halved(right)})
    found = figures(records, tmp_path)
    assert [found[f"tau_{name}_cifar16"] for name in PROXIES] == pytest.approx([1, -1, 0, 1])
    assert [found[f"tau_{name}_thirds_cifar16"] for name in PROXIES] == pytest.approx([1, -1, 0, 1])
    sized = [found[f"tau_sized_{name}_cifar16"] for name in ("synflow", "naswot")]
    assert sized == [tau(truth.test, joined(sign * truth.test, -truth.params)) for sign in (1, -1)]
    assert (found["seeds_cifar16"], found["n_cifar16"], found["core_seconds_naswot_cifar16"]) == (2, 48, 1.5)
    assert found["tau_own_cifar16"] == found["tau_own_synflow_cifar16"] == pytest.approx(1)
    assert found["tau_own_naswot_cifar16"] is None  # opposite ranks leave no order
    assert found["tau_own_grad_norm_cifar16"] == pytest.approx(1)  # of the seed that leaves one
    del records[0]["naswot"][truth.names[0]]  # of an architecture that was trained later than the proxies were measured
    assert figures(records, tmp_path)["n_cifar16"] == 47


def test_a_proxy_that_was_measured_later_belongs_to_the_same_seed(tmp_path: Path) -> None:
    for record in (
        {"data": "demo", "seed": 0, "naswot": {"r0": -1.0}, "core_seconds": {"naswot": 2.0}},
        {"data": "demo", "seed": 1, "naswot": {"r0": -3.0}, "core_seconds": {"naswot": 2.0}},
        {"data": "demo", "seed": 0, "synflow": {"r0": -2.0}, "core_seconds": {"synflow": 5.0}},
    ):
        append_line(tmp_path / proxies.FILE, record)
    one, other = stored_proxies(tmp_path)
    assert (one["naswot"], one["synflow"]) == ({"r0": -1.0}, {"r0": -2.0})
    assert one["core_seconds"] == {"naswot": 2.0, "synflow": 5.0}
    assert (other["seed"], "synflow" in other) == (1, False)


def halved(losses: dict[str, float]) -> dict[str, list[float]]:
    return {name: [loss - 0.1, loss + 0.1] for name, loss in losses.items()}
