"""Searches in spaces other than DARTS's: resumed, on two ranks, with all kinds of weights and objectives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, Checkpoint, NetworkConfig, SearchSpace, SupernetTraining, resume
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.latency import measure
from carsmoo.nets.supernet.proxies import PROXIES, proxy
from tests.support.groups import together
from tests.support.runs import Stop, StopAt, same
from tests.support.spaces import CELL, CHAIN, FORKED, OWN, SPACES

RNG = np.random.default_rng(0)
IMAGES = ImageData.from_arrays(RNG.integers(0, 256, (72, 3, 9, 10), dtype=np.uint8), np.arange(72) % 3)
NETWORK = NetworkConfig(channels=4, layers=3)
PLAN = {"warmup_epochs": 1, "n_generations": 2, "pop_size": 4, "batch_size": 16, "bn_calibration_images": 16}
KINDS: dict[str, dict[str, Any]] = {
    "shared": {"subnets_per_step": 2},
    "own weights": {"weights": "own"},
    "two supernets": {"n_supernets": 2, "subnets_per_step": 2},
    "own classifiers": {"classifier_images": 30, "subnets_per_step": 2},
}
EACH = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
OURS = pytest.mark.parametrize("space", [CHAIN, CELL], ids=["chain", "cell"])


def problem(space: SearchSpace, group: Group | None = None, objectives: Any = ("error", "params"), **plan: Any) -> Any:
    latency = plan.pop("latency", None)
    training = SupernetTraining(**{**PLAN, "memory_format": "channels_last", **plan})
    return CARSProblem(IMAGES, space, objectives, NETWORK, training, "cpu", group=group, latency=latency)


def table(space: SearchSpace) -> LatencyTable:
    network = NETWORK.for_data((3, 9, 10), 3)
    return measure.build(space, network, rounds=2, network_rounds=2, fitted=2, checked=2)


def vectors(space: SearchSpace) -> NDArray[np.int64]:
    """Return a population with the architecture of the lowest values, a cell of nothing."""
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, (4, space.n_var))
    return np.concatenate([space.xl[None], X[1:]])


@pytest.mark.parametrize(
    ("space", "kind"),
    [(CHAIN, "shared"), (CELL, "shared"), (CHAIN, "own weights"), (CELL, "two supernets"), (CELL, "own classifiers")],
    ids=["chain", "cell", "chain, own weights", "cell, two supernets", "cell, own classifiers"],
)
def test_a_resumed_search_ends_as_one_that_was_never_stopped(space: SearchSpace, kind: str, tmp_path: Path) -> None:
    whole = minimize(problem(space, **KINDS[kind]), PNSGA3(), seed=5)
    callback = Callbacks(Checkpoint(tmp_path), StopAt(2))
    with pytest.raises(Stop):
        minimize(problem(space, **KINDS[kind]), PNSGA3(), seed=5, callback=callback)
    result = minimize(*resume(tmp_path, problem(space, **KINDS[kind]), PNSGA3()))
    assert same(result.algorithm, whole.algorithm)
    expected = whole.problem.state_dict()
    assert all(np.array_equal(a, expected[name]) for name, a in result.problem.state_dict().items())


def test_a_search_in_another_space_does_not_go_on(tmp_path: Path) -> None:
    with pytest.raises(Stop):
        minimize(problem(CHAIN), PNSGA3(), seed=5, callback=Callbacks(Checkpoint(tmp_path), StopAt(1)))
    for other, says in ((CELL, "n_var|space/kind"), (OWN, "n_var|space/"), (FORKED, "n_var|space/")):
        with pytest.raises(ValueError, match=f"problem is not that of the run: .*({says})") as caught:
            resume(tmp_path, problem(other), PNSGA3())
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("space", "kind"),
    [
        *((space, "shared") for space in SPACES.values()),
        *((OWN, "own weights"), (CHAIN, "two supernets"), (CHAIN, "own classifiers")),
    ],
    ids=[*SPACES, "own operations, own weights", "chain, two supernets", "chain, own classifiers"],
)
def test_two_ranks_find_what_one_does_bit_for_bit(space: SearchSpace, kind: str) -> None:
    X = vectors(space)

    def run(group: Group) -> Any:
        made = problem(space, group, **KINDS[kind])
        before = made.evaluate(X)
        made.advance(X)
        return before, made.evaluate(X[::-1]), made.state_dict()

    ((before, after, state),) = together(1, run)
    for one, other, its_state in together(2, run):
        assert np.array_equal(one, before)
        assert np.array_equal(other, after)
        assert all(np.array_equal(its_state[name], state[name]) for name in state)


@OURS
def test_a_race_keeps_whom_scoring_to_the_end_keeps(space: SearchSpace) -> None:
    found = [
        minimize(problem(space, racing=racing), PNSGA3(protection=None), seed=1).pop.get("X")
        for racing in (True, False)
    ]
    assert np.array_equal(*found)


@EACH
def test_a_subnet_brings_the_classifier_that_it_is_scored_with(space: SearchSpace) -> None:
    made, plain = problem(space, classifier_images=30), problem(space)
    X = vectors(space)[1:]
    errors, shared = made.evaluate(X)[:, 0], plain.evaluate(X)[:, 0]
    images, labels = IMAGES.normalise(made.images.validation.images), made.images.validation.labels
    with torch.no_grad():
        found = [(made.subnet(one)(images).argmax(dim=1) != labels).double().mean() for one in space.decode(X)]
    assert errors == pytest.approx([float(error) for error in found], abs=1 / len(labels))
    assert not np.array_equal(errors, shared)
    for name, value in plain.state_dict().items():  # weights, momentum and random streams are those of before
        if not name.startswith("trust/"):
            assert np.array_equal(value, made.state_dict()[name])


@EACH
def test_latency_is_an_objective(space: SearchSpace, tmp_path: Path) -> None:
    times = table(space)
    times.write(tmp_path / "table.json")
    assert LatencyTable.read(tmp_path / "table.json", space) == times
    made = problem(space, objectives=("error", "latency"), latency=tmp_path / "table.json")
    X = vectors(space)
    F = made.evaluate(X)
    assert (F[:, 1] >= 0).all()
    again = problem(space, objectives=("error", "latency"), latency=times)
    again.load_state_dict(made.state_dict())
    assert np.array_equal(again.evaluate(X), F)


def test_latency_in_a_space_of_ones_own_is_measured_and_remembered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    asked: list[object] = []

    def build(space: SearchSpace, *args: object, **kwargs: object) -> LatencyTable:
        asked.append(space)
        return times

    times = table(FORKED)
    monkeypatch.setattr(measure, "build", build)
    found = [problem(FORKED, objectives=("error", "latency")).evaluate(FORKED.xu[None]) for _ in range(2)]
    assert np.array_equal(*found)
    assert asked == [FORKED]


def test_a_table_of_other_spaces_is_refused() -> None:
    with pytest.raises(ValueError, match=r"latency: expected a table with the .* layers of the network, got"):
        problem(CHAIN, objectives=("error", "latency"), latency=table(FORKED))


@EACH
def test_what_sees_networks_and_proxies_are_objectives(space: SearchSpace) -> None:
    def confidence(genotype: object, network: torch.nn.Module) -> float:
        assert not network.training
        with torch.no_grad():
            return float(network(IMAGES.normalise(IMAGES.validation.images[:8])).softmax(1).amax(1).mean())

    plain = problem(space)
    made = problem(space, objectives=("error", confidence, *(proxy(name, plain, images=8) for name in PROXIES)))
    X = vectors(space)
    F = made.evaluate(X)
    assert F.shape == (4, 2 + len(PROXIES))
    assert np.isfinite(F).all()
    assert made.moving == (0, 1)
    assert len(np.unique(F[:, 2])) > 1
