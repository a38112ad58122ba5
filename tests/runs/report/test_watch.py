import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.page import write_report
from carsmoo.runs.report.watch import EVERY, watch
from tests.support.run_directories import events, make, write_log

pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")


class Waits:
    """What a run does between the looks of a watch, one after another."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def __call__(self, seconds: float) -> None:
        assert seconds == EVERY
        self.steps.pop(0)()


def reloads(page: Path) -> bool:
    text = page.read_text(encoding="utf-8")
    found = json.loads(text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0])
    assert ('id="reload"' in text.partition("<main>")[0]) == (found["reload"] is not None)
    return found["reload"] is not None


def test_a_page_is_written_as_a_run_goes_on_and_no_longer_reloads_when_it_has_ended(tmp_path: Path) -> None:
    run, page, log = make(tmp_path / "run"), tmp_path / "page.html", events()
    front, told = (run / "front.json").read_bytes(), []
    for name in ("log.jsonl", "front.json"):
        (run / name).unlink()

    def written(reports: tuple[RunReport, ...]) -> None:
        (one,) = reports
        told.append((len(one.losses), len(one.generations), len(one.front), reloads(page)))

    def score() -> None:
        write_log(run, log[:4])
        (run / "front.json").write_bytes(front)

    waits = Waits(
        lambda: write_log(run, log[:3]),  # two epochs of warm-up
        lambda: None,
        score,
        lambda: write_log(run, log),
    )
    watch([run], page, waits, written)
    assert told == [(2, 0, 0, True), (2, 1, 3, True), (4, 3, 3, True)]
    assert waits.steps == []
    watched = page.read_bytes()
    assert not reloads(page)
    write_report([run], page)
    assert page.read_bytes() == watched


def test_whatever_ends_a_watch_leaves_a_page_that_does_not_reload(tmp_path: Path) -> None:
    run, page = make(tmp_path / "run"), tmp_path / "page.html"
    write_log(run, events()[:-1])

    def leave() -> None:
        assert reloads(page)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        watch([run], page, Waits(leave))
    assert not reloads(page)


def test_what_is_read_amiss_is_read_again_once_files_change(tmp_path: Path) -> None:
    run, page, log = make(tmp_path / "run"), tmp_path / "page.html", events()
    damaged: list[dict[str, Any]] = [*log[:-1], {"event": "generation"}]
    write_log(run, damaged)
    watch([run], page, Waits(lambda: write_log(run, log)))
    assert not reloads(page)
    write_log(run, damaged)
    with pytest.raises(ValueError, match=r"log\.jsonl:\d+: F: expected"):
        watch([run], page, Waits(lambda: None))


def test_a_file_of_others_is_left(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("mine")
    with pytest.raises(FileExistsError, match=r"page\.html: expected no file, or one of carsmoo"):
        watch([make(tmp_path / "run")], page, Waits())
    assert page.read_text() == "mine"
