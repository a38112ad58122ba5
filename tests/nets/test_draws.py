from collections import Counter
from itertools import islice

import numpy as np
import pytest

from carsmoo.cost import flops
from carsmoo.genotype import DARTSSpace, Genotype
from carsmoo.nets.draws import dealt, in_turn
from tests.nets.helpers import SMALL


def test_architectures_that_are_alike_share_a_step_and_each_keeps_its_turns() -> None:
    space = DARTSSpace()
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, size=(16, space.n_var))
    shape = SMALL.for_data((1, 8, 8), 10)

    def draw(window: int) -> list[list[Genotype]]:
        random_state = np.random.default_rng(3)
        return list(islice(dealt(in_turn(space.decode(X), 2, random_state), window, shape, random_state), 16))

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
    drawn = list(islice(in_turn(space.decode(X), 2, np.random.default_rng(2)), steps))
    found = list(dealt(iter(drawn), window, shape, np.random.default_rng(0)))
    assert len(found) == steps
    for start in range(0, steps, window):
        taken = [Counter(g for step in part[start : start + window] for g in step) for part in (drawn, found)]
        assert taken[0] == taken[1]
    assert all(len(set(step)) == 2 for step in found)  # windows end where each has had a turn
