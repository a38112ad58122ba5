"""A space of one's own on the command line: search, resume, training, report and export, on one process and two."""

from pathlib import Path

import pytest
import tomli_w

from carsmoo.cli.own_space import space_at
from carsmoo.config.toml import plain
from carsmoo.nets.models.serialization import load
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.data import extract
from carsmoo.space.front import Front
from tests.cli.test_launched import launch, require_same_search
from tests.nets.distributed.test_group import CONFIG
from tests.support.commands import QUICK, call
from tests.support.spaces import FORKED, OWN_CELLS

SPACES = """
from tests.support.spaces import FORKED as forked, OWN_CELLS as cells
number = 3
"""


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a user's spaces."""
    path = tmp_path_factory.mktemp("spaces") / "spaces_of_a_user.py"
    path.write_text(SPACES)
    return path


@pytest.fixture(scope="module", params=["forked", "cells"])
def space(request: pytest.FixtureRequest, spaces: Path) -> str:
    return f"{spaces}:{request.param}"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings = {name: value for name, value in plain(CONFIG.to_plain()).items() if name != "space"}
    path = tmp_path_factory.mktemp("config") / "config.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


@pytest.mark.end_to_end
def test_two_processes_that_are_stopped_go_on_in_one_and_what_was_found_is_trained_reported_and_exported(
    space: str, config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    of, run, whole = ("--space", space), tmp_path / "run", tmp_path / "whole"
    assert call("search", "--config", config, "--out", whole, *of) == 0
    done = launch("SIGINT", 5, "search", "--config", config, "--out", run, *of)
    assert done.stdout.endswith(f"go on with: carsmoo resume {run}\n"), done.stderr
    assert call("resume", run, *of) == 0
    require_same_search(run, whole)

    recipe = ("--network", "4/3", "--set", "epochs=1", "--set", "batch=64", "--top", 2)
    done = launch("SIGKILL", 99, "train", run, *recipe, *of)
    assert done.returncode == 0, done.stderr
    capsys.readouterr()
    assert call("train", run, *recipe, "--jobs", 2, *of) == 0  # which finds them trained
    assert "best network by the images held out" in capsys.readouterr().out
    assert call("plot", run, *of) == 0
    assert call("report", run, *of) == 0
    told = extract(run, ops=space_at(space) or ())
    assert told.trained is not None
    assert len(told.trained.front) == sum(one.place is not None for one in told.trainings) >= 1
    assert call("fidelity", run, "--networks", 2, *recipe[:-2], *of) == 0

    for number, more in enumerate(((), ("--supernet",))):
        out = tmp_path / f"export{number}"
        assert call("export", run, "--out", out, "--format", "safetensors", *more, *of) == 0
        assert load(out, space_at(space) or ()).genotype in told.front.genotypes
    network = Front.load(run, space_at(space) or ())[0].network()
    assert network.genotype == told.front.genotypes[0]


HEADED = """
from dataclasses import dataclass
from carsmoo import DARTSSpace
from tests.support.spaces import Forked

@dataclass(frozen=True)
class Headed(Forked):
    head: int | None = None

class Derived(DARTSSpace):
    pass

headed, derived = Headed(), Derived(nodes=2)
"""


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["headed", "derived"])
def test_a_space_is_told_from_others_by_its_kind_and_arguments(
    name: str, searched: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    file, run = tmp_path / f"{name}_space.py", tmp_path / "run"
    file.write_text(HEADED)
    assert call("search", "--out", run, *QUICK, "--quiet", "--space", f"{file}:{name}") == 0
    space = space_at(f"{file}:{name}")
    config = RunDirectory(run, space or ()).config()
    assert config is not None
    assert config.space is space
    assert call("report", run, "--space", f"{file}:{name}") == 0
    assert call("report", run) == 2
    assert f"got '{type(space).__name__}'; {run} is read with the space" in capsys.readouterr().err


@pytest.mark.end_to_end
def test_a_report_has_runs_of_our_spaces_beside_those_of_ones_own(searched: Path, spaces: Path, tmp_path: Path) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    other = tmp_path / "other"
    assert call("search", "--out", other, *QUICK, "--quiet", "--set", "space.nodes=2") == 0
    for more in ((), ("--watch",)):
        page = tmp_path / f"page{len(more)}.html"
        assert call("report", searched, other, "--out", page, *more, "--space", f"{spaces}:cells") == 0
        assert page.is_file()


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory, spaces: Path) -> Path:
    path = tmp_path_factory.mktemp("searched") / "run"
    assert call("search", "--out", path, *QUICK, "--quiet", "--space", f"{spaces}:cells") == 0
    return path


@pytest.mark.parametrize("command", ["resume", "plot", "report", "train", "fidelity"])
def test_a_run_is_read_with_its_space_alone(
    command: str, searched: Path, spaces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in searched.rglob("*") if path.is_file()}
    assert call(command, searched) == 2
    told = capsys.readouterr().err
    assert "'inverted_3x3'" in told
    assert told.endswith(f"{searched} is read with the space that it was searched in, --space FILE:NAME\n")
    assert call(command, searched, "--space", f"{spaces}:forked") == 2
    told = capsys.readouterr().err
    assert "'inverted_3x3'" in told
    assert told.endswith("--space FILE:NAME\n")
    assert {path: path.read_bytes() for path in searched.rglob("*") if path.is_file()} == before


@pytest.mark.end_to_end
def test_a_configuration_names_the_space_and_holds_no_other_one(
    searched: Path, spaces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = RunDirectory(searched, OWN_CELLS)
    config = run.config()
    assert config is not None
    assert config.space == OWN_CELLS
    again = ("search", "--out", tmp_path / "again", "--config", searched / "config.toml", "--quiet")
    assert call(*again, "--space", f"{spaces}:forked") == 2
    assert "space: expected {'kind': 'Forked'" in capsys.readouterr().err
    assert call(*again, "--space", f"{spaces}:cells", "--set", "space.nodes=3") == 2
    assert "space: expected no settings of it beside --space, got {'nodes': 3}" in capsys.readouterr().err
    assert call(*again, "--space", f"{spaces}:cells") == 0
    assert (tmp_path / "again" / "front.csv").read_bytes() == (searched / "front.csv").read_bytes()


def test_an_architecture_of_the_space_is_named_by_its_text_or_json(
    spaces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = FORKED.decode([1, 2])
    for text in (str(one), one.to_json()):
        assert call("cost", text, "--verify", "--space", f"{spaces}:forked") == 0
    assert capsys.readouterr().out.count("equal to the closed form") == 4
    assert call("export", "runs/typo", "--out", tmp_path / "no", "--space", f"{spaces}:forked") == 2
    assert capsys.readouterr().err.endswith("got 'runs/typo'; and no file or directory is there either\n")
    assert call("cost", "nosuch", "--space", f"{spaces}:forked") == 2
    assert "architecture: expected operations among" in capsys.readouterr().err
    out = tmp_path / "network"
    assert call("export", str(one), "--out", out, "--format", "safetensors", "--space", f"{spaces}:forked") == 0
    assert load(out, FORKED).genotype == one


def test_what_is_no_space_is_refused_in_a_line(spaces: Path, tmp_path: Path) -> None:
    assert space_at(None) is None
    assert space_at(f"{spaces}:forked") is FORKED
    for text in ("spaces_of_a_user", "spaces.py", "spaces.txt:one", "spaces.py:1", ":one", "my-spaces.py:one"):
        with pytest.raises(ValueError, match=r"space: expected FILE:NAME such as spaces.py:chain, got"):
            space_at(text)
    with pytest.raises(FileNotFoundError, match=r"space: expected a Python file, got nosuch.py: no such file"):
        space_at("nosuch.py:one")
    for name, got in (("number", "3"), ("nosuch", "None")):
        with pytest.raises(ValueError, match=f"space: expected a SearchSpace named {name} in .*, got {got}"):
            space_at(f"{spaces}:{name}")
    broken, taken, leaving = (tmp_path / f"{name}.py" for name in ("broken_space", "json", "leaving_space"))
    broken.write_text("1 / 0")
    leaving.write_text("import sys; sys.exit(3)")
    with pytest.raises(ValueError, match=r"expected a file that can be imported, got .*SystemExit: 3"):
        space_at(f"{leaving}:one")
    taken.write_text("one = 1")
    with pytest.raises(ValueError, match=r"expected a file that can be imported, got .*ZeroDivisionError"):
        space_at(f"{broken}:one")
    with pytest.raises(ValueError, match="expected a file whose name no other module has"):
        space_at(f"{taken}:one")
