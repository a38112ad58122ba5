"""An ensemble scores by the mean of its supernets, trains them in turn and resumes to the same bits."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, NetworkConfig, SupernetTraining
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.supernet.ensemble import Ensemble
from carsmoo.problems.trust import scores_of
from carsmoo.testing import check_moving_problem
from carsmoo.utils.progress import Step
from tests.nets.supernet.test_own_weights import SMALL, SPACE, images, vectors
from tests.support.groups import together

PLAN = SupernetTraining(
    n_supernets=3,
    schedule="restarts",
    warmup_epochs=4,
    n_generations=4,
    pop_size=4,
    batch_size=8,
    bn_calibration_images=16,
    score_images=12,
)

WIDENING = pytest.mark.parametrize("widening", [0.0, 0.8])


def world(seed: int = 0, group: Group = ALONE, **plan: Any) -> Ensemble:
    return Ensemble(SPACE, SMALL, dataclasses.replace(PLAN, **plan), images(), seed, group=group)


def problem(**plan: Any) -> CARSProblem:
    shape = NetworkConfig(channels=2, layers=3)
    return CARSProblem(images(), SPACE, network=shape, training=dataclasses.replace(PLAN, **plan), seed=3)


def epochs(made: Ensemble) -> list[float]:
    return [member.epochs for member in made.members]


def test_supernets_share_the_warm_up_and_take_turns_at_the_generations() -> None:
    made, told = world(), list[Step]()
    made.begin(told.append)
    assert epochs(made) == [2, 1, 1]
    ends = [step for step in told if step.figures]
    steps = made.members[0].trainer.steps_per_epoch
    assert [step.done for step in ends] == [steps, 2 * steps, 3 * steps, 4 * steps]
    assert {step.total for step in told} == {4 * steps}
    assert [step.figures["epoch"] for step in ends] == [1, 2, 3, 4]
    seen = []
    for _ in range(4):
        made.train_on(vectors(4))
        seen.append(epochs(made))
    assert seen == [[3, 1, 1], [3, 2, 1], [3, 2, 2], [4, 2, 2]]
    assert made.epochs == 8


def test_a_score_is_the_mean_over_supernets_that_differ() -> None:
    made, genotypes = world(), SPACE.decode(vectors(5))
    made.begin()
    told = list[Step]()
    tallies = made.scores(genotypes, "loss", told.append)
    assert tallies.shape == (5, 3, 2, 2)
    alone = np.array([scores_of(member.scores(genotypes, "loss")) for member in made.members])
    assert len({tuple(row) for row in alone}) == 3
    assert np.allclose(scores_of(tallies), alone.mean(axis=0), rtol=1e-12)
    assert [step.done for step in told] == sorted(step.done for step in told)
    assert (told[-1].done, told[-1].total) == (5, 5)
    errors = made.errors(genotypes, made.members[0].data.test)
    expected = np.mean([member.errors(genotypes, member.data.test) for member in made.members], axis=0)
    assert np.array_equal(errors, expected)


def test_a_population_trains_one_supernet_and_leaves_the_others() -> None:
    made, twin = world(), world()
    made.begin()
    twin.begin()
    digests = [member.digest() for member in made.members]
    assert digests == [member.digest() for member in twin.members]
    made.train_on(vectors(4))
    after = [member.digest() for member in made.members]
    assert [a == b for a, b in zip(digests, after, strict=True)] == [False, True, True]


@pytest.mark.end_to_end
@WIDENING
def test_a_warm_up_that_was_stopped_between_supernets_goes_on_there(widening: float) -> None:
    undisturbed = world(warmup_widening=widening)
    undisturbed.begin()
    made, kept = world(warmup_widening=widening), list[dict[str, Any]]()

    def keep(step: Step) -> None:
        if step.figures.get("epoch") == 3:
            kept.append(made.state_dict())

    made.begin(keep)
    again = world(warmup_widening=widening)
    again.load_state_dict(kept[0])
    assert epochs(again) == [2, 1, 0]
    again.begin()
    assert again.digest() == undisturbed.digest() == made.digest()
    with pytest.raises(ValueError, match="state: expected what state_dict"):
        again.load_state_dict(made.members[0].state_dict())


@WIDENING
def test_two_ranks_find_what_one_does_bit_for_bit(widening: float) -> None:
    X = vectors(5)

    def work(group: Group) -> tuple[NDArray[Any], bytes]:
        made = world(group=group, subnets_per_step=2, warmup_widening=widening)
        made.begin()
        made.train_on(X[:4])
        return made.scores(SPACE.decode(X), "loss"), made.digest()

    alone = work(ALONE)
    for found, digest in together(2, work):
        assert np.array_equal(found, alone[0])
        assert digest == alone[1]


@pytest.mark.end_to_end
def test_a_search_runs_resumes_and_tells_how_far_supernets_agree() -> None:
    made, twin = problem(n_generations=2), problem(n_generations=2)
    check_moving_problem(problem(warmup_epochs=3, n_generations=2), n_gen=2)
    result = minimize(made, PNSGA3())
    trust = made.trust
    assert trust is not None
    assert trust.n_members == 3
    assert trust.members is not None
    assert -1 <= trust.members <= 1
    twin.load_state_dict(made.state_dict())
    X = vectors(6, seed=5)
    assert np.array_equal(made.evaluate(X), twin.evaluate(X))
    made.advance(X)
    twin.advance(X)
    assert np.array_equal(made.evaluate(X), twin.evaluate(X))
    assert made.epoch == 4 + 2 + 1
    assert made.front(result).about["epoch"] == 7
    with pytest.raises(TypeError, match="supernet: expected a problem with one supernet, got one with n_supernets=3"):
        _ = made.supernet


def test_what_an_ensemble_cannot_do_is_refused() -> None:
    with pytest.raises(ValueError, match="racing: expected False with 3 supernets"):
        dataclasses.replace(PLAN, racing=True)
    with pytest.raises(ValueError, match="n_supernets: expected 1 with weights='own'"):
        dataclasses.replace(PLAN, weights="own")


def test_restarts_fall_over_the_warm_up_and_over_each_generation() -> None:
    plan = SupernetTraining(
        schedule="restarts",
        warmup_epochs=4,
        n_generations=3,
        epochs_per_generation=2,
        learning_rate=0.1,
        learning_rate_min=0.0,
    )
    told = {0.0: 0.1, 2.0: 0.05, 4.0: 0.1, 5.0: 0.05, 5.999999: 0.0, 6.0: 0.1, 11.0: 0.05}
    for progress, rate in told.items():
        assert plan.learning_rate_at(progress) == pytest.approx(rate, abs=1e-6)
    assert dataclasses.replace(plan, warmup_epochs=0).learning_rate_at(1.0) == pytest.approx(0.05)
