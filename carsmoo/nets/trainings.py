"""Several networks trained, one after the other or side by side in processes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from carsmoo.errors import StoppedError
from carsmoo.nets.standalone import Job, train

Told = Callable[[int, dict[str, Any]], None]


def train_each(jobs: Sequence[Job], processes: int | None = None, told: Told | None = None) -> list[dict[str, Any]]:
    """Train networks to their ends, and return their cards in the order of the jobs.

    Each network comes out the same whichever others are trained beside it, on the same number of threads.

    Args:
        jobs: the networks; those that are there already are left alone.
        processes: networks trained at a time, which share torch's threads. None: on the CPU as many as there are
            threads, on other devices one.
        told: called with the place of each network that is done, and its card.

    Raises:
        ValueError: see :func:`carsmoo.nets.standalone.train`.
        StoppedError: if a training could not go on; the others are saved.
    """
    n = _processes(jobs, processes)
    threads = max(torch.get_num_threads() // n, 1)
    shared = [dataclasses.replace(job, threads=job.threads or threads) for job in jobs]
    cards: list[dict[str, Any]] = []
    try:
        for k, card in enumerate(_run(shared, n)):
            cards.append(card)
            if told is not None:
                told(k, card)
    except (BrokenProcessPool, ArithmeticError, RuntimeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise StoppedError(f"{reason}; the same command goes on from what was saved") from error
    return cards


def _run(jobs: Sequence[Job], n: int) -> Iterator[dict[str, Any]]:
    if n == 1:
        yield from map(train, jobs)
    else:
        yield from Parallel(n_jobs=n, return_as="generator")(delayed(train)(job) for job in jobs)


def _processes(jobs: Sequence[Job], processes: int | None) -> int:
    if processes is None:
        on_cpu = not torch.cuda.is_available() if not jobs or jobs[0].device is None else jobs[0].device == "cpu"
        processes = min(torch.get_num_threads(), cpu_count()) if on_cpu else 1
    return max(min(processes, len(jobs)), 1)
