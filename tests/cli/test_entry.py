"""Every command from its arguments to what it writes and says; other people's files stay as they are."""

import io
import json
import re
import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import fields
from importlib.abc import MetaPathFinder
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import carsmoo.cli
from carsmoo import CARSProblem, Genotype
from carsmoo.cli.search import DATA_HELP
from carsmoo.compare import suite
from carsmoo.nets.data.load import DATA_NAMES
from carsmoo.nets.data.spec import DatasetSpec
from carsmoo.problems.tabular import CurveTable
from carsmoo.space.front import Front
from carsmoo.utils.progress import ProgressBars, Step
from carsmoo.zoo import GENOTYPES
from tests.support.commands import QUICK, call

SIZES = ["--channels", "2", "--layers", "3"]
RECIPE = ["--network", "2/3", "--set", "epochs=1", "--set", "batch=2000"]


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the directory of a search, and what it said."""
    path, said = tmp_path_factory.mktemp("runs") / "quick", io.StringIO()
    with redirect_stdout(said):
        assert call("search", "--out", path, *QUICK) == 0
    return path, said.getvalue()


@pytest.fixture(scope="module")
def run_dir(searched: tuple[Path, str]) -> Path:
    return searched[0]


def test_what_an_output_cannot_hold_is_written_as_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", narrow)
    assert call("--version") == 0
    print("\N{LESS-THAN OR EQUAL TO}0.73", file=narrow)
    assert raw.getvalue().endswith(b"\\u22640.73\n")


def test_a_group_of_commands_alone_tells_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("latency") == 0
    told = capsys.readouterr()
    assert "build" in told.out
    assert told.err == ""


def test_a_search_leaves_all_that_a_reader_wants(run_dir: Path) -> None:
    names = {path.name for path in run_dir.iterdir()}
    pictures = {f"{name}.{ending}" for name in ("front", "generations") for ending in ("png", "pdf")}
    assert names == {"checkpoint", "config.toml", "log.jsonl", "front.csv", "front.json", *pictures}
    front = Front.load(run_dir / "front.json")
    assert front.genotypes == Front.load(run_dir / "front.csv").genotypes
    assert front.about["split"] == "search-validation"
    events = [json.loads(line) for line in (run_dir / "log.jsonl").read_text().splitlines()]
    assert [event["event"] for event in events] == ["start", "warm-up", "generation", "training", "generation", "end"]
    assert [event["generation"] for event in events[1:-1]] == [1, 1, 2, 2]
    assert events[2]["evaluations"] == 6
    assert [sorted(event["spent"]) for event in events[1:-1]] == [
        ["warm-up"],
        ["scoring"],
        ["scoring", "training"],
        ["scoring"],
    ]
    assert sum(sum(event["spent"].values()) for event in events[1:-1]) <= events[-1]["seconds"] + 0.01


def test_a_search_tells_the_front_the_test_error_and_where_things_are(searched: tuple[Path, str]) -> None:
    path, said = searched
    assert said.count("on test") == 1
    assert "Pareto front" in said
    assert "hypervolume" in said
    assert f"results are in {path}" in said.replace("\n", "")


def test_plot_draws_the_cells_too(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("plot", run_dir) == 0
    assert (run_dir / "cells.pdf").read_bytes().startswith(b"%PDF")
    assert "cells.png" in capsys.readouterr().out


def test_report_is_one_page_beside_the_run_or_where_it_is_asked_for(
    run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    assert call("report", run_dir, "--out", tmp_path / "page.html") == 0
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert f"{tmp_path / 'page.html'} (" in capsys.readouterr().out.replace("\n", "")
    assert call("report", run_dir, "--out", tmp_path / "nowhere" / "page.html") == 2
    assert "out: expected a file in a directory that is there" in capsys.readouterr().err
    assert call("report", run_dir, "--out", tmp_path) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.parametrize(
    ("argv", "phases"),
    [
        (["report", "RUN"], [("report", 3)]),
        (["export", "CARS-A", "--format", "safetensors", "--out", "RUN/files", *SIZES], [("export", 1)]),
        (
            ["fidelity", "RUN", "--networks", "2", "--jobs", "1", *RECIPE],
            [("scoring", 2), ("scoring", 2), ("training", 1), ("training", 1)],
        ),
    ],
)
def test_commands_that_take_their_time_tell_each_step(
    argv: list[str], phases: list[tuple[str, int]], run_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if argv[0] == "report":
        pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    heard: list[Step] = []
    monkeypatch.setattr(ProgressBars, "__call__", lambda bars, step: heard.append(step))
    shutil.copytree(run_dir, tmp_path / "run")
    assert call(*(arg.replace("RUN", str(tmp_path / "run")) for arg in argv)) == 0
    begun = [step for step in heard if step.done == 0]
    assert [(step.phase, step.total) for step in begun] == phases
    for phase, total in set(phases):
        told = [step.done for step in heard if step.phase == phase]
        assert told == [*range(total + 1)] * phases.count((phase, total))


def test_a_picture_of_others_that_appears_during_a_search_is_left_and_the_rest_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    original = CARSProblem.evaluate_on_test

    def evaluate(problem: CARSProblem, genotype: Genotype) -> float:
        (run / "front.pdf").write_text("mine")
        return original(problem, genotype)

    monkeypatch.setattr(CARSProblem, "evaluate_on_test", evaluate)
    assert call("search", "--out", run, *QUICK) == 2
    said = capsys.readouterr()
    assert "front.pdf: expected no file, or one of carsmoo to replace" in said.err
    assert "on test" in said.out
    assert (run / "front.pdf").read_text() == "mine"
    assert not (run / "front.png").exists()
    assert json.loads((run / "log.jsonl").read_text().splitlines()[-1])["event"] == "end"


@pytest.mark.end_to_end
def test_compare_leaves_tables_and_plots_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["compare", "--problem", "trap:4", "--algorithm", "growth", "--algorithm", "nsga3", "--seeds", "3"]
    argv += ["--jobs", "1", "--out", str(tmp_path / "out")]
    assert call(*argv) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    plots = {f"trap-4-{kind}.{ending}" for kind in ("convergence", "attainment") for ending in ("png", "pdf")}
    assert names == {"runs", "table.csv", "table.tex", *plots}
    first = (tmp_path / "out" / "table.csv").read_text()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()}
    assert len(kept) == 6
    assert call(*argv) == 0
    assert (tmp_path / "out" / "table.csv").read_text() == first
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out" / "runs").iterdir()} == kept
    assert "p against nsga3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("problem", "tool", "says"),
    [
        ("naap-440", "pymoo-nsga2", "pymoo-nsga2: expected a problem with genes to cross"),
        ("trap", "optuna-nsga3", "optuna-nsga3: expected the package optuna, got none; pip install 'carsmoo[optuna]'"),
    ],
)
def test_a_tool_that_cannot_run_is_refused_before_the_others_have_run(
    problem: str,
    tool: str,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(suite._MAKERS, "naap-440", lambda seed: CurveTable(np.arange(40.0), np.ones((40, 3))))
    monkeypatch.setitem(sys.modules, "optuna", None)
    argv = ("--algorithm", "nsga3", "--algorithm", tool, "--out", tmp_path / "out")
    assert call("compare", "--problem", problem, *argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.end_to_end
def test_cost_prints_both_networks_and_the_published_figure(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("cost", "CARS-I") == 0
    said = capsys.readouterr().out
    for figure in ("3.595", "3.6", "5.083", "5.1"):
        assert figure in said
    for text in (str(GENOTYPES["CARS-A"]), GENOTYPES["CARS-A"].to_json()):
        assert call("cost", text, "--channels", "8", "--layers", "5", "--verify") == 0
        said = capsys.readouterr().out
        assert said.count("5 cells of 8") == said.count("equal to the closed form") == 2


def test_a_genotype_is_exported_with_a_size_of_its_own(tmp_path: Path) -> None:
    sizes = ("--channels", "2", "--layers", "3", "--classes", "7")
    assert call("export", "CARS-A", "--out", str(tmp_path / "files"), "--format", "safetensors", *sizes) == 0
    (card,) = (tmp_path / "files").glob("*.json")
    assert json.loads(card.read_text())["network"]["n_classes"] == 7


def test_without_arguments_it_tells_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("search", "plot", "compare", "cost"))


class Interrupting(MetaPathFinder):
    """Ctrl-C as a module is imported."""

    def find_spec(self, name: str, *args: object) -> None:
        if name == "carsmoo.cli.entry":
            raise KeyboardInterrupt


def test_an_interruption_while_the_commands_are_imported_has_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])
    monkeypatch.delitem(sys.modules, "carsmoo.cli.entry")
    with pytest.raises(SystemExit) as end:
        carsmoo.cli.main([])
    assert end.value.code == 130


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"carsmoo {version('carsmoo')}\n"


def test_a_shell_completes_commands_and_options(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_CARSMOO_COMPLETE", "complete_bash")
    for words, completions in (("carsmoo co", ["compare", "cost", "config"]), ("carsmoo zoo --h", ["--help"])):
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
        assert call() == 0
        assert capsys.readouterr().out.split() == completions


def test_the_help_of_data_tells_each_name_and_each_option() -> None:
    names, _, options = DATA_HELP.partition("Options: ")
    assert [name for name in DATA_NAMES if not re.search(rf"[ ,]{name}[,:.]", names)] == []
    known = {field.name for field in fields(DatasetSpec)} - {"name", "where"}
    assert set(re.findall(r"(\w+)=", options.partition("In quotes")[0])) == known


def test_another_runs_directory_is_left_as_it_is(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    assert call("search", "--out", run_dir, *QUICK) == 2
    assert "which holds another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before


def test_a_finished_run_is_shown_again(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (run_dir / "front.json").read_bytes()
    assert call("resume", run_dir) == 0
    assert "going on from generation 2" in capsys.readouterr().out
    assert (run_dir / "front.json").read_bytes() == before


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["plot", "RUN"], "front.png"),
        (["plot", "RUN"], "cells.pdf"),
        (["resume", "RUN"], "generations.pdf"),
        (["resume", "RUN"], "log.jsonl"),
        (["train", "RUN"], "final-front.json"),
        (["fidelity", "RUN", "--networks", "2"], "fidelity.png"),
        (["report", "RUN"], "report.html"),
        (["report", "RUN", "--out", "RUN/mine.html"], "mine.html"),
        (["latency", "build", "--out", "RUN/mine.json"], "mine.json"),
        (["export", "CARS-A", "--out", "RUN"], "mine.txt"),
        (["compare", "--problem", "trap", "--out", "RUN/of"], "of/notes.txt"),
        (["compare", "--problem", "trap", "--out", "RUN/of"], "of/runs/events.out"),
        (["compare", "--problem", "trap", "--out", "RUN/of"], "of/table.csv"),
        (["train", "CARS-A", "--out", "RUN/of"], "of/checkpoint/mine.safetensors"),
    ],
)
def test_what_others_wrote_is_left_as_it_is(
    argv: list[str], name: str, run_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if argv[0] == "report":
        pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    (copy / name).parent.mkdir(parents=True, exist_ok=True)
    (copy / name).write_text("mine")
    before = bytes_in(copy)
    assert call(*(arg.replace("RUN", str(copy)) for arg in argv)) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert bytes_in(copy) == before


def test_a_table_beside_runs_is_replaced_only_if_it_is_one(tmp_path: Path) -> None:
    argv = ["compare", "--problem", "trap", "--algorithm", "nsga3", "--seeds", "1", "--jobs", "1", "--out", tmp_path]
    assert call(*argv) == 0
    (tmp_path / "notes.txt").write_text("mine")
    assert call(*argv) == 0
    (tmp_path / "table.csv").write_text("mine")
    before = bytes_in(tmp_path)
    assert call(*argv) == 2
    assert bytes_in(tmp_path) == before


def test_a_directory_that_was_never_a_run_is_not_gone_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.toml").write_text("# of another program")
    (tmp_path / "log.jsonl").write_text("mine")
    before = bytes_in(tmp_path)
    assert call("resume", tmp_path) == 2
    assert "run: expected a directory with checkpoints" in capsys.readouterr().err
    assert bytes_in(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 2
