"""How the time of scoring and of a training step grows with population, images and channels.

At 8x8 grey digits and the demo's network unless one is varied. Figures are the exponents of a power law through the
largest half of each series (1 is linear), and for the population also the time for one subnet of many over one alone:

- ``scoring_exponent_population``, ``_images``, ``_channels``; ``step_exponent_channels``, ``step_exponent_batch``;
- ``scoring_each_of_64_over_alone``.

    python -m benchmarks.bench_growth
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch

from carsmoo import DARTSSpace, Genotype, NetworkConfig, SupernetTraining
from carsmoo.nets.data import load
from carsmoo.nets.scoring import errors
from carsmoo.nets.world import World

SPACE = DARTSSpace()


def genotypes(n: int, seed: int = 0) -> list[Genotype]:
    """Return random architectures."""
    X = np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))
    found: list[Genotype] = SPACE.decode(X)
    return found


def world(channels: int = 8) -> World:
    """Return the demo's world with so many channels."""
    data = load("digits")
    network = NetworkConfig(channels=channels).for_data(data.image_shape, data.classes)
    return World(SPACE, network, SupernetTraining(), data, 0)


def scoring(made: World, n: int, images: int) -> Callable[[], object]:
    """Return what scores so many subnets on so many images, recalibration left out."""
    split = made.data.train
    repeated = torch.arange(images) % len(split)
    part = type(split)(split.images[repeated], split.labels[repeated])
    pool = genotypes(n)
    settings = {"batch": images, "calibration": None}
    return lambda: errors(made.supernet, pool, part, made.data.normalise, **settings)


def stepping(made: World, batch: int) -> Callable[[], object]:
    """Return what trains eight random subnets for a step each."""
    images, labels = made.data.normalise(made.data.train.images[:batch]), made.data.train.labels[:batch]
    pool = genotypes(8)
    return lambda: [made.trainer.step(images, labels, [genotype]) for genotype in pool]


def medians(series: Mapping[int, Callable[[], object]], repeats: int) -> dict[int, float]:
    """Return the median seconds of each work, all taking turns."""
    seen: dict[int, list[float]] = {key: [] for key in series}
    for repeat in range(repeats + 1):
        for key, work in series.items():
            begin = time.perf_counter()
            work()
            if repeat:
                seen[key].append(time.perf_counter() - begin)
    return {key: statistics.median(times) for key, times in seen.items()}


def exponent(found: Mapping[int, float]) -> float:
    """Return the exponent of a power law through the largest half of a series."""
    sizes: Sequence[int] = sorted(found)[len(found) // 2 :]
    return float(np.polyfit(np.log(sizes), np.log([found[size] for size in sizes]), 1)[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Growth with population, images and channels.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    made, widths = world(), {channels: world(channels) for channels in (4, 8, 16, 32)}
    series = {
        "scoring_exponent_population": {n: scoring(made, n, 477) for n in (1, 8, 16, 32, 64)},
        "scoring_exponent_images": {images: scoring(made, 8, images) for images in (120, 240, 480, 960, 1920)},
        "scoring_exponent_channels": {channels: scoring(wide, 8, 477) for channels, wide in widths.items()},
        "step_exponent_channels": {channels: stepping(wide, 64) for channels, wide in widths.items()},
        "step_exponent_batch": {batch: stepping(made, batch) for batch in (32, 64, 128, 256)},
    }
    figures = {}
    for name, works in series.items():
        found = medians(works, options.repeats)
        print(f"{name}: " + ", ".join(f"{size}: {1e3 * seconds:.1f} ms" for size, seconds in found.items()))
        figures[name] = exponent(found)
        if name == "scoring_exponent_population":
            figures["scoring_each_of_64_over_alone"] = found[64] / 64 / found[1]
    print("RESULT " + json.dumps({"name": "growth", "figures": {key: round(v, 3) for key, v in figures.items()}}))


if __name__ == "__main__":
    main()
