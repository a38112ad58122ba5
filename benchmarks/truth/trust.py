"""Do the figures of trust foretell how true an order is? Spearman's correlations with the true tau.

Over the measurements of ``benchmarks.bench_fidelity``, of the order by the cross entropy:

- ``trust_correlation``: of the tau that trust expects (``Trust.ceiling``), and ``trust_correlation_ensembles``: that of
  ensembles of supernets alone;
- ``trust_correlation_halves``: of how far two halves of the images agree, ``trust_correlation_updates``: of the steps
  that the median operation, or network, was trained for; both also for each truth set NAME, ``..._halves_NAME``;
- ``trust_correlation_halves_error``: of the halves' agreement by the error, with the true tau of the order by it.

Each has its number of measurements beside it, ``trust_n...``. Measurements of one seed at several lengths are not
independent of each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from benchmarks.truth.summary import load_truth, scores, tau
from carsmoo.problems.trust import Trust


def correlations(records: Sequence[dict[str, Any]], folder: Path) -> dict[str, float]:
    """Return the figures that exist."""
    found: dict[str, float] = {}
    for name, pairs in _pairs(records, folder):
        known = [pair for pair in pairs if None not in pair]
        if len(known) > 2 and all(len(set(values)) > 1 for values in zip(*known, strict=True)):
            found[f"trust_correlation{name}"] = float(spearmanr(*zip(*known, strict=True)).statistic)
            found[f"trust_n{name}"] = len(known)
    return found


def _pairs(
    records: Sequence[dict[str, Any]], folder: Path
) -> Iterator[tuple[str, list[tuple[float | None, float | None]]]]:
    """Yield the figures' names, each with its pairs of a figure of trust and the true tau."""
    by_loss = [trusted(record, folder) for record in records]
    sets = [record["data"] for record in records]
    yield "", [(trust.ceiling, true) for trust, true in by_loss]
    yield "_ensembles", [(trust.ceiling, true) for trust, true in by_loss if trust.n_members > 1]
    yield "_halves", [(trust.halves, true) for trust, true in by_loss]
    yield "_updates", [(trust.updates, true) for trust, true in by_loss]
    for data in dict.fromkeys(sets):
        of = [pair for pair, name in zip(by_loss, sets, strict=True) if name == data]
        yield f"_halves_{data}", [(trust.halves, true) for trust, true in of]
        yield f"_updates_{data}", [(trust.updates, true) for trust, true in of]
    by_error = map(partial(trusted, folder=folder, score="error"), records)
    yield "_halves_error", [(trust.halves, true) for trust, true in by_error]


def trusted(record: dict[str, Any], folder: Path, score: str = "loss") -> tuple[Trust, float | None]:
    """Return the trust figures of a measurement's order by a score, and its true tau."""
    truth = load_truth(record["data"], folder)
    trust = Trust(
        halves=tau(*np.array(list(record[score].values())).T),
        successive=None,
        distinct=None,
        updates=record["updates"],
        members=record.get("members"),
        n_members=record.get("n_members", 1),
    )
    return trust, tau(truth.test, scores(record, truth.names, score))
