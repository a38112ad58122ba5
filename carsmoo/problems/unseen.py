"""Networks of a table as offspring: each row once in a run, in a random order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.core.infill import InfillCriterion
from pymoo.core.population import Population
from pymoo.core.sampling import Sampling


class UnseenRows(InfillCriterion):  # type: ignore[misc]
    """Offspring for a table: rows, drawn uniformly, that the run has not seen yet; none once all are seen.

    Args:
        n_rows: rows of the table.
    """

    def __init__(self, n_rows: int) -> None:
        super().__init__()
        self.n_rows = n_rows
        self.seen: set[int] = set()
        self.sampling = _FirstRows(self)

    def draw(self, n: int, random_state: np.random.Generator) -> NDArray[np.int64]:
        """Return up to ``n`` rows not drawn before, (k, 1)."""
        left = np.setdiff1d(np.arange(self.n_rows), sorted(self.seen))
        rows = random_state.choice(left, size=min(n, len(left)), replace=False)
        self.seen |= set(rows.tolist())
        return rows[:, None]

    def do(
        self, problem: Any, pop: Any, n_offsprings: int, random_state: np.random.Generator | None = None, **kwargs: Any
    ) -> Any:
        """Return up to ``n_offsprings`` rows that the run has not seen."""
        assert random_state is not None
        if pop is not None and len(pop):  # a start that was given was not drawn here
            self.seen |= set(pop.get("X")[:, 0].tolist())
        rows = self.draw(n_offsprings, random_state)
        return Population.new("X", rows) if len(rows) else Population.empty()


class _FirstRows(Sampling):  # type: ignore[misc]
    """The start of a run over a table, told to the one that draws the rest."""

    def __init__(self, unseen: UnseenRows) -> None:
        super().__init__()
        self.unseen = unseen

    def _do(
        self, problem: Any, n_samples: int, *args: Any, random_state: np.random.Generator, **kwargs: Any
    ) -> NDArray[np.int64]:
        self.unseen.seen.clear()
        return self.unseen.draw(n_samples, random_state)
