"""Wrong input of every command: one line, exit code 2, nothing written."""

from pathlib import Path

import pytest

from carsmoo.zoo import GENOTYPES
from tests.support.commands import call

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
    "no time": (["search", "--out", "OUT", "--budget", ""], "budget: expected"),
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
