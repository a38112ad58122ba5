import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.problems.moving import ClockProblem


class Clocked(ClockProblem):
    """What moves follows from the clock alone."""

    def __init__(self, **fields: int) -> None:
        super().__init__(n_var=1, n_obj=1, xl=0, xu=1, **fields)

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] + self.time


def test_a_world_may_be_its_clock() -> None:
    problem = Clocked(generations=3, population=4)
    result = minimize(problem, PNSGA3())
    assert (problem.time, len(result.pop)) == (3, 4)
    assert (result.pop.get("F")[:, 0] == result.pop.get("X")[:, 0] + 3).all()
    problem.restart()
    assert problem.evaluate(np.array([[0.5]])).tolist() == [[0.5]]
    for name in ("generations", "population"):
        with pytest.raises(ValueError, match=f"{name}: expected at least 1, got 0"):
            Clocked(**{"generations": 1, "population": 1, name: 0})
