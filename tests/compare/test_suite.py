import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo.compare import suite
from carsmoo.problems.synthetic import SmallModelTrap
from tests.problems.test_tabular import table


@pytest.mark.parametrize("name", suite.ALGORITHMS)
def test_only_growth_costs_scores_before_the_advance(name: str) -> None:
    result = minimize(SmallModelTrap(generations=5, population=8), suite.algorithm(name))
    assert result.algorithm.evaluator.n_eval == 8 + 5 * (16 + (8 if name == "growth" else 0))
    assert len(result.pop) == 8


def test_random_search_breeds_nothing() -> None:
    algorithm = suite.algorithm("random").setup(SmallModelTrap(population=8))
    for _ in range(3):
        algorithm.next()
    infills = algorithm.ask()
    assert all(len(one.get("parents")) == 0 for one in infills[8:])
    assert np.unique(infills[8:].get("X"), axis=0).shape == (8, 6)


def test_random_search_keeps_to_unseen_rows_of_a_table() -> None:
    result = minimize(table(), suite.algorithm("random"), ("n_gen", 10))
    assert len(result.algorithm.mating.seen) == 100


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"algorithm: expected one of growth, size, .*, optuna-nsga3, got 'moead'"):
        suite.algorithm("moead")
    for name in ("dtlz", "trap:x", "trap:-1"):
        with pytest.raises(ValueError, match="problem: expected"):
            suite.problem(name, 0)
    assert suite.problem("trap:4", 2).strength == 4
