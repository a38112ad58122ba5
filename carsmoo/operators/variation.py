"""Sampling, crossover and mutation of genotype vectors, whose variables come in groups, one a node."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.crossover import Crossover
from pymoo.core.mutation import Mutation
from pymoo.core.sampling import Sampling

from carsmoo.space.darts import GENES_PER_NODE
from carsmoo.utils.validation import integer


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
