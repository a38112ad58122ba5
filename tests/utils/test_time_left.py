import pytest

from carsmoo.utils.progress import Step
from carsmoo.utils.time_left import NetworksEstimate, Plan, SearchEstimate, Spent, phase_left, run_left

PLAN = Plan(warmup_epochs=10, generations=20, epochs_per_generation=2)


@pytest.mark.parametrize(
    ("done", "total", "seconds", "begun", "left"),
    [
        (25, 100, 50.0, 0, 150.0),
        (60, 100, 50.0, 50, 200.0),  # the first 50 were done before the time was taken
        (50, 100, 3.0, 50, None),
        (0, 100, 3.0, 0, None),
        (100, 100, 3.0, 0, 0.0),
        (0, 0, 3.0, 0, 0.0),
    ],
)
def test_what_is_left_of_a_phase_takes_as_long_as_what_is_done(
    done: int, total: int, seconds: float, begun: int, left: float | None
) -> None:
    assert phase_left(done, total, seconds, begun) == left


@pytest.mark.parametrize(
    ("epochs", "epoch", "generations", "generation", "left"),
    [
        (4.0, 3.0, 0.0, None, 6 * 3.0 + 20 * 2 * 3.0),  # a generation was not seen yet: as if it only trained
        (10.0, 3.0, 5.5, 8.0, 14.5 * 8.0),  # one was: its own time, scoring and all
        (10.0, None, 5.0, 8.0, 15 * 8.0),
        (10.0, None, 5.0, None, None),
        (4.0, None, 0.0, 8.0, None),
        (10.0, None, 20.0, None, 0.0),
        (11.0, 3.0, 21.0, 8.0, 0.0),
    ],
)
def test_what_is_left_of_a_search_are_its_epochs_of_warm_up_and_its_generations(
    epochs: float, epoch: float | None, generations: float, generation: float | None, left: float | None
) -> None:
    spent = Spent(epochs=epochs, epoch_seconds=epoch, generations=generations, generation_seconds=generation)
    assert run_left(PLAN, spent) == left


def hear(estimate: SearchEstimate | NetworksEstimate, at: float, phase: str, done: int, total: int, time: int) -> None:
    estimate.hear(Step(phase=phase, done=done, total=total, unit="steps", time=time), at)


def test_a_search_is_estimated_by_warm_up_then_by_training_then_by_whole_generations() -> None:
    estimate = SearchEstimate(Plan(warmup_epochs=4, generations=3, epochs_per_generation=2))
    assert estimate.left(0.0) is None
    hear(estimate, 5.0, "latency", 1, 1, 0)
    hear(estimate, 10.0, "warm-up", 0, 40, 0)
    assert estimate.left(10.0) is None
    hear(estimate, 30.0, "warm-up", 10, 40, 0)  # an epoch in 20 s
    assert estimate.left(30.0) == pytest.approx(3 * 20 + 3 * 2 * 20)
    hear(estimate, 90.0, "warm-up", 40, 40, 0)
    hear(estimate, 95.0, "scoring", 0, 6, 0)
    assert estimate.left(99.0) == pytest.approx(3 * 2 * 20)  # what lies between phases is no time of an epoch
    hear(estimate, 100.0, "training", 0, 20, 0)
    hear(estimate, 110.0, "training", 10, 20, 0)  # an epoch in 10 s: a generation takes 20 s, half of one is over
    assert estimate.left(110.0) == pytest.approx(2.5 * 20)
    hear(estimate, 120.0, "training", 20, 20, 0)
    hear(estimate, 121.0, "scoring", 0, 6, 1)
    assert estimate.left(125.0) == pytest.approx(2 * 20)  # it takes longer than it would if it only trained
    hear(estimate, 130.0, "scoring", 6, 6, 1)
    hear(estimate, 140.0, "training", 0, 20, 1)  # a whole one took 40 s
    assert estimate.left(140.0) == pytest.approx(2 * 40)
    hear(estimate, 150.0, "training", 0, 20, 1)  # trained once more, after it diverged
    assert estimate.spent(150.0).generation_seconds == 40.0
    hear(estimate, 200.0, "training", 0, 20, 2)
    assert estimate.left(200.0) == pytest.approx((40 + 60) / 2)
    hear(estimate, 230.0, "scoring", 6, 6, 3)
    assert estimate.left(240.0) == pytest.approx(10.0)
    assert estimate.left(900.0) == 0.0


def test_probes_at_the_end_take_as_long_as_those_of_the_first_population() -> None:
    estimate = SearchEstimate(Plan(warmup_epochs=1, generations=2, epochs_per_generation=1, probes=8))
    hear(estimate, 0.0, "warm-up", 0, 10, 0)
    hear(estimate, 10.0, "warm-up", 10, 10, 0)
    assert estimate.left(10.0) == pytest.approx(2 * 10)  # none was timed
    hear(estimate, 20.0, "probes", 0, 4, 0)
    hear(estimate, 26.0, "probes", 2, 4, 0)
    assert estimate.left(26.0) == pytest.approx(2 * 10 + 8 * 3)
    hear(estimate, 32.0, "probes", 4, 4, 0)
    for time, at in ((0, 40.0), (1, 60.0)):
        hear(estimate, at, "training", 0, 10, time)
    assert estimate.left(60.0) == pytest.approx(20 + 8 * 3)
    hear(estimate, 75.0, "training", 10, 10, 1)
    hear(estimate, 80.0, "scoring", 6, 6, 2)
    assert estimate.left(80.0) == pytest.approx(8 * 3)
    hear(estimate, 81.0, "probes", 0, 6, 2)  # two of the eight are known
    assert estimate.left(81.0) == pytest.approx(6 * 3)
    hear(estimate, 90.0, "probes", 3, 6, 2)
    assert estimate.left(90.0) == pytest.approx(3 * 3)
    hear(estimate, 99.0, "probes", 6, 6, 2)
    assert estimate.left(99.0) == 0.0


def test_probes_of_a_search_without_generations_are_those_at_its_end() -> None:
    estimate = SearchEstimate(Plan(warmup_epochs=0, generations=0, epochs_per_generation=1, probes=4))
    hear(estimate, 0.0, "probes", 0, 4, 0)
    hear(estimate, 2.0, "probes", 1, 4, 0)
    assert estimate.left(2.0) == pytest.approx(3 * 2)


def test_a_resumed_search_counts_what_was_done_before_and_times_what_is_done_now() -> None:
    estimate = SearchEstimate(Plan(warmup_epochs=4, generations=9, epochs_per_generation=1))
    hear(estimate, 0.0, "scoring", 0, 6, 5)
    assert estimate.left(3.0) is None
    hear(estimate, 4.0, "training", 0, 20, 5)
    hear(estimate, 9.0, "training", 10, 20, 5)
    assert estimate.left(9.0) == pytest.approx(3.5 * 10)
    warm = SearchEstimate(Plan(warmup_epochs=4, generations=0, epochs_per_generation=1))
    hear(warm, 0.0, "warm-up", 20, 40, 0)
    hear(warm, 10.0, "warm-up", 30, 40, 0)
    assert warm.left(10.0) == pytest.approx(10.0)


def test_networks_are_estimated_by_their_trainings_and_those_that_were_there_are_not_timed() -> None:
    estimate = NetworksEstimate("networks")
    hear(estimate, 0.0, "scoring", 0, 9, 0)
    assert estimate.left(50.0) is None
    hear(estimate, 100.0, "networks", 0, 4, 0)
    there = Step(phase="networks", done=1, total=4, unit="networks", figures={"seconds": 70.0})
    estimate.hear(there, 100.0)
    assert estimate.left(100.0) is None
    hear(estimate, 100.0, "training", 10, 20, 0)  # this one goes on where it was left
    hear(estimate, 110.0, "training", 15, 20, 0)  # a quarter in 10 s
    assert estimate.left(110.0) == pytest.approx(2.25 * 40)
    hear(estimate, 120.0, "training", 20, 20, 0)
    hear(estimate, 120.0, "networks", 2, 4, 0)
    assert estimate.left(120.0) == pytest.approx(2 * 40)
    hear(estimate, 120.0, "training", 0, 20, 0)
    hear(estimate, 140.0, "training", 10, 20, 0)
    assert estimate.left(140.0) == pytest.approx(1.5 * 40)


def test_networks_trained_elsewhere_are_timed_by_their_ends() -> None:
    estimate = NetworksEstimate("networks")
    hear(estimate, 0.0, "networks", 0, 4, 0)
    assert estimate.left(20.0) is None
    estimate.hear(Step(phase="networks", done=1, total=4, unit="networks", figures={"seconds": 29.0}), 30.0)
    assert estimate.left(30.0) == pytest.approx(90.0)
