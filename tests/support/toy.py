"""Small problems for tests: a moving one in closed form, with every call on record."""

from typing import Any

import numpy as np
from pymoo.core.population import Population
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.operators import GenotypeSampling, genotype_operators
from carsmoo.problems.moving import MovingProblem
from carsmoo.space.darts import DARTSSpace


class ToyProblem(MovingProblem):
    """Error falls with time, the faster the smaller; size is the sum of the genes."""

    def __init__(self, nodes: int = 4, pop_size: int = 8, generations: int = 5, seed: int | None = 0) -> None:
        self.space = DARTSSpace(nodes)
        super().__init__(n_var=self.space.n_var, n_obj=2, xl=self.space.xl, xu=self.space.xu, vtype=int, seed=seed)
        self.default_pop_size = pop_size
        self.default_termination = MaximumGenerationTermination(generations)
        self.calls: list[tuple[str, int]] = []
        self.advanced: list[np.ndarray] = []

    def default_operators(self) -> dict[str, Any]:
        return genotype_operators(self.space)

    def _begin(self) -> None:
        self.calls.append(("begin", 0))

    def _advance(self, X: np.ndarray) -> None:
        self.calls.append(("advance", len(X)))
        self.advanced.append(X.copy())

    def _restart(self) -> None:
        self.calls.append(("restart", 0))

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        self.calls.append(("score", len(X)))
        size = X.sum(axis=1)
        return 1 / (1 + size) + np.exp(-(1 + self.time) / (1 + size / 20))

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X.sum(axis=1)


def population(n: int, seed: int = 0) -> Population:
    """Return a random population of the toy problem."""
    return GenotypeSampling()(ToyProblem(), n, random_state=np.random.default_rng(seed))


def nodes(X: np.ndarray) -> np.ndarray:
    """Return vectors of DARTS's cells by their nodes, (n, nodes, 3)."""
    return X.reshape(len(X), -1, 3)
