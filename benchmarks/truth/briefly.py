"""Do networks that were trained alone for a moment foretell how true an order is? As ``SupernetTraining.probes`` asks.

Over the orders by the cross entropy that :mod:`benchmarks.truth.trust` counts, each held against own weights of 18
epochs in all, 58 steps a network, by a seed that is not the order's own. A search takes its probes spread over their
sizes; here they are drawn.

- ``trust_correlation_briefly_M``: Spearman's correlation of the tau between the order of M networks and theirs, of one
  seed, with the true tau of all networks, those M among them, a median over draws; ``..._low`` and ``..._high`` are the
  draws' extremes for 32. ``trust_correlation_briefly`` is that of all networks, with the mean tau of all other seeds;
- ``trust_correlation_size``: of the order's tau with "more parameters first", which needs no training;
- all of these also by name of a truth set, ``..._NAME``, and of the orders by shared weights alone, ``..._shared``;
- ``trust_correlation_briefly_tried``, ``..._effects``, ``..._classifiers``, ``..._STEPS_steps``, the last also by truth
  set and ``..._shared``: that of all networks, for orders in ways that are only tried, for those of main effects, for
  those by classifiers of their own, main effects or not, and held against own weights of other lengths, where another
  seed has them, which may be one alone;
- ``trust_correlation_briefly_left_M``: that of M networks with the true tau of the networks left, to be compared with
  ``trust_correlation_retrained_M``, whose networks train for long;
- ``trust_told``: share of draws in which 32 networks agree with an order no more than chance may, so that
  :class:`carsmoo.Trust` says that it may be wrong; ``trust_told_true``, ``trust_told_most``: the median of those
  orders' true tau, and what nine of ten are below; ``trust_untold_true``, ``trust_untold_least``: the median of the
  others', and what nine of ten are above; over orders and draws. ``trust_told_of_truth_NAME``: share of draws in which
  it would be said of the truth itself;
- ``core_seconds_briefly``: of the training of a network, a median.

``trust_n_briefly``, ``..._NAME``, ``..._shared``, ``..._tried``, ``..._effects``, ``..._classifiers``,
``..._STEPS_steps``: the orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.levers import LEVERS, TOLD, TRIED
from benchmarks.truth.summary import Truth, scores, tau
from benchmarks.truth.trust import LEFT_OUT, spearman
from carsmoo.problems.trust import by_chance

BRIEF = "own"
"""The lever that trains networks alone."""

FEW = (12, 24, 32)
"""Networks that an order is held against."""

LEFT = (12, 24)
"""Of those, so few that half of all or more are left."""

DRAWS = 25
"""Draws of them."""

Scores = NDArray[np.float64]
Places = NDArray[np.int64]

ALL = slice(None)


class Order(NamedTuple):
    """Scores of the networks of a truth set, (n,), NaN if unknown, and of those that were trained alone briefly."""

    lever: str
    data: str
    scores: Scores
    brief: tuple[Scores, ...]
    truth: Truth

    def agreement(self, of: Places | slice = ALL, draw: int | None = None) -> float | None:
        """Return the tau with networks trained briefly, one seed of them a draw, or the mean of all seeds."""
        chosen = self.brief if draw is None else (self.brief[draw % len(self.brief)],)
        known = [value for value in (tau(self.scores[of], brief[of]) for brief in chosen) if value is not None]
        return float(np.mean(known)) if known else None

    def true(self, of: Places | slice = ALL) -> float | None:
        """Return the tau with the truth."""
        return tau(self.truth.test[of], self.scores[of])


def foretold(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth], draws: int = DRAWS) -> dict[str, float]:
    """Return the figures that exist, by the truth sets that the measurements are of."""
    alone = [one for one in records if one["lever"] == BRIEF]
    brief = [one for one in alone if one["epochs"] == TOLD[BRIEF]]
    orders = _orders(records, brief, truths)
    counted = [order for order in orders if order.lever not in LEFT_OUT]
    found: dict[str, float | None] = {}
    for name, some in _groups(counted):
        found |= _all(name, some) | _few(name, some, draws)
        found[f"trust_correlation_size{name}"] = spearman(
            [(tau(order.scores, -order.truth.params), order.true()) for order in some]
        )
    found |= _all("_tried", [order for order in orders if order.lever in TRIED])
    offered = [(one, LEVERS[one.lever]) for one in orders if one.lever not in TRIED]
    found |= _all("_effects", [one for one, lever in offered if lever.fitted and not lever.classified])
    found |= _all("_classifiers", [one for one, lever in offered if lever.classified])
    for epochs in {one["epochs"] for one in alone} - {TOLD[BRIEF]}:
        others = [one for one in alone if one["epochs"] == epochs]
        some = [order for order in _orders(records, others, truths) if order.lever not in LEFT_OUT]
        for name, part in _groups(some):
            found |= _all(f"_{others[0]['updates']:.0f}_steps{name}", part)
    if brief:
        found["core_seconds_briefly"] = float(np.median([one["core_seconds"] / len(one["loss"]) for one in brief]))
    found |= _told(counted, draws)
    return {name: value for name, value in found.items() if value is not None}


def _orders(
    records: Sequence[dict[str, Any]], brief: Sequence[dict[str, Any]], truths: Mapping[str, Truth]
) -> list[Order]:
    """Return the orders that there are networks trained briefly by another seed to hold against."""
    found = []
    for record in records:
        truth = truths[record["data"]]
        others = [one for one in brief if one["data"] == record["data"] and one["seed"] != record["seed"]]
        losses = tuple(np.array(scores(one, truth.names, "loss")) for one in others)
        order = Order(record["lever"], record["data"], np.array(scores(record, truth.names, "loss")), losses, truth)
        found += [order] if losses else []
    return found


def _groups(orders: Sequence[Order]) -> Iterator[tuple[str, Sequence[Order]]]:
    yield "", orders
    yield "_shared", [order for order in orders if order.lever != BRIEF]
    for data in dict.fromkeys(order.data for order in orders):
        yield f"_{data}", [order for order in orders if order.data == data]


def _all(name: str, orders: Sequence[Order]) -> dict[str, float | None]:
    """Return the correlation of all networks' agreement, and of how many orders."""
    correlation = spearman([(order.agreement(), order.true()) for order in orders])
    if correlation is None:
        return {}
    return {f"trust_correlation_briefly{name}": correlation, f"trust_n_briefly{name}": len(orders)}


def _few(name: str, orders: Sequence[Order], draws: int) -> dict[str, float | None]:
    """Return the correlations of few networks' agreement, medians over draws."""
    made, found = "trust_correlation_briefly", dict[str, float | None]()
    for m in FEW:
        if known := _over_draws(orders, m, draws):
            found[f"{made}_{m}{name}"] = float(np.median(known))
            if m == FEW[-1]:
                found |= {f"{made}_{m}_low{name}": min(known), f"{made}_{m}_high{name}": max(known)}
        if m in LEFT and (known := _over_draws(orders, m, draws, left=True)):
            found[f"{made}_left_{m}{name}"] = float(np.median(known))
    return found


def _over_draws(orders: Sequence[Order], m: int, draws: int, *, left: bool = False) -> list[float]:
    true, found = [order.true() for order in orders], []
    for draw in range(draws):
        parts = _drawn(orders, m, draw)
        told = [order.agreement(one, draw) for order, (one, _) in zip(orders, parts, strict=True)]
        held = [order.true(other) for order, (_, other) in zip(orders, parts, strict=True)] if left else true
        found.append(spearman(list(zip(told, held, strict=True))))
    return [value for value in found if value is not None]


def _drawn(orders: Sequence[Order], m: int, draw: int) -> list[tuple[Places, Places]]:
    """Return which networks of each order are trained briefly, and which are left: the same ones of a truth set."""
    random_state, shuffled, found = np.random.default_rng([draw, m]), dict[str, Places](), []
    for order in orders:
        if order.data not in shuffled:
            shuffled[order.data] = random_state.permutation(np.flatnonzero(np.isfinite(order.scores)))
        one, other = np.split(shuffled[order.data], [m])
        found.append((one, other))
    return found


def _told(orders: Sequence[Order], draws: int) -> dict[str, float | None]:
    """Return what the sentence that an order may be wrong is worth."""
    m, told, untold, every = FEW[-1], list[float](), list[float](), [order.true() for order in orders]
    of_truth: dict[str, list[bool]] = {}
    for draw in range(draws):
        for order, true, (one, _) in zip(orders, every, _drawn(orders, m, draw), strict=True):
            agreement = order.agreement(one, draw)
            if agreement is not None and true is not None:
                (told if agreement < by_chance(m) else untold).append(true)
            known = order._replace(scores=order.truth.test).agreement(one, draw)
            if known is not None:
                of_truth.setdefault(order.data, []).append(known < by_chance(m))
    found: dict[str, float | None] = {
        f"trust_told_of_truth_{data}": float(np.mean(each)) for data, each in of_truth.items()
    }
    if told or untold:
        found["trust_told"] = len(told) / (len(told) + len(untold))
    if told:
        found |= {"trust_told_true": float(np.median(told)), "trust_told_most": float(np.quantile(told, 0.9))}
    if untold:
        found["trust_untold_true"] = float(np.median(untold))
        found["trust_untold_least"] = float(np.quantile(untold, 0.1))
    return found
