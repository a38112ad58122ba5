"""Trust: how far the order of scored networks is more than noise, from counts of wrong images alone.

Counts are integers, (n, 2, 2): of each network the wrong and the met images, each on the even and the odd ones of those
that score. It is measured while a search runs and takes no further forward pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.utils.correlation import rank_correlation
from carsmoo.utils.trees import Arrays

LOW = 0.5
"""Expected tau with the order without noise below which an order is called mostly noise."""

FEW = 3
"""Networks that an order needs at least."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How far the order of a generation's networks by their errors can be trusted; None where it is not defined.

    It tells of noise alone: an order that is wrong on all images alike, as of starved shared weights, is steady too.

    Attributes:
        halves: Kendall's tau-b between the errors on two interleaved halves of the images that score: 1 for an order
            without noise, about 0 for nothing but noise.
        successive: Kendall's tau-b between these errors and those of the generation before, of the networks that both
            scored.
        distinct: share of the pairs of networks whose errors differ by more than two standard deviations of the
            difference of two binomial proportions.
        updates: median number of steps that the weights of an operation have been trained for.

    Example:
        >>> from carsmoo import Trust
        >>> Trust(halves=0.11, successive=0.2, distinct=0.1, updates=250).warning[:46]
        'the order of these networks is mostly noise: t'
    """

    halves: float | None
    successive: float | None
    distinct: float | None
    updates: float | None

    @property
    def ceiling(self) -> float | None:
        """Kendall's tau that the order has with the one on endlessly many images, if errors are normal; halves above 0.

        Each half has half of the images; both together have the reliability of Spearman and Brown.
        """
        if self.halves is None:
            return None
        r = math.sin(math.pi / 2 * max(self.halves, 0.0))
        return 2 / math.pi * math.asin(math.sqrt(2 * r / (1 + r)))

    @property
    def warning(self) -> str | None:
        """What a low trust means, in a sentence; None where it is not low, or not known."""
        if self.ceiling is None or self.ceiling >= LOW:
            return None
        return (
            "the order of these networks is mostly noise: two halves of search-validation agree with tau "
            f"{self.halves:.2f}; train longer or score on more images"
        )


def halves_of(wrong: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the counts, (n, 2, 2), of which images each network gets wrong, (n, images)."""
    parts = [wrong[:, half::2] for half in (0, 1)]
    counts = [[part.sum(axis=1) for part in parts], [np.full(len(wrong), part.shape[1]) for part in parts]]
    return np.array(counts, dtype=np.int64).transpose(2, 0, 1)


def errors_of(counts: ArrayLike) -> NDArray[np.float64]:
    """Return the errors, fractions, (n,), that counts (n, 2, 2) make."""
    wrong, met = np.sum(counts, axis=2).T
    errors: NDArray[np.float64] = wrong / met
    return errors


def trust_of(counts: ArrayLike, before: ArrayLike | None = None, updates: float | None = None) -> Trust:
    """Return the trust in the order of n different networks.

    Args:
        counts: of wrong and of met images, each on the even and the odd ones, (n, 2, 2).
        before: errors of the generation before, (n,), NaN where it scored no such network; None if there is none.
        updates: see :class:`Trust`.
    """
    counts = np.asarray(counts)
    wrong, met = counts[:, 0], counts[:, 1]
    halves = _tau(*(wrong / met).T) if met.all() else None
    errors, again = errors_of(counts), np.full(len(counts), np.nan) if before is None else np.asarray(before)
    both = np.isfinite(again)
    distinct = _distinct(errors, met.sum(axis=1)) if len(counts) >= FEW else None
    return Trust(halves=halves, successive=_tau(errors[both], again[both]), distinct=distinct, updates=updates)


def _tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    return rank_correlation(one, other).tau if len(one) >= FEW else None


def _distinct(errors: NDArray[np.float64], met: NDArray[np.int64]) -> float:
    variance = errors * (1 - errors) / met
    one, other = np.triu_indices(len(errors), 1)
    return float(np.mean(np.abs(errors[one] - errors[other]) > 2 * np.sqrt(variance[one] + variance[other])))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A generation's networks as they were scored, and the trust in their order.

    Attributes:
        time: generations that the problem had advanced.
        X: different vectors, (n, n_var).
        counts: of wrong and met images, (n, 2, 2).
        trust: in the order.
    """

    time: int
    X: NDArray[np.int64]
    counts: NDArray[np.int64]
    trust: Trust

    @classmethod
    def after(
        cls, last: Scored | None, time: int, X: NDArray[np.int64], counts: NDArray[np.int64], updates: float | None
    ) -> Scored:
        """Return what has just been scored, its trust measured against the generation ``last``."""
        keys = [] if last is None else [x.tobytes() for x in last.X]
        known = dict(zip(keys, [] if last is None else errors_of(last.counts), strict=True))
        before = np.array([known.get(x.tobytes(), np.nan) for x in X])
        trust = trust_of(counts, before, updates)
        return cls(time=time, X=X, counts=counts, trust=trust)

    def state_dict(self) -> Arrays:
        """Return all of it as plain arrays."""
        figures = np.frombuffer(json.dumps(asdict(self.trust)).encode(), dtype=np.uint8)
        return {
            "trust/time": np.array(self.time),
            "trust/X": self.X,
            "trust/counts": self.counts,
            "trust/figures": figures,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> Scored | None:
        """Return what :meth:`state_dict` returned; None where a state has none, as those of before."""
        if "trust/figures" not in state:
            return None
        trust = Trust(**json.loads(state["trust/figures"].tobytes()))
        return cls(time=int(state["trust/time"]), X=state["trust/X"], counts=state["trust/counts"], trust=trust)
