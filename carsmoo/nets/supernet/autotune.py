"""Autotuning: the memory format and the threads with which a supernet trains fastest, measured and cached."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import FORMATS, environment
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.space.genotype import DARTSSpace
from carsmoo.utils.files import cache_folder, write_whole

Step: TypeAlias = Callable[[], object]


WORTH = 1.3
"""How many times as fast another choice than the usual one has to be, so that noise never decides."""

ROUNDS = 5

FEW = 4
"""Threads that are worth using whatever is computed."""


def memory_format(space: DARTSSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> str:
    """Return the memory format to train in, by name: the plan's, or for ``"auto"`` the fastest one.

    Training steps of a few architectures are then timed in turn, and what comes out is kept in a file, so that the
    same network on the same machine is measured once.
    """
    if plan.memory_format != "auto":
        return plan.memory_format
    key = _key("memory format", network, plan, data)
    known = _remembered()
    if known.get(key) not in FORMATS:
        found = fastest({name: _step(space, network, plan, data, name) for name in FORMATS})
        _remember({**known, key: found})
        return found
    return str(known[key])


def threads(space: DARTSSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> int:
    """Return the number of threads a supernet trains fastest with: the current one, or a half, a quarter, ... of it.

    Few are all used, without measuring. The number is not set; that is the caller's to do, for it holds for the whole
    process.
    """
    now = torch.get_num_threads()
    if now <= FEW or data.train.labels.device.type != "cpu":
        return now
    choices = [now >> k for k in range(now.bit_length())]
    key = _key("threads", network, plan, data)
    known = _remembered()
    if known.get(key) not in choices:
        step = _step(space, network, plan, data, memory_format(space, network, plan, data))
        found = int(fastest({str(n): _with_threads(step, n) for n in choices}))
        torch.set_num_threads(now)
        _remember({**known, key: found})
        return found
    return int(known[key])


def fastest(choices: dict[str, Step], clock: Callable[[], float] = time.perf_counter) -> str:
    """Return the name of the fastest step; the first one, unless another is :data:`WORTH` times as fast.

    Args:
        choices: steps by name; they take turns.
        clock: gives the time in seconds.
    """
    seconds: dict[str, list[float]] = {name: [] for name in choices}
    for _ in range(ROUNDS + 1):
        for name, step in choices.items():
            begin = clock()
            step()
            seconds[name].append(clock() - begin)
    medians = {name: statistics.median(times[1:]) for name, times in seconds.items()}
    usual, best = next(iter(choices)), min(medians, key=lambda name: medians[name])
    return best if medians[usual] > WORTH * medians[best] else usual


def _step(space: DARTSSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData, layout: str) -> Step:
    """Return a function that trains a supernet of its own for a step of each of a few architectures."""
    supernet = Supernet(space, network, torch.Generator().manual_seed(0)).to(data.train.labels.device)
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


def _with_threads(step: Step, n: int) -> Step:
    def with_threads() -> None:
        torch.set_num_threads(n)
        step()

    return with_threads


def _key(what: str, network: NetworkConfig, plan: SupernetTraining, data: ImageData) -> str:
    """Return the key of a measurement in the cache: what was measured and where."""
    machine = environment(data.train.labels.device)
    images = network.input_shape, plan.batch_size, plan.ghost_batches
    shape = (network.channels, network.layers, network.stem, network.output_classes, images)
    return json.dumps([what, machine, os.cpu_count(), shape])


def _file() -> Path | None:
    folder = cache_folder()
    return None if folder is None else folder / "tuning.json"


def _remembered() -> dict[str, Any]:
    """Return the cached measurements; none if there is no file of them or a damaged one."""
    file = _file()
    try:
        known = {} if file is None else json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(known: dict[str, Any]) -> None:
    """Cache measurements where there is a place for them: nothing but time depends on it."""
    file = _file()
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(known, indent=1).encode())
    except OSError:
        return
