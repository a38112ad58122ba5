"""The examples in the docstrings of public names run, and each of these names has one."""

import doctest
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import carsmoo

NAMES = {
    "carsmoo": carsmoo.__all__,
    "carsmoo.compare": ("compare",),
    "carsmoo.cost": ("CostTable", "flops", "params"),
    "carsmoo.operators": ("GenotypeSampling", "NodeCrossover", "NodeMutation"),
    "carsmoo.plots": ("plot_front",),
    "carsmoo.survival": ("merge_stages", "pareto_stages", "select"),
    "carsmoo.testing": ("check_moving_problem",),
    "carsmoo.zoo": ("network",),
}


def documented() -> dict[str, Any]:
    """Return what is to have an example, by name."""
    found = {f"{home}.{name}": getattr(import_module(home), name) for home, names in NAMES.items() for name in names}
    ready = {f"carsmoo.NetworkConfig.{name}": getattr(carsmoo.NetworkConfig, name) for name in ("cifar", "imagenet")}
    return {**found, **ready, "carsmoo.zoo": import_module("carsmoo.zoo")}  # the last one for GENOTYPES, a mapping


@pytest.mark.parametrize("name", documented())
def test_the_example_in_a_docstring_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (test,) = doctest.DocTestFinder(recurse=False).find(documented()[name], name, globs={})
    assert name.rpartition(".")[2] in test.docstring.partition("Example:")[2]
    assert doctest.DocTestRunner().run(test).failed == 0
