"""Commands under torchrun whose processes are killed or interrupted, at a moment that they choose themselves."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from carsmoo.cli.entry import main
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.models.serialization import load
from carsmoo.nets.retraining.parallel import train_each
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.retrained_front import jobs_for
from carsmoo.space.front import Front
from carsmoo.utils.files import Store
from carsmoo.zoo import GENOTYPES
from tests.nets.distributed.test_group import CONFIG

pytestmark = pytest.mark.usefixtures("one_thread")
RECIPE = TrainingRecipe(channels=2, layers=3, epochs=3, batch=512)
TRAIN = ["--network", "2/3", "--set", "epochs=3", "--set", "batch=512"]
FOUND = [GENOTYPES[name] for name in ("CARS-I", "CARS-A", "DARTS-V2")]


def launch(signal: str, when: int, *argv: object, restarts: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes, of which one is disturbed; see :mod:`tests.support.workers`."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [
        *launcher,
        "--max-restarts",
        str(restarts),
        "-m",
        "tests.support.workers",
        signal,
        str(when),
        *map(str, argv),
    ]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=300)


def require_no_traceback_of_ours(done: subprocess.CompletedProcess[str]) -> None:
    """Check that whatever is traced back is the launcher."""
    traced = [line for line in done.stderr.splitlines() if line.lstrip().startswith('File "')]
    assert not [line for line in traced if "/torch/" not in line and '"<frozen' not in line], done.stderr
    assert "carsmoo/" not in "".join(traced)


# ---------------------------------------------------------------------- a search


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(CONFIG.to_toml())
    return path


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, config: Path) -> Path:
    path = tmp_path_factory.mktemp("searched") / "run"
    call("search", "--config", config, "--out", path)
    return path


def call(*argv: object) -> None:
    with pytest.raises(SystemExit) as end:
        main([str(arg) for arg in argv])
    assert end.value.code == 0


def require_same_search(run: Path, undisturbed: Path) -> None:
    assert (run / "front.json").read_bytes() == (undisturbed / "front.json").read_bytes()
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events].count("resume") == 1
    states = [Store(path / "checkpoint").newest() for path in (run, undisturbed)]
    for name, array in states[1].arrays.items():  # type: ignore[union-attr]
        if name.startswith("state/"):
            assert np.array_equal(states[0].arrays[name], array), name  # type: ignore[union-attr]


@pytest.mark.end_to_end
def test_a_killed_worker_is_started_again_and_the_front_is_that_of_an_undisturbed_run(
    tmp_path: Path, config: Path, searched: Path
) -> None:
    done = launch("SIGKILL", 5, "search", "--config", config, "--out", tmp_path / "run", restarts=1)
    assert done.returncode == 0, done.stderr
    assert "going on from" in done.stdout
    require_same_search(tmp_path / "run", searched)


@pytest.mark.end_to_end
def test_a_search_that_is_interrupted_goes_on_to_the_same_end(tmp_path: Path, config: Path, searched: Path) -> None:
    run = tmp_path / "run"
    done = launch("SIGINT", 5, "search", "--config", config, "--out", run)
    assert done.returncode != 0
    assert done.stdout.endswith(f"go on with: carsmoo resume {run}\n")
    assert "carsmoo:" not in done.stderr
    require_no_traceback_of_ours(done)
    call("resume", run)
    require_same_search(run, searched)


# ---------------------------------------------------------------------- the training of a front


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run's directory as a search leaves it, with three networks."""
    made = RunDirectory.create(tmp_path / "run", CONFIG.updated({"data": "digits"}))
    F = np.array([[0.3, 1.0], [0.2, 2.0], [0.1, 3.0]])
    made.write_front(Front(tuple(FOUND), F, ("error", "params"), ("", "M"), {}))
    return made


def trained(run: RunDirectory) -> list[dict[str, Any]]:
    """Train a run's networks in this process, or go on, and return their cards."""
    jobs = jobs_for(FOUND, run.path / "networks", RECIPE, "digits")
    return train_each([dataclasses.replace(job, threads=1) for job in jobs], 1)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    found = RunDirectory(tmp_path_factory.mktemp("undisturbed"))
    trained(found)
    return found


def require_same_networks(run: RunDirectory, undisturbed: RunDirectory) -> None:
    folders = sorted(path for path in (undisturbed.path / "networks").iterdir())
    assert len(folders) == 3
    for expected in folders:
        folder = run.path / "networks" / expected.name
        for which in ("best", "last"):
            states = [load(path / f"{which}.safetensors").state_dict() for path in (folder, expected)]
            assert all(torch.equal(states[0][name], value) for name, value in states[1].items())
        logs = [
            [json.loads(line)["epoch"] for line in (path / "log.jsonl").read_text().splitlines()]
            for path in (folder, expected)
        ]
        assert logs[0] == logs[1] == [1, 2, 3]


@pytest.mark.end_to_end
def test_networks_of_a_killed_rank_are_trained_on(run: RunDirectory, undisturbed: RunDirectory) -> None:
    done = launch("SIGKILL", 2, "train", run.path, *TRAIN, restarts=1)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines() if line.startswith("network ")] == [
        "network 3",
        "network 1",
        "network 2",
    ]
    require_no_traceback_of_ours(done)
    require_same_networks(run, undisturbed)
    assert Front.load(run.path / "final-front.json").about["places"] == [1, 2, 3]


@pytest.mark.end_to_end
def test_a_training_that_is_interrupted_goes_on_to_the_same_end(run: RunDirectory, undisturbed: RunDirectory) -> None:
    done = launch("SIGTERM", 2, "train", run.path, *TRAIN)
    assert done.returncode != 0
    assert done.stdout.endswith("interrupted; the same command goes on from the last whole epoch\n")
    assert done.stdout.count("interrupted") == 1
    assert "carsmoo:" not in done.stderr
    require_no_traceback_of_ours(done)
    assert not (run.path / "final-front.json").exists()
    begun = [Store(path / "checkpoint").newest() for path in (run.path / "networks").glob("*-*")]
    assert 2 in {saved.number for saved in begun if saved is not None}
    trained(run)
    require_same_networks(run, undisturbed)


@pytest.mark.end_to_end
def test_a_launch_in_a_folder_where_another_trains_says_so_in_a_line(run: RunDirectory) -> None:
    other = Store(run.path / "networks")
    other.lock()
    try:
        done = launch("SIGKILL", 99, "train", run.path, *TRAIN)
    finally:
        other.unlock()
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("carsmoo:")]
    assert line.endswith("networks: expected no other run in this directory, got one that is going on")
    require_no_traceback_of_ours(done)
    assert [path.name for path in (run.path / "networks").iterdir()] == ["lock"]
