import signal
from pathlib import Path

import pytest

from carsmoo.cli.entry import main
from tests.support.run_directories import events, make, write_log

pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")


def call(*argv: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return int(caught.value.code or 0)


def test_several_runs_are_one_page_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make(tmp_path / f"seed{seed}", seed) for seed in range(2)]
    monkeypatch.chdir(tmp_path)
    assert call("report", *runs) == 0
    assert capsys.readouterr().out.startswith("report.html (")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<h1>2 runs</h1>" in text
    assert "<td>ended</td>" in text
    assert not any((run / "report.html").exists() for run in runs)
    assert call("report", runs[0], runs[0]) == 2
    assert "report: expected each run once" in capsys.readouterr().err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_watch_with_its_code(
    signum: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make(tmp_path / "run")
    write_log(run, events()[:-1])
    monkeypatch.setattr("carsmoo.cli.report.time.sleep", lambda seconds: signal.raise_signal(signum))
    before = signal.getsignal(signum)
    assert call("report", run, "--watch") == code
    assert signal.getsignal(signum) == before
    said = capsys.readouterr().out
    assert "run: generation 3\ninterrupted;" in said
    assert 'id="reload"' not in (run / "report.html").read_text(encoding="utf-8").partition("<main>")[0]


def test_a_watch_of_a_run_that_has_ended_writes_it_and_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = make(tmp_path / "run")
    assert call("report", run, "--watch", "--out", tmp_path / "page.html") == 0
    said = capsys.readouterr().out
    assert "run: generation 3, ended" in said
    assert f"{tmp_path / 'page.html'} (" in said
