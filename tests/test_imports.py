import subprocess
import sys

import pytest

LIGHT = "carsmoo.algorithm, carsmoo.operators, carsmoo.problems, carsmoo.plots, carsmoo.cost, carsmoo.cost.latency"


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_what_needs_no_torch_loads_none() -> None:
    loaded = run(
        f"import sys, carsmoo, carsmoo.config.search, carsmoo.runs.directory, carsmoo.cli, {LIGHT}; print(*sys.modules)"
    )
    assert not {"torch", "torchvision", "fvcore", "sklearn"} & set(loaded.split())


def test_public_names_load_torch_only_when_they_need_it() -> None:
    light = "PNSGA3, Continuous, Genotype, DARTSSpace, MovingProblem, NetworkConfig, SupernetTraining, Front"
    told = [f"from carsmoo import {names}; print('torch' in sys.modules)" for names in (light, "CARSProblem")]
    assert run("; ".join(["import sys", *told])).split() == ["False", "True"]


LOWEST = ("space", "config", "space.darts_graph", "cost.closed_form", "space.darts_table", "zoo")


@pytest.fixture(scope="module")
def loaded_by_the_lowest() -> dict[str, set[str]]:
    """Return what is loaded once each of the lowest floors is, one after the other in one process."""
    lines = run("import sys\n" + "\n".join(f"import carsmoo.{layer}; print(*sys.modules)" for layer in LOWEST))
    return {layer: set(line.split()) for layer, line in zip(LOWEST, lines.splitlines(), strict=True)}


@pytest.mark.parametrize("layer", LOWEST)
def test_the_lowest_floors_load_no_heavy_library(layer: str, loaded_by_the_lowest: dict[str, set[str]]) -> None:
    loaded = loaded_by_the_lowest[layer]
    assert f"carsmoo.{layer}" in loaded
    assert not {"torch", "pymoo", "matplotlib", "scipy", "rich", "typer"} & loaded


def test_importing_nets_leaves_the_algorithm_alone() -> None:
    loaded = run("import sys, carsmoo.nets.supernet.problem, carsmoo.nets.models.network; print(*sys.modules)").split()
    assert not {"carsmoo.algorithm", "carsmoo.survival", "carsmoo.cli"} & set(loaded)
