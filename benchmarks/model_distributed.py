"""What a generation of the paper's search would take on more devices, from what one of them takes.

The search has 128 individuals, ten epochs a generation, 195 steps of 128 images an epoch, and N_b = 8. A step takes as
long as the longest share of it and an all-reduce of the gradients; 128 newborns are scored once before training, and
parents and newborns after it. Left out are loading and augmentation, computations that networks have in common, and the
waiting of a network that others use too.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from carsmoo.nets.distributed.group import shards, spread

BANDWIDTH = 10e9
"""Bytes a second that a device sends and receives."""

LATENCY = 10e-6
"""Seconds of one message."""

DISK = 1e9
"""Bytes a second of the disk that rank 0 writes to."""

DEVICES = (1, 2, 8, 16, 32, 64, 128, 256, 512)
PARTS = (1, 2, 4, 8)
POPULATION, N_B, STEPS, BATCH, VALIDATION, CALIBRATION = 128, 8, 1950, 128, 25_000, 512


@dataclass(frozen=True, kw_only=True)
class Device:
    """What one device takes for each of some architectures.

    Attributes:
        training: seconds forward and backward for each image of a pass.
        passes: seconds that a pass takes beyond its images, the optimiser's included.
        scoring: seconds for each image.
        planning: seconds for each architecture of a population to find who scores whom.
        weights: weights of the supernet.
        exchanged: weights that N_b architectures use together, the mean.
    """

    training: Sequence[float]
    passes: Sequence[float]
    scoring: Sequence[float]
    planning: float
    weights: int
    exchanged: float


def training_seconds(device: Device, n: int, parts: int) -> float:
    """Return the seconds that a generation trains, without the exchange."""
    rng = np.random.default_rng(0)
    longest = []
    for _ in range(50):
        drawn = rng.integers(len(device.training), size=N_B)
        shared = spread([device.training[k] for k in drawn], BATCH, n, parts)
        loads = [
            sum(device.passes[drawn[k]] + device.training[drawn[k]] * (s.stop - s.start) for k, s in share)
            for share in shared
        ]
        longest.append(max(loads))
    return STEPS * statistics.mean(longest)


def exchange_seconds(device: Device, n: int) -> float:
    """Return the seconds of a generation's all-reduces, around a ring."""
    sent = 4 * device.exchanged
    return STEPS * (2 * (n - 1) / n * sent / BANDWIDTH + 2 * (n - 1) * LATENCY) if n > 1 else 0.0


def scoring_seconds(device: Device, n: int) -> float:
    """Return the seconds that a generation scores."""
    costs = [device.scoring[k % len(device.scoring)] for k in range(2 * POPULATION)]
    longest = max(sum(costs[k] for k in share) for share in shards(costs, n))
    return 1.5 * longest * (VALIDATION + CALIBRATION)  # the newborns twice


def print_model(device: Device) -> None:
    """Print a table over the numbers of devices: with whole batches, and with the parts that train fastest."""
    million = 1e6
    print(f"supernet {device.weights / million:.2f} M weights, a step uses {device.exchanged / million:.2f} M")
    print(
        "devices  train s  all-reduce s  score s  plan+gather s  checkpoint s  speedup  efficiency  "
        "parts  train s  speedup  efficiency"
    )
    one = 0.0
    for n in DEVICES:
        trains = {parts: training_seconds(device, n, parts) for parts in PARTS}
        parts = min(trains, key=lambda p: trains[p])
        exchange, scoring = exchange_seconds(device, n), scoring_seconds(device, n)
        rest = 2 * POPULATION * device.planning + 2 * n * LATENCY if n > 1 else 0.0
        save = 8 * device.weights / DISK
        whole, split = (seconds + exchange + scoring + rest + save for seconds in (trains[1], trains[parts]))
        one = one or whole
        print(
            f"{n:7d}  {trains[1]:7.0f}  {exchange:12.1f}  {scoring:7.0f}  {rest:13.2f}  {save:12.2f}  "
            f"{one / whole:7.1f}  {one / whole / n:10.2f}  {parts:5d}  {trains[parts]:7.0f}  {one / split:7.1f}  "
            f"{one / split / n:10.2f}"
        )
