"""Kendall's tau between two orders, and how far it can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.utils.validation import numbers

FEWEST = 6
"""Networks of which a correlation is told, so many or more: of fewer even a strong one is often chance."""


@dataclass(frozen=True)
class Correlation:
    """Kendall's tau-b between two orders.

    Attributes:
        tau: -1 to 1; None where it does not exist, as for fewer than two values, equal ones, or NaN among them.
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

    @property
    def interval(self) -> tuple[float, float] | None:
        """The values of tau from which this one is not significantly far, at 5 %; None where it tells nothing.

        If values are normal: those whose standard deviation for ``n`` values (Esscher 1924; Kendall and Gibbons 1990,
        ch. 10) lies at most 1.96 times between them and this one.
        """
        if self.tau is None or not self.tells:
            return None
        possible = np.linspace(-1, 1, 2001)
        inside = possible[np.abs(possible - self.tau) <= 1.96 * _deviation(possible, self.n)]
        held = np.append(inside, self.tau)  # which may lie between the possible ones
        return float(held.min()), float(held.max())

    @property
    def in_full(self) -> str:
        """It as text, with its interval where it tells anything."""
        if self.interval is None:
            return str(self)
        low, high = self.interval
        return f"{self}, with 95 % confidence from {low:.2f} to {high:.2f}"

    def __str__(self) -> str:
        if self.tau is None or self.p is None:
            return f"not defined (n = {self.n})"
        return f"{self.tau:.2f} (p = {self.p:.2g}, n = {self.n})"


def _deviation(tau: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return the standard deviation of tau over samples of ``n`` pairs of normal values whose tau is ``tau``."""
    angle = np.arcsin(np.sin(math.pi / 2 * tau) / 2)
    variance = 2 / (n * (n - 1)) * (1 - tau**2 + 2 * (n - 2) * (1 / 9 - (2 / math.pi * angle) ** 2))
    deviation: NDArray[np.float64] = np.sqrt(np.maximum(variance, 0))
    return deviation


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
    if any(len(np.unique(values)) < 2 or np.isnan(values).any() for values in (a, b)):
        return Correlation(None, None, len(a))
    from scipy.stats import kendalltau

    found = kendalltau(a, b)
    return Correlation(float(found.statistic), float(found.pvalue), len(a))
