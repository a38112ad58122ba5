import gc
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from carsmoo.config.search import SearchConfig
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.figures import draw_run
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES


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


@pytest.mark.parametrize(
    ("F", "got"),
    [
        ('[["0.5", 1.0]]', "'0.5'"),
        ("[[NaN, 1.0]]", "nan"),
        ("[[0.5, Infinity]]", "inf"),
        ("[[true, 1.0]]", "True"),
        ("[[0.5, 1.0], [0.5]]", r"\[\[0.5, 1.0\], \[0.5\]\]"),
        ("[]", r"\[\]"),
        ("[0.5, 1.0]", r"\[0.5, 1.0\]"),
        ("null", "None"),
    ],
)
def test_populations_are_finite_numbers(F: str, got: str, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(f'{{"event": "start"}}\n{{"event": "generation", "F": {F}}}\n')
    with pytest.raises(ValueError, match=rf"log\.jsonl:2: F: expected \(n, m\) finite numbers.*, got {got}$"):
        RunDirectory(tmp_path).read_populations()


def test_a_front_of_others_is_not_written_over(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", SearchConfig())
    front = Front.from_objectives([GENOTYPES["CARS-A"]], np.array([[0.5, 2.0]]), ("error", "params"), ("", "M"), {})
    (run.path / "front.json").write_text('{"networks": []}')
    with pytest.raises(FileExistsError, match=r"front\.json: expected no file, or one of carsmoo to replace"):
        run.write_front(front)
    assert not (run.path / "front.csv").exists()
    assert (run.path / "front.json").read_text() == '{"networks": []}'


def start_in_another_process(path: Path) -> subprocess.CompletedProcess[str]:
    script = (
        "import sys; from carsmoo.runs.directory import RunDirectory; from carsmoo.config.search import SearchConfig\n"
        "RunDirectory.lock(RunDirectory(sys.argv[1]))"
    )
    return subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False)


def test_the_lock_is_held_for_as_long_as_the_run_is_there(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", SearchConfig())
    gc.collect()
    refused = start_in_another_process(run.path)
    assert "BlockingIOError" in refused.stderr
    assert "expected no other run in this directory, got one that is going on" in refused.stderr
    del run
    gc.collect()
    assert start_in_another_process(tmp_path / "run").returncode == 0


@pytest.mark.parametrize("name", [".config.toml", "notes.txt", "checkpoint/notes.txt", "checkpoint/lock", "sub/x"])
def test_a_directory_with_anything_in_it_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match="out: expected a new or empty directory"):
        RunDirectory.create(tmp_path, SearchConfig())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [tmp_path / name]
    assert (tmp_path / name).read_text() == "mine"


def test_a_run_killed_at_its_very_start_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "lock").touch()
    (tmp_path / ".config.toml.carsmoo-0123456789abcdef").write_text("pres")
    RunDirectory.create(tmp_path, SearchConfig())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "config.toml", "log.jsonl"]


def test_no_link_in_a_run_is_written_through(tmp_path: Path) -> None:
    run, victim = RunDirectory.create(tmp_path / "run", SearchConfig()), tmp_path / "victim"
    victim.write_text("mine")
    for name in (".front.json", ".front.csv", "front.json", "front.csv", "front.pdf", "front.png"):
        (run.path / name).symlink_to(victim)
    front = Front.from_objectives([GENOTYPES["CARS-A"]], np.array([[0.5, 2.0]]), ("error", "params"), ("", "M"), {})
    run.write_front(front)
    draw_run(run)
    assert victim.read_text() == "mine"
    assert run.read_front().genotypes == front.genotypes
    assert not any((run.path / name).is_symlink() for name in ("front.json", "front.csv", "front.pdf", "front.png"))
    (run.path / "log.jsonl").unlink()
    (run.path / "log.jsonl").symlink_to(victim)
    with pytest.raises(FileExistsError, match=r"log\.jsonl: expected a file, got a symbolic link"):
        run.log("end")
    with pytest.raises(FileExistsError, match=r"log\.jsonl: expected a file, got a symbolic link"):
        run.require_own()
    assert victim.read_text() == "mine"
