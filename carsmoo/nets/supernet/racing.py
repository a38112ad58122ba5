"""Racing: stop the evaluation of a subnet early once others are certain to dominate it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta


@dataclass(frozen=True)
class Race:
    """Racing of subnets for a place among the survivors, by confidence bounds of their errors.

    A subnet is out when at least ``keep`` others dominate it for certain: they are no worse in every objective that
    does not move, and the upper bounds of their errors lie below the lower bound of its own. The bounds are exact
    binomial ones (Clopper-Pearson), so narrow that all of them hold together with the probability ``confidence``. Where
    nothing but the objectives is sorted by, those others are in earlier stages, and so it would not survive.

    Args:
        fixed: the objectives that do not move, (n, m - 1), minimised.
        keep: individuals that survive.
        confidence: probability that no bound of a race is wrong.
        rounds: parts that the images are met in; after each but the last it is looked who is out.
    """

    fixed: NDArray[np.float64]
    keep: int
    confidence: float = 0.95
    rounds: int = 4

    def among(self, group: Sequence[int]) -> Race:
        """Return the race of a selection of the individuals, in its order."""
        return Race(self.fixed[list(group)], self.keep, self.confidence, self.rounds)

    def still_open(
        self, wrong: NDArray[np.int64], met: NDArray[np.int64], running: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return those of the ``running`` not ruled out by ``wrong`` (n,) errors on ``met`` (n,) images."""
        low, high = self.bounds(wrong, met)
        no_worse = (self.fixed[:, None] <= self.fixed[None]).all(axis=2)  # (n, n): row is no worse than column
        beaten = (no_worse & (high[:, None] < low[None])).sum(axis=0)
        still: NDArray[np.int64] = running[beaten[running] < self.keep]
        return still

    def bounds(
        self, wrong: NDArray[np.int64], met: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the confidence bounds of the errors, lower and upper, (n,) each."""
        tail = (1 - self.confidence) / (2 * len(wrong) * max(self.rounds - 1, 1))
        low = np.where(wrong > 0, beta.ppf(tail, wrong, met - wrong + 1), 0.0)
        high = np.where(wrong < met, beta.ppf(1 - tail, wrong + 1, met - wrong), 1.0)
        return low, high
