"""Sampling, crossover and mutation of genotype vectors, and the mix of them that CARS breeds with (sec. 3.3, 4.1).

The operators work on integer vectors whose variables come in groups of equal length, one group a node. They take the
bounds from the problem, so they serve any pymoo genetic algorithm and any space encoded that way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.infill import InfillCriterion
from pymoo.core.mating import Mating
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.sampling import Sampling
from pymoo.core.selection import Selection
from pymoo.core.variable import get
from pymoo.operators.selection.rnd import RandomSelection

from carsmoo.space.darts import GENES_PER_NODE
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import integer, keywords, reject_unknown


class GenotypeSampling(Sampling):  # type: ignore[misc]
    """Uniform vectors: every path and every operation is equally likely.

    Example:
        >>> import numpy as np
        >>> from pymoo.core.problem import Problem
        >>> from carsmoo import DARTSSpace
        >>> from carsmoo.operators import GenotypeSampling
        >>> space = DARTSSpace()
        >>> problem = Problem(n_var=space.n_var, xl=space.xl, xu=space.xu, vtype=int)
        >>> GenotypeSampling()(problem, 5, random_state=np.random.default_rng(0)).get("X").shape
        (5, 24)
    """

    def _do(
        self, problem: Any, n_samples: int, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> NDArray[np.int64]:
        low, high = integer_bounds(problem)
        return random_state.integers(low, high + 1, size=(n_samples, len(low)))


class NodeCrossover(Crossover):  # type: ignore[misc]
    """Two parents exchange each node, with its inputs and operations, with probability ``prob_node``.

    Args:
        prob_node: probability of an exchange, 0..1, for each node by itself.
        genes: variables of a node.

    Raises:
        TypeError, ValueError: for a probability outside 0..1, or genes that are no number of at least 1.

    Example:
        >>> import numpy as np
        >>> from pymoo.core.population import Population
        >>> from pymoo.core.problem import Problem
        >>> from carsmoo.operators import NodeCrossover
        >>> problem = Problem(n_var=6, xl=0, xu=7, vtype=int)
        >>> parents = Population.new("X", np.array([[0] * 6, [1] * 6]))
        >>> crossover = NodeCrossover(prob_node=1.0)
        >>> children = crossover(problem, parents, np.array([[0, 1]]), random_state=np.random.default_rng(0))
        >>> children.get("X").tolist()
        [[1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]]
    """

    def __init__(self, prob_node: float = 0.5, genes: int = GENES_PER_NODE) -> None:
        super().__init__(n_parents=2, n_offsprings=2, prob=1.0)
        self.prob_node, self.genes = _probability("prob_node", prob_node), integer("genes", genes, 1)

    def _do(
        self, problem: Any, X: NDArray[np.int64], *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> NDArray[np.int64]:
        swap = _nodes(X.shape[1:], self.genes, self.prob_node, random_state)
        return np.where(swap, X[::-1], X)


class NodeMutation(Mutation):  # type: ignore[misc]
    """Each node is redrawn, its inputs and operations uniformly, with probability ``prob_node``.

    Args:
        prob_node: probability of redrawing, 0..1, for each node by itself.
        genes: variables of a node.

    Raises:
        TypeError, ValueError: for a probability outside 0..1, or genes that are no number of at least 1.

    Example:
        >>> import numpy as np
        >>> from pymoo.core.population import Population
        >>> from pymoo.core.problem import Problem
        >>> from carsmoo.operators import NodeMutation
        >>> problem = Problem(n_var=6, xl=0, xu=7, vtype=int)
        >>> parents = Population.new("X", np.zeros((3, 6), dtype=int))
        >>> NodeMutation(prob_node=0.5)(problem, parents, random_state=np.random.default_rng(0)).get("X").shape
        (3, 6)
    """

    def __init__(self, prob_node: float = 0.5, genes: int = GENES_PER_NODE) -> None:
        super().__init__(prob=1.0)
        self.prob_node, self.genes = _probability("prob_node", prob_node), integer("genes", genes, 1)

    def _do(
        self, problem: Any, X: NDArray[np.int64], *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> NDArray[np.int64]:
        low, high = integer_bounds(problem)
        redraw = _nodes(X.shape, self.genes, self.prob_node, random_state)
        drawn = random_state.integers(low, high + 1, size=X.shape)
        return np.where(redraw, drawn, X)


class RowDuplicates(DuplicateElimination):  # type: ignore[misc]
    """Drops an individual that equals an earlier one or one of the others; rows are compared as a set of bytes.

    Args:
        canonical: maps X (n, n_var) to rows that are equal exactly where two individuals mean the same; the vectors
            themselves if not given.
    """

    def __init__(self, canonical: Callable[[NDArray[Any]], NDArray[Any]] | None = None) -> None:
        super().__init__()
        self.canonical = canonical

    def do(self, pop: Any, *args: Any, return_indices: bool = False, to_itself: bool = True) -> Any:
        """Return the individuals that equal no earlier one and none of the populations ``args``; as pymoo does."""
        if return_indices or not to_itself:
            return super().do(pop, *args, return_indices=return_indices, to_itself=to_itself)
        if len(pop) == 0:
            return pop
        seen = {key for other in args if len(other) > 0 for key in self._keys(other)}
        first = {key: k for k, key in reversed(list(enumerate(self._keys(pop)))) if key not in seen}
        return pop[sorted(first.values())]

    def _keys(self, pop: Any) -> list[bytes]:
        X = vectors(pop)
        X = np.ascontiguousarray(X if self.canonical is None else self.canonical(X)) + 0  # -0.0 is 0.0
        return cast(list[bytes], X.view(np.dtype((np.void, X.itemsize * X.shape[1]))).ravel().tolist())

    def _do(self, pop: Any, other: Any, is_duplicate: NDArray[np.bool_]) -> NDArray[np.bool_]:
        seen = set() if other is None else set(self._keys(other))
        for k, key in enumerate(self._keys(pop)):
            is_duplicate[k] = key in seen
            if other is None:
                seen.add(key)
        return is_duplicate


class ArrayMating(Mating):  # type: ignore[misc]
    """pymoo's mating with the parents' vectors gathered in one array; the random numbers are the same.

    It takes the short way where every pair is crossed and an operator is no more than its ``_do``; else pymoo's.
    """

    def _do(
        self, problem: Any, pop: Any, n_offsprings: int, parents: Any = None, random_state: Any = None, **kwargs: Any
    ) -> Any:
        crossover = self.crossover
        plain = type(crossover).do is Crossover.do and crossover.vtype is None and crossover.repair is None
        if parents is not None or not plain or get(crossover.prob) != 1.0:
            return super()._do(problem, pop, n_offsprings, parents=parents, random_state=random_state, **kwargs)
        n_matings = math.ceil(n_offsprings / crossover.n_offsprings)
        chosen = self.selection.do(
            problem, pop, n_matings, crossover.n_parents, to_pop=False, random_state=random_state, **kwargs
        )
        X = np.swapaxes(vectors(pop)[chosen], 0, 1)
        random_state.random(n_matings)  # pymoo draws here who is crossed
        children = crossover._do(problem, X, random_state=random_state, **kwargs)
        X, mutation = children.reshape(-1, X.shape[-1]), self.mutation
        if type(mutation).do is not Mutation.do or mutation.vtype is not None or mutation.repair is not None:
            return mutation(problem, Population.new("X", X), random_state=random_state, **kwargs)
        mutated = mutation._do(problem, X, random_state=random_state, **kwargs)
        chosen = random_state.random(size=len(X)) <= get(mutation.prob, size=len(X))
        return Population.new("X", np.where(chosen[:, None], mutated, X))


class CARSMating(InfillCriterion):  # type: ignore[misc]
    """Offspring as CARS makes them: a quarter by crossover, a quarter by mutation, the rest new and random.

    Each offspring carries ``parents``, the indices of its parents in the population, empty for a newcomer. Duplicates
    of parents and siblings are dropped and made again, at most ``n_max_iterations`` times; a small space that is
    exhausted gives fewer offspring, or none.

    Args:
        crossover: two parents, two children.
        mutation: one parent, one child.
        sampling: newcomers.
        selection: picks parents; uniform if not given.
        mix: shares of crossover and mutation; the rest are newcomers.
        eliminate_duplicates: compares by the vectors if not given.
        **kwargs: as for pymoo's ``InfillCriterion``.

    Raises:
        TypeError: for an unknown keyword.
        ValueError: for shares that are not two, or negative, or add up to more than one.
    """

    def __init__(
        self,
        *,
        crossover: Any = None,
        mutation: Any = None,
        sampling: Any = None,
        selection: Selection | None = None,
        mix: tuple[float, float] = (0.25, 0.25),
        eliminate_duplicates: Any = None,
        **kwargs: Any,
    ) -> None:
        reject_unknown("CARSMating", kwargs, keywords(InfillCriterion))
        duplicates = RowDuplicates() if eliminate_duplicates is None else eliminate_duplicates
        super().__init__(eliminate_duplicates=duplicates, **kwargs)
        pair = isinstance(mix, (tuple, list)) and len(mix) == 2 and all(isinstance(share, Real) for share in mix)
        if not (pair and min(mix) >= 0 and sum(mix) <= 1):
            raise ValueError(f"mix: expected two shares that add up to at most 1, got {mix!r}")
        self.crossover = crossover or NodeCrossover()
        self.mutation = mutation or NodeMutation()
        self.sampling = sampling or GenotypeSampling()
        self.selection = selection or RandomSelection()
        self.mix = mix

    def _do(
        self, problem: Any, pop: Any, n_offsprings: int, random_state: np.random.Generator | None = None, **kwargs: Any
    ) -> Any:
        with_crossover, with_either = np.rint(np.cumsum(self.mix) * n_offsprings).astype(int)
        if len(pop) < 2:
            with_crossover = 0
        crossed = self._cross(problem, pop, with_crossover, random_state)
        mutated = self._mutate(problem, pop, with_either - with_crossover, random_state)
        new = self.sampling(problem, n_offsprings - with_either, random_state=random_state)
        for individual in new:
            individual.set("parents", np.empty(0, dtype=np.int64))
        return Population.merge(Population.merge(crossed, mutated), new)

    def _cross(self, problem: Any, pop: Any, n: int, random_state: Any) -> Any:
        if n <= 0:
            return Population.empty()
        each, per_mating = self.crossover.n_offsprings, self.crossover.n_parents
        n_matings = math.ceil(n / each)
        pairs = self.selection.do(problem, pop, n_matings, per_mating, to_pop=False, random_state=random_state)
        children = self.crossover(problem, pop, parents=pairs, random_state=random_state)
        return _with_parents(children, np.tile(pairs, (each, 1)))[:n]

    def _mutate(self, problem: Any, pop: Any, n: int, random_state: Any) -> Any:
        if n <= 0:
            return Population.empty()
        chosen = self.selection.do(problem, pop, n, 1, to_pop=False, random_state=random_state)
        children = Population.new("X", pop[chosen[:, 0]].get("X"))
        return _with_parents(self.mutation(problem, children, random_state=random_state), chosen)


def _with_parents(children: Any, parents: NDArray[np.int64]) -> Any:
    for child, indices in zip(children, parents, strict=True):
        child.set("parents", np.array(indices))
    return children


def vectors(pop: Any) -> NDArray[Any]:
    """Return the decision vectors of a population, (n, n_var)."""
    return np.array([individual.X for individual in pop])


def genotype_operators(space: SearchSpace) -> dict[str, Any]:
    """Return the operators for vectors of a space, by the names of pymoo's ``GeneticAlgorithm``.

    Duplicates are told by their meaning, :meth:`SearchSpace.canonical`. CARS redraws half of the nodes of a mutant
    (sec. 4.1); where each variable is a choice by itself one of them is redrawn on average.
    """
    genes = space.genes_per_choice
    crossover = NodeCrossover(genes=genes)
    mutation = NodeMutation(genes=genes) if genes > 1 else NodeMutation(prob_node=1 / space.n_var, genes=1)
    return cars_operators(GenotypeSampling(), crossover, mutation, RowDuplicates(space.canonical))


def cars_operators(sampling: Any, crossover: Any, mutation: Any, duplicates: RowDuplicates) -> dict[str, Any]:
    """Return CARS's mix of operators, by the names of pymoo's ``GeneticAlgorithm``."""
    parts = {"sampling": sampling, "crossover": crossover, "mutation": mutation, "eliminate_duplicates": duplicates}
    return {**parts, "mating": CARSMating(**parts)}


def integer_bounds(problem: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the bounds of a problem's variables as integers, (n_var,) each.

    Raises:
        ValueError: if the problem has no bounds, or bounds that are not whole numbers.
    """
    if not problem.has_bounds():
        raise ValueError("bounds: expected a problem with xl and xu, got none")
    low, high = np.asarray(problem.xl), np.asarray(problem.xu)
    if not (np.array_equal(low, np.rint(low)) and np.array_equal(high, np.rint(high))):
        raise ValueError(f"bounds: expected whole numbers, got xl={low}, xu={high}")
    return low.astype(np.int64), high.astype(np.int64)


def _nodes(shape: Any, genes: int, probability: float, random_state: np.random.Generator) -> NDArray[np.bool_]:
    """Return a mask of the shape (n, n_var) that holds each node, all its genes, with this probability."""
    n, n_var = shape
    if n_var % genes:
        raise ValueError(f"n_var: expected a multiple of {genes} genes a node, got {n_var}")
    return np.repeat(random_state.random((n, n_var // genes)) < probability, genes, axis=1)


def _probability(name: str, value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
        raise ValueError(f"{name}: expected a probability in 0..1, got {value!r}")
    return float(value)
