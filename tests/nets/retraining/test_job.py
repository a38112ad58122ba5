import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import load
from carsmoo.nets.models.serialization import load as load_network
from carsmoo.nets.retraining import trainer
from carsmoo.nets.retraining.job import Job, error_in, figures_of, finished, train
from carsmoo.nets.retraining.parallel import train_each
from carsmoo.nets.retraining.trainer import error_of
from carsmoo.utils.files import Store
from carsmoo.utils.progress import Step
from carsmoo.utils.validation import DivergenceError, StoppedError
from carsmoo.zoo import GENOTYPES
from tests.nets.retraining.test_trainer import few

RECIPE = TrainingRecipe(
    channels=2, layers=3, epochs=3, batch=256, drop_path_prob=0.3, auxiliary_weight=0.4, learning_rate=0.1
)
FILES = ("best.safetensors", "last.safetensors")


class Stop(Exception):  # noqa: N818
    pass


def job(folder: Path, **fields: Any) -> Job:
    made: dict[str, Any] = {"genotype": GENOTYPES["CARS-E"], "recipe": RECIPE, "data": "digits", "threads": 1, **fields}
    return Job(folder=folder, **made)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights in a folder's files, by file and name, without what tells the time it took."""
    found = {}
    for name in FILES:
        found |= {f"{name}/{key}": value for key, value in load_network(folder / name).state_dict().items()}
    return found


def same(one: Path, other: Path) -> bool:
    a, b = weights(one), weights(other)
    return set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "whole"
    train(job(folder))
    return folder


def test_what_a_training_leaves(whole: Path) -> None:
    assert {path.name for path in whole.iterdir()} == {"network.json", "log.jsonl", *FILES}
    card = json.loads((whole / "network.json").read_text())
    assert [(one["split"], one["weights"]) for one in card["accuracy"]] == [
        ("held-out", "stand-alone"),
        ("test", "stand-alone"),
    ]
    assert card["recipe"]["settings"] == dataclasses.asdict(RECIPE)
    lines = log(whole)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    lowest = min(line["error"] for line in lines)
    best = max(line["epoch"] for line in lines if line["error"] == lowest)
    assert {one["epoch"] for one in card["accuracy"]} == {best}
    assert error_in(card, "held-out") == lowest


def test_the_saved_weights_have_the_errors_that_the_cards_tell(whole: Path) -> None:
    data = load("digits")
    for name in FILES:
        network = load_network(whole / name)
        told = error_in(network.card, "test")
        assert error_of(network, data.test, data.normalise) == told
    assert load_network(whole / "last.safetensors").card["accuracy"][-1]["epoch"] == 3


@pytest.mark.end_to_end
def test_each_step_is_told_and_an_epoch_with_what_the_log_says(tmp_path: Path) -> None:
    heard: list[Step] = []
    train(job(tmp_path), heard.append)
    assert [step.done for step in heard] == list(range(heard[0].total + 1))
    assert {(step.phase, step.total % 3, step.unit) for step in heard} == {("training", 0, "steps")}
    ends = [step for step in heard if step.boundary]
    assert [step.done for step in ends] == [heard[0].total // 3 * k for k in (1, 2, 3)]
    assert [step for step in heard if step.figures] == ends
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    for step, line in zip(ends, lines, strict=True):
        assert step.figures == {name: value for name, value in line.items() if name not in ("split", "weights")}


def test_a_long_scoring_gives_signs_of_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "SCORE_BATCH", 100)
    heard: list[Step] = []
    train(job(tmp_path, recipe=dataclasses.replace(RECIPE, epochs=1, holdout_fraction=0.0)), heard.append)
    assert [step.done for step in heard] == [*range(heard[0].total + 1), *[heard[0].total] * 6]
    assert [step.boundary for step in heard].count(True) == 1


@pytest.mark.parametrize("stop", [2, *(pytest.param(k, marks=pytest.mark.end_to_end) for k in (1, 3))])
def test_a_stopped_training_goes_on_bit_for_bit(whole: Path, tmp_path: Path, stop: int) -> None:
    def hear(step: Step) -> None:
        if step.boundary and step.figures["epoch"] == stop:
            raise Stop

    with pytest.raises(Stop):
        train(job(tmp_path), hear)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"epoch": ')  # a line that was cut off
    train(job(tmp_path))
    assert same(whole, tmp_path)
    assert log(whole) == log(tmp_path)
    assert not (tmp_path / "checkpoint").exists()


@pytest.mark.end_to_end
def test_a_killed_training_goes_on_bit_for_bit(whole: Path, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from carsmoo.nets.retraining.job import train\n"
        "from tests.nets.retraining.test_job import job\n"
        "train(job(Path(sys.argv[1])), lambda step: step.boundary and os.kill(os.getpid(), signal.SIGKILL))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(log(tmp_path)) == 1
    train(job(tmp_path))
    assert same(whole, tmp_path)


@pytest.mark.end_to_end
def test_networks_side_by_side_come_out_as_one_by_one(whole: Path, tmp_path: Path) -> None:
    genotypes = [GENOTYPES["CARS-E"], GENOTYPES["CARS-A"]]
    jobs = [job(tmp_path / str(k), genotype=genotype) for k, genotype in enumerate(genotypes)]
    heard: list[Step] = []
    cards = train_each(jobs, 2, heard.append)
    networks = [step for step in heard if step.phase == "networks"]
    assert [(step.done, step.total) for step in networks] == [(k, 2) for k in range(3)]
    assert [step.figures for step in networks[1:]] == [figures_of(card) for card in cards]
    epochs = [step for step in heard if step.phase == "training"]
    assert (epochs[0].done, epochs[0].total, epochs[0].unit) == (0, 2 * RECIPE.epochs, "epochs")
    done = [step.done for step in epochs]
    assert done == sorted(set(done))
    assert same(whole, tmp_path / "0")
    alone = train_each([job(tmp_path / "alone", genotype=genotypes[1])], 1)[0]
    assert same(tmp_path / "alone", tmp_path / "1")
    assert alone["accuracy"] == cards[1]["accuracy"]


def test_a_network_that_is_there_is_left_alone_and_another_is_refused(whole: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in whole.iterdir()}
    assert train(job(whole)) == finished(job(whole), load("digits"))
    assert {path: path.stat().st_mtime_ns for path in whole.iterdir()} == before
    others = [
        ({"recipe": dataclasses.replace(RECIPE, epochs=4)}, "settings/epochs: expected 4, got 3"),
        ({"genotype": GENOTYPES["CARS-A"]}, "genotype: expected "),
        ({"data": few()}, "data_sha256: expected "),
    ]
    for fields, message in others:
        with pytest.raises(ValueError, match=f"holds a network that was trained otherwise: {message}"):
            train(job(whole, **fields))


def test_a_training_of_another_format_is_refused_in_a_line_that_names_both(tmp_path: Path) -> None:
    def hear(step: Step) -> None:
        if step.boundary:
            raise Stop

    with pytest.raises(Stop):
        train(job(tmp_path), hear)
    store = Store(tmp_path / "checkpoint")
    saved = store.newest()
    assert saved is not None
    assert "carsmoo." not in saved.text  # no module's name, which may change
    older = {name: value for name, value in json.loads(saved.text).items() if name != "format"}
    store.save(saved.number, json.dumps(older), saved.arrays)
    with pytest.raises(ValueError, match=r"expected a training of format 2, got format 1$"):
        train(job(tmp_path))


def test_a_training_under_way_by_another_recipe_is_refused(tmp_path: Path) -> None:
    def hear(step: Step) -> None:
        if step.boundary:
            raise Stop

    with pytest.raises(Stop):
        train(job(tmp_path), hear)
    with pytest.raises(ValueError, match="settings/batch: expected 256, got 128"):
        train(job(tmp_path, recipe=dataclasses.replace(RECIPE, batch=128)))


def test_with_nothing_held_out_the_last_epoch_is_the_best(tmp_path: Path) -> None:
    card = train(job(tmp_path, recipe=dataclasses.replace(RECIPE, holdout_fraction=0.0, epochs=2)))
    assert [(one["split"], one["epoch"]) for one in card["accuracy"]] == [("test", 2)]
    found = weights(tmp_path)
    assert all(torch.equal(found[f"best.safetensors/{k}"], v) for k, v in _below("last.safetensors/", found).items())


@pytest.mark.end_to_end
def test_training_that_diverges_is_said(tmp_path: Path) -> None:
    recipe = dataclasses.replace(RECIPE, learning_rate=1e30, clip=1e30)
    with pytest.raises(DivergenceError, match=r"^training: expected a finite loss, got nan in epoch 1"):
        train(job(tmp_path, recipe=recipe))
    with pytest.raises(StoppedError, match="the same command goes on from what was saved"):
        train_each([job(tmp_path, recipe=recipe)], 1)


def _below(prefix: str, held: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in held.items() if name.startswith(prefix)}


def bytes_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "name",
    [
        *("notes.txt", "log.jsonl", "network.json", "best.safetensors", "last.safetensors", "checkpoint"),
        *("checkpoint/notes.txt", "checkpoint/model.safetensors", "checkpoint/lock"),
    ],
)
def test_a_folder_with_anything_else_in_it_is_refused_and_left_as_it_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "b" / name).parent.mkdir(parents=True)
    (tmp_path / "b" / name).write_text("mine")
    with pytest.raises(FileExistsError, match=Path(name).name.replace(".", r"\.") + "|expected a lock"):
        train_each([job(tmp_path / "a"), job(tmp_path / "b")], 1)
    assert bytes_in(tmp_path) == {f"b/{name}": b"mine"}


def stopped(folder: Path) -> None:
    """Train for an epoch."""

    def hear(step: Step) -> None:
        if step.boundary:
            raise Stop

    with pytest.raises(Stop):
        train(job(folder), hear)


@pytest.mark.end_to_end
def test_a_log_of_another_training_beside_a_checkpoint_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    stopped(tmp_path)
    other = json.loads((tmp_path / "log.jsonl").read_text())
    lines = [json.dumps(made) for made in ({**other, "loss": 0.5}, {"epoch": 1, "loss": 0.5, "learning_rate": 0.1})]
    for foreign in (*lines, "{", "mine"):
        (tmp_path / "log.jsonl").write_text(f"{foreign}\n")
        before = bytes_in(tmp_path)
        with pytest.raises(FileExistsError, match=r"log\.jsonl: expected the log of this training, got something else"):
            train_each([job(tmp_path)], 1)
        assert bytes_in(tmp_path) == before
    (tmp_path / "log.jsonl").write_text(json.dumps(other)[:9])  # what a disk kept of the first line
    train(job(tmp_path))
    assert [line["epoch"] for line in log(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda card: card["recipe"].pop("seconds"), "recipe: seconds: expected a number, got None"),
        (lambda card: card["recipe"].update(seconds="12"), "recipe: seconds: expected a number, got '12'"),
        (lambda card: card["accuracy"].clear(), "accuracy: expected an error on test, got none"),
    ],
)
def test_a_card_without_what_is_told_of_it_is_named_in_a_line(
    change: Any, says: str, whole: Path, tmp_path: Path
) -> None:
    shutil.copytree(whole, tmp_path / "copy")
    path = tmp_path / "copy" / "network.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=rf"network\.json: {says}"):
        train_each([job(tmp_path / "copy")], 1)


def test_a_network_too_large_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"bytes|memory|GB|MB"):
        train(job(tmp_path / "a", recipe=dataclasses.replace(RECIPE, channels=100_000)))
    with pytest.raises(ValueError, match="holdout_fraction: expected enough of each class"):
        train(job(tmp_path / "b", recipe=dataclasses.replace(RECIPE, holdout_fraction=0.001)))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.end_to_end
def test_other_files_beside_a_training_are_left_alone(tmp_path: Path) -> None:
    def hear(step: Step) -> None:
        if step.boundary:
            raise Stop

    with pytest.raises(Stop):
        train(job(tmp_path), hear)
    others = [tmp_path / "notes.txt", tmp_path / "checkpoint" / "model.safetensors"]
    for path in others:
        path.write_text("mine")
    train(job(tmp_path))
    assert [path.read_text() for path in others] == ["mine", "mine"]
    assert [path.name for path in (tmp_path / "checkpoint").iterdir()] == ["model.safetensors"]
