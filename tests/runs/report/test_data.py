import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo.problems.trust import Trust
from carsmoo.runs.report.data import extract
from carsmoo.runs.report.tables import machine, trust_heads, trust_rows
from tests.support.run_directories import ABOUT, POPULATIONS, TRUST, events, front, make, write_log


def test_what_the_files_hold_is_what_is_told(tmp_path: Path) -> None:
    told = extract(make(tmp_path / "first"))
    assert (told.name, told.ended, told.resumed, told.rollbacks, told.test_error) == ("first", True, 0, 0, 0.07)
    assert (told.started, told.seconds) == (1.7e9, 20.0)
    assert told.versions == {"carsmoo": "0.1.0", "numpy": "2.0", "python": "3.11"}
    assert told.environment == {}
    assert told.config is not None
    assert told.config.seed == 3
    assert told.front.F.tolist() == [[0.05, 3.0], [0.1, 2.0], [0.2, 1.0]]
    assert told.trained is None
    assert [(loss.phase, loss.epoch, loss.loss, loss.skipped) for loss in told.losses] == [
        ("warm-up", 1, 2.0, 0),
        ("warm-up", 2, 1.0, 0),
        ("training", 3, 1.0, 0),
        ("training", 4, 0.5, 0),
    ]


def test_each_generations_front_and_hypervolume(tmp_path: Path) -> None:
    generations = extract(make(tmp_path / "run")).generations
    assert [g.number for g in generations] == [1, 2, 3]
    assert [g.evaluations for g in generations] == [4, 12, 20]
    assert [g.F.tolist() for g in generations] == list(POPULATIONS)
    assert [g.front for g in generations] == [(0, 1), (0, 1, 2), (0, 1, 2)]
    # by hand: in units of the first generation's worst (0.9, 4), steps from params 1, 2 and 3 to 4
    areas = [(0.1 + 0.3 + 0.3) / 3.6, (0.5 + 0.6 + 0.7) / 3.6, (0.7 + 0.8 + 0.85) / 3.6]
    assert [g.hypervolume for g in generations] == pytest.approx(areas)


def test_trust_is_that_of_the_log_where_it_tells_it(tmp_path: Path) -> None:
    told = [generation.trust for generation in extract(make(tmp_path / "run")).generations]
    assert told == [None, *(Trust(**figures) for figures in TRUST)]


def test_what_probes_agree_with_is_told_where_they_were_trained(tmp_path: Path) -> None:
    path, told = make(tmp_path / "run"), [*events()]
    places = [k for k, event in enumerate(told) if "trust" in event]
    for k in places:
        told[k] = {**told[k], "trust": {**told[k]["trust"], "probes": None, "n_probes": 0}}
    told[places[-1]]["trust"] |= {"probes": 0.3149, "n_probes": 32}
    told[places[-1]]["spent"] = {"probes": 1.5}
    write_log(path, told)
    report = extract(path)
    assert [one.trust and (one.trust.probes, one.trust.n_probes) for one in report.generations[1:]] == [
        *[(None, 0)] * (len(places) - 1),
        (0.3149, 32),
    ]
    assert report.spent["probes"] == 1.5
    assert trust_heads([report])["probes"] == "with networks alone"
    column = list(trust_heads([report])).index("probes")
    assert [row[1 + column] for row in trust_rows(report)] == [*["–"] * (len(places) - 1), "0.31"]
    assert "probes" not in trust_heads([extract(make(tmp_path / "other"))])


def test_the_phases_and_the_rest_are_the_whole_time(tmp_path: Path) -> None:
    told = extract(make(tmp_path / "run"))
    assert told.spent == {"warm-up": 4.0, "training": 5.0, "scoring": 6.0}
    assert told.rest == pytest.approx(5.0)
    write_log(tmp_path / "run", [{k: v for k, v in event.items() if k != "spent"} for event in events()])
    assert extract(tmp_path / "run").rest is None


def test_a_run_that_goes_on_or_was_interrupted_has_not_ended(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    resume = {"event": "resume", "at": 1.7e9, "generation": 2, "versions": {"numpy": "2.1"}}
    rollback = {"event": "rollback", "generation": 2, "seconds": 11.0, "slowdown": 0.1}
    write_log(path, [*events()[:6], resume, rollback])
    told = extract(path)
    assert (told.ended, told.resumed, told.rollbacks, told.test_error) == (False, 1, 1, None)
    assert told.versions["numpy"] == "2.1"
    assert len(told.generations) == 2


def test_networks_trained_in_full_are_found_by_their_genotype(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    final = front({**ABOUT, "split": "test", "weights": "stand-alone", "epoch": 90}, CARSA=0.03, CARSD=0.02, CARSH=0.01)
    keep = np.flatnonzero(final.F[:, 0] < 0.03)
    document_path = path / "final-front.json"
    final.to_json(document_path)
    document = json.loads(document_path.read_text())
    document["networks"] = [document["networks"][k] for k in reversed(keep)]
    document_path.write_text(json.dumps(document))
    trained = extract(path).trained
    assert trained is not None
    assert trained.place == (1, 0, None)
    assert trained.front.column("error").tolist() == [0.02, 0.01]


def test_a_run_whose_checkpoints_are_damaged_is_told_without_its_machine(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    save = path / "checkpoint" / f"000001-{'0' * 32}.safetensors"
    save.write_bytes(b"cut")
    told = extract(path)
    assert told.front.F.tolist() == [[0.05, 3.0], [0.1, 2.0], [0.2, 1.0]]
    assert machine([told])[-1] == ("checkpoint", "cannot be read")
    save.unlink()
    assert extract(path, told).environment == {}


DAMAGED: dict[str, tuple[int, dict[str, Any], str]] = {
    "no objectives": (3, {"F": None}, r"log\.jsonl:4: F: expected \(n, 2\) finite numbers"),
    "words": (3, {"F": [["low", 1.0]]}, r"log\.jsonl:4: F: expected \(n, 2\) finite numbers, got 'low'"),
    "numbers as texts": (3, {"F": [["0.5", "1.0"]]}, r"log\.jsonl:4: F: expected \(n, 2\) finite numbers, got '0\.5'"),
    "an endless objective": (
        3,
        {"F": [[0.5, 10**400]]},
        r"log\.jsonl:4: F: expected \(n, 2\) finite numbers, got 1000",
    ),
    "a vast objective": (4, {"event": "generation", "F": [[-1e300, 1.0]]}, r"log\.jsonl:5: .* at most 1e\+30 times"),
    "an endless loss": (1, {"loss": 10**400}, r"log\.jsonl:2: loss: expected a finite number, got 1000"),
    "an endless second": (1, {"seconds": 10**400}, r"log\.jsonl:2: seconds: expected a finite number, got 1000"),
    "a year of five digits": (0, {"at": 1e12}, r"log\.jsonl:1: at: expected seconds in 0\.\.253402300799, got 1000000"),
    "time backwards": (1, {"seconds": -1}, r"log\.jsonl:2: seconds: expected seconds in 0\.\..*, got -1"),
    "a vast time": (1, {"spent": {"warm-up": 1e308}}, r"spent: warm-up: expected seconds in 0\.\..*, got 1e\+308"),
    "an endless epoch": (1, {"epoch": 2**63}, r"log\.jsonl:2: epoch: expected a whole number from 0, got 922337"),
    "another objective": (3, {"F": [[0.1, 1.0, 2.0]]}, r"log\.jsonl:4: F: expected \(n, 2\) finite numbers, n > 0"),
    "infinite": (3, {"F": [[float("inf"), 1.0]]}, r"log\.jsonl:4: F: expected \(n, 2\) finite numbers"),
    "no loss": (1, {"loss": "low"}, r"log\.jsonl:2: loss: expected a finite number, got 'low'"),
    "NaN": (1, {"loss": float("nan")}, r"log\.jsonl:2: loss: expected a finite number, got nan"),
    "epoch": (1, {"epoch": 1.5}, r"log\.jsonl:2: epoch: expected a whole number from 0, got 1\.5"),
    "trust": (3, {"trust": None}, r"log\.jsonl:4: trust: expected figures by name, got None"),
    "a tau of two": (3, {"trust": {"halves": 2}}, r"log\.jsonl:4: trust: halves: expected a number in -1\.\.1, got 2"),
    "a share in words": (3, {"trust": {"distinct": "all"}}, r"trust: distinct: expected a finite number, got 'all'"),
    "steps backwards": (3, {"trust": {"updates": -1}}, r"trust: updates: expected a number in 0\.\.1e\+15, got -1"),
    "spent": (1, {"spent": [1]}, r"log\.jsonl:2: spent: expected seconds by phase, got \[1\]"),
    "time": (1, {"spent": {"warm-up": "1"}}, r"spent: warm-up: expected a finite number, got '1'"),
    "versions": (0, {"versions": ["1"]}, r"log\.jsonl:1: versions: expected texts by name"),
    "begin": (0, {"at": True}, r"log\.jsonl:1: at: expected a finite number, got True"),
    "test": (-1, {"test_error_of_best": {}}, r"test_error_of_best: expected a finite number"),
    "event": (2, {"event": 3}, r"log\.jsonl:3: expected an event as JSON"),
}


@pytest.mark.parametrize(("line", "change", "says"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_log_is_named_by_its_line(line: int, change: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    lines = events()
    lines[line].update(change)
    write_log(path, lines)
    with pytest.raises(ValueError, match=says) as caught:
        extract(path)
    assert "\n" not in str(caught.value)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"run: expected a directory with front\.json"):
        extract(tmp_path)
    path = make(tmp_path / "run")
    (path / "log.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(ValueError, match=r"log\.jsonl: expected JSON"):
        extract(path)
    (path / "log.jsonl").unlink()
    with pytest.raises(ValueError, match=r"run: expected a directory with log\.jsonl"):
        extract(path)
    (path / "front.json").write_text('{"objectives": {"error": ""}, "about": {}, "networks": []}')
    with pytest.raises(ValueError, match=r"front\.json: expected networks with two objectives or more"):
        extract(path)
