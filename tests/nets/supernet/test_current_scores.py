"""Current scores, of a world that only counts: who races, who measures, and what nobody asks for."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.cost.objectives import Objective, Objectives
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.supernet.current_scores import CurrentScores
from carsmoo.nets.supernet.main_effects import MainEffects
from carsmoo.nets.supernet.racing import Race
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Step, unheard
from tests.support.groups import together
from tests.support.networks import SMALL, SPACE


def vectors(n: int) -> NDArray[np.int64]:
    return np.random.default_rng(0).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))


def scores(*objectives: Objective) -> CurrentScores:
    return CurrentScores(SPACE, Objectives(objectives, SPACE, SMALL))


class World:
    """Networks err on 3 of 10 images; keeps what it was asked to score, and the races."""

    epochs = 2

    def __init__(self) -> None:
        self.scored: list[list[Genotype]] = []
        self.races: list[Race | None] = []

    def scores(self, genotypes: Sequence[Genotype], score: str, listener: object, race: Race | None) -> NDArray[Any]:
        self.scored.append(list(genotypes))
        self.races.append(race)
        return np.tile([[1, 2], [5, 5]], (len(genotypes), 1, 1))

    def subnet(self, genotype: Genotype) -> None:
        return None


def test_candidates_race_with_their_own_costs() -> None:
    world: Any = World()
    made, X = scores("params", "error", "flops"), vectors(5)
    assert made.values(X, world, ALONE, unheard, survivors=3).tolist() == [[0.3]] * 5
    (race,) = world.races
    assert race.keep == 3
    assert np.array_equal(race.fixed, made.objectives.fixed(X))
    assert world.scored == [SPACE.decode(X)]


def test_the_first_of_several_processes_measures_networks() -> None:
    def work(group: Group) -> NDArray[np.float64]:
        def measured(genotype: Genotype, network: object) -> float:
            return float(group.rank + len(str(genotype)))

        world: Any = World()
        found: NDArray[np.float64] = scores(measured, "error").values(vectors(3), world, group, unheard)
        return found

    expected = [[len(str(genotype)), 0.3] for genotype in SPACE.decode(vectors(3))]
    assert [found.tolist() for found in together(2, work)] == [expected, expected]


def test_networks_are_told_of_one_by_one_and_of_none_nothing() -> None:
    heard: list[int] = []

    def listener(step: Step) -> None:
        assert (step.phase, step.total) == ("scoring", 3)
        heard.append(step.done)

    def measured(genotype: Genotype, network: object) -> float:
        return 0.0

    world: Any = World()
    made = scores(measured, "error", "params")
    assert made.values(vectors(0), world, ALONE, listener).shape == (0, 2)
    assert made.tallies(vectors(0), world, listener).shape == (0, 2, 2)
    assert (heard, world.scored) == ([], [])
    made.values(vectors(3), world, ALONE, listener)
    assert heard == [0, 1, 2, 3, 0]  # then those that score all of them at once, who begin


def test_main_effects_are_fitted_anew_at_each_epoch_and_to_all_networks_without_a_race() -> None:
    world: Any = World()
    made, X = scores("params", "error"), vectors(4)
    made.effects = MainEffects(SPACE, 30, 5, ALONE)
    for epochs in (2, 2, 3.0):
        world.epochs = epochs
        assert np.allclose(made.values(X, world, ALONE, unheard, survivors=2), 0.3)
        made.forget()
    assert world.races == [None] * 3
    first, again, later = world.scored
    assert len(first) == 30
    assert first == again != later
