"""The examples of the manual as scripts: searched on two processes, stopped, gone on with, and all that follows."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, Checkpoint, Front, resume
from carsmoo.nets.models.serialization import load
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.data import extract
from carsmoo.space.genotype import PRIMITIVES
from tests.cli.test_launched import require_same_search
from tests.nets.distributed.test_group import CONFIG
from tests.runs.test_checkpoint import ContinuousNSGA2
from tests.runs.test_session import figures
from tests.support.commands import call
from tests.support.examples import EXAMPLES, run, search
from tests.support.spaces import Forked

pytestmark = pytest.mark.usefixtures("one_thread")
FILE = "from tests.support.spaces import OWN_CELLS as cells"


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_searched_on_two_processes_goes_on_in_one_and_is_trained_reported_and_exported(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    path, whole, spaces = tmp_path / "run", tmp_path / "whole", tmp_path / "spaces_of_an_example.py"
    expected = run(name, whole)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*launcher, "-m", "tests.support.examples", name, str(path)]
    environ = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=300)
    assert done.stdout.count("stopped, 2 processes") == 2, done.stderr
    problem, algorithm = resume(path, *search(name))
    assert np.array_equal(algorithm.run().F, expected.F)
    require_same_search(path, whole)
    assert figures(path)[1:] == figures(whole)[1:]

    spaces.write_text(FILE)
    own: Any = problem.space.own_operations
    of = ("--space", f"{spaces}:cells") if own else ()
    ops = problem.space if own else PRIMITIVES
    assert call("train", path, "--top", 1, "--network", "4/3", "--set", "epochs=1", "--set", "batch=64", *of) == 0
    assert call("plot", path, *of) == 0
    assert call("report", path, *of) == 0
    assert "<html" in (path / "report.html").read_text(encoding="utf-8")
    told = extract(path, ops=ops)
    assert told.ended
    assert [one.number for one in told.generations] == [1, 2, 3]
    assert told.front.names == problem.objective_names
    assert told.config is not None
    assert told.config.objectives == problem.objective_names
    assert told.config.space == problem.space
    assert told.trained is not None
    assert call("export", path, "--out", tmp_path / "export", "--format", "safetensors", *of) == 0
    assert load(tmp_path / "export", ops).genotype in told.front.genotypes
    assert Front.load(path, ops).genotypes == problem.front(algorithm).genotypes


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    path = tmp_path_factory.mktemp("kept") / "run"
    return path, run("an objective", path)


def test_a_run_that_is_kept_holds_its_front_log_and_configuration(kept: tuple[Path, Any]) -> None:
    path, result = kept
    kinds = [event["event"] for event in RunDirectory(path).read_log()]
    assert kinds == ["start", "warm-up", "generation", "training", "generation", "training", "generation", "end"]
    front, expected = Front.load(path), result.problem.front(result)
    assert front.genotypes == expected.genotypes
    assert np.array_equal(front.F, expected.F)
    config = RunDirectory(path).config()
    assert config is not None
    assert (config.data, config.seed, config.objectives) == (CONFIG.data, 3, ("error", "params", "fragility"))


def test_what_needs_the_function_says_where_it_goes_on(
    kept: tuple[Path, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = kept
    assert call("resume", path) == 2
    told = f"run: expected one of the command line, got that of a script in {path}; resume it there"
    assert told in capsys.readouterr().err
    for command in (("train", path, "--inherit"), ("export", path, "--supernet", "--out", path.parent / "out")):
        assert call(*command) == 2
        assert "names, got the function fragility in" in capsys.readouterr().err
    with pytest.raises(ValueError, match=r"expected resume\(path, problem, algorithm\) with both made as for the run"):
        resume(path)


def test_a_run_that_has_ended_stays_so(kept: tuple[Path, Any]) -> None:
    path, _ = kept
    before = (path / "log.jsonl").read_bytes()
    _, algorithm = resume(path, *search("an objective"))
    assert not algorithm.has_next()
    algorithm.run()
    assert (path / "log.jsonl").read_bytes() == before
    assert extract(path).ended
    _, algorithm = resume(path, *search("an objective"), termination=("n_gen", 4))
    algorithm.run()
    kinds = [event["event"] for event in RunDirectory(path).read_log()]
    assert kinds[-4:] == ["resume", "training", "generation", "end"]


def test_the_report_tells_the_seed_of_the_run_and_that_of_its_problem(tmp_path: Path) -> None:
    problem, algorithm = search("an objective")
    minimize(problem, algorithm, ("n_gen", 1), seed=5, callback=Checkpoint(tmp_path / "run", log=True))
    told = extract(tmp_path / "run")
    assert (told.seed, told.seeds) == (5, "5 (problem 3)")
    assert dataclasses.replace(told, seed=3).seeds == "3"
    assert dataclasses.replace(told, seed=None, config=None).seeds == "–"


def test_what_others_wrote_beside_a_run_without_a_log_stays(tmp_path: Path) -> None:
    path = tmp_path / "run"
    minimize(SmallModelTrap(population=8), PNSGA3(), ("n_gen", 2), seed=1, callback=Checkpoint(path))
    (path / "log.jsonl").write_text('{"mine": 1}\n')
    _, algorithm = resume(path, SmallModelTrap(population=8), PNSGA3(), termination=("n_gen", 3))
    algorithm.run()
    assert (path / "log.jsonl").read_text() == '{"mine": 1}\n'


def test_a_front_that_is_not_ours_is_told_before_anything_is_written(tmp_path: Path) -> None:
    path = tmp_path / "run"
    problem, algorithm = search("an objective")
    minimize(problem, algorithm, ("n_gen", 1), seed=3, callback=Checkpoint(path, log=True))
    before = (path / "log.jsonl").read_bytes()
    (path / "front.csv").write_text("mine")
    with pytest.raises(FileExistsError, match=r"front.csv: expected no file, or one of carsmoo"):
        resume(path, *search("an objective"), termination=("n_gen", 2))
    assert (path / "log.jsonl").read_bytes() == before


def test_a_run_of_which_nothing_was_saved_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*given: object) -> None:
        raise OSError("no space left")

    path = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(RunDirectory, "write", full)
        with pytest.raises(OSError, match="no space left"):
            run("an objective", path)
    assert {one.name for one in path.iterdir()} >= {"config.toml", "log.jsonl"}
    result = minimize(*search("an objective"), ("n_gen", 1), seed=3, callback=Checkpoint(path, log=True))
    assert [event["event"] for event in RunDirectory(path).read_log()][:2] == ["start", "warm-up"]
    assert Front.load(path).genotypes == result.problem.front(result).genotypes


def test_a_run_without_configuration_is_reported_and_says_what_else_it_needs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "run"
    algorithm = ContinuousNSGA2(pop_size=4)
    minimize(search("an objective")[0], algorithm, ("n_gen", 1), seed=3, callback=Checkpoint(path, log=True))
    assert extract(path).config is None
    for command in (("train", path), ("export", path, "--out", tmp_path / "export")):
        assert call(*command) == 2
        assert "run: expected a directory with config.toml" in capsys.readouterr().err


def test_bounds_that_have_changed_are_named(tmp_path: Path) -> None:
    class Narrow(Forked):
        most = 2

        @property
        def xu(self) -> Any:
            return np.full(self.branches, self.most)

    def made() -> tuple[CARSProblem, PNSGA3]:
        return CARSProblem(CONFIG.data, Narrow(), network=CONFIG.network, training=CONFIG.training), PNSGA3()

    minimize(*made(), ("n_gen", 1), seed=1, callback=Checkpoint(tmp_path / "run", log=True))
    Narrow.most = 1
    with pytest.raises(ValueError, match="space/xu/0: expected 2, got 1"):
        resume(tmp_path / "run", *made())


def test_a_run_is_kept_in_an_empty_directory_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="out: expected a new or empty directory"):
        run("an objective", tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.name != "checkpoint"] == ["notes.txt"]


def test_a_problem_without_architectures_is_refused(tmp_path: Path) -> None:
    callback = Checkpoint(tmp_path / "run", log=True)
    with pytest.raises(TypeError, match="log: expected a problem of architectures, got SmallModelTrap"):
        minimize(SmallModelTrap(population=8), PNSGA3(), ("n_gen", 2), callback=callback)
    assert not (tmp_path / "run").exists()
