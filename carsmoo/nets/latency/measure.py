"""Latency measurement: whole networks, and a table of the layers that they consist of.

Everything is measured at batch 1, in evaluation mode and without gradients, on networks whose batch norm has the
statistics of a batch. What is measured together takes turns in a fresh random order each round, so that a disturbance
meets all alike, and of each the median over rounds is taken. A layer and a network each run right after another run of
their own. What a layer takes longer among others, whose weights and code are not at hand, is part of what is fitted.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import CostTable, params
from carsmoo.cost.latency import latency
from carsmoo.cost.latency_table import Additivity, LatencyTable, Timing
from carsmoo.cost.memory import BYTES, require_fits, text_of
from carsmoo.nets.latency.timed_layers import computing, device_name, format_named, timed_layer, timed_network, waiting
from carsmoo.nets.latency.timing import Clock, TimedLayer, alternately, measure
from carsmoo.nets.models.device import pick
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.cache import read_cached, write_cached
from carsmoo.utils.progress import Listener, unheard
from carsmoo.utils.validation import instance, integer

LAYER_ROUNDS, NETWORK_ROUNDS = 100, 15
"""Rounds that are measured, of layers and of whole networks."""

BLOCKS = 5
"""Turns of layers and of whole networks."""

FITTED, CHECKED = 10, 30
"""Networks that predictions are fitted to, and others that they are compared with."""

POOL = 1000
"""Random genotypes among which those that span the size range are chosen."""


def network_latency(
    genotypes: Sequence[Architecture],
    network: NetworkConfig,
    *,
    device: str | torch.device | None = None,
    threads: int = 1,
    memory_format: str = "channels_last",
    rounds: int = NETWORK_ROUNDS,
    clock: Clock = time.perf_counter,
    listener: Listener = unheard,
) -> list[Timing]:
    """Return the measured latency of some networks at batch 1, in ms.

    Each run comes right after another one of the same network.

    Args:
        genotypes: the networks' cells.
        network: what they are built into; its auxiliary head is left out.
        device: where to; a CUDA device if there is one, else the CPU.
        threads: threads that compute on a CPU.
        memory_format: ``"channels_last"`` or ``"contiguous"``.
        rounds: how often each is timed.
        clock: gives the time in seconds.
        listener: called after each round.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
    """
    instance("network", network, NetworkConfig)
    for genotype in genotypes:
        instance("genotypes", genotype, Architecture)
    where, layout = pick(device), format_named(memory_format)
    integer("rounds", rounds, 1)
    with computing(threads):
        works = {k: timed_network(genotype, network, where, layout) for k, genotype in enumerate(genotypes)}
        found = measure(works, rounds, clock=clock, wait=waiting(where), listener=listener)
    return [found[k] for k in range(len(genotypes))]


def build(
    space: SearchSpace,
    network: NetworkConfig,
    *,
    device: str | torch.device | None = None,
    threads: int = 1,
    memory_formats: Sequence[str] = ("channels_last",),
    rounds: int = LAYER_ROUNDS,
    network_rounds: int = NETWORK_ROUNDS,
    fitted: int = FITTED,
    checked: int = CHECKED,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    listener: Listener = unheard,
) -> LatencyTable:
    """Build a latency table: measure a space's layers, fit predictions to a few whole networks, check them on others.

    Args:
        space: the architectures.
        network: what they are built into.
        device: where to measure; a CUDA device if there is one, else the CPU.
        threads: threads that compute on a CPU.
        memory_formats: those that layers are measured in; predictions are for the first.
        rounds: how often a layer is timed.
        network_rounds: how often a whole network is timed.
        fitted: networks that predictions are fitted to, at least 2.
        checked: other networks that predictions are compared with, at least 2.
        seed: of the genotypes drawn.
        clock: gives the time in seconds.
        listener: called after each round, of layers or of whole networks.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
    """
    instance("space", space, SearchSpace)
    instance("network", network, NetworkConfig)
    least = {
        "rounds": (rounds, 1),
        "network_rounds": (network_rounds, 1),
        "fitted": (fitted, 2),
        "checked": (checked, 2),
    }
    for name, (value, low) in least.items():
        integer(name, value, low)
    layouts = {name: format_named(name) for name in memory_formats}
    if not layouts:
        raise ValueError("memory_formats: expected at least one, got none")
    where = pick(device)
    plain = replace(network, auxiliary_head=False, drop_path_prob=0.0)
    largest = max(layer.c_in * layer.height * layer.width for layer in space.layers_needed(plain))
    weights = min(params(architecture, plain) for architecture in space.covering())
    require_fits("network", BYTES * (largest + weights), text_of(plain))
    keys = [(layer, name) for name in layouts for layer in space.layers_needed(plain)]
    both = list(chain(*spanning(space, plain, fitted, checked, seed)))  # those to fit to, then those to check
    usual = next(iter(layouts.values()))
    with computing(threads):
        parts: dict[Hashable, TimedLayer] = {key: timed_layer(key[0], plain, where, layouts[key[1]]) for key in keys}
        wholes: dict[Hashable, TimedLayer] = {
            k: timed_network(genotype, plain, where, usual) for k, genotype in enumerate(both)
        }
        groups = [(parts, rounds), (wholes, network_rounds)]
        by_layer, times = alternately(groups, BLOCKS, seed=seed, clock=clock, wait=waiting(where), listener=listener)
    table = LatencyTable(
        device=device_name(where),
        threads=threads,
        memory_format=next(iter(layouts)),
        layers={key: by_layer[key] for key in keys},
        space=space,
        network=network,
        about={"torch": str(torch.__version__), "python": platform.python_version(), "rounds": rounds},
    )
    measured = np.array([timing.ms for timing in times.values()])
    sums = np.array([latency(genotype, plain, table) for genotype in both])
    counts = np.array([sum(runs for _, runs in genotype.layers(plain)) for genotype in both])
    between, scale = fit(counts[:fitted], sums[:fitted], measured[:fitted])
    predicted, truth = (between * counts + scale * sums)[fitted:], measured[fitted:]
    additivity = Additivity(
        networks=checked,
        spearman=round(_spearman(predicted, truth), 6),
        mean_error=round(float(np.mean(np.abs(predicted - truth) / truth)), 6),
        fitted=fitted,
    )
    return replace(table, between=between, scale=scale, additivity=additivity)


def cached(
    space: SearchSpace, network: NetworkConfig, device: torch.device, listener: Listener = unheard
) -> LatencyTable:
    """Return the latency table of networks on this device, from the cache or measured now.

    Operations of a user's own, which names do not tell, are measured each time.
    """
    if space.own_operations:
        return build(space, network, device=device, listener=listener)
    where = [device_name(device), str(device), str(torch.__version__), torch.backends.cpu.get_cpu_capability()]
    key = json.dumps([*where, os.cpu_count(), repr(space), repr(network)])
    name = f"latency/{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        table = LatencyTable.from_json(read_cached(name) or "", space)
        table.require(space, network)
    except ValueError:  # not there, or not whole
        table = build(space, network, device=device, listener=listener)
        write_cached(name, table.to_json())
    return table


def spanning(
    space: SearchSpace, network: NetworkConfig, fitted: int, checked: int, seed: int = 0
) -> tuple[list[Architecture], list[Architecture]]:
    """Return two disjoint lists of random genotypes, each evenly spaced by rank of multiply-adds.

    Each of the pool draws its operations with probabilities of its own, so that there are some of almost nothing but
    skip connections, or ``none``, or large convolutions. The smallest and the largest are in the second list.

    Raises:
        ValueError: if the space has too few architectures.
    """
    rng = np.random.default_rng(seed)
    X = np.unique(space.canonical(space.spread(POOL, rng)), axis=0)
    if len(X) < fitted + checked:
        raise ValueError(f"space: expected at least {fitted + checked} architectures to measure, got {len(X)}")
    X = X[np.argsort(CostTable(space, network).flops(X), kind="stable")]
    X = X[np.linspace(0, len(X) - 1, fitted + checked).round().astype(int)]
    inner = np.linspace(1, len(X) - 2, fitted).round().astype(int)
    rest = np.setdiff1d(np.arange(len(X)), inner)
    return space.decode(X[inner]), space.decode(X[rest])


def fit(counts: NDArray[np.int64], sums: NDArray[np.float64], measured: NDArray[np.float64]) -> tuple[float, float]:
    """Return the two numbers of ``between * counts + scale * sums`` with the least squared relative error.

    Neither is below zero.

    Args:
        counts: layers of each network, (n,).
        sums: sums of their times, (n,), in ms.
        measured: latencies, (n,), in ms.
    """
    terms = np.stack([counts, sums], axis=1) / measured[:, None]
    between, scale = nnls(terms, np.ones_like(sums))[0].tolist()
    if scale == 0:  # nothing but noise
        return 0.0, round(float(np.mean(measured / sums)), 6)
    return round(between, 6), round(scale, 6)


def _spearman(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return 0.0
    return float(spearmanr(predicted, measured).statistic)
