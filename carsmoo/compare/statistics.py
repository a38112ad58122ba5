"""Statistics: Kendall's tau, Wilcoxon's signed-rank test, Holm's correction, Vargha-Delaney A12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, wilcoxon

from carsmoo.utils.correlation import Correlation as Correlation
from carsmoo.utils.correlation import rank_correlation as rank_correlation


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
