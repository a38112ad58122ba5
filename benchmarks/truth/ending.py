"""Whether a warm-up could end by what it knows of itself: orders at several lengths against the truth.

Of each supernet that was measured at several lengths of its warm-up (the same lever, data set and seed), by the cross
entropy:

- ``ending_tau_by_ceiling``: true tau at the first length at which the order is expected to be true
  (:attr:`carsmoo.Trust.ceiling` of at least :data:`carsmoo.problems.trust.LOW`), at the longest if at none;
  ``ending_share_by_ceiling``: that length over the longest;
- ``ending_tau_longest``, ``ending_tau_best``: true tau at the longest, and the best at any;
- ``ending_n``: how many supernets those means are over;
- ``ending_correlation_next``: Spearman's correlation between the tau of the orders at one length and at the next, which
  a rule "until the order no longer changes" would go by, and the true tau at the next, over ``ending_n_next`` pairs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.truth.summary import Truth, scores, tau
from benchmarks.truth.trust import spearman, trusted
from carsmoo.problems.trust import LOW

LEVERS = ("default", "widening")
"""Those whose weights one supernet has, in one warm-up."""


def endings(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth]) -> dict[str, float]:
    """Return the figures; none without a supernet of two lengths. Measurements that order nothing are left out."""
    chosen, pairs = [], []
    for series in _by_supernet(records):
        told_of = [(record, *trusted(record, truths)) for record in series]
        known = [(one, trust.ceiling, true) for one, trust, true in told_of if true is not None]
        if len(known) < 2:
            continue
        true = [one for _, _, one in known]
        lengths = [record["epochs"] for record, _, _ in known]
        end = next((k for k, (_, ceiling, _) in enumerate(known) if ceiling is not None and ceiling >= LOW), -1)
        chosen.append((true[end], lengths[end] / lengths[-1], true[-1], max(true)))
        names = truths[series[0]["data"]].names
        orders = [scores(record, names, "loss") for record, _, _ in known]
        pairs += list(zip([tau(*two) for two in pairwise(orders)], true[1:], strict=True))
    if not chosen:
        return {}
    figures = ("tau_by_ceiling", "share_by_ceiling", "tau_longest", "tau_best")
    told = dict(zip(figures, np.mean(np.array(chosen, dtype=float), axis=0).tolist(), strict=True))
    told["n"] = len(chosen)
    if (correlation := spearman(pairs)) is not None:
        told |= {"correlation_next": correlation, "n_next": sum(None not in pair for pair in pairs)}
    return {f"ending_{name}": value for name, value in told.items()}


def _by_supernet(records: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the measurements of each supernet that has several, by length."""
    found: dict[tuple[str, str, int], list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        if record["lever"] in LEVERS:
            found[record["data"], record["lever"], record["seed"]].append(record)
    return [sorted(series, key=lambda record: record["epochs"]) for series in found.values() if len(series) > 1]
