import numpy as np
import pytest

from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.evaluation import errors, tally
from carsmoo.nets.supernet.sharding import TOUCH, TOUCHES, computation_costs, score_together, shares
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Listener, Step, unheard
from tests.nets.supernet.test_evaluation import split
from tests.support.groups import together
from tests.support.networks import SMALL, SPACE, generator, genotypes, images


def supernet() -> Supernet:
    return Supernet(SPACE, SMALL, generator())


def cost(shared: Supernet, pool: list[Genotype]) -> float:
    return float(computation_costs(shared, pool)[0].sum()) if pool else 0.0


@pytest.mark.parametrize("n", [2, 3, 5])
def test_each_is_scored_once_and_no_share_is_much_longer_than_it_must_be(n: int) -> None:
    shared, pool = supernet(), genotypes(20)
    found = shares(shared, pool, n)
    assert sorted(k for share in found for k in share) == list(range(20))
    each = [cost(shared, [genotype]) for genotype in pool]
    longest = max(cost(shared, [pool[k] for k in share]) for share in found)
    assert longest <= sum(each) / n + max(each)
    assert longest < 0.9 * max(sum(each[k::n]) for k in range(n))  # dealt in turn, nothing shared


def test_equal_architectures_are_costed_once() -> None:
    shared, (one, other) = supernet(), genotypes(2)
    assert cost(shared, [one, one]) == cost(shared, [one]) < cost(shared, [one, other])


@pytest.mark.parametrize("op", ["max_pool_3x3", "avg_pool_3x3"])
def test_a_pool_costs_its_touches_for_each_number_that_it_gives(op: str) -> None:
    def edges(*ops: str) -> Genotype:
        cell = tuple((name, k % 2) for k, name in enumerate(ops))
        return Genotype(cell, (2, 3, 4, 5), (("skip_connect", 0), ("skip_connect", 1)) * 4, (2, 3, 4, 5))

    rest = ("none",) * 6
    shared = supernet()
    normal = [cell for cell in shared.network.cells() if not cell.reduction]
    given = sum(cell.channels * cell.height * cell.width for cell in normal)
    more = cost(shared, [edges(op, "skip_connect", *rest)]) - cost(
        shared, [edges("skip_connect", "skip_connect", *rest)]
    )
    assert more == TOUCH * TOUCHES[op] * given


def test_scores_of_several_ranks_are_those_of_one() -> None:
    shared, pool, part = supernet(), genotypes(9), split(60)
    calibration = [images(n=16, seed=7)]

    def score(chosen: list[Genotype], listener: Listener = unheard) -> np.ndarray:
        return errors(shared, chosen, part, lambda x: x, batch=500, calibration=calibration, listener=listener)

    heard: list[list[Step]] = [[], [], []]

    def run(group: Group) -> np.ndarray:
        return score_together(group, shared, pool, score, heard[group.rank].append)

    alone = score(pool)
    assert len(set(alone.tolist())) > 1
    for found in together(3, run):
        assert np.array_equal(found, alone)
    for steps in heard:
        assert {step.total for step in steps} == {9}
        assert [step.done for step in steps] == [*sorted({step.done for step in steps} - {9}), 9]


def test_counts_of_several_ranks_are_those_of_one_also_where_some_have_nothing_to_do() -> None:
    shared, pool, part = supernet(), genotypes(2), split(60)
    calibration = [images(n=16, seed=7)]

    def count(chosen: list[Genotype], listener: Listener = unheard) -> np.ndarray:
        return tally(shared, chosen, part, lambda x: x, batch=500, calibration=calibration, listener=listener)

    for found in together(3, lambda group: score_together(group, shared, pool, count)):
        assert found.dtype == np.int64
        assert np.array_equal(found, count(pool))
