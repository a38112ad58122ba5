"""Evaluation sharded over processes: which process evaluates which subnets, and the gathered scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import layer_flops
from carsmoo.nets.distributed.group import Group, shards
from carsmoo.nets.models.base import SharedWeights
from carsmoo.nets.supernet.shared_graph import IMAGES, Computation, SharedGraph, alike_together
from carsmoo.space.architecture import Architecture
from carsmoo.utils.progress import Listener, Step, unheard

Score: TypeAlias = Callable[[Sequence[Architecture], Listener], NDArray[Any]]

TOUCH = 24
"""Multiply-adds that writing one number costs as much as; it weighs what computes little."""

TOUCHES = {
    "avg_pool_3x3": 3,
    "max_pool_3x3": 6,
    "sep_conv_3x3": 4,
    "sep_conv_5x5": 4,
    "dil_conv_3x3": 2,
    "dil_conv_5x5": 2,
}
"""Writings that a number costs which a layer of some kind gives; of other kinds one."""

REDUCTION = 10
"""Writings that a number costs which a factorized reduction gives."""

HALVINGS = 20
"""Steps in the search for the least limit that contiguous shares can keep."""


def sharding_of(plan: SupernetTraining, processes: int) -> dict[str, int]:
    """Return the number of processes, unless it decides no bit: one, or two that add one of two sums each."""
    sums = plan.subnets_per_step if plan.ghost_batches == 1 else plan.ghost_batches
    return {} if processes == 1 or processes == sums == 2 else {"processes": processes}


def score_together(
    group: Group, supernet: SharedWeights, genotypes: Sequence[Architecture], score: Score, listener: Listener = unheard
) -> NDArray[Any]:
    """Return the scores of all genotypes, (n, ...), each by one process of the group, all of which call this alike.

    ``score`` is given some architectures, and what to call after each; from this process's own the listener is told how
    many have been scored, about.
    """
    n = len(genotypes)
    own = shares(supernet, genotypes, group.size)[group.rank]

    def further(step: Step) -> None:
        if step.done < len(own):
            listener(replace(step, done=step.done * n // len(own), total=n))

    scored = score([genotypes[k] for k in own], further)
    found = np.zeros((n, *scored.shape[1:]), dtype=scored.dtype)
    found[own] = scored
    result: NDArray[Any] = np.sum(group.gather(found), axis=0)  # each row is of one process, and 0 of the others
    listener(Step(phase="scoring", done=n, total=n, unit="networks"))
    return result


def shares(supernet: SharedWeights, genotypes: Sequence[Architecture], n: int) -> list[list[int]]:
    """Return the subnets that each of ``n`` processes evaluates, balanced by cost, as indices.

    A share costs what its distinct computations cost
    (:class:`~carsmoo.nets.supernet.shared_graph.SharedGraph`). Two ways are tried, and the one whose longest share
    is shorter is taken: the population in the order in which neighbours share
    most, cut where that balances; and the most costly first (:func:`~carsmoo.nets.distributed.group.shards`), which
    balances better where there are few for each process.
    """
    if n == 1 or len(genotypes) < 2:
        return [list(range(len(genotypes))), *([] for _ in range(n - 1))]
    costs, needed = computation_costs(supernet, genotypes)
    order = alike_together(genotypes)
    found = [_cut(order, costs, needed, n), shards((needed @ costs).tolist(), n)]
    return min(found, key=lambda shared: max(_cost(share, costs, needed) for share in shared))


def computation_costs(
    supernet: SharedWeights, genotypes: Sequence[Architecture]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the expected cost of each distinct computation, (m,), and which of them each genotype needs, (n, m)."""
    graph = SharedGraph(supernet, genotypes)
    costs = np.array([_cost_of(computation) for computation in graph.computations], dtype=np.float64)
    costs[IMAGES] = 0
    needed = np.zeros((len(genotypes), len(graph.computations)), dtype=bool)
    for k, output in enumerate(graph.outputs):
        waiting = [output]
        while waiting:
            number = waiting.pop()
            if not needed[k, number]:
                needed[k, number] = True
                waiting += graph.computations[number].inputs
    return costs, needed


def _cost_of(computation: Computation) -> int:
    """Return what a computation costs, in multiply-adds."""
    layer = computation.described
    if layer is None:
        return TOUCH * computation.size
    reduces = layer.stride == 2 and layer.kind in ("entry", "skip_connect")
    touches = REDUCTION if reduces else TOUCHES.get(layer.kind, 1)
    return layer_flops(layer) + TOUCH * touches * computation.size


def _cost(share: Sequence[int], costs: NDArray[np.float64], needed: NDArray[np.bool_]) -> float:
    return float(costs[needed[list(share)].any(axis=0)].sum()) if len(share) else 0.0


def _cut(order: Sequence[int], costs: NDArray[np.float64], needed: NDArray[np.bool_], n: int) -> list[list[int]]:
    """Return ``order`` cut into ``n`` pieces, the longest as short as it can be."""
    low, high = 0.0, _cost(order, costs, needed)
    best = [list(order), *([] for _ in range(n - 1))]
    for _ in range(HALVINGS):
        limit = (low + high) / 2
        pieces = _within(order, costs, needed, limit, n)
        if pieces is None:
            low = limit
        else:
            best, high = pieces, limit
    return best


def _within(
    order: Sequence[int], costs: NDArray[np.float64], needed: NDArray[np.bool_], limit: float, n: int
) -> list[list[int]] | None:
    """Return ``order`` cut into at most ``n`` pieces that cost no more than ``limit`` each; None if there are more."""
    pieces: list[list[int]] = [[]]
    held, total = np.zeros(len(costs), dtype=bool), 0.0
    for k in order:
        more = float(costs[needed[k] & ~held].sum())
        if pieces[-1] and total + more > limit:
            pieces.append([])
            held[:], total = False, 0.0
            more = float(costs[needed[k]].sum())
        if more > limit or len(pieces) > n:
            return None
        pieces[-1].append(k)
        held |= needed[k]
        total += more
    return [*pieces, *([] for _ in range(n - len(pieces)))]
