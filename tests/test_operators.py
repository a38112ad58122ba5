import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.mating import Mating
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.variable import Real
from pymoo.operators.selection.rnd import RandomSelection
from pymoo.optimize import minimize
from scipy.stats import chisquare

from carsmoo.operators import (
    ArrayMating,
    CARSMating,
    GenotypeSampling,
    NodeCrossover,
    NodeMutation,
    RowDuplicates,
    integer_bounds,
)
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES
from tests.support.toy import ToyProblem

PROBLEM = ToyProblem()


def population(n: int, seed: int = 0) -> Population:
    return GenotypeSampling()(PROBLEM, n, random_state=np.random.default_rng(seed))


def nodes(X: np.ndarray) -> np.ndarray:
    return X.reshape(len(X), -1, 3)


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


def test_parents_are_drawn_uniformly() -> None:
    pop = population(10)
    off = CARSMating(mix=(0.5, 0.5)).do(PROBLEM, pop, 4000, random_state=np.random.default_rng(7))
    for n_parents in (1, 2):
        of = [tuple(one.get("parents")) for one in off if len(one.get("parents")) == n_parents]
        counts = np.bincount(np.ravel(of[:1000]), minlength=10)  # the second children of the crossings come later
        assert chisquare(counts).pvalue > 1e-3


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7, 10, 13])
@pytest.mark.parametrize("mix", [(0.25, 0.25), (0.5, 0.2), (0.0, 1.0), (0.0, 0.0)])
def test_shares_of_any_number_are_whole_and_add_up(n: int, mix: tuple[float, float]) -> None:
    off = CARSMating(mix=mix).do(PROBLEM, population(20), n, random_state=np.random.default_rng(4))
    parents = [len(one.get("parents")) for one in off]
    assert len(parents) == n
    crossed, mutated = parents.count(2), parents.count(1)
    assert abs(crossed - mix[0] * n) <= 0.5
    assert abs(crossed + mutated - sum(mix) * n) <= 0.5


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


def test_the_mix_is_a_quarter_a_quarter_and_one_half() -> None:
    pop = population(40)
    off = CARSMating().do(PROBLEM, pop, 40, random_state=np.random.default_rng(3))
    parents = [len(one.get("parents")) for one in off]
    assert [parents.count(k) for k in (2, 1, 0)] == [10, 10, 20]
    X = pop.get("X")
    for child in off:
        genes, origins = nodes(child.X[None])[0], [nodes(X[k][None])[0] for k in child.get("parents")]
        if len(origins) == 2:
            assert all(any((gene == origin[k]).all() for origin in origins) for k, gene in enumerate(genes))
        elif len(origins) == 1:
            assert (genes == origins[0]).all(axis=1).any()


def test_offspring_are_new_against_parents_and_siblings_by_their_meaning() -> None:
    space = DARTSSpace(1, ("none", "skip_connect"))
    problem = ToyProblem(1)
    problem.space, problem.n_var, problem.xl, problem.xu = space, space.n_var, space.xl, space.xu
    pop = GenotypeSampling()(problem, 4, random_state=np.random.default_rng(0))
    mating = CARSMating(eliminate_duplicates=RowDuplicates(space.canonical))
    off = mating.do(problem, pop, 12, random_state=np.random.default_rng(1))
    keys = [tuple(space.canonical(one.X)) for one in off]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {tuple(space.canonical(one.X)) for one in pop}


def test_an_exhausted_space_ends_with_fewer_offspring() -> None:
    space = DARTSSpace(1, ("max_pool_3x3", "skip_connect"))  # 16 architectures
    problem = ToyProblem(1)
    problem.space, problem.n_var, problem.xl, problem.xu = space, space.n_var, space.xl, space.xu
    rows = np.array(np.meshgrid(*([[0], [0, 1], [0, 1]] * 2), indexing="ij")).reshape(6, -1).T
    every = Population.new("X", rows)
    assert len(CARSMating().do(problem, every, 8, random_state=np.random.default_rng(0))) == 0
    some = CARSMating().do(problem, every[:10], 8, random_state=np.random.default_rng(0))
    assert sorted(map(tuple, some.get("X").tolist())) == sorted(map(tuple, rows[10:].tolist()))
    lonely = CARSMating().do(problem, every[:1], 8, random_state=np.random.default_rng(0))
    assert len(lonely) == 8


def test_the_operators_serve_pymoos_nsga2() -> None:
    problem = ToyProblem()
    algorithm = NSGA2(pop_size=20, sampling=GenotypeSampling(), crossover=NodeCrossover(), mutation=NodeMutation())
    with pytest.warns(RuntimeWarning, match="ToyProblem has not advanced"):
        runs = [minimize(problem, algorithm, ("n_gen", 8), seed=1) for _ in range(2)]
    X = runs[0].pop.get("X")
    problem.space.check(X)
    assert np.array_equal(X, runs[1].pop.get("X"))


def test_duplicates_compare_meaning_and_treat_both_zeros_alike() -> None:
    pop = Population.new("X", np.array([[0.0, 1.0], [-0.0, 1.0], [2.0, 3.0]]))
    assert len(RowDuplicates().do(pop)) == 2
    assert len(RowDuplicates().do(pop, Population.new("X", np.array([[2.0, 3.0]])))) == 1
    none, sep = PRIMITIVES.index("none"), PRIMITIVES.index("sep_conv_3x3")
    x = np.zeros(24, dtype=int)
    x[3:6] = [0, sep, none]
    y = x.copy()
    y[3] = 1
    twins = Population.new("X", np.array([x, y]))
    assert len(RowDuplicates().do(twins)) == 2
    assert list(RowDuplicates(DARTSSpace().canonical).do(twins)) == [twins[0]]


@pytest.mark.parametrize("prob", [0.3, 1.0])
def test_the_short_way_of_mating_breeds_as_pymoos_with_the_same_random_numbers(prob: float) -> None:
    pop, mutation = population(12), NodeMutation()
    mutation.prob = Real(prob)
    children = []
    for kind in (Mating, ArrayMating):
        rng = np.random.default_rng(8)
        mating = kind(RandomSelection(), NodeCrossover(), mutation, eliminate_duplicates=RowDuplicates())
        children.append((mating.do(PROBLEM, pop, 20, random_state=rng).get("X").tolist(), rng.bit_generator.state))
    assert children[0] == children[1]


def test_wrong_calls_are_refused() -> None:
    with pytest.raises(ValueError, match=r"prob_node: expected a probability in 0..1, got 2"):
        NodeMutation(prob_node=2)
    with pytest.raises(ValueError, match="mix: expected two shares"):
        CARSMating(mix=(0.7, 0.7))
    with pytest.raises(ValueError, match="bounds: expected a problem with xl and xu"):
        integer_bounds(Problem(n_var=3))
    with pytest.raises(ValueError, match="bounds: expected whole numbers"):
        integer_bounds(Problem(n_var=3, xl=0.5, xu=2))
    with pytest.raises(ValueError, match="n_var: expected a multiple of 3"):
        NodeMutation()._do(Problem(n_var=4, xl=0, xu=3), np.zeros((2, 4)), random_state=np.random.default_rng(0))
