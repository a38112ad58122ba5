import numpy as np
from pymoo.core.population import Population

from carsmoo.algorithm.growth import set_before, set_growth
from tests.support.toy import ToyProblem


def test_set_growth_by_hand() -> None:
    pop = Population.new("F", np.array([[0.3, 1.0], [0.2, 2.0], [0.5, 3.0]]))
    for one, before, parents in zip(pop, ([0.4], [0.4], None), ([], [], [0, 1]), strict=True):
        one.set("before", None if before is None else np.array(before))
        one.set("parents", np.array(parents, dtype=int))
    set_growth(pop, (0,))
    assert [round(float(one.get("growth")[0]), 9) for one in pop] == [0.1, 0.2, 0.15]


def test_each_moving_objective_has_its_own_growth() -> None:
    pop = Population.new("F", np.array([[0.3, 1.0, 5.0], [0.2, 2.0, 9.0], [0.5, 3.0, 7.0]]))
    for one, before, parents in zip(pop, ([0.4, 8.0], [0.4, 8.0], None), ([], [], [0, 1]), strict=True):
        one.set("before", None if before is None else np.array(before))
        one.set("parents", np.array(parents, dtype=int))
    set_growth(pop, (0, 2))
    assert np.allclose([one.get("growth") for one in pop], [[0.1, 3.0], [0.2, -1.0], [0.15, 1.0]])


def test_before_is_scored_for_those_that_need_it() -> None:
    problem = ToyProblem()
    X = np.random.default_rng(0).integers(problem.xl, problem.xu + 1, size=(4, 24))
    newborns = Population.new("X", X)
    for one, parents in zip(newborns, ([0, 1], [], [2], []), strict=True):
        one.set("parents", np.array(parents, dtype=int))
    assert set_before(newborns, problem, "parents") == 2
    assert [one.get("before") is None for one in newborns] == [True, False, True, False]
    assert np.array_equal(newborns[3].get("before"), problem.moving_values(X[3:])[0])
    assert set_before(newborns, problem, "measure") == 4
    assert np.array_equal(np.array([one.get("before") for one in newborns]), problem.moving_values(X))
    assert set_before(newborns, problem, "parents") == 2
    assert [one.get("before") is None for one in newborns] == [True, False, True, False]  # nothing is left of before
    assert set_before(newborns[:0], problem, "measure") == 0
