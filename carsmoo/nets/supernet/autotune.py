"""Autotuning: the memory format and the threads with which a supernet trains fastest, measured and cached."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.latency.timing import Clock, TimedLayer, measure, nothing
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import FORMATS, environment
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.cache import read_cached, write_cached

Step: TypeAlias = Callable[[], object]
T = TypeVar("T")

WORTH = 1.3
"""How many times as fast another choice than the usual one has to be, so that noise never decides."""

ROUNDS = 5

FILE = "tuning.json"
"""Of what was measured, in the cache folder."""

FEW = 4
"""Threads that are worth using whatever is computed."""


def memory_format(space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> str:
    """Return the memory format to train in, by name: the plan's, or for ``"auto"`` the fastest one.

    Training steps of a few architectures are then timed in turn, and what comes out is kept in a file, so that the
    same network on the same machine is measured once.
    """
    if plan.memory_format != "auto":
        return plan.memory_format
    key = _key("memory format", space, network, plan, data)
    return _remembered(
        key, FORMATS, lambda: fastest({name: _step(space, network, plan, data, name) for name in FORMATS})
    )


def threads(space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> int:
    """Return the number of threads a supernet trains fastest with: the current one, or a half, a quarter, ... of it.

    Few are all used, without measuring. The number is not set; that is the caller's to do, for it holds for the whole
    process.
    """
    now = torch.get_num_threads()
    if now <= FEW or data.train.labels.device.type != "cpu":
        return now
    choices = [now >> k for k in range(now.bit_length())]

    def measured() -> int:
        step = _step(space, network, plan, data, memory_format(space, network, plan, data))
        try:
            return int(fastest({str(n): partial(_with_threads, step, n) for n in choices}))
        finally:
            torch.set_num_threads(now)

    return _remembered(_key("threads", space, network, plan, data), choices, measured)


def fastest(choices: dict[str, Step], clock: Clock = time.perf_counter) -> str:
    """Return the name of the fastest step; the first one, unless another is :data:`WORTH` times as fast.

    Args:
        choices: steps by name; they take turns.
        clock: gives the time in seconds.
    """
    timings = measure({name: TimedLayer(nothing, step) for name, step in choices.items()}, ROUNDS, clock=clock)
    usual, best = next(iter(choices)), min(timings, key=lambda name: timings[name].ms)
    return best if timings[usual].ms > WORTH * timings[best].ms else usual


def _step(space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData, layout: str) -> Step:
    """Return a function that trains a supernet of its own for a step of each of a few architectures."""
    supernet = space.build_supernet(network, torch.Generator().manual_seed(0)).to(data.train.labels.device)
    set_memory_format(supernet, FORMATS[layout])
    trainer = SupernetTrainer(supernet, data, plan, torch.Generator().manual_seed(0))
    images, labels = data.normalise(data.train.images[: plan.batch_size]), data.train.labels[: plan.batch_size]
    rng = np.random.default_rng(0)
    genotypes = space.decode(rng.integers(space.xl, space.xu + 1, size=(2, space.n_var)))

    def step() -> None:
        for genotype in genotypes:
            trainer.step(images, labels, [genotype])
        trainer.take_skipped()  # waits for the device

    return step


def _with_threads(step: Step, n: int) -> None:
    torch.set_num_threads(n)
    step()


def _key(what: str, space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> str:
    """Return the key of a measurement in the cache: what was measured and where."""
    machine = environment(data.train.labels.device)
    images = network.input_shape, plan.batch_size, plan.ghost_batches
    shape = (network.channels, network.layers, network.stem, network.output_classes, images)
    return json.dumps([what, repr(space), machine, os.cpu_count(), shape])


def _remembered(key: str, choices: Collection[T], measured: Callable[[], T]) -> T:
    """Return what was measured under a key, now or before: one of the choices."""
    found: Any = _known().get(key)
    if found not in list(choices):  # what a file holds may have no hash
        found = measured()
        write_cached(FILE, json.dumps({**_known(), key: found}, indent=1))
    return cast(T, found)


def _known() -> dict[str, Any]:
    """Return the cached measurements; none if there is no file of them or a damaged one."""
    try:
        known = json.loads(read_cached(FILE) or "{}")
    except (ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}
