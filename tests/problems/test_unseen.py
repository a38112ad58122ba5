import numpy as np
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from scipy.stats import chisquare

from carsmoo.problems.unseen import UnseenRows


def test_rows_are_drawn_uniformly_and_each_run_begins_with_none_seen() -> None:
    unseen, problem = UnseenRows(20), Problem(n_var=1, xl=0, xu=19, vtype=int)
    first = []
    for seed in range(300):
        X = unseen.sampling(problem, 3, random_state=np.random.default_rng(seed)).get("X")
        first += X[:, 0].tolist()
        bred = unseen.do(None, None, 30, random_state=np.random.default_rng(seed)).get("X")
        assert sorted([*X[:, 0], *bred[:, 0]]) == list(range(20))
    assert chisquare(np.bincount(first, minlength=20)).pvalue > 1e-3


def test_rows_of_a_start_that_was_given_are_seen() -> None:
    start = Population.new("X", np.arange(5)[:, None])
    bred = UnseenRows(8).do(None, start, 30, random_state=np.random.default_rng(0)).get("X")
    assert sorted(bred[:, 0]) == [5, 6, 7]
