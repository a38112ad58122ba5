import numpy as np
import pytest
from scipy.stats import binomtest

from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.evaluation import errors, tally
from carsmoo.nets.supernet.racing import Race
from carsmoo.problems.trust import scores_of
from carsmoo.survival.selection import merge_stages, pareto_stages, protected_objectives, select
from carsmoo.utils.progress import Step
from tests.nets.supernet.test_evaluation import split
from tests.support.networks import SMALL, SPACE, generator, genotypes, images


def test_bounds_are_the_exact_binomial_ones() -> None:
    race = Race(np.zeros((4, 1)), keep=1, confidence=0.9, rounds=3)
    wrong, met = np.array([0, 3, 10, 40]), np.array([40, 40, 40, 40])
    low, high = race.bounds(wrong, met)
    for k in range(4):
        interval = binomtest(int(wrong[k]), int(met[k])).proportion_ci(1 - 0.1 / 8, method="exact")
        assert (low[k], high[k]) == pytest.approx((interval.low, interval.high))


def test_out_is_who_is_beaten_for_certain_by_as_many_as_survive() -> None:
    fixed = np.array([[1.0], [1.0], [1.0], [0.5]])
    wrong, met = np.array([1, 2, 90, 95]), np.full(4, 100)
    running = np.arange(4)
    assert Race(fixed, keep=2).still_open(wrong, met, running).tolist() == [0, 1, 3]  # 3 is smaller than all others
    assert Race(fixed, keep=3).still_open(wrong, met, running).tolist() == [0, 1, 2, 3]
    assert Race(fixed, keep=2).still_open(wrong // 30, met // 30, running).tolist() == [0, 1, 2, 3]  # too few to tell
    assert Race(fixed, keep=2).still_open(wrong, met, running[[0, 2]]).tolist() == [0]


@pytest.mark.parametrize("seed", range(20))
def test_who_is_out_would_not_have_survived_unless_protected(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, keep, met = 24, int(rng.integers(2, 12)), 10**6  # so many images that the bounds are next to the errors
    wrong, fixed = rng.integers(1, met, n), rng.random((n, 2)) ** 3
    fixed[:, 1] = fixed[:, 0]
    still = Race(fixed, keep).still_open(wrong, np.full(n, met), np.arange(n))
    F = np.column_stack([wrong / met, fixed])
    out = set(range(n)) - set(still.tolist())
    assert out
    assert not out & set(select(F, None, keep, das_dennis(3, keep), rng).tolist())
    beaten = min(out)
    growth = np.zeros((n, 1))
    growth[beaten] = 1.0
    for protection in ("growth", "size"):
        if protection == "size":
            F[beaten, 1:] = 9.0
        protected = protected_objectives(F, growth, (0,), protection)  # type: ignore[arg-type]
        assert beaten in merge_stages(pareto_stages(F), pareto_stages(protected))[0].tolist()


def test_a_race_gives_those_that_finish_their_error_and_stops_others() -> None:
    shared, pool, part = Supernet(SPACE, SMALL, generator()), genotypes(8), split(400)
    common = {"batch": 500, "calibration": [images(n=16, seed=7)]}
    whole = errors(shared, pool, part, lambda x: x, **common)
    assert np.array_equal(errors(shared, pool, part, lambda x: x, race=Race(np.zeros((8, 1)), keep=8), **common), whole)
    heard: list[Step] = []
    # labels are random, so that all err alike: let those that finish be told by an objective
    raced = errors(
        shared, pool, part, lambda x: x, race=Always(np.zeros((8, 1)), keep=1), listener=heard.append, **common
    )
    assert np.array_equal(raced[:3], whole[:3])
    assert not np.array_equal(raced[3:], whole[3:])
    assert np.allclose(raced[3:] * 100, np.round(raced[3:] * 100))  # a quarter of the images
    assert [step.done for step in heard] == list(range(1, 9))
    counts = tally(shared, pool, part, lambda x: x, race=Always(np.zeros((8, 1)), keep=1), **common)
    assert counts[:, 1].tolist() == [[200, 200]] * 3 + [[50, 50]] * 5
    assert np.array_equal(scores_of(counts), raced)


@pytest.mark.parametrize("batch", [500, 100, 37, 9])
def test_it_is_looked_as_often_as_the_bounds_count_on_however_many_images_are_taken_at_a_time(batch: int) -> None:
    shared, pool, part, looks = Supernet(SPACE, SMALL, generator()), genotypes(3), split(400), []

    class Watched(Race):
        def among(self, group: object) -> Race:
            return self

        def still_open(self, wrong: np.ndarray, met: np.ndarray, running: np.ndarray) -> np.ndarray:
            looks.append(int(met[0]))
            return running

    errors(shared, pool, part, lambda x: x, batch=batch, calibration=None, race=Watched(np.zeros((3, 1)), keep=1))
    assert len(looks) == 3
    assert np.allclose(looks, [100, 200, 300], atol=batch if batch < 100 else 0)


class Always(Race):
    """A race that all but the first three lose after the first round."""

    def among(self, group: list[int]) -> "Always":  # type: ignore[override]
        object.__setattr__(self, "finish", [group.index(k) for k in range(3)])
        return self

    def still_open(self, wrong: np.ndarray, met: np.ndarray, running: np.ndarray) -> np.ndarray:
        return running[np.isin(running, self.finish)]  # type: ignore[attr-defined]
