import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.problem import Problem
from pymoo.optimize import minimize
from scipy.stats import chisquare

from carsmoo.operators import GenotypeSampling, NodeCrossover, NodeMutation, integer_bounds
from tests.support.toy import ToyProblem, nodes, population

PROBLEM = ToyProblem()


def assert_uniform_and_independent(X: np.ndarray, high: np.ndarray) -> None:
    """Each gene takes each value equally often, whatever the genes beside it and the rows around it are."""
    n_var = X.shape[1]
    for k in range(n_var):
        counts = np.bincount(X[:, k], minlength=high[k] + 1)
        assert len(counts) == high[k] + 1
        assert high[k] == 0 or chisquare(counts).pvalue > 1e-4, k
    pairs = [(X[:, j], X[:, k], high[j], high[k]) for j in range(n_var) for k in range(j)]
    pairs += [(X[:-1, k], X[1:, k], high[k], high[k]) for k in range(n_var)]
    for a, b, high_a, high_b in pairs:
        if high_a and high_b:
            table = np.bincount(a * (high_b + 1) + b, minlength=(high_a + 1) * (high_b + 1))
            assert chisquare(table).pvalue > 1e-5


def test_sampling_is_uniform_within_the_bounds_and_each_gene_for_itself() -> None:
    X = population(8000).get("X")
    assert X.dtype == np.int64
    assert_uniform_and_independent(X, PROBLEM.space.xu)


def test_mutation_redraws_uniformly_and_each_gene_for_itself() -> None:
    X = np.zeros((8000, PROBLEM.n_var), dtype=int)
    mutated = NodeMutation(prob_node=1.0)._do(PROBLEM, X, random_state=np.random.default_rng(5))
    assert_uniform_and_independent(mutated, PROBLEM.space.xu)


@pytest.mark.parametrize("prob", [0.2, 0.5, 0.9])
def test_nodes_are_mutated_and_exchanged_each_for_itself_with_the_probability_given(prob: float) -> None:
    wide = Problem(n_var=12, n_obj=1, xl=0, xu=10**9, vtype=int)  # so that what is redrawn differs
    rng = np.random.default_rng(6)
    X = rng.integers(0, 10**9, (2, 4000, 12))
    mutated = NodeMutation(prob)._do(wide, X[0], random_state=rng)
    crossed = NodeCrossover(prob)._do(wide, X, random_state=rng)[0]
    for changed in (nodes(mutated) != nodes(X[0]), nodes(crossed) != nodes(X[0])):
        assert (changed.all(axis=2) == changed.any(axis=2)).all()
        node = changed.all(axis=2)
        assert np.abs(node.mean(axis=0) - prob).max() < 4 * np.sqrt(prob * (1 - prob) / 4000)
        together = np.corrcoef(np.vstack([node.T, np.roll(node[:, :1].T, 1, axis=1)]))
        assert np.abs(together - np.eye(5)).max() < 4 / np.sqrt(4000)


def test_crossover_exchanges_whole_nodes_with_probability_one_half() -> None:
    parents = population(2000)
    pairs = np.arange(2000).reshape(1000, 2)
    children = NodeCrossover()(PROBLEM, parents, parents=pairs, random_state=np.random.default_rng(1)).get("X")
    X = nodes(parents.get("X"))
    a, b = X[::2], X[1::2]
    first, second = nodes(children[:1000]), nodes(children[1000:])
    kept = ((first == a) & (second == b)).all(axis=2)
    exchanged = ((first == b) & (second == a)).all(axis=2)
    assert (kept | exchanged).all()
    differ = (a != b).any(axis=2)
    assert abs(exchanged[differ].mean() - 0.5) < 0.02


def test_mutation_redraws_whole_nodes_with_probability_one_half() -> None:
    X = np.tile(PROBLEM.space.xu, (4000, 1))
    X.setflags(write=False)
    mutated = NodeMutation()._do(PROBLEM, X, random_state=np.random.default_rng(2))
    PROBLEM.space.check(mutated)
    changed = (nodes(mutated) != nodes(X)).any(axis=2).mean(axis=0)
    same = 1 / np.prod(nodes(PROBLEM.space.xu[None] + 1), axis=2)[0]
    assert np.abs(changed - 0.5 * (1 - same)).max() < 0.03
    assert (NodeMutation(prob_node=0.0)._do(PROBLEM, X, random_state=np.random.default_rng(0)) == X).all()


def test_the_operators_serve_pymoos_nsga2() -> None:
    problem = ToyProblem()
    algorithm = NSGA2(pop_size=20, sampling=GenotypeSampling(), crossover=NodeCrossover(), mutation=NodeMutation())
    with pytest.warns(RuntimeWarning, match="ToyProblem has not advanced"):
        runs = [minimize(problem, algorithm, ("n_gen", 8), seed=1) for _ in range(2)]
    X = runs[0].pop.get("X")
    problem.space.check(X)
    assert np.array_equal(X, runs[1].pop.get("X"))


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"prob_node: expected a probability in 0..1, got 2"):
        NodeMutation(prob_node=2)
    with pytest.raises(ValueError, match="bounds: expected a problem with xl and xu"):
        integer_bounds(Problem(n_var=3))
    with pytest.raises(ValueError, match="bounds: expected whole numbers"):
        integer_bounds(Problem(n_var=3, xl=0.5, xu=2))
    with pytest.raises(ValueError, match="n_var: expected a multiple of 3"):
        NodeMutation()._do(Problem(n_var=4, xl=0, xu=3), np.zeros((2, 4)), random_state=np.random.default_rng(0))
