"""Statistics: Kendall's tau between two orders, Wilcoxon's signed-rank test, Holm's correction, Vargha-Delaney A12."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import kendalltau, rankdata, wilcoxon

from carsmoo.utils.validation import numbers


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

    def __str__(self) -> str:
        if self.tau is None or self.p is None:
            return f"not defined (n = {self.n})"
        return f"{self.tau:.2f} (p = {self.p:.2g}, n = {self.n})"


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


def signed_rank(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test on pairs, 1 where no pair differs."""
    return 1.0 if np.array_equal(a, b) else float(wilcoxon(a, b, zero_method="zsplit").pvalue)


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down."""
    order, largest, corrected = np.argsort(p), 0.0, [0.0] * len(p)
    for k, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - k) * p[index]))
        corrected[index] = largest
    return corrected


def vargha_delaney(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return A12, the probability that a value of ``a`` is above one of ``b``, ties counted half."""
    ranks = rankdata(np.concatenate([a, b]))[: len(a)]
    return float((ranks.sum() / len(a) - (len(a) + 1) / 2) / len(b))
