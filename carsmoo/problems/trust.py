"""Trust: how far the order of scored networks is more than noise, from what a search knows of them anyway.

Tallies are numbers, (n, 2, 2): of each network the sum of its score over images and how many those were, each on the
even and the odd ones of those that score. Where k supernets score they are (n, k, 2, 2), those of each. Of errors the
sum counts the images that are wrong; of losses it is in nats. But for the agreement with probes, which are trained for
it, it is measured while a search runs and takes no further forward pass.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from carsmoo.utils.correlation import Correlation, rank_correlation
from carsmoo.utils.trees import Arrays

LOW = 0.5
"""Expected tau with the order without noise below which an order is called mostly noise."""

YOUNG = 100
"""Steps of an operation below which orders by shared weights were never measured to be true
(``benchmarks/bench_fidelity.py``: tau with the truth from -0.2 to 0.5, on three data sets; none had more)."""

ENOUGH = 24
"""Probes from which on it is said that an order agrees with theirs no more than chance may; of fewer that says little
(``benchmarks/truth/briefly.py`` tells how often it is said of orders of which truth)."""

_REMEDY = "train longer or score on more images, or networks if main effects score"

FEW = 3
"""Networks that an order needs at least."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """How far the order of a generation's networks by their scores can be trusted; None where it is not defined.

    But for ``probes`` it tells of noise alone: an order that is wrong on all images alike, as of starved shared
    weights, is steady too.

    Attributes:
        halves: Kendall's tau-b between the scores on two interleaved halves of the images that score, or between main
            effects fitted to two halves of the networks: 1 for an order without noise, about 0 for nothing but noise.
        successive: Kendall's tau-b between these scores and those of the generation before, of the networks that both
            scored.
        distinct: share of the pairs of networks whose scores differ by more than two standard deviations of the
            difference: of errors that of two binomial proportions, of losses that between the halves.
        updates: median number of steps that the weights of an operation have been trained for.
        members: mean Kendall's tau-b between the orders of two supernets, where there are several, or of networks' own
            weights and a supernet: near 0 if networks are ordered by what weights began with.
        n_members: how many of them score.
        probes: Kendall's tau-b between these scores and the losses of some of the networks after a moment of training
            alone, where that was asked for; the one tau here that can be low because an order is steady and wrong, and
            that may be low of a true one, too.
        n_probes: how many networks those are.
        shared: whether networks are scored by weights that they share, so that ``updates`` are those of an operation,
            not of a network, and few are a warning; not so of main effects.

    Example:
        >>> from carsmoo import Trust
        >>> Trust(halves=0.11, successive=0.2, distinct=0.1, updates=250).warning[:46]
        'the order of these networks is mostly noise: t'
    """

    halves: float | None
    successive: float | None
    distinct: float | None
    updates: float | None
    members: float | None = None
    n_members: int = 1
    shared: bool = True
    probes: float | None = None
    n_probes: int = 0

    @property
    def ceiling(self) -> float | None:
        """Kendall's tau that the order has with the one on endlessly many images by endlessly many supernets.

        That is the lower of what halves and supernets tell, if scores are normal: parts that agree with some tau, above
        0, have together the reliability of Spearman and Brown. Of one supernet only the images are told.
        """
        parts = [(self.halves, 2), (self.members, self.n_members)]
        return min((of_whole(tau, n) for tau, n in parts if tau is not None), default=None)

    @property
    def warning(self) -> str | None:
        """What a low trust means, in a sentence; None where it is not low, or not known."""
        if self.ceiling is None and self.distinct != 0:
            return self._wrong
        if self.ceiling is None:
            why = f"half of what scores them, or all of it, finds no network better than another; {_REMEDY}"
        elif self.ceiling >= LOW:
            if self._wrong or not self.shared or self.updates is None or self.updates >= YOUNG:
                return self._wrong
            return (
                f"the shared weights are young, {self.updates:.0f} steps each: with fewer than {YOUNG} they were never "
                "seen to order networks well; train longer, or train some networks alone"
            )
        elif self.members is not None and of_whole(self.members, self.n_members) == self.ceiling:
            of = "supernets" if self.shared else "different weights"
            why = f"{of} agree with tau {self.members:.2f}; train longer{' or more of them' if self.shared else ''}"
        else:
            halves = f"two halves of what scores them agree with tau {self.halves:.2f}"
            why = f"{halves}; {_REMEDY}"
        return f"the order of these networks is mostly noise: {why}"

    @property
    def _wrong(self) -> str | None:
        """What probes say against the order, in a sentence, None if nothing."""
        if self.probes is None or self.n_probes < ENOUGH or self.probes >= by_chance(self.n_probes):
            return None
        return (
            f"the order of these networks may be wrong: {self.n_probes} of them, trained alone for a moment, have no "
            f"more of it than chance may (tau {self.probes:.2f}); train longer, or train some networks alone"
        )


def by_chance(n: int) -> float:
    """Return the tau of two orders of ``n`` that have nothing to do with each other, which one of 20 is above."""
    return 1.645 * math.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1)))


def of_whole(tau: float, n: int) -> float:
    """Return the tau of the mean of ``n`` parts, any two of which agree with ``tau``, with that of endlessly many."""
    r = math.sin(math.pi / 2 * max(tau, 0.0))
    return 2 / math.pi * math.asin(math.sqrt(n * r / (1 + (n - 1) * r)))


def halves_of(sums: NDArray[Any]) -> NDArray[np.int64]:
    """Return the tallies, (n, 2, 2), of what each network's images score, (n, images), whole numbers."""
    parts = [sums[:, half::2] for half in (0, 1)]
    tallies = [[part.sum(axis=1) for part in parts], [np.full(len(sums), part.shape[1]) for part in parts]]
    return np.array(tallies, dtype=np.int64).transpose(2, 0, 1)


def scores_of(tallies: ArrayLike) -> NDArray[np.float64]:
    """Return the mean scores, (n,), that tallies (n, 2, 2) make: errors as fractions, or losses in nats."""
    summed, met = _together(np.asarray(tallies)).sum(axis=2).T
    scores: NDArray[np.float64] = summed / met
    return scores


def trust_of(
    tallies: ArrayLike,
    before: ArrayLike | None = None,
    updates: float | None = None,
    score: str = "error",
    shared: bool = True,
) -> Trust:
    """Return the trust in the order of n different networks.

    Args:
        tallies: (n, 2, 2), see the module.
        before: scores of the generation before, (n,), NaN where it scored no such network; None if there is none.
        updates: see :class:`Trust`.
        score: what the tallies are of, ``"error"`` or ``"loss"``.
        shared: see :class:`Trust`.
    """
    of_each, tallies = np.asarray(tallies), _together(np.asarray(tallies))
    summed, met = tallies[:, 0], tallies[:, 1]
    halves = _tau(*(summed / met).T) if met.all() else None
    scores, again = scores_of(tallies), np.full(len(tallies), np.nan) if before is None else np.asarray(before)
    both = np.isfinite(again)
    variance = _binomial(scores, met.sum(axis=1)) if score == "error" else _of_halves(summed, met)
    return Trust(
        halves=halves,
        successive=_tau(scores[both], again[both]),
        distinct=_distinct(scores, variance) if len(tallies) >= FEW else None,
        updates=updates,
        members=_between([scores_of(one) for one in of_each.swapaxes(0, 1)]) if of_each.ndim > 3 else None,
        n_members=of_each.shape[1] if of_each.ndim > 3 else 1,
        shared=shared,
    )


def _together(tallies: NDArray[Any]) -> NDArray[Any]:
    """Return tallies (n, 2, 2), added up over supernets where there are several."""
    return tallies.sum(axis=1) if tallies.ndim > 3 else tallies


def _between(scores: Sequence[NDArray[np.float64]]) -> float | None:
    """Return the mean tau of all pairs of orders, None where none is defined."""
    found = [_tau(one, other) for one, other in combinations(scores, 2)]
    known = [tau for tau in found if tau is not None]
    return float(np.mean(known)) if known else None


def _tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    return rank_correlation(one, other).tau if len(one) >= FEW else None


def _binomial(errors: NDArray[np.float64], met: NDArray[np.int64]) -> NDArray[np.float64]:
    variance: NDArray[np.float64] = errors * (1 - errors) / met
    return variance


def _of_halves(summed: NDArray[np.float64], met: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the variance of each network's mean score, all alike, but for what all networks have in common.

    Half the difference of two halves varies as the mean of both does; what images do to all networks cancels.
    """
    with np.errstate(invalid="ignore"):
        apart = (summed[:, 0] / met[:, 0] - summed[:, 1] / met[:, 1]) / 2
    return np.full(len(summed), np.var(apart, ddof=1) if len(summed) >= FEW else np.nan)


def _distinct(scores: NDArray[np.float64], variance: NDArray[np.float64]) -> float:
    one, other = np.triu_indices(len(scores), 1)
    return float(np.mean(np.abs(scores[one] - scores[other]) > 2 * np.sqrt(variance[one] + variance[other])))


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A generation's networks as they were scored, and the trust in their order.

    Attributes:
        time: generations that the problem had advanced.
        X: different vectors, (n, n_var).
        tallies: (n, 2, 2), see the module.
        trust: in the order.
    """

    time: int
    X: NDArray[np.int64]
    tallies: NDArray[Any]
    trust: Trust

    @classmethod
    def after(
        cls,
        last: Scored | None,
        time: int,
        X: NDArray[np.int64],
        tallies: NDArray[Any],
        updates: float | None,
        score: str = "error",
        shared: bool = True,
        probed: Correlation | None = None,
    ) -> Scored:
        """Return what has just been scored, its trust measured against the generation ``last``.

        ``probed`` is the order's agreement with probes where it was measured.
        """
        keys = [] if last is None else [x.tobytes() for x in last.X]
        known = dict(zip(keys, [] if last is None else scores_of(last.tallies), strict=True))
        before = np.array([known.get(x.tobytes(), np.nan) for x in X])
        trust = trust_of(tallies, before, updates, score, shared)
        if probed is not None:
            trust = replace(trust, probes=probed.tau, n_probes=probed.n)
        return cls(time=time, X=X, tallies=tallies, trust=trust)

    def state_dict(self) -> Arrays:
        """Return all of it as plain arrays."""
        figures = np.frombuffer(json.dumps(asdict(self.trust)).encode(), dtype=np.uint8)
        return {
            "trust/time": np.array(self.time),
            "trust/X": self.X,
            "trust/counts": self.tallies,
            "trust/figures": figures,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, NDArray[Any]]) -> Scored | None:
        """Return what :meth:`state_dict` returned; None where a state has none, as those of before."""
        if "trust/figures" not in state:
            return None
        trust = Trust(**json.loads(state["trust/figures"].tobytes()))
        return cls(time=int(state["trust/time"]), X=state["trust/X"], tallies=state["trust/counts"], trust=trust)
