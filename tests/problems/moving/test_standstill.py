import warnings

import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.evaluator import Evaluator
from pymoo.core.population import Population
from pymoo.optimize import minimize
from pymoo.problems.dyn import TimeSimulation

from carsmoo.algorithm.pnsga3 import PNSGA3, das_dennis
from carsmoo.operators import GenotypeSampling, NodeCrossover, NodeMutation
from tests.problems.moving.test_protocol import Plain, draw
from tests.support.toy import ToyProblem


@pytest.mark.parametrize("kind", [NSGA2, NSGA3])
def test_an_algorithm_that_never_advances_it_is_told_once(kind: type) -> None:
    operators = {"sampling": GenotypeSampling(), "crossover": NodeCrossover(), "mutation": NodeMutation()}
    sizes = {"pop_size": 6} if kind is NSGA2 else {"ref_dirs": das_dennis(2, 6)}
    problem = ToyProblem(pop_size=6)
    says = rf"ToyProblem has not advanced since the last generation of {kind.__name__}: derive from Continuous and"
    for _ in range(2):  # a second run on the restarted problem is told again
        problem.restart()
        with pytest.warns(RuntimeWarning, match=says) as told:
            minimize(problem, kind(**sizes, **operators), ("n_gen", 5), seed=1)
        assert len(told) == 1
    problem.restart()
    problem.advance(draw(3))
    with pytest.warns(RuntimeWarning, match=says):
        minimize(problem, kind(**sizes, **operators), ("n_gen", 2), seed=1)


def test_who_scores_without_generations_or_advances_in_them_is_told_nothing() -> None:
    operators = {"sampling": GenotypeSampling(), "crossover": NodeCrossover(), "mutation": NodeMutation()}
    problem = ToyProblem(pop_size=6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(3):
            problem.evaluate(draw(4))
            problem.moving_values(draw(4))
            Evaluator().eval(problem, Population.new("X", draw(4)))  # as ask and tell score, with no algorithm named
        for _ in range(2):
            problem.restart()
            minimize(problem, NSGA2(pop_size=6, **operators), ("n_gen", 1), seed=1)
        result = minimize(problem, NSGA2(pop_size=6, **operators), ("n_gen", 4), seed=1, callback=TimeSimulation())
        assert problem.time == 4
        problem.evaluate(result.pop.get("X"))
        minimize(problem, PNSGA3(), seed=1)
        minimize(Plain(), PNSGA3(), seed=1)
