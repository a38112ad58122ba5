import numpy as np
import pytest
from pymoo.core.mating import Mating
from pymoo.core.population import Population
from pymoo.core.variable import Real
from pymoo.operators.selection.rnd import RandomSelection
from scipy.stats import chisquare

from carsmoo.operators import ArrayMating, CARSMating, GenotypeSampling, NodeCrossover, NodeMutation, RowDuplicates
from carsmoo.space.darts import DARTSSpace
from tests.support.toy import ToyProblem, nodes, population

PROBLEM = ToyProblem()


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


def test_shares_that_are_more_than_all_are_refused() -> None:
    with pytest.raises(ValueError, match="mix: expected two shares"):
        CARSMating(mix=(0.7, 0.7))
