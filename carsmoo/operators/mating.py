"""How offspring are bred: pymoo's mating on arrays, and the mix of operators of CARS (sec. 3.3, 4.1)."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.infill import InfillCriterion
from pymoo.core.mating import Mating
from pymoo.core.mutation import Mutation
from pymoo.core.population import Population
from pymoo.core.selection import Selection
from pymoo.core.variable import get
from pymoo.operators.selection.rnd import RandomSelection

from carsmoo.operators.duplicates import RowDuplicates, vectors
from carsmoo.operators.variation import GenotypeSampling, NodeCrossover, NodeMutation
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import keywords, reject_unknown


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
