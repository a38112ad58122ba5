from collections import Counter
from collections.abc import Hashable
from itertools import combinations, islice

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare

from carsmoo.cost.closed_form import flops
from carsmoo.nets.supernet.sampling import FIRSTS, group_by_flops, largest, round_robin, uniform, widening
from carsmoo.space.chain import ChainSpace
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from tests.support.networks import SMALL, SPACE, genotypes


def choices(genotype: Genotype) -> list[Hashable]:
    """Return what was chosen for each node of both cells: its pair of inputs, the operation on each."""
    edges = genotype.normal + genotype.reduce
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [choice for (a, i), (b, j) in pairs for choice in ((i, j), a, b)]


def warm_up(steps: int, n: int, seed: int = 0) -> list[list[Genotype]]:
    return list(islice(uniform(SPACE, n, np.random.default_rng(seed)), steps))


def test_warm_up_draws_all_pairs_of_inputs_and_operations_alike_often_and_independently() -> None:
    seen = list(zip(*(choices(genotype) for (genotype,) in warm_up(4000, 1)), strict=True))
    codes = []
    for gene, values in enumerate(seen):
        possible = list(combinations(range(2 + gene // 3 % 4), 2)) if gene % 3 == 0 else PRIMITIVES
        counts = Counter(values)
        assert set(counts) == set(possible)
        if len(possible) > 1:
            assert chisquare([counts[value] for value in possible]).pvalue > 1e-3
            codes.append(np.array([possible.index(value) for value in values]))
    for a, b in combinations(codes, 2):
        table = np.zeros((a.max() + 1, b.max() + 1), dtype=int)
        np.add.at(table, (a, b), 1)
        assert chi2_contingency(table).pvalue > 1e-6


def test_each_step_of_the_warm_up_draws_each_of_its_architectures_anew() -> None:
    assert len({genotype for step in warm_up(200, 3) for genotype in step}) == 600


def test_warm_up_draws_follow_the_seed() -> None:
    assert warm_up(5, 2, seed=1) == warm_up(5, 2, seed=1)
    assert not set(map(tuple, warm_up(50, 1, seed=1))) & set(map(tuple, warm_up(50, 1, seed=2)))


@pytest.mark.parametrize("width", [0.0, 0.3, 1.0])
def test_a_warm_up_that_widens_draws_each_gene_anew_with_the_probability_of_its_width(width: float) -> None:
    space = ChainSpace.nas_bench_macro()  # of three choices a gene, and each vector is what its architecture encodes to
    first = np.arange(space.n_var) % 3
    drawn = islice(widening(space, 2, first, lambda: width, np.random.default_rng(0)), 2000)
    X = space.encode([architecture for step in drawn for architecture in step])
    for gene in range(space.n_var):
        counts = np.bincount((X[:, gene] - first[gene]) % 3, minlength=3)
        if width == 0:
            assert counts.tolist() == [4000, 0, 0]
        else:
            assert chisquare(counts, 4000 * np.array([1 - 2 * width / 3, width / 3, width / 3])).pvalue > 1e-3
    if width > 0:
        together = np.corrcoef((first != X).T) - np.eye(space.n_var)  # each by itself
        assert np.abs(together).max() < 5 / np.sqrt(len(X))


def test_the_width_is_asked_for_at_each_step() -> None:
    widths = iter([0.0, 1.0])
    space = ChainSpace.nas_bench_macro()
    first = np.zeros(space.n_var, dtype=np.int64)
    narrow, wide = islice(widening(space, 5, first, lambda: next(widths), np.random.default_rng(0)), 2)
    assert narrow == space.decode(np.tile(first, (5, 1)))
    assert all(architecture != narrow[0] for architecture in wide)


def test_a_warm_up_that_widens_begins_with_the_largest_of_a_few() -> None:
    first = SPACE.decode(largest(SPACE, SMALL, np.random.default_rng(3))[None])[0]
    (few,) = islice(uniform(SPACE, FIRSTS, np.random.default_rng(3)), 1)
    costs = [flops(genotype, SMALL) for genotype in few]
    assert first == few[int(np.argmax(costs))]
    assert flops(first, SMALL) == max(costs) > np.median(costs)


def test_each_round_of_turns_comes_in_an_order_of_its_own_all_orders_alike_often() -> None:
    pool = genotypes(3)
    stream = round_robin(pool, 1, np.random.default_rng(0))
    rounds = Counter(tuple(pool.index(genotype) for (genotype,) in islice(stream, 3)) for _ in range(1200))
    assert {tuple(sorted(order)) for order in rounds} == {(0, 1, 2)}
    assert len(rounds) == 6
    assert chisquare(list(rounds.values())).pvalue > 1e-3


def test_architectures_that_are_alike_share_a_step_and_each_keeps_its_turns() -> None:
    space = DARTSSpace()
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, size=(16, space.n_var))
    shape = SMALL.for_data((1, 8, 8), 10)

    def draw(window: int) -> list[list[Genotype]]:
        random_state = np.random.default_rng(3)
        return list(
            islice(group_by_flops(round_robin(space.decode(X), 2, random_state), window, shape, random_state), 16)
        )

    steps, usual = draw(8), draw(1)
    assert Counter(g for step in steps for g in step) == Counter(g for step in usual for g in step)

    def balance(chosen: list[list[Genotype]]) -> float:
        sizes = np.array([[flops(genotype, shape) for genotype in step] for step in chosen])
        return float(sizes.sum() / sizes.max(axis=1).sum())

    every = sorted((genotype for step in steps[:8] for genotype in step), key=lambda g: flops(g, shape))
    best = balance([every[k : k + 2] for k in range(0, 16, 2)])
    assert balance(steps[:8]) == balance(steps[8:]) == best > balance(usual[:8])
    assert len({tuple(map(frozenset, part)) for part in (steps[:8], steps[8:])}) == 2  # not in the order of sizes
    assert draw(8) == steps


@pytest.mark.parametrize(("window", "steps"), [(8, 16), (4, 10), (2, 11)])
def test_what_is_dealt_is_what_was_drawn_also_where_the_last_window_is_short(window: int, steps: int) -> None:
    space = DARTSSpace()
    X = np.random.default_rng(1).integers(space.xl, space.xu + 1, size=(16, space.n_var))
    shape = SMALL.for_data((1, 8, 8), 10)
    drawn = list(islice(round_robin(space.decode(X), 2, np.random.default_rng(2)), steps))
    found = list(group_by_flops(iter(drawn), window, shape, np.random.default_rng(0)))
    assert len(found) == steps
    for start in range(0, steps, window):
        taken = [Counter(g for step in part[start : start + window] for g in step) for part in (drawn, found)]
        assert taken[0] == taken[1]
    assert all(len(set(step)) == 2 for step in found)  # windows end where each has had a turn
