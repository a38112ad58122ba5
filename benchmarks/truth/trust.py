"""Do the figures of trust foretell how true an order is? Spearman's correlations with the true tau.

Over the measurements of ``benchmarks.bench_fidelity``, of the order by the cross entropy, but for those of main
effects, which have no halves of images, of classifiers of their own, and of ways that are only tried:

- ``trust_correlation``: of the tau that trust expects (``Trust.ceiling``), and ``trust_correlation_ensembles``: that of
  ensembles of supernets alone;
- ``trust_correlation_halves``: of how far two halves of the images agree, ``trust_correlation_updates``: of the steps
  that the median operation, or network, was trained for; both also for each truth set NAME, ``..._halves_NAME``;
- ``trust_correlation_halves_error``: of the halves' agreement by the error, with the true tau of the order by it;
- ``trust_correlation_retrained_M``: of the tau of M networks that are trained alone for long, as ``carsmoo fidelity``
  does, with the true tau of the other networks; median over draws of the M;
- ``trust_correlation_best``: what a figure that knew the true tau of endlessly many networks would reach about, as two
  halves of the networks, drawn at random, agree about the tau (Spearman and Brown); ``trust_reliability`` is its
  square. ``retrained`` is held against fewer networks than all, so that it is lower.

But for ``retrained`` and these two each has its number of measurements beside it, ``trust_n...``. Measurements of one
seed at several lengths are not independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from benchmarks.truth.levers import LEVERS, OFFERED, TRIED
from benchmarks.truth.summary import Truth, scores, tau
from carsmoo.problems.trust import Trust

LEFT_OUT = (*TRIED, *(name for name in OFFERED if LEVERS[name].fitted or LEVERS[name].classified))
"""The levers that do not count."""

RETRAINED = (6, 12, 20)
"""Networks that are trained alone for long."""

DRAWS = 25
"""Draws of them."""


def correlations(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth]) -> dict[str, float]:
    """Return the figures that exist, by the truth sets that the measurements are of."""
    found: dict[str, float] = {}
    for name, pairs in _pairs(records, truths):
        if (correlation := spearman(pairs)) is not None:
            found[f"trust_correlation{name}"] = correlation
            found[f"trust_n{name}"] = sum(None not in pair for pair in pairs)
    return found | retrained([record for record in records if record["lever"] not in LEFT_OUT], truths)


def spearman(pairs: Sequence[tuple[float | None, float | None]]) -> float | None:
    """Return the correlation of the pairs that are known, None of fewer than three or of values all alike."""
    known = [pair for pair in pairs if None not in pair]
    if len(known) < 3 or any(len(set(values)) < 2 for values in zip(*known, strict=True)):
        return None
    return float(spearmanr(*zip(*known, strict=True)).statistic)


def retrained(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth], draws: int = DRAWS) -> dict[str, float]:
    """Return the figures by the loss, of three measurements or more; few networks are no more than half of all."""
    orders = [_known(record, truths[record["data"]]) for record in records]
    if len(orders) < 3:
        return {}
    fewest = min(int(np.isfinite(score).sum()) for _, score, _, _ in orders)
    told = {f"trust_correlation_retrained_{m}": _agreement(orders, draws, few=m) for m in RETRAINED if 2 * m <= fewest}
    if (halves := _agreement(orders, draws)) is not None:
        reliability = 2 * halves / (1 + halves) if halves > 0 else 0.0
        told |= {"trust_reliability": reliability, "trust_correlation_best": math.sqrt(reliability)}
    return {name: value for name, value in told.items() if value is not None}


Order = tuple[str, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
"""Name of the truth set; scores, NaN if unknown, test errors and errors on images held out of its networks, (n,)."""


def _known(record: dict[str, Any], truth: Truth) -> Order:
    return record["data"], np.array(scores(record, truth.names, "loss")), truth.test, truth.held_out


def _agreement(orders: Sequence[Order], draws: int, few: int | None = None) -> float | None:
    """Return Spearman's correlation between the tau of some networks and that of the others, over orders, if any.

    Args:
        orders: of which there are three or more.
        draws: of those; the median over them is returned.
        few: how many networks, whose errors are those on images held out, as a user would measure them; half of all,
            by their test errors, if not given.
    """
    random_state, found = np.random.default_rng(0), []
    for _ in range(draws):
        pairs, shuffled = [], {name: random_state.permutation(len(test)) for name, _, test, _ in orders}
        for name, score, test, held_out in orders:
            drawn = shuffled[name][np.isfinite(score[shuffled[name]])]  # orders of one set share their networks
            one, other = np.split(drawn, [few or len(drawn) // 2])
            measured = held_out if few else test
            pairs.append((tau(score[one], measured[one]), tau(score[other], test[other])))
        if (correlation := spearman(pairs)) is not None:
            found.append(correlation)
    return float(np.median(found)) if found else None


def _pairs(
    records: Sequence[dict[str, Any]], truths: Mapping[str, Truth]
) -> Iterator[tuple[str, list[tuple[float | None, float | None]]]]:
    """Yield the figures' names, each with its pairs of a figure of trust and the true tau."""
    records = [record for record in records if record["lever"] not in LEFT_OUT]
    by_loss = [trusted(record, truths) for record in records]
    sets = [record["data"] for record in records]
    yield "", [(trust.ceiling, true) for trust, true in by_loss]
    yield "_ensembles", [(trust.ceiling, true) for trust, true in by_loss if trust.n_members > 1]
    yield "_halves", [(trust.halves, true) for trust, true in by_loss]
    yield "_updates", [(trust.updates, true) for trust, true in by_loss]
    for data in dict.fromkeys(sets):
        of = [pair for pair, name in zip(by_loss, sets, strict=True) if name == data]
        yield f"_halves_{data}", [(trust.halves, true) for trust, true in of]
        yield f"_updates_{data}", [(trust.updates, true) for trust, true in of]
    by_error = map(partial(trusted, truths=truths, score="error"), records)
    yield "_halves_error", [(trust.halves, true) for trust, true in by_error]


def trusted(record: dict[str, Any], truths: Mapping[str, Truth], score: str = "loss") -> tuple[Trust, float | None]:
    """Return the trust figures of a measurement's order by a score, and its true tau."""
    truth = truths[record["data"]]
    trust = Trust(
        halves=tau(*np.array(list(record[score].values())).T),
        successive=None,
        distinct=None,
        updates=record["updates"],
        members=record.get("members"),
        n_members=record.get("n_members", 1),
    )
    return trust, tau(truth.test, scores(record, truth.names, score))
