"""Retraining of several networks: one after the other, side by side in processes of its own, or spread over ranks."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import torch
from joblib import Parallel, cpu_count, delayed
from joblib.externals.loky.process_executor import BrokenProcessPool

from carsmoo.cost.closed_form import flops
from carsmoo.nets.data import TrainingData, load_for_training
from carsmoo.nets.distributed.group import Group, current, shards
from carsmoo.nets.distributed.results import SharedResults
from carsmoo.nets.retraining.job import Job, epochs_left, figures_of, making, require_place, train
from carsmoo.nets.retraining.logs import followed
from carsmoo.utils.progress import Listener, Step, unheard
from carsmoo.utils.validation import StoppedError, one_line

NETWORKS = "networks"
"""The phase of whose steps each is a network."""

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
"""What a disk fails with that took what was written before."""


def train_each(
    jobs: Sequence[Job], processes: int | None = None, listener: Listener = unheard, group: Group | None = None
) -> list[dict[str, Any]]:
    """Train networks to their ends, and return their cards in the order of the jobs.

    Each network comes out the same whichever others are trained beside it, on the same number of threads.

    Args:
        jobs: the networks, begun in this order; those that are there already are left alone.
        processes: networks trained at a time, which share torch's threads. None: on the CPU as many as there are
            threads, on other devices one. Each rank of several trains one at a time.
        listener: called after each network, in the order of the jobs, with what
            :func:`~carsmoo.nets.retraining.job.figures_of` its card, the phase :data:`NETWORKS`; and as
            :func:`~carsmoo.nets.retraining.job.train` does for those that this process trains itself, the figures with
            ``network``, the place of the job, from 1. Of those trained side by side it hears by
            ``nets/retraining/logs.py``, from another thread, one call at a time.
        group: ranks over which the networks are spread, see :class:`~carsmoo.CARSProblem`. All call this
            alike and get all cards; their folders are on a disk that all of them see.

    Raises:
        ValueError: see :func:`carsmoo.nets.retraining.job.train`; for several processes in each of several ranks.
        FileExistsError: if one of the folders holds anything but a training; nothing is trained then.
        StoppedError: if a training could not go on; the others are saved.
        RuntimeError: if the process was launched with others and has not joined them.
    """
    group = current() if group is None else group
    if group.size > 1 and processes not in (None, 1):
        raise ValueError(
            f"processes: expected 1 in each of {group.size} ranks, which train a network at a time, got {processes}"
        )
    for job in jobs:  # before the first of them takes its time
        require_place(job.folder)
    n = 1 if group.size > 1 else _processes(jobs, processes)
    threads = max(torch.get_num_threads() // n, 1)
    shared = [dataclasses.replace(job, threads=job.threads or threads) for job in jobs]
    cards: list[dict[str, Any]] = []
    step = partial(Step, phase=NETWORKS, total=len(jobs), unit="networks")
    listener = listener if n == 1 else _in_turn(listener)
    listener(step(done=0))
    try:
        with closing(_run(shared, n, listener) if group.size == 1 else _spread(shared, group, listener)) as found:
            for card in found:
                cards.append(card)
                listener(step(done=len(cards), figures=figures_of(card)))
    except (BrokenProcessPool, ArithmeticError, RuntimeError, MemoryError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in DISK:
            raise
        raise StoppedError(f"{one_line(error)}; the same command goes on from what was saved") from error
    return cards


def _run(jobs: Sequence[Job], n: int, listener: Listener) -> Generator[dict[str, Any], None, None]:
    if n == 1:
        yield from (train(job, _numbered(listener, k)) for k, job in enumerate(jobs, 1))
    else:
        with followed(jobs, listener):
            yield from Parallel(n_jobs=n, return_as="generator")(delayed(train)(job) for job in jobs)


def _in_turn(listener: Listener) -> Listener:
    """Return a listener that several threads may call."""
    lock = threading.Lock()

    def hear(step: Step) -> None:
        with lock:
            listener(step)

    return hear


def _numbered(listener: Listener, place: int) -> Listener:
    """Return a listener that adds a network's place to the figures."""

    def hear(step: Step) -> None:
        figures = step.figures and {"network": place, **step.figures}
        listener(dataclasses.replace(step, figures=figures))

    return hear


def _spread(jobs: Sequence[Job], group: Group, listener: Listener) -> Generator[dict[str, Any], None, None]:
    """Yield the cards of networks of which each rank trains its own in their order, the costs spread evenly."""
    given = {_key(job): job for job in jobs}
    images = {key: load_for_training(job.data, job.recipe) for key, job in given.items()}
    costs = group.decide(lambda: _costs(jobs, images))
    group.require_same("networks to train", _digest(jobs, images))
    images.clear()

    def hear(step: Step) -> None:
        listener(step)
        (results.check if step.boundary else results.beat)()

    with SharedResults(group, len(jobs)) as results:
        for k in shards(costs, group.size)[group.rank]:
            results.post(k, _trained(jobs[k], _numbered(hear, k + 1)))
        yield from results


def _trained(job: Job, listener: Listener) -> dict[str, Any]:
    """Train a network; what is wrong with its folder is wrong on this rank alone."""
    try:
        return train(job, listener)
    except (ValueError, TypeError, OSError) as error:
        raise StoppedError(f"network {job.folder.name}: {one_line(error)}") from error


def _costs(jobs: Sequence[Job], images: Mapping[object, TrainingData]) -> list[float]:
    """Return the multiply-adds of what is left of each training, up to a factor that all of a recipe have."""
    costs = []
    for job in jobs:
        data = images[_key(job)]
        network = job.recipe.network(data.image_shape, data.classes)
        costs.append(float(epochs_left(job, data) * flops(job.genotype, network)))
    return costs


def _digest(jobs: Sequence[Job], images: Mapping[object, TrainingData]) -> bytes:
    """Return what differs if some networks would come out otherwise."""
    of_data = {name: data.digest() for name, data in images.items()}
    plain = [[job.folder.name, making(job, of_data[_key(job)])] for job in jobs]
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).digest()


def _key(job: Job) -> object:
    """Return what is alike for jobs whose images are the same, held the same way."""
    return job.data if isinstance(job.data, str) else id(job.data), job.recipe.resized_crop


def _processes(jobs: Sequence[Job], processes: int | None) -> int:
    if processes is None:
        on_cpu = not torch.cuda.is_available() if not jobs or jobs[0].device is None else jobs[0].device == "cpu"
        processes = min(torch.get_num_threads(), cpu_count()) if on_cpu else 1
    return max(min(processes, len(jobs)), 1)
