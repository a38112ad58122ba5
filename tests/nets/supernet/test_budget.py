"""The plan of a search that a budget asks for."""

import dataclasses
import itertools
import json
import pickle
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from carsmoo import CARSProblem, DARTSSpace, NetworkConfig, SupernetTraining
from carsmoo.config.budget import ENOUGH, Rates, Rung
from carsmoo.cost.closed_form import flops
from carsmoo.nets.data import DataLike, Split, load
from carsmoo.nets.data import facts as facts_module
from carsmoo.nets.data.facts import facts_of
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet import arguments, budget
from carsmoo.nets.supernet import rates as rates_module
from carsmoo.nets.supernet.budget import BudgetPlan, planned, planned_together
from carsmoo.nets.supernet.rates import Bench
from carsmoo.nets.supernet.sampling import Drawn
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from tests.support.images import draw_folder

SPACE, CPU = DARTSSpace(), torch.device("cpu")
IMAGES = np.random.default_rng(0).integers(0, 256, (300, 12, 12), dtype=np.uint8), np.arange(300) % 3


def plan_of(data: DataLike, time: str, network: NetworkConfig | None = None) -> BudgetPlan:
    return planned(data, SPACE, network, SupernetTraining(budget=time), CPU)


class Clock:
    """A clock that goes on by itself only when it is looked at, by ``each`` seconds."""

    now = each = 0.0

    def perf_counter(self) -> float:
        self.now += self.each
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of everything that plans."""
    made = Clock()
    for module in (budget, rates_module, facts_module):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def by_work(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> list[Rung]:
    """Networks that take what they are said to, without measuring; the rungs that were asked for."""
    asked: list[Rung] = []

    def rates(bench: object, rung: Rung, hopeless: float = 0.0) -> Rates:
        asked.append(rung)
        return Rates(step=rung.work * 5e-7, network=1e-3, image=1e-5)

    monkeypatch.setattr(Bench, "rates", rates)
    return asked


def test_a_larger_budget_buys_more_steps_then_larger_networks(by_work: list[Rung]) -> None:
    plans = [plan_of(IMAGES, time) for time in ("40s", "90s", "5m", "1h")]
    sizes = [plan.network.channels * plan.network.layers for plan in plans]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]
    for plan in plans[1:]:
        assert plan.updates is not None
        assert plan.updates >= ENOUGH
        assert plan.training.budget is None


def test_images_to_score_on_that_are_given_are_kept(by_work: list[Rung]) -> None:
    training = SupernetTraining(budget="2m", score_images=30)
    assert planned(IMAGES, SPACE, None, training, CPU).training.score_images == 30


def test_few_sizes_are_measured_and_each_once(by_work: list[Rung]) -> None:
    plan_of(IMAGES, "5m")
    assert len(by_work) == len(set(by_work)) <= 5


def test_too_little_time_names_what_is_enough(by_work: list[Rung]) -> None:
    says = r"budget: expected at least about (\d+s) for 120 training images of 12x12 .* got 12s"
    with pytest.raises(ValueError, match=says) as refused:
        plan_of(IMAGES, "12s")
    named = re.search(says, str(refused.value))
    assert named is not None
    assert plan_of(IMAGES, named[1]).seconds is not None


def test_of_a_large_population_some_are_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    scored: list[int] = []
    monkeypatch.setattr(SupernetState, "tally", lambda state, genotypes, split: scored.append(len(genotypes)))
    monkeypatch.setattr(rates_module, "_seconds_of_a_step", lambda state, architectures, seconds: 1.0)
    for pop_size, classifier_images in ((20, 0), (2000, 0), (2000, 50)):
        training = SupernetTraining(budget="1m", pop_size=pop_size, classifier_images=classifier_images)
        bench = Bench(SPACE, NetworkConfig(channels=2, layers=1), training, facts_of(IMAGES), CPU, 1.0)
        bench.rates(Rung(channels=2, layers=1, stem="cifar", size=(12, 12)))
    assert scored == [20] * 3 + [32] * 3 + [8] * 3


def test_a_plan_follows_what_the_clock_shows(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Rates(step=1 / 64, network=1 / 128, image=2**-14)
    step, tally = SupernetTrainer.step, SupernetState.tally

    def slow_step(trainer: SupernetTrainer, images: torch.Tensor, *others: Any) -> torch.Tensor:
        clock.now += told.step
        return step(trainer, images, *others)

    def slow_tally(state: SupernetState, genotypes: Sequence[Architecture], split: Split) -> NDArray[Any]:
        calibrated = sum(len(part) for part in state.calibration)
        clock.now += len(genotypes) * (told.network + told.image * (len(split) + calibrated))
        return tally(state, genotypes, split)

    monkeypatch.setattr(SupernetTrainer, "step", slow_step)
    monkeypatch.setattr(SupernetState, "tally", slow_tally)
    network = NetworkConfig(channels=2, layers=1)
    bench = Bench(SPACE, network, SupernetTraining(), facts_of(IMAGES), CPU, 1.0)
    assert bench.rates(Rung(channels=2, layers=1, stem="cifar", size=(12, 12))) == told
    begin, plan = clock.now, plan_of(IMAGES, "40s", network)
    assert clock.now > begin
    assert (plan.network.channels, plan.network.layers) == (2, 1)
    assert plan.seconds is not None
    assert 35 < plan.seconds < 40
    assert plan.training.warmup_epochs > 20
    assert plan.lines()[0].startswith("planned to take ")


def test_what_planning_takes_is_taken_off_the_time(clock: Clock, by_work: list[Rung]) -> None:
    network = NetworkConfig(channels=2, layers=1)
    quick = plan_of(IMAGES, "40s", network)
    clock.each = 4.0  # for each look
    slow = plan_of(IMAGES, "40s", network)
    assert slow.training.planned_epochs < 0.8 * quick.training.planned_epochs
    assert slow.seconds == pytest.approx(quick.seconds, abs=4)


@pytest.mark.end_to_end
def test_steps_of_a_warm_up_that_widens_are_measured_on_its_first_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    network = NetworkConfig(channels=2, layers=1)
    shape = network.for_data((1, 12, 12), 3)

    def step(state: SupernetState, architectures: Drawn, seconds: float) -> float:
        return float(np.mean([flops(one, shape) for drawn in itertools.islice(architectures, 50) for one in drawn]))

    monkeypatch.setattr(rates_module, "_seconds_of_a_step", step)
    found = []
    for widening in (0.0, 0.8):
        training = SupernetTraining(budget="1m", warmup_widening=widening)
        bench = Bench(SPACE, network, training, facts_of(IMAGES), CPU, 1.0)
        rung = Rung(channels=2, layers=1, stem="cifar", size=(12, 12))
        found.append(bench.rates(rung))
        assert bench.rates(rung, hopeless=0.0).first == found[-1].first
    assert found[0].first is None
    assert found[1].first is not None
    first = np.random.default_rng(np.random.SeedSequence(0).spawn(5)[4])
    assert found[1].first == max(flops(SPACE.decode(x[None])[0], shape) for x in drawn_by(first))
    assert found[1].step == pytest.approx(found[0].step, rel=0.2)  # of architectures drawn uniformly


def drawn_by(random_state: np.random.Generator) -> NDArray[np.int64]:
    """The architectures of which the largest comes first."""
    return random_state.integers(SPACE.xl, SPACE.xu + 1, size=(16, SPACE.n_var))


def test_large_photographs_are_left_in_their_files_until_their_size_is_planned(
    tmp_path: Path, by_work: list[Rung]
) -> None:
    root = draw_folder(tmp_path / "photos", {"ant": 8, "bee": 9, "cat": 10}, size=(120, 200))
    facts = facts_of(f"folder:{root}")
    assert facts.data is None
    assert facts.resizable
    assert facts.images.shape == (3, 120, 200)
    plan = plan_of(f"folder:{root}?flip=no", "30s")
    assert isinstance(plan.data, str)
    assert plan.data.startswith(f"folder:{root}?flip=no&size=")
    assert plan.network.stem == "imagenet"
    problem = CARSProblem(f"folder:{root}", budget="30s", training=SupernetTraining(pop_size=4))
    assert problem.network.input_shape in ((3, 64, 107), (3, 96, 160))
    splits = problem.images.train, problem.images.validation
    assert (len(splits[0]), len(splits[1])) == (facts.images.train, facts.images.validation)
    assert problem.training.pop_size == 4
    config = problem.to_config()
    assert config is not None
    again = CARSProblem(**config)
    assert again.fingerprint() == problem.fingerprint()
    assert again.budget_plan is None


def test_many_images_are_searched_on_in_part_where_time_is_short(tmp_path: Path, by_work: list[Rung]) -> None:
    root = draw_folder(tmp_path / "many", {"ant": 600, "bee": 600}, size=(8, 8))
    plan = plan_of(f"folder:{root}", "14s")
    assert plan.part < 1
    found = CARSProblem(plan.data, network=plan.network, training=plan.training)
    assert len(found.images.train) == pytest.approx(plan.part * 480, abs=1)
    assert any("images is searched on" in line for line in plan.lines())
    assert plan_of(f"folder:{root}", "5m").part == 1


def test_a_size_that_is_asked_for_stays(tmp_path: Path, by_work: list[Rung]) -> None:
    root = draw_folder(tmp_path / "photos", {"ant": 8, "bee": 9}, size=(120, 200))
    assert plan_of(f"folder:{root}?size=20", "1m").data == f"folder:{root}?size=20"


def test_only_plans_of_a_time_have_figures_for_the_log(by_work: list[Rung]) -> None:
    assert plan_of(IMAGES, "auto").figures() == {}
    told = plan_of(IMAGES, "1m").figures()
    assert set(told) == {"budget", "expected_seconds", "updates", "memory", "part"}  # "seconds" are those of a run
    assert told["budget"] == 60


def test_a_problem_without_a_plan_follows_its_images() -> None:
    assert CARSProblem().training == SupernetTraining()
    problem = CARSProblem(IMAGES)
    assert problem.training.warmup_epochs == 550  # 1650 steps, 3 of 32 images an epoch
    assert problem.training.budget is None
    assert CARSProblem(IMAGES, training=SupernetTraining(warmup_epochs=3)).training.warmup_epochs == 3


@pytest.mark.parametrize("size", [(12, 12), (32, 32), (64, 64)])
def test_a_width_that_is_given_leaves_the_size_of_the_images(size: tuple[int, int], tmp_path: Path) -> None:
    root = draw_folder(tmp_path / "images", {"ant": 12, "bee": 12}, size=size)
    plans = [plan_of(f"folder:{root}", "auto", given) for given in (None, NetworkConfig(channels=16, layers=4))]
    assert plans[0].data == plans[1].data
    assert (plans[1].network.channels, plans[1].network.layers) == (16, 4)


def test_a_pickled_problem_holds_no_images(by_work: list[Rung]) -> None:
    problem = CARSProblem(IMAGES, budget="1m")
    assert problem.budget_plan is not None
    assert problem.budget_plan.loaded is None
    assert len(pickle.dumps(problem)) < 10_000


def test_images_that_had_to_be_read_are_read_once(monkeypatch: pytest.MonkeyPatch, by_work: list[Rung]) -> None:
    read: list[object] = []
    monkeypatch.setattr(facts_module, "load", lambda data: read.append(data) or load(data))
    monkeypatch.setattr(arguments, "load", lambda data: read.append(data) or load(data))
    CARSProblem("digits", budget="1m")
    assert read == ["digits"]


def test_latencies_are_measured_within_the_budget(monkeypatch: pytest.MonkeyPatch, by_work: list[Rung]) -> None:
    asked: list[NetworkConfig] = []
    monkeypatch.setattr(budget, "cached", lambda space, network, device: asked.append(network))
    problem = CARSProblem(IMAGES, objectives=("error", "latency"), budget="1m")
    assert asked == [problem.network]
    CARSProblem(IMAGES, budget="1m")
    assert len(asked) == 1


def test_all_processes_plan_what_the_first_one_measured(by_work: list[Rung]) -> None:
    sent: list[str] = []

    class First(Group):
        def decide(self, find):  # type: ignore[no-untyped-def]
            sent.append(json.dumps(find()))
            return json.loads(sent[-1])

    class Other(Group):
        def decide(self, find):  # type: ignore[no-untyped-def]
            return json.loads(sent[-1])

    training = SupernetTraining(budget="2m")
    plans = [planned_together(group(), "digits", SPACE, None, training, CPU) for group in (First, Other)]
    assert dataclasses.asdict(plans[0].without_images()) == dataclasses.asdict(plans[1])
    assert all(a == b for a, b in itertools.pairwise(plan.lines() for plan in plans))
