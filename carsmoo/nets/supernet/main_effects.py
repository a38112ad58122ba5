"""Main effects: networks scored by what their operations add on average, not by their own passes through a supernet.

Much of a young supernet's score of one network is chance: what its operations happened to meet. What an operation adds
on average over many networks is steadier; how well it orders networks is measured by ``benchmarks/bench_fidelity.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.nets.distributed.group import Group
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace

STREAM = 4
"""Tells the random numbers of a seed that draw networks here from others of that seed."""

Scoring = Callable[[Sequence[Architecture]], NDArray[Any]]
"""Returns the tallies of architectures, (n, 2, 2), or (n, k, 2, 2) of k supernets; all processes of a group call it."""


class MainEffects:
    """Scores of architectures, fitted by Bayesian ridge regression to those of random networks of the space.

    A score is that of a fit to all of them. Two more, to every other network each, take the place of two halves of the
    images: how far they agree about an order tells how much of it is chance (:class:`~carsmoo.Trust`).

    Args:
        space: the architectures, and their features.
        n: networks drawn.
        seed: draws them, others at each epoch.
        group: the processes that score together; the first one fits.
        most: the largest score there is, 1 of errors.
    """

    def __init__(self, space: SearchSpace, n: int, seed: int, group: Group, most: float = math.inf) -> None:
        self.space, self.n, self.seed, self.group, self.most = space, n, seed, group, most
        self._known: tuple[NDArray[np.float64], NDArray[Any]] | None = None

    def forget(self) -> None:
        """Forget what was fitted, as the weights have changed."""
        self._known = None

    def scores(self, X: NDArray[np.int64], epoch: int, scoring: Scoring) -> NDArray[np.float64]:
        """Return the scores of ``X`` (m, n_var), (m,), that the networks drawn lead to expect.

        Args:
            X: vectors.
            epoch: of the weights, which with the seed draws the networks.
            scoring: scores them with the current weights; called once until :meth:`forget`.
        """
        features, tallies = self._drawn(epoch, scoring)
        expected = self.group.decide(lambda: fit(features, tallies, self.space.features(X), self.most).tolist())
        return np.array(expected, dtype=np.float64)

    def tallies(self, X: NDArray[np.int64], epoch: int, scoring: Scoring) -> NDArray[Any]:
        """Return the tallies of two halves of the networks drawn, of the shape of what is scored; see :func:`halves`.

        The arguments are those of :meth:`scores`.
        """
        features, tallies = self._drawn(epoch, scoring)
        fitted = self.group.decide(lambda: halves(features, tallies, self.space.features(X), self.most).tolist())
        return np.array(fitted, dtype=np.float64).reshape(len(X), *tallies.shape[1:])

    def _drawn(self, epoch: int, scoring: Scoring) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return features and tallies of the networks that are drawn for an epoch."""
        if self._known is None:
            random_state = np.random.default_rng([self.seed, epoch, STREAM])
            drawn = random_state.integers(self.space.xl, self.space.xu + 1, size=(self.n, self.space.n_var))
            self._known = self.space.features(drawn), np.asarray(scoring(self.space.decode(drawn)))
        return self._known


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
        predicted: NDArray[np.float64] = np.clip(BayesianRidge().fit(features, scores).predict(others), 0, most)
    return predicted
