import json
from pathlib import Path

import pytest

from carsmoo.presets import SearchConfig
from carsmoo.rundir import RunDirectory


def test_a_new_run_has_its_configuration_and_a_log(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "a" / "b", SearchConfig())
    run.log("generation", generation=1, F=[[0.5, 1.0]])
    events = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "generation"]
    assert set(events[0]["versions"]) == {"carsmoo", "pymoo", "moocore", "numpy"}
    assert run.read_populations()[0].tolist() == [[0.5, 1.0]]


def test_a_directory_is_never_shared(tmp_path: Path) -> None:
    RunDirectory.create(tmp_path / "run", SearchConfig())
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    with pytest.raises(FileExistsError, match=r"out: expected a new or empty directory, got .*run, which holds"):
        RunDirectory.create(tmp_path / "run", SearchConfig())
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()} == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="out: expected a new or empty directory"):
        RunDirectory.create(tmp_path / "file", SearchConfig())
    assert (tmp_path / "file").read_text() == "mine"


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    with pytest.raises(ValueError, match=r"run: expected a directory with front\.json"):
        run.read_front()
    with pytest.raises(ValueError, match=r"run: expected a directory with log\.jsonl"):
        run.read_populations()
    (tmp_path / "log.jsonl").write_text('{"event": "start"}\n{"event": "gener')
    assert run.read_populations() == []
    (tmp_path / "log.jsonl").write_text('{"event": "start"}\n{"event": "gener\n')
    with pytest.raises(ValueError, match=r"log\.jsonl:2: expected an event as JSON"):
        run.read_populations()
