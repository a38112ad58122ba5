"""Main effects: networks scored by what their operations add on average, not by their own passes through their weights.

Much of a young network's score is chance: in a supernet what its operations happened to meet, with weights of its own
what those began with. What an operation adds on average over many networks is steadier; how well it orders networks is
measured by ``benchmarks/bench_fidelity.py``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.nets.distributed.group import Group
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace

STREAM = 4
"""Tells the random numbers of a seed that draw networks here from others of that seed."""

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
        self._known: tuple[NDArray[np.float64], NDArray[Any]] | None = None

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
            living: the networks, where they are not drawn; at least one.
        """
        features, tallies = self._fitted(epoch, scoring, living)
        expected = self.group.decide(lambda: fit(features, tallies, self._features(X, living), self.most).tolist())
        return np.array(expected, dtype=np.float64)

    def drawn(self, epoch: int) -> NDArray[np.int64]:
        """Return the vectors that are drawn for an epoch, (n, n_var)."""
        random_state = np.random.default_rng([self.seed, epoch, STREAM])
        return random_state.integers(self.space.xl, self.space.xu + 1, size=(self.n, self.space.n_var))

    def tallies(self, X: NDArray[np.int64], epoch: int, scoring: Scoring, living: Living | None = None) -> NDArray[Any]:
        """Return the tallies of two halves of the networks, of the shape of what is scored; see :func:`halves`.

        The arguments are those of :meth:`scores`.
        """
        features, tallies = self._fitted(epoch, scoring, living)
        fitted = self.group.decide(lambda: halves(features, tallies, self._features(X, living), self.most).tolist())
        return np.array(fitted, dtype=np.float64).reshape(len(X), *tallies.shape[1:])

    def _fitted(self, epoch: int, scoring: Scoring, living: Living | None) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return features and tallies of the networks that are fitted to."""
        if self._known is None:
            X, ages = self.drawn(epoch), None
            if living is not None:
                X, steps = living
                ages = np.log2(steps / np.median(steps))
            self._known = self._features(X, living, ages), np.asarray(scoring(self.space.decode(X)))
        return self._known

    def _features(
        self, X: NDArray[np.int64], living: Living | None, ages: NDArray[np.float64] | None = None
    ) -> NDArray[np.float64]:
        """Return the features of vectors, with an age where networks have one: that of the median if none is given."""
        features = self.space.features(X)
        if living is None:
            return features
        return np.column_stack([features, np.zeros(len(X)) if ages is None else ages])


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
