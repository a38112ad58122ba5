"""Individuals that mean the same, found by their vectors as bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from pymoo.core.duplicate import DuplicateElimination


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


def vectors(pop: Any) -> NDArray[Any]:
    """Return the decision vectors of a population, (n, n_var)."""
    return np.array([individual.X for individual in pop])
