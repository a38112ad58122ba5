import subprocess
import sys

import pytest

LIGHT = "carsmoo.algorithm, carsmoo.operators, carsmoo.problems, carsmoo.plots, carsmoo.cost, carsmoo.cost.latency"
NAMES = "PNSGA3, Continuous, Genotype, DARTSSpace, MovingProblem, NetworkConfig, SupernetTraining, Front"
LOWEST = ("space", "config", "space.darts_graph", "cost.closed_form", "space.darts_table", "zoo")


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[str]]:
    """Return what is loaded once each of the lowest floors is, then nets, one after the other in one process."""
    lines = run(
        "import sys\n"
        + "\n".join(f"import carsmoo.{layer}; print(*sys.modules)" for layer in LOWEST)
        + "\nfrom carsmoo import CARSProblem; import carsmoo.nets.models.network; print(*sys.modules)"
    )
    return {layer: set(line.split()) for layer, line in zip((*LOWEST, "nets"), lines.splitlines(), strict=True)}


def test_what_needs_no_torch_loads_none() -> None:
    loaded = run(
        f"import sys, carsmoo, carsmoo.config.search, carsmoo.runs.directory, carsmoo.cli, {LIGHT}\n"
        f"from carsmoo import {NAMES}; print(*sys.modules)"
    )
    assert not {"torch", "torchvision", "fvcore", "sklearn"} & set(loaded.split())


@pytest.mark.parametrize("layer", LOWEST)
def test_the_lowest_floors_load_no_heavy_library(layer: str, loaded: dict[str, set[str]]) -> None:
    assert f"carsmoo.{layer}" in loaded[layer]
    assert not {"torch", "pymoo", "matplotlib", "scipy", "rich", "typer"} & loaded[layer]


def test_nets_load_torch_and_leave_the_algorithm_alone(loaded: dict[str, set[str]]) -> None:
    assert {"torch", "carsmoo.nets.supernet.problem"} <= loaded["nets"]
    assert not {"carsmoo.algorithm", "carsmoo.survival", "carsmoo.cli"} & loaded["nets"]
