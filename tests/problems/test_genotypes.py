from typing import Any

import numpy as np
import pytest
from pymoo.core.population import Population

from carsmoo import PNSGA3, DARTSSpace
from carsmoo.operators import GenotypeSampling, RowDuplicates
from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.testing import check_moving_problem

SPACE = DARTSSpace(2)


class Counted(GenotypeProblem):
    """The error is a share of the genes, less of it with time; the cost is their sum."""

    def __init__(self) -> None:
        super().__init__(space=SPACE, objectives={"error": "fraction", "genes": ""}, seed=3)

    def provenance(self) -> dict[str, Any]:
        return {"generation": self.time}

    def _advance(self, X: np.ndarray) -> None: ...

    def _restart(self) -> None: ...

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return np.exp(-self.time) / (1 + X.sum(axis=1))

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X.sum(axis=1)


def draw(n: int) -> np.ndarray:
    return SPACE.canonical(np.random.default_rng(0).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var)))


def test_a_front_is_scored_as_things_are_now_and_says_so() -> None:
    problem = Counted()
    X = draw(9)
    algorithm = PNSGA3()
    algorithm.pop = Population.new("X", X, "F", np.zeros((9, 2)))  # what was scored once does not count
    problem.advance(X)
    front = problem.front(algorithm)
    assert (front.names, front.units, front.about) == (("error", "genes"), ("fraction", ""), {"generation": 1})
    best = problem.evaluate(SPACE.encode(front.genotypes), return_values_of=["F"])
    assert np.allclose(front.F, best)
    assert len(problem.front_of(X, np.c_[np.arange(9.0), np.arange(9.0)])) == 1  # here what is known counts
    with pytest.raises(ValueError, match="result: expected one with a population, got none"):
        problem.front(PNSGA3())


def test_a_front_lists_a_network_once_however_it_is_written() -> None:
    drawn = np.random.default_rng(0).integers(SPACE.xl, SPACE.xu + 1, size=(99, SPACE.n_var))
    found = next(x for x in drawn if (SPACE.canonical(x) != x).any())
    X = np.stack([found, SPACE.canonical(found)])
    one, other = SPACE.decode(X)
    assert one != other  # written in two ways
    front = Counted().front_of(X, np.ones((2, 2)))
    assert front.genotypes == (other,)


def test_it_keeps_the_rules_and_offers_operators_that_fit() -> None:
    problem = Counted()
    offered = problem.default_operators()
    assert isinstance(offered["sampling"], GenotypeSampling)
    assert isinstance(offered["eliminate_duplicates"], RowDuplicates)
    assert (problem.n_var, problem.n_obj, problem.seed, problem.vtype) == (SPACE.n_var, 2, 3, int)
    check_moving_problem(problem, draw(6))


def test_vectors_that_are_no_genotypes_are_told_what_makes_them() -> None:
    with pytest.raises(ValueError, match=r"whole numbers, got 0\.5; GenotypeSampling, NodeCrossover and NodeMutation"):
        Counted().evaluate(draw(2) + 0.5)
    with pytest.raises(ValueError, match=r"X\[0, 0\]: expected 0\.\.0, got 7$"):
        Counted().evaluate(np.full((2, SPACE.n_var), 7))


def test_a_state_is_given_and_taken_by_its_name_of_before_too() -> None:
    problem, twin = Counted(), Counted()
    problem.advance(draw(2))
    twin.load_state(problem.state())
    assert twin.time == 1
    assert {name: a.tolist() for name, a in twin.state_dict().items()} == {
        name: a.tolist() for name, a in problem.state_dict().items()
    }
