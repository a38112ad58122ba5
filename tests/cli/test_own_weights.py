"""A search with own weights from the command line on: resumed, exported, trained further, reported."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from carsmoo import load
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.retrained_front import restored
from carsmoo.space.front import Front
from tests.support.commands import call

OWN = [
    "--preset",
    "smoke",
    "--set",
    "training.weights=own",
    "--set",
    "training.score_images=60",
    "--set",
    "data=digits?images=300",
    "--set",
    "network.channels=2",
    "--set",
    "training.pop_size=4",
]


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    assert call("search", "--out", path, *OWN) == 0
    return path


@pytest.mark.end_to_end
def test_a_search_says_whose_weights_its_errors_belong_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("search", "--out", tmp_path / "run", *OWN, "--set", "training.n_generations=1") == 0
    said = capsys.readouterr().out
    assert "error: search-validation, each network's own weights, epoch" in said
    assert "supernet" not in said
    assert call("report", tmp_path / "run") == 0
    assert "own weights" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_resumed_search_ends_as_the_undisturbed_one(run_dir: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    assert call("search", "--out", cut, *OWN, "--set", "training.n_generations=1") == 0
    assert call("resume", cut, "--generations", 2) == 0
    assert (cut / "front.csv").read_text() == (run_dir / "front.csv").read_text()
    states = [restored(RunDirectory(path))[0].state_dict() for path in (cut, run_dir)]
    assert all(np.array_equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_its_networks_are_exported_and_trained_further_from_their_own_weights(run_dir: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    genotype = Front.load(copy / "front.json").genotypes[0]
    own = restored(RunDirectory(copy))[0].subnet(genotype)
    taken = ["--network", 1, "--supernet", "--format", "safetensors", "--out", tmp_path / "taken"]
    assert call("export", copy, *taken) == 0
    exported = load(tmp_path / "taken")
    assert exported.card["accuracy"][0]["weights"] == "own"
    assert all(torch.equal(a, b) for a, b in zip(exported.parameters(), own.parameters(), strict=True))
    still = ["--set", "epochs=1", "--set", "learning_rate=1e-12", "--jobs", 1, "--only", 1]
    assert call("train", copy, "--inherit", *still) == 0
    (folder,) = (copy / "networks").iterdir()
    assert np.allclose(load(folder).classifier.weight.detach(), own.classifier.weight.detach(), atol=1e-6)
