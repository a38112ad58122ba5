import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carsmoo.nets.distributed.group import ALONE
from carsmoo.runs.build import build
from carsmoo.runs.resume import resume
from carsmoo.runs.session import Session
from carsmoo.utils.files import Store
from carsmoo.utils.progress import Step
from carsmoo.utils.validation import StoppedError
from tests.cost.test_latency import made_up
from tests.support.kills import CONFIG


def figures(path: Path) -> list[dict[str, Any]]:
    """Return a log's events without times and without how often it was gone on with."""
    events = [json.loads(line) for line in (path / "log.jsonl").read_text().splitlines()]
    kept = [{k: v for k, v in event.items() if k not in ("at", "seconds", "spent")} for event in events]
    return [event for event in kept if event["event"] != "resume"]


@pytest.mark.end_to_end
def test_a_search_killed_at_any_moment_again_and_again_ends_as_one_that_was_not(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.kills", str(tmp_path), "0"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] >= 8
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for name in ("state.json", "front.json", "front.csv", "config.toml"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert figures(killed) == figures(whole)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Session:
    session = Session(tmp_path_factory.mktemp("runs") / "whole", say=lambda text: None, group=ALONE)
    session.start(CONFIG)
    session.run()
    return session


def test_each_generation_logs_its_trust_and_a_resumed_run_has_that_of_the_run(whole: Session) -> None:
    told = [event["trust"] for event in figures(whole.run_dir.path) if event["event"] == "generation"]
    assert len(told) == CONFIG.training.n_generations + 1
    assert told[-1] == dataclasses.asdict(whole.problem.trust)
    assert told[0]["successive"] is None
    assert all(one["successive"] is not None and 0 <= one["distinct"] <= 1 for one in told[1:])
    assert [one["updates"] for one in told] == sorted(one["updates"] for one in told)
    problem, _ = build(CONFIG)
    problem.load_state_dict(whole.run_dir.snapshot().state)
    assert problem.trust == whole.problem.trust


def started(path: Path, said: list[str] | None = None) -> Session:
    session = Session(path, say=[].append if said is None else said.append, group=ALONE)
    session.start(CONFIG)
    return session


def fail_at(phase: str, generation: int, session: Session, what: Any) -> None:
    def hear(step: Step) -> None:
        if step.phase == phase and session.algorithm.n_gen == generation:
            what()

    session.problem.run_listeners.append(hear)


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", ["front.json", "front.csv"])
def test_a_front_of_others_that_appears_during_a_run_ends_it_and_stays(name: str, tmp_path: Path) -> None:
    session, mine = started(tmp_path), tmp_path / name

    def put() -> None:
        mine.unlink(missing_ok=True)
        mine.write_text("mine")

    fail_at("training", 2, session, put)
    with pytest.raises(StoppedError, match=rf"{name}: expected no file, or one of carsmoo to replace.*goes on with"):
        session.run()
    assert mine.read_text() == "mine"
    mine.unlink()
    again = Session(tmp_path, say=lambda text: None, group=ALONE)
    again.resume()
    assert len(again.run()) > 0


def test_a_run_whose_latency_table_is_gone_says_so(tmp_path: Path) -> None:
    table, run = tmp_path / "t.json", tmp_path / "run"
    made_up(network=CONFIG.network.for_data((1, 8, 8), 10)).write(table)
    session = Session(run, say=lambda text: None, group=ALONE)
    session.start(CONFIG.updated({"objectives": ["error", "latency"], "latency": str(table)}))
    session.run_dir.unlock()
    table.unlink()
    for go_on in (Session(run, say=lambda text: None, group=ALONE).resume, lambda: resume(run)):
        with pytest.raises(FileNotFoundError) as caught:
            go_on()
        says = f"{run}: expected the latency table that the run belongs to, got no file {table}"
        assert str(caught.value) == says


def test_a_removed_directory_ends_the_run_with_its_front_in_memory(tmp_path: Path) -> None:
    session = started(tmp_path / "run")
    fail_at("training", 3, session, lambda: shutil.rmtree(tmp_path / "run", ignore_errors=True))
    with pytest.raises(
        StoppedError, match=r"No such file or directory: .*run.*; what was saved goes on with"
    ) as caught:
        session.run()
    assert "\n" not in str(caught.value)
    assert session.log.front is not None
    assert session.log.front.about["generation"] == 1


@pytest.mark.end_to_end
@pytest.mark.parametrize("at", [1, 2, 3, 5, 8])
def test_a_full_disk_ends_the_run_and_space_lets_it_go_on(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: Session
) -> None:
    session = started(tmp_path)
    before = Store(tmp_path / "checkpoint").newest()
    writes, original = 0, Path.replace

    def full(self: Path, target: Path) -> Path:
        nonlocal writes
        writes += 1
        if writes >= at:
            raise OSError(28, "No space left on device", str(self))
        return original(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(StoppedError, match=r"No space left on device.*what was saved goes on with: carsmoo resume"):
        session.run()
    monkeypatch.undo()
    after = Store(tmp_path / "checkpoint").newest()
    assert before is not None
    assert after is not None
    assert (after.damaged, after.number >= before.number) == ((), True)
    again = Session(tmp_path, say=lambda text: None, group=ALONE)
    again.resume()
    again.run()
    assert figures(tmp_path) == figures(whole.run_dir.path)
    assert again.log.front is not None
    assert again.log.front.genotypes == whole.log.front.genotypes  # type: ignore[union-attr]


def test_a_run_that_was_saved_by_no_one_starts_from_its_beginning(tmp_path: Path, whole: Session) -> None:
    started(tmp_path)
    shutil.rmtree(tmp_path / "checkpoint")
    said: list[str] = []
    again = Session(tmp_path, say=said.append, group=ALONE)
    again.resume()
    again.run()
    assert said[0] == "nothing was saved yet; the search starts from its beginning"
    assert figures(tmp_path) == figures(whole.run_dir.path)


def test_a_log_with_generations_is_not_thrown_away_where_checkpoints_are_missing(tmp_path: Path) -> None:
    started(tmp_path).run()
    shutil.rmtree(tmp_path / "checkpoint")
    before = (tmp_path / "log.jsonl").read_bytes()
    with pytest.raises(ValueError, match="run: expected checkpoints beside a log with generations, got none"):
        Session(tmp_path, say=lambda text: None, group=ALONE).resume()
    assert (tmp_path / "log.jsonl").read_bytes() == before


def test_a_changed_configuration_is_refused_by_name(tmp_path: Path) -> None:
    started(tmp_path)
    config = tmp_path / "config.toml"
    config.write_text(config.read_text().replace("momentum = 0.9", "momentum = 0.8"))
    with pytest.raises(ValueError, match=r"training/momentum: expected 0\.9, got 0\.8"):
        Session(tmp_path, say=lambda text: None, group=ALONE).resume()
    config.write_text("momentum")
    with pytest.raises(ValueError, match=r"config\.toml: expected TOML"):
        Session(tmp_path, say=lambda text: None, group=ALONE).resume()
    config.unlink()  # the checkpoint knows it too
    Session(tmp_path, say=lambda text: None, group=ALONE).resume()


@pytest.mark.end_to_end
def test_more_generations_than_planned_and_fewer_than_done(tmp_path: Path, whole: Session) -> None:
    started(tmp_path).run()
    again = Session(tmp_path, say=lambda text: None, group=ALONE)
    again.resume(generations=4)
    again.run()
    assert again.algorithm.n_gen == 6
    again.run_dir.unlock()
    assert figures(tmp_path)[: len(figures(whole.run_dir.path))] == figures(whole.run_dir.path)
    with pytest.raises(ValueError, match="generations: expected at least the 4 that are done, got 2"):
        Session(tmp_path, say=lambda text: None, group=ALONE).resume(generations=2)


@pytest.mark.end_to_end
def test_damage_is_said(tmp_path: Path) -> None:
    started(tmp_path).run()
    last = Store(tmp_path / "checkpoint").files()[-1]
    last.write_bytes(b"")
    said: list[str] = []
    Session(tmp_path, say=said.append, group=ALONE).resume()
    assert f"{last.name} is damaged; going on from the checkpoint before it" in said
    assert "going on from generation 3" in said
