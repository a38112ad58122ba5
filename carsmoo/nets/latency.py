"""Latency measured: that of whole networks, and a table of the layers that they are made of.

Everything is measured at batch 1, in evaluation mode and without gradients, on networks whose batch norm has the
statistics of a batch. What is measured together takes turns in a fresh random order each round, so that a disturbance
meets all alike, and of each the median over rounds is taken. A layer's inputs are written just before, as the layer
before it in a network would have written them, while its weights and code are as cold as those of a layer that has not
run for a while.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.stats import spearmanr
from torch import Tensor, nn

from carsmoo.checks import instance, whole
from carsmoo.config import NetworkConfig
from carsmoo.cost import CostTable
from carsmoo.genotype import DARTSSpace, Genotype
from carsmoo.latency import Additivity, LatencyTable, Timing, latency
from carsmoo.layers import Layer, layers_needed
from carsmoo.nets.cells import Stem, set_memory_format
from carsmoo.nets.device import pick
from carsmoo.nets.norm import BatchNorm
from carsmoo.nets.ops import FactorizedReduce, NormBuilder, ReLUConvNorm, operation
from carsmoo.nets.tuning import FORMATS, cache_folder
from carsmoo.nets.untrained import measure_noise, untrained

Key = TypeVar("Key", bound=Hashable)
Clock: TypeAlias = Callable[[], float]
Told: TypeAlias = Callable[[int, int], None]

LAYER_ROUNDS, NETWORK_ROUNDS, WARMUP = 200, 15, 1
"""Rounds that are measured, of layers and of whole networks, and rounds before each turn that are not."""

BLOCKS = 5
"""Turns of layers and of whole networks."""

FITTED, CHECKED = 10, 30
"""Networks that offset and scale are fitted to, and others that predictions are compared with."""

POOL = 1000
"""Random genotypes among which those that span the size range are chosen."""


class Work(NamedTuple):
    """Something to be timed: ``prepare`` is called before each ``run``, and not timed."""

    prepare: Callable[[], object]
    run: Callable[[], object]


def measure(
    works: Mapping[Key, Work],
    rounds: int,
    *,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    wait: Callable[[], object] | None = None,
    told: Callable[[], object] | None = None,
) -> dict[Key, Timing]:
    """Return the median time of each work in ms, with its quartiles.

    Args:
        works: what takes turns.
        rounds: how often each is timed, after :data:`WARMUP` rounds that do not count.
        seed: of the order within each round.
        clock: gives the time in seconds.
        wait: called before each look at the clock, for a device that works on by itself.
        told: called after each round.
    """
    return alternately([(works, rounds)], 1, seed=seed, clock=clock, wait=wait, told=told)[0]


def alternately(
    groups: Sequence[tuple[Mapping[Key, Work], int]],
    blocks: int,
    *,
    seed: int = 0,
    clock: Clock = time.perf_counter,
    wait: Callable[[], object] | None = None,
    told: Callable[[], object] | None = None,
) -> list[dict[Key, Timing]]:
    """Return what :func:`measure` does for groups of works that alternate, so that each is spread over the whole time.

    Args:
        groups: works, and the rounds of each group, which are divided among the blocks.
        blocks: how often each group has a turn; :data:`WARMUP` rounds of each turn do not count.
        seed: of the orders.
        clock: gives the time in seconds.
        wait: called before each look at the clock.
        told: called after each round.
    """
    rng = np.random.default_rng(seed)
    found: list[list[NDArray[np.float64]]] = [[] for _ in groups]
    for block in range(blocks):
        for (works, rounds), seconds in zip(groups, found, strict=True):
            share = rounds // blocks + (block < rounds % blocks)
            if share:
                seconds.append(_seconds(list(works.values()), share, rng, clock, wait or _nothing, told))
    timings = []
    for (works, _), seconds in zip(groups, found, strict=True):
        quartiles = np.quantile(np.concatenate(seconds) * 1e3, [0.5, 0.25, 0.75], axis=0).round(6)
        timings.append({key: Timing(*times) for key, times in zip(works, quartiles.T.tolist(), strict=True)})
    return timings


def _seconds(
    works: Sequence[Work],
    rounds: int,
    rng: np.random.Generator,
    clock: Clock,
    wait: Callable[[], object],
    told: Callable[[], object] | None,
) -> NDArray[np.float64]:
    """Return how long each work took in each round, (rounds, works), in a new order each round."""
    seconds = np.empty((WARMUP + rounds, len(works)))
    for row in seconds:
        for k in rng.permutation(len(works)):
            works[k].prepare()
            wait()
            begin = clock()
            works[k].run()
            wait()
            row[k] = clock() - begin
        if told is not None:
            told()
    return seconds[WARMUP:]


def network_latency(
    genotypes: Sequence[Genotype],
    network: NetworkConfig,
    *,
    device: str | torch.device | None = None,
    threads: int = 1,
    memory_format: str = "channels_last",
    rounds: int = NETWORK_ROUNDS,
    clock: Clock = time.perf_counter,
    told: Callable[[], object] | None = None,
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
        told: called after each round.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
    """
    instance("network", network, NetworkConfig)
    for genotype in genotypes:
        instance("genotypes", genotype, Genotype)
    where, layout = pick(device), _format(memory_format)
    whole("rounds", rounds, 1)
    with _computing(threads):
        works = {k: _network_work(genotype, network, where, layout) for k, genotype in enumerate(genotypes)}
        found = measure(works, rounds, clock=clock, wait=_wait(where), told=told)
    return [found[k] for k in range(len(genotypes))]


def build(
    space: DARTSSpace,
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
    told: Told | None = None,
) -> LatencyTable:
    """Measure the layers of a space's networks, fit offset and scale to a few whole networks, and check it on others.

    Args:
        space: the architectures.
        network: what they are built into.
        device: where to measure; a CUDA device if there is one, else the CPU.
        threads: threads that compute on a CPU.
        memory_formats: those that layers are measured in; predictions are for the first.
        rounds: how often a layer is timed.
        network_rounds: how often a whole network is timed.
        fitted: networks that offset and scale are fitted to, at least 2.
        checked: other networks that predictions are compared with, at least 2.
        seed: of the genotypes drawn.
        clock: gives the time in seconds.
        told: called with the rounds done and those there are.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
    """
    instance("space", space, DARTSSpace)
    instance("network", network, NetworkConfig)
    for name, value, least in (("rounds", rounds, 1), ("network_rounds", network_rounds, 1)):
        whole(name, value, least)
    whole("fitted", fitted, 2)
    whole("checked", checked, 2)
    layouts = {name: _format(name) for name in memory_formats}
    if not layouts:
        raise ValueError("memory_formats: expected at least one, got none")
    where = pick(device)
    plain = replace(network, auxiliary=False, drop_path=0.0)
    total = sum(n + WARMUP * min(n, BLOCKS) for n in (rounds, network_rounds))
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if told is not None:
            told(done, total)

    keys = [(layer, name) for name in layouts for layer in layers_needed(space, plain)]
    to_fit, to_check = spanning(space, plain, fitted, checked, seed)
    usual = next(iter(layouts.values()))
    with _computing(threads):
        parts: dict[Hashable, Work] = {key: _layer_work(key[0], plain, where, layouts[key[1]]) for key in keys}
        wholes: dict[Hashable, Work] = {
            k: _network_work(genotype, plain, where, usual) for k, genotype in enumerate([*to_fit, *to_check])
        }
        groups = [(parts, rounds), (wholes, network_rounds)]
        layers, times = alternately(groups, BLOCKS, seed=seed, clock=clock, wait=_wait(where), told=step)
    table = LatencyTable(
        device=device_name(where),
        threads=threads,
        memory_format=next(iter(layouts)),
        layers={key: layers[key] for key in keys},
        space=space,
        network=network,
        about={"torch": str(torch.__version__), "python": platform.python_version(), "rounds": rounds},
    )
    measured = np.array([timing.ms for timing in times.values()])
    sums = np.array([latency(genotype, plain, table) for genotype in [*to_fit, *to_check]])
    offset, scale = fit(sums[:fitted], measured[:fitted])
    predicted, truth = offset + scale * sums[fitted:], measured[fitted:]
    additivity = Additivity(
        networks=checked,
        spearman=round(_spearman(predicted, truth), 6),
        mean_error=round(float(np.mean(np.abs(predicted - truth) / truth)), 6),
        fitted=fitted,
    )
    return replace(table, offset=offset, scale=scale, additivity=additivity)


def cached(space: DARTSSpace, network: NetworkConfig, device: torch.device, told: Told | None = None) -> LatencyTable:
    """Return the table of networks on this device, measured unless that was done before with this version of torch."""
    where = [device_name(device), str(device), str(torch.__version__), torch.backends.cpu.get_cpu_capability()]
    key = json.dumps([*where, os.cpu_count(), repr(space), repr(network)])
    path = cache_folder() / "latency" / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
    try:
        table = LatencyTable.read(path)
        table.require(space, network)
    except (OSError, ValueError):  # not there, or not whole
        table = build(space, network, device=device, told=told)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            table.write(path)
        except OSError:  # kept where there is a place for it
            return table
    return table


def spanning(
    space: DARTSSpace, network: NetworkConfig, fitted: int, checked: int, seed: int = 0
) -> tuple[list[Genotype], list[Genotype]]:
    """Return two disjoint lists of random genotypes, each evenly spaced by rank of multiply-adds.

    Each of the pool draws its operations with probabilities of its own, so that there are some of almost nothing but
    skip connections, or ``none``, or large convolutions. The smallest and the largest are in the second list.

    Raises:
        ValueError: if the space has too few architectures.
    """
    rng = np.random.default_rng(seed)
    X = rng.integers(space.xl, space.xu + 1, size=(POOL, space.n_var))
    for row in X:
        chances = rng.dirichlet(np.full(len(space.ops), 0.5))
        for gene in (1, 2):
            row[gene::3] = rng.choice(len(space.ops), size=2 * space.nodes, p=chances)
    X = np.unique(space.canonical(X), axis=0)
    if len(X) < fitted + checked:
        raise ValueError(f"space: expected at least {fitted + checked} architectures to measure, got {len(X)}")
    X = X[np.argsort(CostTable(space, network).flops(X), kind="stable")]
    X = X[np.linspace(0, len(X) - 1, fitted + checked).round().astype(int)]
    inner = np.linspace(1, len(X) - 2, fitted).round().astype(int)
    rest = np.setdiff1d(np.arange(len(X)), inner)
    return space.decode(X[inner]), space.decode(X[rest])


def fit(sums: NDArray[np.float64], measured: NDArray[np.float64]) -> tuple[float, float]:
    """Return offset and scale of ``offset + scale * sums`` with the least squared relative error, neither below zero.

    Args:
        sums: sums of layers, (n,), in ms.
        measured: latencies, (n,), in ms.
    """
    terms = np.stack([np.ones_like(sums), sums], axis=1) / measured[:, None]
    offset, scale = nnls(terms, np.ones_like(sums))[0].tolist()
    if scale == 0:  # nothing but noise
        return 0.0, round(float(np.mean(measured / sums)), 6)
    return round(offset, 6), round(scale, 6)


def device_name(device: torch.device) -> str:
    """Return what the device calls itself."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type != "cpu":
        return device.type
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "cpu"


def _spearman(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return 0.0
    return float(spearmanr(predicted, measured).statistic)


def _format(name: str) -> torch.memory_format:
    if name not in FORMATS:
        raise ValueError(f"memory_format: expected one of {', '.join(FORMATS)}, got {name!r}")
    return FORMATS[name]


def _wait(device: torch.device) -> Callable[[], object] | None:
    return partial(torch.cuda.synchronize, device) if device.type == "cuda" else None


@contextmanager
def _computing(threads: int) -> Iterator[None]:
    """Compute without gradients and with a number of threads; afterwards all is as it was."""
    whole("threads", threads, 1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def _network_work(
    genotype: Genotype, network: NetworkConfig, device: torch.device, layout: torch.memory_format
) -> Work:
    made = untrained(genotype, replace(network, auxiliary=False, drop_path=0.0)).eval()
    measure_noise(made)  # numbers next to zero take longer on many processors
    made.to(device)
    set_memory_format(made, layout)
    image = torch.randn(1, *network.image_shape, generator=torch.Generator().manual_seed(0)).to(device)
    image = image.contiguous(memory_format=layout)
    return Work(lambda: made(image), lambda: made(image))


def _layer_work(layer: Layer, network: NetworkConfig, device: torch.device, layout: torch.memory_format) -> Work:
    """Return a layer to be timed, as a network would call it."""
    generator = torch.Generator().manual_seed(0)
    copies = {"add": 2, "concat": layer.c_out // layer.c_in}.get(layer.kind, 1)
    shape = 1, layer.c_in, layer.height, layer.width
    inputs = [
        torch.randn(shape, generator=generator).to(device).contiguous(memory_format=layout) for _ in range(copies)
    ]

    def write() -> None:
        for x in inputs:
            x.mul_(1.0)

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        run = _layer_run(layer, network, device, layout, inputs)
    return Work(write, run)


def _layer_run(
    layer: Layer, network: NetworkConfig, device: torch.device, layout: torch.memory_format, inputs: list[Tensor]
) -> Callable[[], object]:
    norm: NormBuilder = partial(BatchNorm, affine=network.affine)
    c_in, c_out, x = layer.c_in, layer.c_out, inputs[0]
    module: nn.Module
    match layer.kind:
        case "add":
            return lambda: inputs[0] + inputs[1]
        case "zeros":
            return lambda: x.new_zeros(x.shape)
        case "concat":
            return lambda: torch.cat(inputs, dim=1)
        case "classifier":
            module = nn.Linear(c_in, c_out).to(device)
            return lambda: module(x.mean(dim=(2, 3)))
        case "stem" | "stem_next":
            stem = Stem(network, norm).to(device).eval()
            set_memory_format(stem, layout)
            convolutions = [cast(nn.Conv2d, conv) for conv in stem.convs]
            shapes = [(conv.out_channels, conv.in_channels) for conv in convolutions]
            k = 0 if layer.kind == "stem" else 1 + shapes[1:].index((c_out, c_in))
            return lambda: stem.layer(k, x)
        case "entry":
            module = (FactorizedReduce if layer.stride == 2 else ReLUConvNorm)(c_in, c_out, norm)
        case _:
            module = operation(layer.kind, c_in, layer.stride, norm)
    module = module.to(device).eval()
    set_memory_format(module, layout)
    return lambda: module(x)


def _nothing() -> None:
    return
