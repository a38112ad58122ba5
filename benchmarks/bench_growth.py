"""How the time of scoring and of a training step grows with population, images and channels.

At 8x8 grey digits and the demo's network unless one is varied. Figures are the exponents of a power law through the
largest half of each series (1 is linear), and for the population also the time for one subnet of many over one alone:

- ``scoring_exponent_population``, ``_images``, ``_channels``; ``step_exponent_channels``, ``step_exponent_batch``;
- ``scoring_each_of_64_over_alone``;
- ``scoring_all_at_once_over_near``: at the paper's size (16 channels, 8 cells, 240 random images of 3x32x32) seconds
  with all images in one call over seconds with as many at a time as are near the processor.

    python -m benchmarks.bench_growth
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.bench_population import random_images
from carsmoo import DARTSSpace, Genotype, NetworkConfig, SupernetTraining
from carsmoo.nets.data import load
from carsmoo.nets.supernet import evaluation as scoring_module
from carsmoo.nets.supernet.evaluation import errors
from carsmoo.nets.supernet.training_state import SupernetState

SPACE = DARTSSpace()


def genotypes(n: int, seed: int = 0) -> list[Genotype]:
    """Return random architectures."""
    X = np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))
    found: list[Genotype] = SPACE.decode(X)
    return found


def world(channels: int = 8) -> SupernetState:
    """Return the demo's world with so many channels."""
    data = load("digits")
    network = NetworkConfig(channels=channels).for_data(data.image_shape, data.classes)
    return SupernetState(SPACE, network, SupernetTraining(), data, 0)


def scoring(made: SupernetState, n: int, images: int) -> Callable[[], object]:
    """Return what scores so many subnets on so many images, recalibration left out."""
    split = made.data.train
    repeated = torch.arange(images) % len(split)
    part = type(split)(split.images[repeated], split.labels[repeated])
    pool = genotypes(n)
    settings = {"batch": images, "calibration": None}
    return lambda: errors(made.supernet, pool, part, made.data.normalise, **settings)


def near_and_far() -> dict[int, Callable[[], object]]:
    """Return what scores four subnets of the paper's size, as many images at a time as are near (0), and all (1)."""
    data = random_images(600)
    network = NetworkConfig(channels=16, layers=8).for_data(data.image_shape, data.classes)
    made, pool = (
        SupernetState(SPACE, network, SupernetTraining(bn_calibration_images=32, batch_size=32), data, 0),
        genotypes(4),
    )

    def near() -> None:
        made.errors(pool, data.validation)

    def far() -> None:
        with patch.object(scoring_module, "NEAR", sys.maxsize):
            near()

    return {0: near, 1: far}


def stepping(made: SupernetState, batch: int) -> Callable[[], object]:
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
    found = medians(near_and_far(), options.repeats)
    print(f"scoring at the paper's size, near and all at once: {found[0]:.2f} s, {found[1]:.2f} s")
    figures["scoring_all_at_once_over_near"] = found[1] / found[0]
    print("RESULT " + json.dumps({"name": "growth", "figures": {key: round(v, 3) for key, v in figures.items()}}))


if __name__ == "__main__":
    main()
