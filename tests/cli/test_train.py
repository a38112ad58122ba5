import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from carsmoo import plots
from carsmoo.cli.entry import main
from carsmoo.cli.train import _drawn
from carsmoo.config.search import SearchConfig
from carsmoo.nets.models.serialization import load
from carsmoo.nets.retraining import budget as retraining_budget
from carsmoo.nets.retraining.job import Job
from carsmoo.runs import retrained_front
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.retrained_front import restored
from carsmoo.space.front import Front
from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.progress import Listener, Step
from carsmoo.zoo import GENOTYPES
from tests.support.images import draw_folder
from tests.support.runs import DATA

TINY = ["--network", "2/3", "--set", "epochs=1", "--set", "batch=128", "--jobs", "1"]
LARGE = ["--network", "2/3", "--set", "epochs=1", "--set", "batch=512", "--jobs", "1"]  # of all digits
FEW = ["--set", f"data={DATA}"]


def call(*argv: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(arg) for arg in argv])
    return int(caught.value.code or 0)


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    settings = ["--set", "network.channels=2", "--set", "training.pop_size=5", "--set", "training.n_generations=1"]
    assert call("search", "--out", path, "--preset", "smoke", *FEW, *settings) == 0
    return path


@pytest.mark.end_to_end
def test_a_front_is_trained_in_two_parts(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    front = Front.load(run_dir / "front.json")
    assert call("train", run_dir, *TINY, "--top", 1) == 0
    assert "so few networks (n = 1, fewer than 6) tell nothing of how their orders agree\n" in capsys.readouterr().out
    assert Front.load(run_dir / "final-front.json").about["places"] == [1 + int(front.column("error").argmin())]
    assert call("train", run_dir, *TINY) == 0
    said = capsys.readouterr().out
    first = 1 + front.best()
    others = [place for place in range(1, len(front) + 1) if place != first]
    assert [int(place) for place in re.findall(r"^network (\d+): ", said, re.M)] == [first, *others]
    final = Front.load(run_dir / "final-front.json")
    assert final.genotypes == front.genotypes
    assert final.genotypes == Front.load(run_dir / "final-front.csv").genotypes
    assert np.array_equal(final.column("search_error"), front.column("error"))
    assert (final.about["split"], final.about["weights"]) == ("test", "stand-alone")
    for ending in ("png", "pdf"):
        assert (run_dir / f"final-front.{ending}").stat().st_size > 1000
    folders = sorted((run_dir / "networks").iterdir(), key=lambda path: int(path.name.split("-")[0]))
    assert len(folders) == len(front)
    for folder, genotype, error in zip(folders, front.genotypes, final.column("error"), strict=True):
        network = load(folder)
        assert network.genotype == genotype
        assert network.card["accuracy"][-1]["error"] == error
        assert (network.config.channels, network.config.layers) == (2, 3)


@pytest.mark.end_to_end
def test_a_search_by_loss_is_trained_drawn_and_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, settings = tmp_path / "run", ["--set", "training.pop_size=5", "--set", "training.n_generations=1"]
    settings += ["--set", 'objectives=["loss","params"]', "--set", "network.channels=2", "--preset", "smoke", *FEW]
    assert call("search", "--out", run, *settings) == 0
    assert re.search(
        r"best network: loss \d\.\d+.nats on search-validation, error [\d.]+% on test", capsys.readouterr().out
    )
    front = Front.load(run / "front.json")
    assert (front.names, front.units) == (("loss", "params"), ("nats", "millions"))
    assert call("train", run, *TINY, "--top", 2) == 0
    assert "best network by the images held out: network " in capsys.readouterr().out
    final = Front.load(run / "final-front.json")
    assert set(final.column("search_loss")) == set(np.sort(front.column("loss"))[:2])
    assert call("report", run) == 0
    assert "lowest loss" in (run / "report.html").read_text()
    assert call("export", run, "--format", "safetensors", "--out", tmp_path / "taken") == 0


@pytest.mark.end_to_end
def test_networks_of_several_supernets_start_with_the_weights_of_the_first(tmp_path: Path) -> None:
    run, several = tmp_path / "run", ["--set", "training.n_supernets=2", "--set", "training.warmup_epochs=2"]
    several += ["--set", "training.pop_size=4", "--set", "training.n_generations=1", "--set", "network.channels=2"]
    assert call("search", "--out", run, "--preset", "smoke", *FEW, *several) == 0
    first = restored(RunDirectory(run))[0].subnet(Front.load(run / "front.json").genotypes[0])
    still = ["--set", "epochs=1", "--set", "learning_rate=1e-12", "--jobs", 1, "--only", 1]
    assert call("train", run, "--inherit", *still) == 0
    (folder,) = (run / "networks").iterdir()
    assert np.allclose(load(folder).classifier.weight.detach(), first.classifier.weight.detach(), atol=1e-6)


@pytest.mark.end_to_end
def test_what_is_exported_of_a_trained_run_are_the_trained_weights(run_dir: Path, tmp_path: Path) -> None:
    assert call("train", run_dir, *TINY, "--only", 1) == 0  # nothing to do where the test before has run
    assert call("export", run_dir, "--network", 1, "--format", "safetensors", "--out", tmp_path / "trained") == 0
    found, trained = load(tmp_path / "trained"), next((run_dir / "networks").glob("1-*"))
    assert found.card["accuracy"] == load(trained).card["accuracy"]
    assert torch.equal(found.classifier.weight, load(trained).classifier.weight)
    own = ["--network", 1, "--supernet", "--format", "safetensors", "--out", tmp_path / "own"]
    assert call("export", run_dir, *own) == 0
    assert load(tmp_path / "own").card["accuracy"][0]["weights"] == "supernet"
    assert call("export", "CARS-A", "--supernet", "--out", tmp_path / "none") == 2


@pytest.mark.end_to_end
def test_a_run_whose_images_are_others_now_is_not_taken_further(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, labels = np.random.default_rng(0).integers(0, 256, (60, 8, 8), dtype=np.uint8), np.arange(60) % 2
    np.savez(tmp_path / "d.npz", images=images, labels=labels)
    settings = ["--set", "training.pop_size=4", "--set", "training.n_generations=1", "--set", "network.channels=2"]
    run = tmp_path / "run"
    assert call("search", "--out", run, "--preset", "smoke", "--data", f"npz:{tmp_path / 'd.npz'}", *settings) == 0
    export = ("export", run, "--format", "safetensors", "--out")
    assert call(*export, tmp_path / "files") == 0
    np.savez(tmp_path / "d.npz", images=images, labels=1 - labels)
    capsys.readouterr()
    assert call(*export, tmp_path / "others") == 2
    assert "problem is not that of the run: data/sha256: expected" in capsys.readouterr().err
    assert not (tmp_path / "others").exists()


@pytest.mark.usefixtures("undrawn")
def test_a_network_starts_from_the_supernet(run_dir: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "run"
    shutil.copytree(run_dir, copy)
    shutil.rmtree(copy / "networks", ignore_errors=True)
    still = ["--set", "epochs=1", "--set", "learning_rate=1e-12", "--jobs", "1", "--only", "1"]
    assert call("train", copy, "--inherit", *still) == 0
    (folder,) = (copy / "networks").iterdir()
    network = load(folder)
    assert network.card["recipe"]["start"].startswith("supernet ")
    weight = restored(RunDirectory(copy))[0].supernet.classifier.weight
    assert np.allclose(network.classifier.weight.detach(), weight.detach(), atol=1e-6)


def test_one_genotype(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", "CARS-E", "--out", tmp_path / "one", "--data", DATA, *TINY) == 0
    said = capsys.readouterr()
    assert re.search(
        r"^network 1: [\d.]+\s[kM] parameters, error [\d.]+% on [\w-]+ \(epoch 1\).*, \d+ s$", said.out, re.M
    )
    assert "on test (epoch 1)" in said.out
    assert "\x1b" not in said.err  # no bars, as it is no terminal
    assert load(tmp_path / "one").genotype == GENOTYPES["CARS-E"]


def card(job: Job, error: float, held_out: float | None) -> dict[str, Any]:
    accuracy = [{"split": "test", "epoch": 1, "error": error}]
    if held_out is not None:
        accuracy.insert(0, {"split": "held-out", "epoch": 1, "error": held_out})
    recipe = {"settings": {}, "start": "random", "seconds": 1.0}
    costs = {"params": 1000, "flops": 1000}
    return {"folder": job.folder.name, "costs": costs, "accuracy": accuracy, "recipe": recipe, "data": {"name": "x"}}


@pytest.mark.parametrize(
    ("test", "held_out", "told"),
    [
        (
            [0.3, 0.2, 0.01, 0.4, 0.5, 0.6],
            [0.1, 0.05, 0.4, 0.2, 0.2, 0.2],
            "the images held out: network 2, 20.00% error on test",
        ),
        (
            [0.3, 0.2, 0.01, 0.4, 0.5],
            [0.1, 0.05, 0.4, 0.05, 0.05],
            "the images held out: network 2, 20.00% error on test; the first of those equal by the images held out, "
            "with networks 4, 5",
        ),
        ([0.3, 0.2, 0.01, 0.25, 0.5], None, "the search's errors: network 4, 25.00% error on test"),
    ],
)
def test_the_searchs_best_is_trained_first_and_the_test_split_chooses_nothing(
    test: list[float],
    held_out: list[float] | None,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    n, run = len(test), RunDirectory.create(tmp_path / "run", SearchConfig(data="digits"))
    F = np.column_stack([[0.5, 0.45, 0.4, 0.1, 0.3, 0.2][:n], np.arange(n)])
    run.write_front(Front(tuple(GENOTYPES.values())[:n], F, ("error", "params"), ("", "millions"), {}))
    begun: list[int] = []

    def train_jobs(jobs: list[Job], processes: int, listener: Listener, group: object) -> list[dict[str, Any]]:
        begun.extend(int(job.folder.name.split("-")[0]) for job in jobs)
        return [card(job, test[k - 1], held_out and held_out[k - 1]) for job, k in zip(jobs, begun, strict=True)]

    drawn: list[Any] = []
    monkeypatch.setattr(retrained_front, "train_jobs", train_jobs)
    monkeypatch.setattr(plots, "save_both", lambda ax, path: drawn.append(ax))
    assert call("train", run.path, *TINY) == 0
    assert begun == [4, *(k for k in range(1, n + 1) if k != 4)]
    final = Front.load(run.path / "final-front.json")
    assert final.column("error").tolist() == test
    assert final.about["places"] == list(range(1, n + 1))
    assert final.about["kendall"]["n"] == n
    said = capsys.readouterr().out
    assert f"\nbest network by {told}\n" in said
    assert "lowest" not in said
    assert re.search(r"\n +3 +1\.00 ", said)  # in the table alone
    assert ("Kendall's tau of the search's errors" in said) == (n == 6)
    assert ("so few networks (n = 5, fewer than 6)" in said) == (n == 5)
    assert drawn[0].get_title().startswith("Kendall's tau") == (n == 6)


def test_a_bar_tells_of_an_epoch_which_network_and_how_it_does() -> None:
    figures = {"network": 2, "epoch": 3, "loss": 0.5, "learning_rate": 0.1, "error": 0.25, "seconds": 9.0}
    step = Step(phase="training", done=3, total=9, unit="epochs", figures=figures)
    assert _drawn(step, [4, 0]).figures == {"network": 1, "epoch": 3, "loss": 0.5, "error": 0.25}
    bare = Step(phase="training", done=3, total=9, unit="steps")
    assert _drawn(bare, [4, 0]) == bare


@pytest.mark.end_to_end
def test_fidelity_tells_no_tau_of_three_networks(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("fidelity", run_dir, "--networks", 3, *TINY) == 0
    said = capsys.readouterr().out
    assert "so few networks (n = 3, fewer than 6)" in said
    assert "tau" not in said
    found = json.loads((run_dir / "fidelity.json").read_text())
    sizes = [network["params"] for network in found["networks"]]
    assert sizes == sorted(sizes)
    problem, _ = restored(RunDirectory(run_dir))
    front = Front.load(run_dir / "front.json")
    known = dict(zip(map(str, front.genotypes), front.column("error"), strict=True))
    shared = [network for network in found["networks"] if network["genotype"] in known]
    assert shared  # the checkpoint's weights are those of the front
    for network in shared:
        assert network["supernet_error"]["recalibrated"] == known[network["genotype"]]
    assert (run_dir / "fidelity.png").is_file()
    assert problem.provenance()["epoch"] == found["supernet"]["epoch"]


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("score", "setting", "where"),
    [
        ("loss", 'objectives=["loss","params"]', "on search-validation"),
        ("error", "training.main_effects=96", "by main effects of 96 networks"),
    ],
)
def test_fidelity_tells_what_the_search_selected_by_and_what_sizes_alone_do(
    score: str, setting: str, where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--set", setting, "--set", "network.channels=2", "--preset", "smoke"]
    settings += ["--set", "training.pop_size=8", "--set", "training.n_generations=1"]
    assert call("search", "--out", tmp_path / "run", *settings) == 0
    assert re.search(rf"best network: {score} .+ {where}, error", capsys.readouterr().out)
    for _ in range(2):  # the second time over what the first one wrote
        assert call("fidelity", tmp_path / "run", "--networks", 6, *LARGE) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "run" / "fidelity.json").read_text())
    front = Front.load(tmp_path / "run" / "front.json")
    known = dict(zip(map(str, front.genotypes), front.column(score), strict=True))
    networks = found["networks"]
    shared = [network for network in networks if network["genotype"] in known]
    assert shared
    for network in shared:
        assert network["supernet_score"] == pytest.approx(known[network["genotype"]])
    alone = [network["alone_error"] for network in networks]
    by_loss, by_size = found["supernet"]["kendall"]["score"], found["params"]["kendall"]
    for name, told, values in (
        ("what the search selects by", by_loss, [network["supernet_score"] for network in networks]),
        ("more parameters first, without a search", by_size, [-network["params"] for network in networks]),
    ):
        expected = rank_correlation(values, alone)
        assert told == dataclasses.asdict(expected)
        low, high = expected.interval or (None, None)
        assert f"tau, {name}: {expected}, with 95 % confidence from {low:.2f} to {high:.2f}\n" in said


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_run_on_a_relative_path_goes_on_and_is_trained_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_folder(tmp_path / "here" / "photos", {"ant": 12, "bee": 12, "cat": 12}, size=(12, 12))
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    settings = ["--set", "network.channels=2", "--set", "training.pop_size=4", "--set", "training.n_generations=1"]
    assert call("search", "--out", "run", "--preset", "smoke", "--data", "folder:photos", *settings) == 0
    assert RunDirectory("run").config().data == f"folder:{(tmp_path / 'here' / 'photos').resolve()}"
    monkeypatch.chdir(tmp_path / "there")
    assert call("resume", "../here/run", "--generations", 2) == 0
    assert call("train", "../here/run", "--top", 1, *TINY) == 0
    assert call("fidelity", "../here/run", "--networks", 2, *TINY) == 0
    (folder,) = (tmp_path / "here" / "run" / "networks").iterdir()
    assert load(folder).card["data"]["name"] == "folder:photos"


def test_the_recipe_of_imagenet_reads_a_folder_as_it_trains(tmp_path: Path) -> None:
    draw_folder(tmp_path / "photos", {"ant": 12, "bee": 12}, size=(30, 20))
    out = ["--out", tmp_path / "one", "--data", f"folder:{tmp_path / 'photos'}?size=16", "--recipe", "imagenet"]
    assert call("train", "CARS-E", *out, *TINY, "--set", "batch=8", "--set", "stem=cifar") == 0
    card = load(tmp_path / "one").card
    assert card["data"]["name"] == "folder:photos?size=16x16&stream=yes"
    assert (card["recipe"]["settings"]["resized_crop"], card["recipe"]["settings"]["hue"]) == (True, 0.2)
    assert card["data"]["mean"] == pytest.approx([123.675, 116.28, 103.53])


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["train", "CARS-Z", "--out", "X"], "genotype: expected one of "),
        (["train", "CARS-A"], "out: expected a directory for the network of a genotype, got none"),
        (["train", "CARS-A", "--out", "X", "--inherit"], "train: expected a run's directory for --inherit"),
        (["train", "CARS-A", "--out", "X", "--recipe", "best"], "recipe: expected one of quick, clutter, cifar"),
        (["train", "CARS-A", "--out", "X", "--network", "36"], "network: expected CHANNELS/LAYERS such as 36/20"),
        (["train", "CARS-A", "--out", "X", "--set", "epoch=1"], "epoch: expected one of "),
        (["train", "CARS-A", "--out", "X", "--data", "digitz"], "data: expected "),
        (["train", "RUN", "--only", "99"], "only: expected a network among 1.."),
        (["train", "RUN", "--only", "1", "--top", "1"], "top: expected --only or --top, got both"),
        (["train", "RUN", "--out", "X"], "out: expected none for a run"),
        (["train", "RUN", "--inherit", "--set", "channels=4"], "channels: expected 4 as in the network, got 2"),
        (["train", "EMPTY"], "run: expected a directory with front.json"),
        (["fidelity", "RUN", "--networks", "99"], "networks: expected at most the "),
        (["fidelity", "RUN", "--from", "zoo"], "from: expected population or front, got 'zoo'"),
        (["fidelity", "EMPTY"], "run: expected a directory with checkpoints"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(
    run_dir: Path, tmp_path: Path, argv: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"RUN": run_dir, "X": tmp_path / "x", "EMPTY": tmp_path / "empty"}
    before = sorted(path for path in run_dir.rglob("*"))
    assert call(*[places.get(arg, arg) for arg in argv]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"carsmoo: {message}")
    assert said.count("\n") == 1
    assert sorted(path for path in run_dir.rglob("*")) == before
    assert not (tmp_path / "x").exists()
    assert list((tmp_path / "empty").iterdir()) == []


@pytest.mark.end_to_end
def test_a_budget_decides_networks_and_epochs_and_is_gone_on_with(
    tmp_path: Path, run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_dir, run, ignore=shutil.ignore_patterns("networks", "final-front*"))
    n = len(Front.load(run / "front.json"))
    monkeypatch.setattr(retraining_budget, "epoch_seconds", lambda genotypes, recipe, data: [2.0] * len(genotypes))
    settings = ("--set", "batch=128", "--recipe", "clutter")  # of three epochs
    asked = ("train", run, "--budget", "30s", *settings)
    assert call(*asked) == 0
    said = capsys.readouterr().out
    told = r"^2 networks on digits\?images=300: 3 cells of 2 channels, 4 epochs"  # (27.6 - 10) / 4
    assert re.search(told, said, re.M)
    assert len(Front.load(run / "final-front.json")) == min(n, 2)
    monkeypatch.setattr(retraining_budget, "epoch_seconds", lambda *_: [1 / 0])
    assert call(*asked) == 0
    assert call("train", run, "--budget", "40s", *settings) == 2
    assert "budget: expected budget '30s', with which these networks were begun, got '40s'" in capsys.readouterr().err
    assert call("train", run, "--budget", "30s", "--set", "epochs=3") == 2
    assert "budget: expected no epochs beside it" in capsys.readouterr().err
    assert call("train", "CARS-A", "--budget", "30s", "--out", tmp_path / "one") == 2
