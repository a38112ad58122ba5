"""What stops a search from outside loses nothing: signals, a full disk, another search in its directory."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from carsmoo.runs.snapshot import read
from carsmoo.space.front import Front
from tests.support.commands import QUICK, call
from tests.support.runs import DATA


def interrupted(out: Path, *signals: signal.Signals) -> tuple[int, str, str]:
    """Search in a process that is sent signals once its second generation is told; return its exit code and words."""
    command = [sys.executable, "-m", "carsmoo.cli", "search", "--out", str(out), "--preset", "smoke"]
    command += ["--set", "training.n_generations=500"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, env=environment, **pipes) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.strip().startswith("2 |"):
                process.send_signal(signals[0])
            if line.startswith("finishing the step at hand"):
                for again in signals[1:]:
                    process.send_signal(again)
        return process.wait(), said, process.stderr.read()


@pytest.mark.end_to_end
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_was_found_and_says_how_it_goes_on(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    exit_code, said, error = interrupted(out, number)
    assert exit_code == code
    assert "finishing the step at hand; once more stops at once" in said
    assert "interrupted; this is the front of generation" in said
    assert said.endswith(f"go on with: carsmoo resume {out}\n")
    assert {line.split(":")[0] for line in error.splitlines()} <= {"warm-up", "scoring", "training"}  # progress
    assert len(Front.load(out / "front.json")) > 0
    assert call("resume", out, "--generations", "2") == 0
    events = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    assert [event["generation"] for event in events if event["event"] == "generation"] == [1, 2, 3]
    assert events[-1]["event"] == "end"


@pytest.mark.end_to_end
@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_stops_at_once_and_loses_nothing(second: signal.Signals, tmp_path: Path) -> None:
    out = tmp_path / "run"
    exit_code, _, error = interrupted(out, signal.SIGINT, second)
    assert exit_code == 128 + second
    assert "Traceback" not in error
    assert read(out).generation >= 1
    assert read(out).damaged == ()


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_files_that_may_not_grow_end_a_search_in_one_line_with_the_last_checkpoint_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with files_up_to(80_000):
        assert call("search", "--quiet", "--out", tmp_path / "run", "--preset", "smoke", "--set", f"data={DATA}") == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "File too large" in error
    assert f"what was saved goes on with: carsmoo resume {tmp_path / 'run'}" in error
    assert read(tmp_path / "run").damaged == ()
    assert call("resume", tmp_path / "run") == 0


@pytest.mark.end_to_end
def test_of_two_searches_with_one_directory_one_runs_and_the_other_is_refused_in_a_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "carsmoo.cli", "search", "--quiet", "--out", str(tmp_path / "run"), *QUICK]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, **pipes) for _ in range(2)]
    errors = {process.communicate()[1]: process.returncode for process in both}
    assert sorted(errors.values()) == [0, 2]
    assert errors[""] == 0
    (refused,) = (error for error in errors if error)
    assert refused.count("\n") == 1
    assert "expected no other run in this directory" in refused or "expected a new or empty directory" in refused
    assert read(tmp_path / "run").generation == 2
