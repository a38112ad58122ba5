"""What a training step of a subnet costs beside the same genotype as a stand-alone network of the same widths.

Figure ``step_over_standalone_demo``: median over random genotypes of the ratio of two medians, the subnet's step in the
supernet over the stand-alone network's step. Both steps do the same work on the same images: forward, backward,
clipping, SGD with momentum and decay; the supernet's also looks up which weights it uses. They alternate, step by step.

    python -m benchmarks.bench_supernet
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from carsmoo import DARTSSpace, Network, NetworkConfig, SupernetTraining
from carsmoo.nets.cells import set_memory_format
from carsmoo.nets.data import load
from carsmoo.nets.supernet import Supernet
from carsmoo.nets.training import SupernetTrainer


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def standalone_step(network: Network, plan: SupernetTraining) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Return a training step of a stand-alone network under a supernet's plan."""
    optimizer = torch.optim.SGD(
        network.parameters(), plan.learning_rate, plan.momentum, weight_decay=plan.weight_decay, fused=True
    )

    def step(images: torch.Tensor, labels: torch.Tensor) -> None:
        optimizer.zero_grad()
        F.cross_entropy(network(images), labels).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), plan.clip)
        optimizer.step()

    return step


def measure(genotypes: int, repeats: int) -> tuple[float, float]:
    """Return the median ratio over genotypes, and the median seconds of a subnet's step, at the demo's size."""
    space, plan, data = DARTSSpace(), SupernetTraining(), load("digits")
    network = NetworkConfig().for_data(data.image_shape, data.classes)
    supernet = Supernet(space, network, torch.Generator().manual_seed(0))
    set_memory_format(supernet, torch.channels_last)
    trainer = SupernetTrainer(supernet, data, plan, torch.Generator().manual_seed(0))
    images, labels = data.normalise(data.train.images[: plan.batch]), data.train.labels[: plan.batch]
    rng = np.random.default_rng(0)
    ratios, steps = [], []
    for genotype in space.decode(rng.integers(space.xl, space.xu + 1, size=(genotypes, space.n_var))):
        alone = Network(genotype, network).inherit(supernet)
        set_memory_format(alone, torch.channels_last)
        step = standalone_step(alone, plan)
        pairs = []
        for _ in range(repeats + 3):
            ours = seconds(lambda g=genotype: trainer.step(images, labels, [g]))
            pairs.append((ours, seconds(lambda s=step: s(images, labels))))
        ours, theirs = (statistics.median(column) for column in zip(*pairs[3:], strict=True))
        ratios.append(ours / theirs)
        steps.append(ours)
    return statistics.median(ratios), statistics.median(steps)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A subnet's training step beside the stand-alone network's.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--genotypes", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found, step = measure(arguments.genotypes, arguments.repeats)
    print(
        f"demo: a subnet's step takes {1e3 * step:.1f} ms, {found:.3f} of the stand-alone network's "
        f"(median of {arguments.genotypes} genotypes, {arguments.repeats} pairs each, {arguments.threads} threads)"
    )
    print("RESULT " + json.dumps({"name": "supernet", "figures": {"step_over_standalone_demo": round(found, 4)}}))


if __name__ == "__main__":
    main()
