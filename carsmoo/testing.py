"""Checks for problems and search spaces of one's own, to be called from their tests."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.operators.sampling.rnd import FloatRandomSampling, IntegerRandomSampling
from pymoo.optimize import minimize

from carsmoo.algorithm import PNSGA3
from carsmoo.config.network import NetworkConfig
from carsmoo.problems.moving import MovingProblem
from carsmoo.space.graph_rules import check_bounds, check_graphs
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import instance, shown


def check_moving_problem(problem: MovingProblem, X: ArrayLike | None = None, *, n_gen: int = 3) -> None:
    """Check that a problem keeps the rules of :class:`~carsmoo.MovingProblem`.

    Scoring changes nothing, and a row's score does not depend on the others; an advance is one step of
    time; what was in the state comes back; a restart and a seed repeat a run. The problem is used up afterwards:
    make it for the check alone, and small.

    Args:
        problem: the problem.
        X: decision vectors to check with, (n, n_var), n > 1; drawn with the problem's own sampling, or uniformly, if
            not given.
        n_gen: generations of the two runs that have to be equal, at least 2.

    Raises:
        AssertionError: naming the first rule that is broken.
        TypeError: for another kind of problem.

    Example:
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> from carsmoo.testing import check_moving_problem
        >>> check_moving_problem(SmallModelTrap(generations=3, population=8))
    """
    if not isinstance(problem, MovingProblem):
        raise TypeError(f"problem: expected MovingProblem, got {shown(problem)}")
    X = _drawn(problem) if X is None else problem.check(X)
    _check_scores(problem, X)
    _check_advance(problem, X)
    _check_state(problem, X)
    _check_runs(problem, n_gen)


def check_space(space: SearchSpace, network: NetworkConfig | None = None, *, n: int = 6, seed: int = 0) -> None:
    """Check that a space, its costs, its supernet and its networks agree.

    Vectors, architectures and their text mean the same; a layer of a graph fits what it reads, and gives what it says;
    costs in closed form are those of built networks; a supernet's subnet computes what a stand-alone network with its
    weights does, and its training leaves all that was not chosen as it was; a population is scored as its members are
    one by one; a problem that was restored goes on to the same bits.

    Args:
        space: the space: one of ours with operations of one's own, or one's own :class:`~carsmoo.SearchSpace`.
        network: in what; a small one for images of 3x9x10 if not given.
        n: architectures that are drawn.
        seed: draws them.

    Raises:
        AssertionError: naming the first rule that is broken.
        TypeError: for another kind of space.

    Example:
        >>> from carsmoo import DARTSSpace
        >>> from carsmoo.testing import check_space
        >>> check_space(DARTSSpace(nodes=2, ops=("none", "max_pool_3x3", "sep_conv_3x3")), n=3)
    """
    from carsmoo.nets.supernet.conformance import check_networks, check_search

    instance("space", space, SearchSpace)
    network = network or NetworkConfig(channels=4, layers=3, image_shape=(3, 9, 10), n_classes=3)
    check_bounds(space)
    random_state = np.random.default_rng(seed)
    X = random_state.integers(space.xl, space.xu + 1, size=(n, space.n_var))
    genotypes = space.decode(X)
    canonical = space.canonical(X)
    assert np.array_equal(space.encode(genotypes), canonical), "encode(decode(X)): expected canonical(X), got others"
    assert np.array_equal(space.canonical(canonical), canonical), "canonical: expected itself of what is canonical"
    assert np.array_equal(space.canonical(X[0]), canonical[0]), "canonical: expected the same of one vector"
    for bound, what in ((space.xl, "xl"), (space.xu, "xu")):
        assert space.decode(bound) is not None, f"decode({what}): expected an architecture"
    for genotype in genotypes:
        assert space.parse(str(genotype)) == genotype, "parse(str(genotype)): expected the same architecture"
        assert space.from_json(genotype.to_json()) == genotype, "from_json(to_json()): expected the same"
        assert hash(space.parse(str(genotype))) == hash(genotype), "hash: expected the same of equal architectures"
    assert _copied(space) == space, "copy: expected the same space, compared by its arguments, got another"
    check_graphs(space, network, genotypes)
    check_networks(space, network, genotypes)
    check_search(space, network, canonical)


def _copied(space: SearchSpace) -> object:
    """Return what comes back of a space that is pickled, or copied where what it is made of has no module."""
    try:
        text = pickle.dumps(space)
    except (pickle.PicklingError, AttributeError):
        return copy.deepcopy(space)
    return pickle.loads(text)


def _drawn(problem: MovingProblem, n: int = 6) -> NDArray[Any]:
    uniform = IntegerRandomSampling() if problem.vtype is int else FloatRandomSampling()
    sampling = problem.default_operators().get("sampling", uniform)
    X: NDArray[Any] = sampling.do(problem, n, random_state=np.random.default_rng(0)).get("X")
    return problem.check(X)


def _scores(problem: MovingProblem, X: NDArray[Any]) -> NDArray[np.float64]:
    F: NDArray[np.float64] = problem.evaluate(X, return_values_of=["F"])
    return F


def _check_scores(problem: MovingProblem, X: NDArray[Any]) -> None:
    given, time = X.copy(), problem.time
    F = _scores(problem, X)
    assert np.array_equal(X, given), "scoring writes to the X that it is given"
    assert F.shape == (len(X), problem.n_obj), f"F: expected ({len(X)}, {problem.n_obj}), got {F.shape}"
    assert np.isfinite(F).all(), "F: expected finite numbers, got others"
    assert np.array_equal(_scores(problem, X), F), "two evaluations without an advance between them differ"
    alone = np.concatenate([_scores(problem, x[None]) for x in X])
    assert np.array_equal(alone, F), "a row's score depends on the rows that are scored along with it"
    assert np.array_equal(_scores(problem, X[::-1])[::-1], F), "a score depends on the order of the rows"
    moving = problem.moving_values(X)
    assert np.array_equal(moving, F[:, list(problem.moving)]), "moving_values are not those of evaluate"
    assert problem.time == time, "scoring moves the time"


def _check_advance(problem: MovingProblem, X: NDArray[Any]) -> None:
    given, time, F = X.copy(), problem.time, _scores(problem, X)
    problem.advance(X)
    assert np.array_equal(X, given), "advance writes to the X that it is given"
    assert problem.time == time + 1, f"time: expected {time + 1} after an advance, got {problem.time}"
    fixed = [k for k in range(problem.n_obj) if k not in problem.moving]
    assert np.array_equal(_scores(problem, X)[:, fixed], F[:, fixed]), "an objective that is not among moving moves"
    problem.tic()
    assert problem.time == time + 2, f"time: expected {time + 2} after a tic, got {problem.time}"


def _check_state(problem: MovingProblem, X: NDArray[Any]) -> None:
    state = {name: np.array(a) for name, a in problem.state_dict().items()}
    F, time = _scores(problem, X), problem.time
    problem.advance(X)
    later = _scores(problem, X)
    problem.load_state_dict(state)
    assert problem.time == time, "load_state_dict does not bring back the time"
    assert np.array_equal(_scores(problem, X), F), "load_state_dict does not bring back the scores"
    problem.advance(X)
    assert np.array_equal(_scores(problem, X), later), "what follows load_state_dict is not what followed the state"


def _check_runs(problem: MovingProblem, n_gen: int) -> None:
    one, other = (minimize(problem, PNSGA3(pop_size=4), ("n_gen", n_gen), seed=1) for _ in range(2))
    for what in ("X", "F"):
        assert np.array_equal(one.pop.get(what), other.pop.get(what)), f"two runs with one seed differ in {what}"
