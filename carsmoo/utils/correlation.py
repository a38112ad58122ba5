"""Kendall's tau between two orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import kendalltau

from carsmoo.utils.validation import numbers

FEWEST = 6
"""Networks of which a correlation is told, so many or more: of fewer even a strong one is often chance."""


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau-b between two orders.

    Attributes:
        tau: -1 to 1; None where it does not exist, as for fewer than two values or equal ones.
        p: of the hypothesis that there is none; None likewise.
        n: values in each order.
    """

    tau: float | None
    p: float | None
    n: int

    @property
    def tells(self) -> bool:
        """Whether it is of enough values, 6 or more, to tell anything."""
        return self.n >= FEWEST

    def __str__(self) -> str:
        if self.tau is None or self.p is None:
            return f"not defined (n = {self.n})"
        return f"{self.tau:.2f} (p = {self.p:.2g}, n = {self.n})"


def too_few(n: int) -> str:
    """Return the line that stands for a correlation of so few networks that it tells nothing."""
    return f"so few networks (n = {n}, fewer than {FEWEST}) tell nothing of how their orders agree"


def rank_correlation(one: ArrayLike, other: ArrayLike) -> Correlation:
    """Return Kendall's tau-b between two sets of values, (n,) each.

    Raises:
        ValueError: if they differ in length.
    """
    a, b = numbers("one", one), numbers("other", other)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"other: expected as many values as the first has, {a.shape}, got {b.shape}")
    if len(np.unique(a)) < 2 or len(np.unique(b)) < 2:
        return Correlation(None, None, len(a))
    found = kendalltau(a, b)
    return Correlation(float(found.statistic), float(found.pvalue), len(a))
