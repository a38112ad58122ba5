import io
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from importlib.abc import MetaPathFinder
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import carsmoo.cli
from carsmoo import CARSProblem, Genotype
from carsmoo.cli.entry import main
from carsmoo.cli.search import DATA_HELP
from carsmoo.compare import suite
from carsmoo.nets.data.load import DATA_NAMES
from carsmoo.nets.data.spec import DatasetSpec
from carsmoo.problems.tabular import CurveTable
from carsmoo.runs.snapshot import read
from carsmoo.space.front import Front
from carsmoo.utils.progress import ProgressBars, Step
from carsmoo.zoo import GENOTYPES
from tests.support.runs import DATA

SIZES = ["--channels", "2", "--layers", "3"]
RECIPE = ["--network", "2/3", "--set", "epochs=1", "--set", "batch=2000"]
SMOKE = ["--preset", "smoke", "--set", "training.n_generations=1", "--set", "network.channels=2"]
QUICK = [*SMOKE, "--set", f"data={DATA}"]


def call(*argv: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return int(caught.value.code or 0)


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


NOWHERE = "got OUT: no such directory"
WRONG = {
    "threads": (["latency", "build", "--out", "OUT", "--threads", "1000000000"], "--threads"),
    "command": (["serch"], "No such command"),
    "no directory": (["search"], "Missing option '--out'"),
    "option": (["search", "--out", "OUT", "--sead", "1"], "No such option"),
    "preset": (["search", "--out", "OUT", "--preset", "paper"], "preset: expected one of demo"),
    "setting": (["search", "--out", "OUT", "--set", "training.warmpu=1"], "training.warmpu: expected one of"),
    "value": (
        ["search", "--out", "OUT", "--set", "training.warmup_epochs=-1"],
        "training.warmup_epochs: expected at least 0",
    ),
    "not a setting": (["search", "--out", "OUT", "--set", "warmup"], "setting: expected key=value"),
    "objective": (["search", "--out", "OUT", "--set", 'objectives=["speed", "error"]'], "objectives: expected among"),
    "data": (["search", "--out", "OUT", "--set", "data=mnits"], "data: expected one of digits, cluttered-digits"),
    "data files": (["search", "--out", "OUT", "--set", "data=cifar10:OUT"], "cifar10: expected"),
    "config": (["search", "--out", "OUT", "--config", "OUT.toml"], "expected a TOML file, got nothing at"),
    "device": (["search", "--out", "OUT", "--set", "device=abacus"], "device: expected one that torch can compute on"),
    "plot nowhere": (["plot", "OUT"], f"run: expected the directory of a run, {NOWHERE}"),
    "resume nowhere": (["resume", "OUT"], f"run: expected the directory of a run, {NOWHERE}"),
    "fidelity nowhere": (["fidelity", "OUT"], f"run: expected the directory of a run, {NOWHERE}"),
    "a run of a long name": (["plot", "run" * 500], "runrun: no such directory"),
    "train nowhere": (["train", "OUT"], f"run: expected a directory or a genotype, {NOWHERE}"),
    "train some of nowhere": (["train", "OUT", "--top", "1"], f"run: expected a directory or a genotype, {NOWHERE}"),
    "train a name": (["train", "nosuch"], "Genotype(...) or a directory, got 'nosuch': no such genotype or directory"),
    "train nothing": (["train", ""], "genotype: expected one of CARS-A"),
    "train a file": (["train", __file__], "run: expected a directory or a genotype, got the file"),
    "train a text": (["train", str(GENOTYPES["CARS-A"])], "out: expected a directory for the network of a genotype"),
    "train a text of slashes": (["train", str(GENOTYPES["CARS-A"]).replace("_3x3", "/3")], "expected operations among"),
    "export nowhere": (["export", "OUT", "--out", "OUT"], f"run: expected a directory or a genotype, {NOWHERE}"),
    "settings of both": (["config", "--preset", "demo", "--recipe", "quick"], "recipe: expected --preset or --recipe"),
    "settings of none": (
        ["config", "--preset", "paper"],
        "preset: expected one of demo, clutter, cifar10-paper, smoke",
    ),
    "a recipe of none": (["config", "--recipe", "best"], "recipe: expected one of quick, clutter, cifar"),
    "name": (["cost", "CARS-Z"], "genotype: expected one of CARS-A"),
    "cut genotype": (["cost", str(GENOTYPES["CARS-A"])[:80]], "genotype: expected Genotype"),
    "operation": (["cost", str(GENOTYPES["CARS-A"]).replace("skip_connect", "skip")], "genotype: expected operations"),
    "compare with what": (["compare", "--out", "OUT"], "Missing option '--problem'"),
    "problem": (["compare", "--out", "OUT", "--problem", "dtlz"], "problem: expected one of trap"),
    "algorithm": (["compare", "--out", "OUT", "--problem", "trap", "--algorithm", "moead"], "algorithm: expected one"),
    "baseline": (["compare", "--out", "OUT", "--problem", "trap", "--baseline", "moead"], "baseline: expected one of"),
    "seeds": (["compare", "--out", "OUT", "--problem", "trap", "--seeds", "0"], "Invalid value for '--seeds'"),
    "one objective": (["search", "--out", "OUT", "--set", "objectives=3"], "objectives: expected a list of names"),
    "a tracker": (["search", "--out", "OUT", "--log", "comet"], "log: expected one of tensorboard, mlflow, wandb, got"),
    "a tracker alone": (["search", "--out", "OUT", "--set", "log=wandb"], "log: expected a list of names, got 'wandb'"),
    "operations": (["search", "--out", "OUT", "--set", "space.ops=3"], "space.ops: expected a list of operations"),
    "images": (["search", "--out", "OUT", "--set", "network.image_shape=3"], "network.image_shape: expected (channels"),
    "endless input": (["cost", '{"normal": [["skip_connect", 1e999]], "normal_concat": [2]}'], "genotype: expected"),
    "channels": (["cost", "CARS-A", "--channels", "0"], "channels: expected at least 2, got 0"),
    "layers": (["cost", "CARS-A", "--layers", "99999999999"], "layers: expected at most 1000, got 99999999999"),
    "layers by name": (["cost", "CARS-A", "--layers", "many"], "Invalid value for '--layers'"),
    "no genotype": (["cost"], "Missing argument 'NAME|GENOTYPE'"),
    "empty genotype": (["cost", ""], "genotype: expected one of CARS-A"),
    "two genotypes": (["cost", "CARS-A", "CARS-B"], "unexpected extra argument"),
    "deep genotype": (["cost", "{" * 50_000], "genotype: expected JSON, got"),
    "half a character": (["cost", "\ud800("], "genotype: expected Genotype"),
    "resume what": (["resume"], "Missing argument 'DIR'"),
    "resume where": (["resume", "OUT"], "run: expected the directory of a run, got"),
    "resume how long": (["resume", "OUT", "--generations", "0"], "Invalid value for '--generations'"),
    "resume how often": (["resume", "OUT", "--every", "0"], "Invalid value for '--every'"),
    "report what": (["report"], "Missing argument 'DIR'"),
    "report where": (["report", "OUT"], f"run: expected the directory of a run, {NOWHERE}"),
    "plot what": (["plot"], "Missing argument 'DIR'"),
    "jobs": (["compare", "--out", "OUT", "--problem", "trap", "--jobs", "0"], "n_jobs: expected a number of processes"),
    "endless trap": (["compare", "--out", "OUT", "--problem", "trap:inf"], "problem: expected trap:STRENGTH"),
    "trap below zero": (["compare", "--out", "OUT", "--problem", "trap:-1"], "problem: expected trap:STRENGTH"),
    "a strength of another": (["compare", "--out", "OUT", "--problem", "macro:4"], "problem: expected one of trap"),
    "compare where": (["compare", "--problem", "trap"], "Missing option '--out'"),
    "no baseline": (
        ["compare", "--out", "OUT", "--problem", "trap", "--algorithm", "growth"],
        "baseline: expected one of growth, got 'nsga3'",
    ),
    "a seed of 31 digits": (["export", "CARS-A", "--out", "OUT", "--seed", "1" * 31], "Invalid value for '--seed'"),
    "how often": (["search", "--out", "OUT", "--every", "0"], "Invalid value for '--every'"),
    "deep setting": (["search", "--out", "OUT", "--set", "seed=" + "[" * 50_000], "seed: expected an integer"),
    "two lines": (["search", "--out", "OUT", "--set", "seed=3\nwarmup=4"], "seed: expected an integer of at least 0"),
    "endless seed": (["search", "--out", "OUT", "--set", "seed=" + "9" * 5000], "seed: expected an integer"),
    "a device's number": (["search", "--out", "OUT", "--set", "device=3"], "device: expected a name, got 3"),
    "no objectives": (
        ["search", "--out", "OUT", "--set", "objectives=[]"],
        "objectives: expected one of",
    ),
    "a rate that is none": (
        ["search", "--out", "OUT", "--set", "training.grad_clip=nan"],
        "training.grad_clip: expected a number",
    ),
    "other images": (
        ["search", "--out", "OUT", "--set", "network.image_shape=[3,32,32]"],
        "image_shape: expected (3, 32, 32)",
    ),
    "a section for a value": (["search", "--out", "OUT", "--set", "seed.x=3"], "seed: expected a value, got a section"),
    "a value for a section": (["search", "--out", "OUT", "--set", "training=3"], "training: expected a section, got 3"),
    "nodes": (["search", "--out", "OUT", "--set", "space.nodes=1000000"], "space.nodes: expected an integer in 1..64"),
    "stem": (
        ["search", "--out", "OUT", "--set", "network.stem=mnist"],
        "network.stem: expected one of cifar, imagenet",
    ),
    "protection": (
        ["search", "--out", "OUT", "--set", "algorithm.protection=fat"],
        "algorithm.protection: expected one",
    ),
}


@pytest.mark.parametrize(("argv", "says"), WRONG.values(), ids=WRONG.keys())
def test_wrong_input_is_one_line_exit_code_two_and_nothing_written(
    argv: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = [arg.replace("OUT", str(tmp_path / "run")) for arg in argv]
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert says.replace("OUT", str(tmp_path / "run")) in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_another_runs_directory_is_left_as_it_is(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    assert call("search", "--out", run_dir, *QUICK) == 2
    assert "which holds another run" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before


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
