"""What the experiments tell of their values: spread, pairs, correlations, hypervolumes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from moocore import filter_dominated, hypervolume
from numpy.typing import ArrayLike
from scipy.stats import spearmanr

from carsmoo.compare.comparison import REFERENCE
from carsmoo.compare.statistics import signed_rank, vargha_delaney


def spread(values: ArrayLike) -> dict[str, float]:
    """Return median, quartiles and number of some values."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": middle, "q25": low, "q75": high, "n": int(np.size(values))}


def paired(a: ArrayLike, b: ArrayLike) -> dict[str, float]:
    """Compare pairs: the median of a - b, Wilcoxon's two-sided p, the share of pairs with a > b, and A12."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    share = float(np.mean((a > b) + 0.5 * (a == b)))
    return {"difference": float(np.median(a - b)), "p": signed_rank(a, b), "share": share, "a12": vargha_delaney(a, b)}


def rank_correlation(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Return Spearman's correlation and its p; 0 and 1 where all values of one are alike, and nothing can be told."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0, 1.0
    found = spearmanr(a, b)
    return float(found.statistic), float(found.pvalue)


def hypervolumes(fronts: Sequence[ArrayLike]) -> list[float]:
    """Return the hypervolume of each of some sets of objectives, (n_i, 2), minimised, in units of their common box.

    The box reaches from the best of all to the worst on any set's own front; the reference point is 1.1 in each.
    """
    points = [np.asarray(front, dtype=float) for front in fronts]
    low = np.concatenate(points).min(axis=0)
    high = np.concatenate([filter_dominated(front) for front in points]).max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    return [float(hypervolume((front - low) / size, ref=[REFERENCE] * len(low))) for front in points]


def rounded(values: ArrayLike, digits: int = 5) -> Any:
    """Return an array as lists of short numbers."""
    return np.asarray(values, dtype=float).round(digits).tolist()
