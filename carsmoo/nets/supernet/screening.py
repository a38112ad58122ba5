"""Newcomers that are screened before they are trained: of many the best by what an untrained network tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.sampling import Sampling

from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.utils.validation import instance, integer


class ScreenedSampling(Sampling):  # type: ignore[misc]
    """Draws several times as many vectors as are asked for, and keeps those of the lowest value, in the order drawn.

    Args:
        sampling: draws them.
        value: of an architecture, such as :func:`carsmoo.nets.supernet.proxies.proxy` returns; lower is better.
        factor: times as many, at least 1.
    """

    def __init__(self, sampling: Any, value: Callable[[Any], float], factor: int = 4) -> None:
        super().__init__()
        self.sampling, self.value, self.factor = sampling, value, integer("factor", factor, 1)

    def _do(
        self,
        problem: GenotypeProblem,
        n_samples: int,
        *args: Any,
        random_state: np.random.Generator | None = None,
        **kwargs: Any,
    ) -> NDArray[np.int64]:
        drawn = self.sampling(problem, self.factor * n_samples, random_state=random_state)
        X: NDArray[np.int64] = np.array([individual.X for individual in drawn], dtype=np.int64)
        X = X.reshape(-1, problem.space.n_var)
        known: dict[bytes, float] = {}
        values = []
        for row, key in zip(X, (row.tobytes() for row in problem.space.canonical(X)), strict=True):
            if key not in known:
                known[key] = float(self.value(problem.space.decode(row)))
            values.append(known[key])
        kept: NDArray[np.int64] = X[np.sort(np.argsort(values, kind="stable")[:n_samples])]
        return kept


def screened(problem: GenotypeProblem, value: Callable[[Any], float], factor: int = 4) -> dict[str, Any]:
    """Return a problem's operators, by the names of pymoo's ``GeneticAlgorithm``, of which newcomers are screened.

    Newcomers are a half of the offspring (CARS sec. 4.1); the first population and what is bred are left as they are.

    Args:
        problem: whose operators.
        value: of an architecture; lower is better.
        factor: how many times as many newcomers are drawn.

    Example:
        >>> from carsmoo import PNSGA3, CARSProblem
        >>> from carsmoo.nets.supernet.proxies import proxy
        >>> from carsmoo.nets.supernet.screening import screened
        >>> problem = CARSProblem()
        >>> algorithm = PNSGA3(**screened(problem, proxy("naswot", problem, images=16)))
    """
    operators = instance("problem", problem, GenotypeProblem).default_operators()
    mating = operators["mating"]
    mating.sampling = ScreenedSampling(mating.sampling, value, factor)
    return operators
