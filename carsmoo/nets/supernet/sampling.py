"""Sampling of architectures for the training steps (CARS sec. 3.1): uniformly, ever wider, or from a population."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import flops
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace

Drawn: TypeAlias = Iterator[list[Architecture]]

FIRSTS = 16
"""Architectures of which the largest begins a warm-up that widens."""


def uniform(space: SearchSpace, n: int, random_state: np.random.Generator) -> Drawn:
    """Yield ``n`` uniformly sampled architectures again and again (CARS's parameter warm-up)."""
    while True:
        yield space.decode(drawn(space, n, random_state))


def widening(
    space: SearchSpace, n: int, first: NDArray[np.int64], width: Callable[[], float], random_state: np.random.Generator
) -> Drawn:
    """Yield ``n`` architectures again and again that have ever less in common with a first one.

    Each gene is drawn uniformly with a probability of ``width()``, asked for each time, and else is that of ``first``
    (n_var,): at 0 all are the first, at 1 they are as :func:`uniform` draws them.
    """
    while True:
        X = drawn(space, n, random_state)
        yield space.decode(np.where(random_state.random(X.shape) < width(), X, first))


def largest(space: SearchSpace, network: NetworkConfig, random_state: np.random.Generator) -> NDArray[np.int64]:
    """Return the one with the most multiply-adds of :data:`FIRSTS` uniformly sampled architectures, (n_var,)."""
    X = drawn(space, FIRSTS, random_state)
    chosen: NDArray[np.int64] = X[int(np.argmax([flops(one, network) for one in space.decode(X)]))]
    return chosen


def drawn(space: SearchSpace, n: int, random_state: np.random.Generator) -> NDArray[np.int64]:
    """Return the vectors of ``n`` uniformly sampled architectures, (n, n_var), some of which may be alike."""
    return random_state.integers(space.xl, space.xu + 1, size=(n, space.n_var))


def round_robin(genotypes: list[Architecture], n: int, random_state: np.random.Generator) -> Drawn:
    """Yield ``n`` of some architectures again and again; all have a turn before one has another."""
    queue: list[int] = []
    while True:
        while len(queue) < n:
            queue += random_state.permutation(len(genotypes)).tolist()
        yield [genotypes[k] for k in queue[:n]]
        del queue[:n]


def group_by_flops(steps: Drawn, window: int, network: NetworkConfig, random_state: np.random.Generator) -> Drawn:
    """Yield steps of which ``window`` at a time are regrouped by multiply-adds, so that those of a step are alike.

    They are sorted by multiply-adds, neighbours share a step, and the steps come in random order. An architecture that
    is drawn twice in a window may share a step with itself. The last window may be shorter, and one of 1 leaves the
    steps as they are.
    """
    while taken := list(islice(steps, window)):
        if len(taken) == 1:
            yield from taken
            continue
        drawn = [genotype for step in taken for genotype in step]
        order = np.argsort([flops(genotype, network) for genotype in drawn], kind="stable").reshape(len(taken), -1)
        for k in random_state.permutation(len(taken)):
            yield [drawn[i] for i in np.sort(order[k])]
