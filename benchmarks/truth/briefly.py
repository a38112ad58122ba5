"""Do networks that were trained alone for a moment foretell how true an order is? As ``SupernetTraining.probes`` asks.

Over the orders by the cross entropy that :mod:`benchmarks.truth.trust` counts, each held against own weights of 18
epochs in all, 58 steps a network, by a seed that is not the order's own:

- ``trust_correlation_briefly_M``: Spearman's correlation of the tau between the order of M networks and theirs with the
  true tau of all networks, those M among them; ``trust_correlation_briefly`` is that of all, and
  ``trust_correlation_briefly_NAME`` that within a truth set;
- ``trust_correlation_briefly_tried`` and ``..._effects``: that of all in ways that are only tried, and of main effects;
- ``trust_correlation_briefly_STEPS_steps``: that of all with own weights of other lengths, where a seed has them;
- ``trust_correlation_briefly_left_M``: that of M networks with the true tau of the networks left, as of probes;
- ``trust_true_off``, ``trust_true_off_most``: median of the true tau, and what nine of ten are below, where 32 networks
  agree with the order by less than ``carsmoo.problems.trust.OFF``; ``trust_true_not_off``, ``..._least``: median where
  they agree by more, and what nine of ten are above;
- ``core_seconds_briefly``: of the training of a network, a median.

Where there are draws of networks, it is the median over them. ``trust_n_briefly...`` are the orders of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.levers import LEVERS, TOLD, TRIED
from benchmarks.truth.summary import Truth, scores, tau
from benchmarks.truth.trust import LEFT_OUT, spearman
from carsmoo.problems.trust import OFF

BRIEF = "own"
"""The lever that trains networks alone."""

FEW = (12, 24, 32)
"""Networks that an order is held against."""

LEFT = (12, 24)
"""Of those, as many that half of all are left."""

DRAWS = 25
"""Draws of them."""

Scores = NDArray[np.float64]


class Order(NamedTuple):
    """Scores of the networks of a truth set, (n,), NaN if unknown, and of those that were trained alone briefly."""

    lever: str
    data: str
    scores: Scores
    brief: tuple[Scores, ...]
    truth: Truth

    def agreement(self, of: NDArray[np.int64] | slice = slice(None), draw: int | None = None) -> float | None:
        """Return the tau with networks trained briefly, one seed of them a draw, or the mean of all seeds."""
        chosen = self.brief if draw is None else (self.brief[draw % len(self.brief)],)
        found = [tau(self.scores[of], brief[of]) for brief in chosen]
        known = [value for value in found if value is not None]
        return float(np.mean(known)) if known else None

    def true(self, of: NDArray[np.int64] | slice = slice(None)) -> float | None:
        """Return the tau with the truth."""
        return tau(self.truth.test[of], self.scores[of])


def foretold(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth], draws: int = DRAWS) -> dict[str, float]:
    """Return the figures that exist, by the truth sets that the measurements are of."""
    alone = [one for one in records if one["lever"] == BRIEF]
    brief = [one for one in alone if one["epochs"] == TOLD[BRIEF]]
    orders = _orders(records, brief, truths)
    counted = [order for order in orders if order.lever not in LEFT_OUT]
    groups = dict(_groups(orders, counted))
    for epochs in {one["epochs"] for one in alone} - {TOLD[BRIEF]}:
        others = [one for one in alone if one["epochs"] == epochs]
        some = _orders(records, others, truths)
        groups[f"_{others[0]['updates']:.0f}_steps"] = [order for order in some if order.lever not in LEFT_OUT]
    found: dict[str, float] = {}
    for name, some in groups.items():
        correlation = spearman([(order.agreement(), order.true()) for order in some])
        if correlation is not None:
            found |= {f"trust_correlation_briefly{name}": correlation, f"trust_n_briefly{name}": len(some)}
    if len(counted) < 3:
        return found
    medians = {f"_{m}": _median(counted, m, draws) for m in FEW}
    medians |= {f"_left_{m}": _median(counted, m, draws, left=True) for m in LEFT}
    found |= {f"trust_correlation_briefly{name}": value for name, value in medians.items() if value is not None}
    each = [one["core_seconds"] / len(one["loss"]) for one in brief]
    return found | _bounds(counted, draws) | {"core_seconds_briefly": float(np.median(each))}


def _orders(
    records: Sequence[dict[str, Any]], brief: Sequence[dict[str, Any]], truths: Mapping[str, Truth]
) -> list[Order]:
    """Return the orders that there are networks trained briefly to hold against."""
    return [order for order in (_order(one, brief, truths) for one in records) if order.brief]


def _order(record: dict[str, Any], brief: Sequence[dict[str, Any]], truths: Mapping[str, Truth]) -> Order:
    truth = truths[record["data"]]
    alike = [one for one in brief if one["data"] == record["data"]]
    own = LEVERS[record["lever"]].plan.get("weights") == "own"
    others = [one for one in alike if not own or one["seed"] != record["seed"]]
    losses = tuple(np.array(scores(one, truth.names, "loss")) for one in others)
    return Order(record["lever"], record["data"], np.array(scores(record, truth.names, "loss")), losses, truth)


def _groups(orders: Sequence[Order], counted: Sequence[Order]) -> Iterator[tuple[str, Sequence[Order]]]:
    yield "", counted
    for data in dict.fromkeys(order.data for order in counted):
        yield f"_{data}", [order for order in counted if order.data == data]
    yield "_tried", [order for order in orders if order.lever in TRIED]
    yield "_effects", [order for order in orders if LEVERS[order.lever].fitted and order.lever not in TRIED]


def _drawn(orders: Sequence[Order], m: int, draw: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return which networks of each order are trained briefly, and which are left: the same ones of a truth set."""
    random_state, shuffled, found = np.random.default_rng([draw, m]), {}, []
    for order in orders:
        if order.data not in shuffled:
            shuffled[order.data] = random_state.permutation(np.flatnonzero(np.isfinite(order.scores)))
        one, other = np.split(shuffled[order.data], [m])
        found.append((one, other))
    return found


def _median(orders: Sequence[Order], m: int, draws: int, *, left: bool = False) -> float | None:
    true, found = [order.true() for order in orders], []
    for draw in range(draws):
        parts = _drawn(orders, m, draw)
        told = [order.agreement(one, draw) for order, (one, _) in zip(orders, parts, strict=True)]
        held = [order.true(other) for order, (_, other) in zip(orders, parts, strict=True)] if left else true
        found.append(spearman(list(zip(told, held, strict=True))))
    known = [value for value in found if value is not None]
    return float(np.median(known)) if known else None


def _bounds(orders: Sequence[Order], draws: int) -> dict[str, float]:
    true, off, others = [order.true() for order in orders], [], []
    for draw in range(draws):
        for order, value, (one, _) in zip(orders, true, _drawn(orders, FEW[-1], draw), strict=True):
            told = order.agreement(one, draw)
            if told is not None and value is not None:
                (off if told < OFF else others).append(value)
    found = {}
    if off:
        found |= {"trust_true_off": float(np.median(off)), "trust_true_off_most": float(np.quantile(off, 0.9))}
    if others:
        found |= {"trust_true_not_off": float(np.median(others))}
        found |= {"trust_true_not_off_least": float(np.quantile(others, 0.1))}
    return found
