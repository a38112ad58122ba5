"""Main effects: networks scored by what their operations add on average, not by their own passes through their weights.

Much of a young network's score is chance: in a supernet what its operations happened to meet, with weights of its own
what those began with. What an operation adds on average over many networks is steadier; how well it orders networks is
measured by ``benchmarks/bench_fidelity.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import median_abs_deviation

from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet.sampling import drawn
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace

STREAM = 4
"""Tells the random numbers of a seed that draw networks here from others of that seed."""

FAR = 5
"""Standard deviations from the median beyond which the score of a living network is cut."""

Scoring: TypeAlias = Callable[[Sequence[Architecture]], NDArray[Any]]
"""Returns the tallies of architectures, (n, 2, 2), or (n, k, 2, 2) of k supernets; all processes of a group call it."""

Living: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Vectors of networks that have weights of their own, (n, n_var), and the steps that each was trained for, (n,)."""


class MainEffects:
    """Scores of architectures, fitted by Bayesian ridge regression to those of some networks.

    Those are random ones of the space, or such as live with weights of their own. Of these the older ones are better
    for their age alone: it is a feature of theirs, the binary logarithm of their steps over the median's, and scores
    are those expected at the median.

    A score is that of a fit to all of them. Two more, to every other network each, take the place of two halves of the
    images: how far they agree about an order tells how much of it is chance (:class:`~carsmoo.Trust`).

    Args:
        space: the architectures, and their features.
        n: networks drawn, where none lives.
        seed: draws them, others at each epoch.
        group: the processes that score together; the first one fits.
        most: the largest score there is, 1 of errors.
    """

    def __init__(self, space: SearchSpace, n: int, seed: int, group: Group, most: float = math.inf) -> None:
        self.space, self.n, self.seed, self.group, self.most = space, n, seed, group, most
        self._known: _Fitted | None = None

    def forget(self) -> None:
        """Forget what was fitted, as the weights have changed."""
        self._known = None

    def scores(
        self, X: NDArray[np.int64], epoch: int, scoring: Scoring, living: Living | None = None
    ) -> NDArray[np.float64]:
        """Return the scores of ``X`` (m, n_var), (m,), that the networks fitted to lead to expect.

        Args:
            X: vectors.
            epoch: of the weights, which with the seed draws the networks.
            scoring: scores them with the current weights; called once until :meth:`forget`.
            living: the networks, where they are not drawn; two or more.
        """
        known, asked = self._fitted(epoch, scoring, living), self.space.features(X)
        expected = self.group.decide(lambda: fit(known.features, known.tallies, known.at(asked), self.most).tolist())
        return np.array(expected, dtype=np.float64)

    def tallies(self, X: NDArray[np.int64], epoch: int, scoring: Scoring, living: Living | None = None) -> NDArray[Any]:
        """Return the tallies of two halves of the networks, of the shape of what is scored; see :func:`halves`.

        The arguments are those of :meth:`scores`.
        """
        known, asked = self._fitted(epoch, scoring, living), self.space.features(X)
        fitted = self.group.decide(lambda: halves(known.features, known.tallies, known.at(asked), self.most).tolist())
        return np.array(fitted, dtype=np.float64).reshape(len(X), *known.tallies.shape[1:])

    def drawn(self, epoch: int) -> NDArray[np.int64]:
        """Return the vectors that are drawn for an epoch, (n, n_var)."""
        return drawn(self.space, self.n, np.random.default_rng([self.seed, epoch, STREAM]))

    def _fitted(self, epoch: int, scoring: Scoring, living: Living | None) -> _Fitted:
        """Return what is known of the networks that are fitted to."""
        if self._known is None:
            X, steps = (self.drawn(epoch), None) if living is None else living
            features, tallies = self.space.features(X), np.asarray(scoring(self.space.decode(X)))
            if steps is not None:
                features = np.column_stack([features, np.log2(steps / np.median(steps))])
                tallies = tamed(tallies)
            self._known = _Fitted(features, tallies)
        return self._known


class _Fitted(NamedTuple):
    """Features of the networks that are fitted to, (n, f), the last of them an age if they have one, and tallies."""

    features: NDArray[np.float64]
    tallies: NDArray[Any]

    def at(self, asked: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the features of vectors as the fit has them, (m, f): of the median's age where there are ages."""
        return np.pad(asked, [(0, 0), (0, self.features.shape[1] - asked.shape[1])])


def tamed(tallies: NDArray[Any]) -> NDArray[np.float64]:
    """Return tallies (n, 2, 2) without scores that are far out, as of a network that diverged, which no fit can bear.

    A score further from the median than ``FAR`` standard deviations, as the median deviation tells them, is brought
    to there; where most are equal, and so there is no such deviation, all stay.
    """
    scores = scores_of(tallies)
    middle, wide = np.median(scores), FAR * median_abs_deviation(scores, scale="normal")
    near = np.clip(scores, middle - wide, middle + wide) if wide > 0 else scores
    changed = np.array(tallies, dtype=np.float64)
    far = near != scores
    changed[far, 0] = near[far, None] * changed[far, 1]
    return changed


def fit(
    features: NDArray[np.float64], tallies: NDArray[Any], others: NDArray[np.float64], most: float = math.inf
) -> NDArray[np.float64]:
    """Return the scores of other networks that those of some networks lead to expect, (m,).

    Args:
        features: of the networks, (n, f).
        tallies: of them, (n, 2, 2), or (n, k, 2, 2) of k supernets, which are fitted apart; a score is their mean.
        others: features of the others, (m, f).
        most: the largest score there is; the least is 0.
    """
    of_each = tallies.reshape(len(tallies), -1, 2, 2)
    fits = [_predicted(features, scores_of(of_each[:, k]), others, most) for k in range(of_each.shape[1])]
    expected: NDArray[np.float64] = np.mean(fits, axis=0)
    return expected


def halves(
    features: NDArray[np.float64], tallies: NDArray[Any], others: NDArray[np.float64], most: float = math.inf
) -> NDArray[np.float64]:
    """Return tallies of other networks whose halves know of different networks, as :func:`fit` knows of all.

    The arguments are those of :func:`fit`.

    Returns:
        (m, 2, 2) or (m, k, 2, 2): in place of the even and the odd images fits to the even and the odd networks, as of
        half the images each.
    """
    of_each = tallies.reshape(len(tallies), -1, 2, 2)
    found = np.empty((len(others), *of_each.shape[1:]))
    for k in range(of_each.shape[1]):
        scores = scores_of(of_each[:, k])
        images = of_each[0, k, 1].sum() / 2
        for half in range(2):
            found[:, k, 0, half] = images * _predicted(features[half::2], scores[half::2], others, most)
            found[:, k, 1, half] = images
    return found.reshape(len(others), *tallies.shape[1:])


def _predicted(
    features: NDArray[np.float64], scores: NDArray[np.float64], others: NDArray[np.float64], most: float
) -> NDArray[np.float64]:
    from sklearn.linear_model import BayesianRidge
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the bits of a fit depend on the number of threads
        model = BayesianRidge().fit(features, scores)
    # not predict(), which rounds a row by how many others there are
    predicted: NDArray[np.float64] = np.clip((others * model.coef_).sum(axis=1) + model.intercept_, 0, most)
    return predicted
