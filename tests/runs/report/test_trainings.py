from pathlib import Path

import pytest

from carsmoo.runs.report.data import extract
from tests.support.run_directories import make, train


def test_trainings_are_in_the_fronts_order_those_of_others_last(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    train(path, 3, [2.0, 1.5], [None, None])
    log = train(path, 1, [1.0, 0.5], [0.3, 0.25]) / "log.jsonl"
    train(path, 2, [3.0], [0.4]).rename(path / "networks" / "1-other")
    (path / "networks" / "2-begun").mkdir()
    (path / "networks" / "2-begun" / "log.jsonl").touch()
    with log.open("a") as file:
        file.write('{"epoch": 3, "lo')  # is being written
    found = extract(path).trainings
    assert [(one.place, one.epochs, one.losses, one.errors) for one in found] == [
        (0, (1, 2), (1.0, 0.5), (0.3, 0.25)),
        (2, (1, 2), (2.0, 1.5), (None, None)),
        (None, (1,), (3.0,), (0.4,)),
    ]
    assert found[2].name == "1-other"


def test_a_network_that_has_moved_in_the_front_is_told_at_its_place(tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    before = train(path, 1, [2.0], [0.3])
    moved = before.rename(before.with_name(before.name.replace("1-", "5-")))
    assert [(one.place, one.name) for one in extract(path).trainings] == [(0, moved.name)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"epoch": 1}', r"log\.jsonl:1: loss: expected a finite number, got None"),
        ('{"epoch": 1, "loss": 1, "error": 2}', r"log\.jsonl:1: error: expected a number in 0\.\.1, got 2"),
        ("[1]", r"log\.jsonl:1: expected an event as JSON, got '\[1\]'"),
    ],
)
def test_a_damaged_training_is_named_by_its_line(line: str, says: str, tmp_path: Path) -> None:
    path = make(tmp_path / "run")
    log = train(path, 2, [1.0], [0.5]) / "log.jsonl"
    log.write_text(f"{line}\n")
    with pytest.raises(ValueError, match=says):
        extract(path)
