"""How search, resume and train tell their progress: lines, JSON lines, bars, or not at all."""

import io
import json
import math
from pathlib import Path

import pytest

from carsmoo.cli.progress import Telling, progress_lines
from carsmoo.utils.progress import Step
from tests.cli.test_train import TINY
from tests.support.commands import QUICK, call
from tests.support.runs import DATA

PHASES = ["warm-up", "scoring", "scoring", "training", "scoring"]


def phases(said: str) -> list[str]:
    return [line.split(":")[0] for line in said.splitlines()]


@pytest.fixture(autouse=True)
def no_terminal_and_phases_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is written depend neither on how fast this machine is nor on how rich takes it."""
    monkeypatch.setattr("carsmoo.utils.progress_lines.EVERY", math.inf)
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):  # which rich takes for a terminal
        monkeypatch.delenv(name, raising=False)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_each_phase_of_a_search_is_a_line_and_the_table_has_its_rows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("search", "--out", tmp_path / "run", *QUICK) == 0
    said = capsys.readouterr()
    assert phases(said.err) == PHASES
    assert [line.split("|")[0].strip() for line in said.out.splitlines() if " | " in line][:3] == ["n_gen", "1", "2"]
    assert "warm-up: 0/" not in said.out
    assert "whole run" in said.err.splitlines()[3]  # as training begins, by the epochs of warm-up
    assert call("resume", tmp_path / "run", "--generations", 2) == 0
    said = capsys.readouterr()
    assert phases(said.err)[-2:] == ["training", "scoring"]
    assert "going on from generation 2" in said.out


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_quiet_search_prints_its_front_and_no_progress(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("search", "--quiet", "--out", tmp_path / "run", *QUICK) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.lstrip().startswith("Pareto front")
    assert "n_gen" not in said.out
    assert "on test" in said.out
    assert call("resume", tmp_path / "run", "--generations", 2, "--quiet") == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.lstrip().startswith("Pareto front")
    assert call("resume", tmp_path / "nowhere", "--quiet") == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_search_tells_programs_its_progress_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("search", "--json", "--out", tmp_path / "run", *QUICK) == 0
    said = capsys.readouterr()
    events = [json.loads(line) for line in said.err.splitlines()]
    assert [event["phase"] for event in events] == PHASES
    assert [event["generation"] for event in events] == [0, 0, 0, 0, 1]
    assert events[0]["run_left"] is None
    assert events[-1]["run_left"] >= 0
    assert said.out.lstrip().startswith("Pareto front")


@pytest.mark.parametrize("argv", [["search", "--out", "RUN"], ["resume", "RUN"], ["train", "CARS-A", "--out", "RUN"]])
def test_quiet_and_json_are_not_both(argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / "run"
    assert call(*(arg.replace("RUN", str(run)) for arg in argv), "--quiet", "--json") == 2
    assert capsys.readouterr().err == "carsmoo: json: expected --quiet or --json, got both\n"
    assert not run.exists()


def test_a_training_is_told_in_lines_as_json_or_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "CARS-A", "--out", tmp_path / "lines", *TINY, "--data", DATA) == 0
    said = capsys.readouterr()
    assert phases(said.err) == ["training"]
    assert said.out.count("network 1:") == 1
    assert "networks:" not in said.out
    assert call("train", "CARS-A", "--out", tmp_path / "json", "--json", *TINY, "--data", DATA) == 0
    said = capsys.readouterr()
    assert [json.loads(line)["phase"] for line in said.err.splitlines()] == ["training"]
    assert said.out.startswith("network 1:")
    assert call("train", "CARS-A", "--out", tmp_path / "quiet", "--quiet", *TINY, "--data", DATA) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("network 1:")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("telling", "is_main", "terminal", "form"),
    [
        (Telling.USUAL, True, False, "text"),
        (Telling.USUAL, True, True, None),  # which has bars
        (Telling.USUAL, False, False, None),
        (Telling.JSON, True, True, "json"),
        (Telling.JSON, True, False, "json"),
        (Telling.JSON, False, False, None),
        (Telling.QUIET, True, False, None),
    ],
)
def test_lines_are_written_by_the_first_process_where_there_is_no_terminal_or_a_program_reads(
    telling: Telling, is_main: bool, terminal: bool, form: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal() if terminal else io.StringIO()
    monkeypatch.setattr("sys.stderr", screen)
    with progress_lines(telling, is_main) as lines:
        assert (lines is None) == (form is None)
        if lines is not None:
            lines(Step(phase="training", done=0, total=4, unit="steps"))
    said = screen.getvalue()
    monkeypatch.setattr("sys.stderr", None)  # as where it is closed
    with progress_lines(telling, is_main) as lines:
        if lines is not None:
            lines(Step(phase="training", done=0, total=4, unit="steps"))
    assert said[:1] == {"text": "t", "json": "{", None: ""}[form]
    assert said.count("\n") == (form is not None)
