from pathlib import Path

import pytest

from carsmoo.runs.report.several import extract_each, hypervolumes, names_of, settings_of
from carsmoo.runs.report.tables import setting_rows
from carsmoo.space.words import Column
from tests.support.run_directories import make, make_with_three


def test_runs_that_differ_in_the_seed_are_of_one_setting_and_labels_tell_what_differs(tmp_path: Path) -> None:
    changes = {"training": {"pop_size": 7}, "algorithm": {"protection": "size"}}
    paths = [make(tmp_path / f"a{seed}", seed) for seed in range(2)]
    paths += [make(tmp_path / f"b{seed}", seed, changes) for seed in range(3)]
    reports = extract_each([paths[0], paths[2], paths[1], *paths[3:]])
    assert [report.name for report in reports] == ["a0", "b0", "a1", "b1", "b2"]
    settings = settings_of(reports)
    assert [setting.runs for setting in settings] == [(0, 2), (1, 3, 4)]
    assert [setting.label for setting in settings] == ["pop_size 16, protection growth", "pop_size 7, protection size"]
    (paths[1] / "config.toml").unlink()
    settings = settings_of(extract_each(paths[:2]))
    assert [setting.runs for setting in settings] == [(0,), (1,)]
    assert settings[1].label == "a1"


def test_hypervolumes_of_several_runs_are_in_one_unit(tmp_path: Path) -> None:
    reports = extract_each([make(tmp_path / "a"), make(tmp_path / "b", 4, factor=0.5)])
    # by hand: in units of the worst of both first generations, (0.9, 4)
    first, second = hypervolumes(reports)
    assert first == pytest.approx([(0.1 + 0.3 + 0.3) / 3.6, (0.5 + 0.6 + 0.7) / 3.6, (0.7 + 0.8 + 0.85) / 3.6])
    assert second[-1] == pytest.approx((0.8 + 0.85 + 0.875) / 3.6)
    column = Column.of("error", "fraction", [0.05])
    (row,) = setting_rows(reports, settings_of(reports), column)
    assert row["lowest"] == "3.75\N{NO-BREAK SPACE}% (2.50–5.00)"
    assert row["hypervolume"] == "0.677 (0.653–0.701)"


def test_names_are_the_shortest_that_tell_runs_apart(tmp_path: Path) -> None:
    assert names_of([tmp_path / "a" / "one", tmp_path / "b" / "two"]) == ["one", "two"]
    assert names_of([tmp_path / "a" / "one", tmp_path / "b" / "one"]) == ["a/one", "b/one"]
    with pytest.raises(ValueError, match=r"report: expected each run once, got .*one twice"):
        names_of([tmp_path / "one", tmp_path / "a" / ".." / "one"])


def test_runs_of_other_objectives_do_not_compare(tmp_path: Path) -> None:
    paths = [make(tmp_path / "a"), make_with_three(tmp_path / "b")]
    with pytest.raises(
        ValueError, match=r"same objectives, got error \(fraction\), params \(millions\) in a and .* in b"
    ):
        extract_each(paths)
