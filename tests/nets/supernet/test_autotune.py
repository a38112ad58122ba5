import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from carsmoo import CARSProblem, DARTSSpace, NetworkConfig, SupernetTraining
from carsmoo.nets.latency import measure
from carsmoo.nets.supernet import autotune
from carsmoo.nets.supernet.autotune import ROUNDS, fastest
from carsmoo.utils.cache import cache_folder
from tests.cost.test_latency import made_up
from tests.support.runs import DATA


def costing(clock: list[float], seconds: float) -> Callable[[], None]:
    def step() -> None:
        clock[0] += seconds

    return step


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [((1.0, 0.5), "b"), ((1.0, 0.8), "a"), ((1.0, 2.0), "a"), ((1.0, 0.7, 0.4), "c"), ((1.0,), "a")],
)
def test_another_choice_has_to_be_much_faster(seconds: tuple[float, ...], expected: str) -> None:
    clock = [0.0]
    choices = {name: costing(clock, s) for name, s in zip("abc", seconds, strict=False)}
    assert fastest(choices, lambda: clock[0]) == expected
    assert clock[0] == pytest.approx((ROUNDS + 1) * sum(seconds))


SHAPE = NetworkConfig(channels=2, layers=3)
PLAN = SupernetTraining(
    warmup_epochs=1, n_generations=1, pop_size=4, batch_size=64, bn_calibration_images=64, memory_format="auto"
)


@pytest.mark.end_to_end
def test_what_was_measured_is_remembered_and_a_plan_may_say_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[list[str]] = []
    monkeypatch.setattr(autotune, "fastest", lambda choices: asked.append(list(choices)) or "contiguous")
    for _ in range(2):
        problem = CARSProblem(DATA, network=SHAPE, training=PLAN)
        problem.evaluate(problem.xl[None])
        assert bytes(problem.state_dict()["memory_format"]) == b"contiguous"
    assert asked == [["channels_last", "contiguous"]]
    (value,) = json.loads((tmp_path / "carsmoo" / "tuning.json").read_text()).values()
    assert value == "contiguous"
    other = CARSProblem(DATA, space=DARTSSpace(2), network=SHAPE, training=PLAN)
    other.evaluate(other.xl[None])
    assert len(asked) == 2  # another space is another network
    for plan, expected in (({}, b"channels_last"), ({"memory_format": "contiguous"}, b"contiguous")):
        named = CARSProblem(DATA, network=SHAPE, training=SupernetTraining(warmup_epochs=0, **plan))
        named.evaluate(named.xl[None])
        assert bytes(named.state_dict()["memory_format"]) == expected
    assert len(asked) == 2  # nothing is measured that is not asked for
    key = next(iter(json.loads((tmp_path / "carsmoo" / "tuning.json").read_text())))
    for text in ("[]", "{", json.dumps({"x": 3}), json.dumps({key: "spiral"}), json.dumps({key: []})):
        (tmp_path / "carsmoo" / "tuning.json").write_text(text)
        problem = CARSProblem(DATA, network=SHAPE, training=PLAN)
        problem.evaluate(problem.xl[None])
        assert asked.pop() == ["channels_last", "contiguous"]
        assert list(json.loads((tmp_path / "carsmoo" / "tuning.json").read_text()).values())[-1] == "contiguous"


@pytest.mark.end_to_end
def test_a_run_that_goes_on_keeps_its_memory_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, twin = (CARSProblem(DATA, network=SHAPE, training=PLAN) for _ in range(2))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(autotune, "fastest", lambda choices: "contiguous")
    problem.evaluate(problem.xl[None])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    monkeypatch.setattr(autotune, "fastest", lambda choices: "channels_last")
    twin.load_state_dict(problem.state_dict())
    for one in (problem, twin):
        one.advance(problem.xl[None])
    assert all(np.array_equal(a, twin.state_dict()[name]) for name, a in problem.state_dict().items())
    broken = {**problem.state_dict(), "memory_format": np.frombuffer(b"spiral", np.uint8)}
    with pytest.raises(
        ValueError, match="state: expected a memory format among channels_last, contiguous, got 'spiral'"
    ):
        twin.load_state_dict(broken)


def test_few_threads_are_all_used_and_many_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    problem, now = CARSProblem(DATA, network=SHAPE, training=PLAN), torch.get_num_threads()
    asked: list[list[str]] = []
    monkeypatch.setattr(autotune, "fastest", lambda choices: asked.append(list(choices)) or list(choices)[-1])
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert problem.fastest_threads() == 4
    monkeypatch.setattr(torch, "get_num_threads", lambda: 12)
    assert problem.fastest_threads() == 1
    assert problem.fastest_threads() == 1
    assert asked == [["channels_last", "contiguous"], ["12", "6", "3", "1"]]
    known = json.loads((tmp_path / "carsmoo" / "tuning.json").read_text())
    assert list(known.values()) == ["contiguous", 1]  # neither measurement forgets the other
    monkeypatch.undo()
    torch.set_num_threads(now)


@pytest.mark.end_to_end
def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    problem = CARSProblem(DATA, network=SHAPE, training=PLAN)
    problem.evaluate(problem.xl[None])
    assert os.listdir(tmp_path) == ["file"]


def test_a_user_without_a_home_has_no_cache_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setattr(autotune, "fastest", lambda choices: "contiguous")
    assert cache_folder() is None
    problem = CARSProblem(DATA, network=SHAPE, training=PLAN)
    problem.evaluate(problem.xl[None])
    assert bytes(problem.state_dict()["memory_format"]) == b"contiguous"
    table = made_up(problem.space, SHAPE)
    monkeypatch.setattr(measure, "build", lambda space, network, **options: table)
    assert measure.cached(problem.space, SHAPE, torch.device("cpu")) is table
