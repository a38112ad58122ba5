"""Work by several processes of one thread each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from joblib import Parallel, delayed


def in_parallel(work: Callable[..., Any], calls: Iterable[Sequence[Any]], jobs: int) -> list[Any]:
    """Return the results of some calls in their order, made by processes of one thread each; one: in this process."""
    if jobs == 1:
        return [work(*call) for call in calls]
    return list(Parallel(n_jobs=jobs)(delayed(_single_threaded)(work, *call) for call in calls))


def _single_threaded(work: Callable[..., Any], *call: Any) -> Any:
    torch.set_num_threads(1)
    return work(*call)
