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
    names = "PNSGA3, Continuous, Genotype, DARTSSpace, MovingProblem, NetworkConfig, SupernetTraining, Front"
    assert run(f"import sys; from carsmoo import {names}; print('torch' in sys.modules)").strip() == "False"
    assert run("import sys; from carsmoo import CARSProblem; print('torch' in sys.modules)").strip() == "True"


@pytest.mark.parametrize("layer", ["space", "config", "cost.structure", "cost.closed_form", "cost.lookup", "zoo"])
def test_the_lowest_floors_load_no_heavy_library(layer: str) -> None:
    loaded = run(f"import sys, carsmoo.{layer}; print(*sys.modules)").split()
    assert not {"torch", "pymoo", "matplotlib", "scipy", "rich", "typer"} & set(loaded)


def test_importing_nets_leaves_the_algorithm_alone() -> None:
    loaded = run("import sys, carsmoo.nets.supernet.problem, carsmoo.nets.models.network; print(*sys.modules)").split()
    assert not {"carsmoo.algorithm", "carsmoo.survival", "carsmoo.cli"} & set(loaded)
