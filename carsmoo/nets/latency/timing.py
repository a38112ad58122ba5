"""Interleaved timing: works take turns, so that a disturbance affects all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from carsmoo.cost.latency_table import Timing
from carsmoo.utils.progress import Listener, Step, unheard

Key = TypeVar("Key", bound=Hashable)
Clock: TypeAlias = Callable[[], float]

WARMUP = 1
"""Rounds before each turn that are not measured."""


def nothing() -> None:
    """Do nothing, where there is nothing to prepare or to wait for."""


class TimedLayer(NamedTuple):
    """Something to be timed: ``prepare`` is called before each ``run``, and not timed."""

    prepare: Callable[[], object]
    run: Callable[[], object]


def measure(
    works: Mapping[Key, TimedLayer],
    rounds: int,
    *,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    wait: Callable[[], object] = nothing,
    listener: Listener = unheard,
) -> dict[Key, Timing]:
    """Return the median time of each work in ms, with its quartiles, by interleaved timing.

    It is :func:`alternately` for one group of works that has one turn.
    """
    return alternately([(works, rounds)], 1, seed=seed, clock=clock, wait=wait, listener=listener)[0]


def alternately(
    groups: Sequence[tuple[Mapping[Key, TimedLayer], int]],
    blocks: int,
    *,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    wait: Callable[[], object] = nothing,
    listener: Listener = unheard,
) -> list[dict[Key, Timing]]:
    """Return what :func:`measure` does for groups of works that alternate, so that each is spread over the whole time.

    Args:
        groups: works, and the rounds of each group, which are divided among the blocks.
        blocks: how often each group has a turn; :data:`WARMUP` rounds of each turn do not count.
        seed: of the orders.
        clock: gives the time in seconds.
        wait: called before each look at the clock, for a device that works on by itself.
        listener: called after each round, :data:`WARMUP` ones too.
    """
    total = sum(rounds + WARMUP * min(rounds, blocks) for _, rounds in groups)
    steps = (Step(phase="latency", done=k, total=total, unit="rounds") for k in range(1, total + 1))
    rng = np.random.default_rng(seed)
    found: list[list[NDArray[np.float64]]] = [[] for _ in groups]

    def turn(works: Sequence[TimedLayer], rounds: int) -> NDArray[np.float64]:
        """Return how long each work took in each round, (rounds, works), in a new order each round."""
        seconds = np.empty((WARMUP + rounds, len(works)))
        for row in seconds:
            for k in rng.permutation(len(works)):
                works[k].prepare()
                wait()
                begin = clock()
                works[k].run()
                wait()
                row[k] = clock() - begin
            listener(next(steps))
        return seconds[WARMUP:]

    for block in range(blocks):
        for (works, rounds), seconds in zip(groups, found, strict=True):
            share = rounds // blocks + (block < rounds % blocks)
            if share:
                seconds.append(turn(list(works.values()), share))
    timings = []
    for (works, _), seconds in zip(groups, found, strict=True):
        quartiles = np.quantile(np.concatenate(seconds) * 1e3, [0.5, 0.25, 0.75], axis=0).round(6)
        timings.append({key: Timing(*times) for key, times in zip(works, quartiles.T.tolist(), strict=True)})
    return timings
