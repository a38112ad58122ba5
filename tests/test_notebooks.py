"""The manual's notebooks are executed in an empty directory, and a fresh one shows what carsmoo returns."""

from __future__ import annotations

import base64
import io
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from PIL import Image

NOTEBOOKS = sorted((Path(__file__).parent.parent / "docs" / "notebooks").glob("*.ipynb"))


def execute(notebook: Any, folder: Path) -> None:
    """Execute a notebook in a folder, with this environment's commands, headless."""
    words = os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    words |= {"IPYTHONDIR": str(folder / ".ipython")}
    words.pop("MPLBACKEND", None)
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env=words)


def shown(cell: Any) -> list[str]:
    """Return what a cell shows, each output by its richest form."""
    forms = ("image/png", "text/html", "text/plain")
    return [
        next(form for form in forms if form in output.data) if "data" in output else output.output_type
        for output in cell.outputs
    ]


@pytest.mark.end_to_end
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_of_the_manual_runs_in_an_empty_directory(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, tmp_path)
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    pictures = ("look", "plot", "generations", "cells")
    assert {name: shown(cells[name]) for name in pictures} == {name: ["image/png"] for name in pictures}
    assert shown(cells["load"]) == ["text/html"]
    assert {path.name for path in (tmp_path / "exported").iterdir()} == {
        "network.json",
        "network.pt2",
        "network.safetensors",
    }
    told = cells["use"].outputs[0].data["text/plain"]
    assert sum(f"'{name}'" in told for name in ("leaves", "petals", "sky", "tower", "trees")) >= 3


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_kept_without_what_they_printed(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [(cell.outputs, cell.execution_count) for cell in code] == [([], None)] * len(code)


MAKE = """
import sys
from carsmoo import Front, plots
from carsmoo.zoo import GENOTYPES
networks = [GENOTYPES["CARS-A"], GENOTYPES["CARS-B"], GENOTYPES["CARS-C"]]
names, units = ("error", "params", "flops"), ("fraction", "millions", "millions of multiply-adds")
F = [[0.3, 0.016, 0.5], [0.2, 0.020, 0.6], [0.1, 0.024, 0.7]]
three = Front.from_objectives(networks, F, names, units)
front = Front.from_objectives(networks, [row[:2] for row in F], names[:2], units[:2])
"""
SHOWN = {  # by the last line of a cell
    "front": ["text/html"],
    "front[0]": ["text/plain"],
    "front.plot()": ["image/png"],
    "three.plot()": ["image/png"],
    "plots.plot_front(front)": ["image/png"],
    "plots.plot_parallel(three)": ["image/png"],
    "plots.plot_generations([front.F, front.F * 0.9], front.columns)": ["image/png"],
    "plots.plot_genotype(networks[0])": ["image/png"],
    "front.plot();": [],
    "front.plot().show()": ["image/png"],
}


@pytest.mark.end_to_end
def test_a_fresh_notebook_shows_each_figure_once(tmp_path: Path) -> None:
    new = nbformat.v4.new_code_cell
    unplotted = [new(line) for line in SHOWN]
    loaded = new("'matplotlib.pyplot' in sys.modules")
    again = [new(line) for line in SHOWN]
    cells = [new(MAKE), *unplotted[:-1], loaded, unplotted[-1], new("import matplotlib.pyplot as plt"), *again]
    execute(nbformat.v4.new_notebook(cells=cells), tmp_path)
    assert {cell.source: shown(cell) for cell in unplotted} == SHOWN
    assert loaded.outputs[0].data["text/plain"] == "False"
    assert {cell.source: shown(cell) for cell in again} == SHOWN
    picture = unplotted[2].outputs[0]
    width, height = Image.open(io.BytesIO(base64.b64decode(picture.data["image/png"]))).size
    assert (width, height) == (2 * picture.metadata["image/png"]["width"], 2 * picture.metadata["image/png"]["height"])
