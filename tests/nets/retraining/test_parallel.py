import dataclasses
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.serialization import load
from carsmoo.nets.retraining import parallel
from carsmoo.nets.retraining.job import Job, figures_of
from carsmoo.nets.retraining.parallel import train_each
from carsmoo.utils.progress import Listener, Step
from carsmoo.utils.validation import DivergenceError, StoppedError
from carsmoo.zoo import GENOTYPES
from tests.support.groups import together

RECIPE = TrainingRecipe(channels=2, layers=2, epochs=2, batch=512)
NAMES = ("CARS-A", "DARTS-V2", "CARS-I")


def jobs(folder: Path, n: int = 3, **fields: Any) -> list[Job]:
    common: dict[str, Any] = {"recipe": RECIPE, "data": "digits", "threads": 1, **fields}
    return [Job(folder=folder / str(k), genotype=GENOTYPES[name], **common) for k, name in enumerate(NAMES[:n])]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alone")
    train_each(jobs(path), 1)
    return path


def same(one: Path, other: Path) -> bool:
    networks = [load(path).state_dict() for path in (one, other)]
    return all(np.array_equal(networks[0][name].numpy(), value.numpy()) for name, value in networks[1].items())


@pytest.mark.parametrize(("size", "n"), [(2, 3), (3, 2)])
def test_networks_come_out_the_same_however_many_ranks_train_them(
    size: int, n: int, tmp_path: Path, alone: Path
) -> None:
    heard: list[list[Step]] = [[] for _ in range(size)]

    def work(group: Group) -> list[dict[str, Any]]:
        return train_each(jobs(tmp_path, n), listener=heard[group.rank].append, group=group)

    first, *others = together(size, work)
    assert [card["recipe"]["genotype"] for card in first] == [str(job.genotype) for job in jobs(tmp_path, n)]
    assert all(cards == first for cards in others)
    for steps in heard:
        networks = [step for step in steps if step.phase == "networks"]
        assert [(step.done, step.total) for step in networks] == [(k, n) for k in range(n + 1)]
        assert [step.figures for step in networks[1:]] == [figures_of(card) for card in first]
    epochs = [step for steps in heard for step in steps if step.phase == "training" and step.boundary]
    told = sorted((step.figures["network"], step.figures["epoch"]) for step in epochs)
    assert told == [(k, epoch) for k in range(1, n + 1) for epoch in (1, 2)]
    assert all(same(tmp_path / str(k), alone / str(k)) for k in range(n))


def fake(monkeypatch: pytest.MonkeyPatch, fails: str = "") -> dict[int, list[str]]:
    """Train nothing; return the folders in the order in which each thread was given them."""
    trained: dict[int, list[str]] = {}

    def train(job: Job, listener: Listener) -> dict[str, Any]:
        trained.setdefault(threading.get_ident(), []).append(job.folder.name)
        listener(Step(phase="training", done=1, total=1, unit="steps", boundary=True))
        if job.folder.name == fails:
            raise OSError(28, "No space left on device")
        accuracy = [{"split": "test", "epoch": 1, "error": 0.5}]
        return {"folder": job.folder.name, "costs": {"params": 1}, "accuracy": accuracy, "recipe": {"seconds": 1.0}}

    monkeypatch.setattr(parallel, "train", train)
    return trained


def test_costs_are_spread_each_rank_goes_by_the_order_and_what_is_done_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_each(jobs(tmp_path, 1), 1)
    three = jobs(tmp_path)
    big = dataclasses.replace(three[2], recipe=dataclasses.replace(RECIPE, channels=16))
    given = [three[0], three[1], big, dataclasses.replace(big, folder=tmp_path / "3")]
    trained = fake(monkeypatch)
    cards = together(2, lambda group: train_each(given, group=group))[0]
    assert [card["folder"] for card in cards] == ["0", "1", "2", "3"]
    assert sorted(trained.values()) == [["0", "3"], ["1", "2"]]


def test_a_rank_that_fails_stops_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(monkeypatch, fails="2")

    def work(group: Group) -> str:
        with pytest.raises(StoppedError) as caught:
            train_each(jobs(tmp_path), group=group)
        return str(caught.value)

    said = together(3, work)
    end = "No space left on device; the same command goes on from what was saved"
    assert sum(text == f"network 2: [Errno 28] {end}" for text in said) == 1
    assert sum(text.endswith(f"stopped: network 2: [Errno 28] {end}") for text in said) == 2


def test_ranks_that_would_train_otherwise_are_named(tmp_path: Path) -> None:
    def work(group: Group) -> None:
        train_each(jobs(tmp_path, data=f"digits?split_seed={group.rank}"), group=group)

    with pytest.raises(StoppedError, match="networks to train: expected the same on all 2 ranks, got others on rank 1"):
        together(2, work)
    assert not any(tmp_path.iterdir())


def test_a_rank_trains_one_network_at_a_time(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="processes: expected 1 in each of 2 ranks"):
        together(2, lambda group: train_each(jobs(tmp_path), 2, group=group))


def test_what_stops_one_process_is_told_alike(tmp_path: Path) -> None:
    hot = dataclasses.replace(RECIPE, learning_rate=1e30, clip=1e30)
    with pytest.raises(StoppedError, match=r"expected a finite loss.*the same command goes on") as caught:
        train_each(jobs(tmp_path, 1, recipe=hot), 1)
    assert isinstance(caught.value.__cause__, DivergenceError)
