"""A moving problem whose vectors are genotypes: what the supernet's and the surrogate's searches have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from carsmoo.problems.moving import MovingProblem
from carsmoo.space.front import Front
from carsmoo.space.search_space import SearchSpace


class GenotypeProblem(MovingProblem):
    """A moving problem over the genotypes of a space, with CARS's operators and named objectives.

    Args:
        space: the architectures.
        objectives: the objectives' units by their names, in their order.
        **kwargs: as for :class:`MovingProblem`, and for another class beside this one.

    Attributes:
        objective_names: the objectives' names.
        objective_units: the objectives' units.
    """

    def __init__(self, *, space: SearchSpace, objectives: Mapping[str, str], **kwargs: Any) -> None:
        bounds: dict[str, Any] = {"n_var": space.n_var, "xl": space.xl, "xu": space.xu, "vtype": int}
        super().__init__(**bounds, n_obj=len(objectives), **kwargs)
        self.space, self.objective_names, self.objective_units = space, tuple(objectives), tuple(objectives.values())

    def default_operators(self) -> dict[str, Any]:
        """Return the space's operators, CARS's mix; duplicates are recognised by their meaning."""
        return self.space.operators()

    def check(self, X: ArrayLike) -> NDArray[Any]:
        """Return ``X`` as integers, (n, n_var).

        Raises:
            ValueError: for another shape, values out of bounds, or numbers that are not whole.
        """
        try:
            return self.space.check(X)
        except ValueError as error:
            if "whole numbers" not in str(error):
                raise
            operators = "GenotypeSampling, NodeCrossover and NodeMutation of carsmoo.operators"
            raise ValueError(f"{error}; {operators} make such X") from None

    def front(self, result: Any) -> Front:
        """Evaluate the population of a pymoo result (or algorithm) as things are now, and return its front.

        Raises:
            ValueError: if there is no population.
        """
        pop = getattr(result, "pop", None)
        if pop is None or len(pop) == 0:
            raise ValueError("result: expected one with a population, got none")
        X = pop.get("X")
        return self.front_of(X, self.evaluate(X, return_values_of=["F"]))

    def front_of(self, X: NDArray[Any], F: NDArray[Any]) -> Front:
        """Return the front of vectors (n, n_var) whose objectives (n, n_obj) are known, each network once."""
        names, units, about = self.objective_names, self.objective_units, self.provenance()
        return Front.from_objectives(self.space.decode(self.space.canonical(X)), F, names, units, about, self)

    @abstractmethod
    def provenance(self) -> dict[str, Any]:
        """Return what the current figures belong to: data, split, weights, epoch."""
