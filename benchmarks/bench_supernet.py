"""What a training step of a subnet costs beside two others that do the same for the same images.

Figures, for the demo's size and the paper's (16 channels, 8 cells, 64 images of 3x32x32), in DARTS's space:

- ``step_over_standalone_*``: median over random genotypes of the ratio of two medians, the subnet's step in the
  supernet over that of the same genotype as a stand-alone network of the same widths. Both do the same work: forward,
  backward, clipping, SGD with momentum and decay; the supernet's also looks up which weights it uses. They alternate.
- ``step_over_standalone_chain``, ``step_over_standalone_nas_bench_201``: the same in those spaces, at the demo's size.
- ``masked_over_step_*``: the step of a supernet that computes all operations of all edges and multiplies them by 0 or
  1, as the released code does, over the subnet's.

    python -m benchmarks.bench_supernet
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.masked import masked_logits
from carsmoo import ChainSpace, DARTSSpace, NASBench201Space, NetworkConfig, SearchSpace, SupernetTraining
from carsmoo.nets.data import ImageData, load
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.supernet.trainer import SupernetTrainer


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def standalone_step(network: nn.Module, plan: SupernetTraining) -> Callable[[torch.Tensor, torch.Tensor], None]:
    """Return the rest of a training step of a network under a supernet's plan, from its logits on."""
    optimizer = torch.optim.SGD(
        network.parameters(), plan.learning_rate, plan.momentum, weight_decay=plan.weight_decay, fused=True
    )

    def step(logits: torch.Tensor, labels: torch.Tensor) -> None:
        F.cross_entropy(logits, labels).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), plan.grad_clip)
        optimizer.step()
        optimizer.zero_grad()

    return step


def case(name: str) -> tuple[NetworkConfig, SupernetTraining, ImageData]:
    """Return shape, plan and images of the demo's or the paper's search; the paper's images are random ones."""
    if name != "paper":
        data = load("digits")
        return NetworkConfig().for_data(data.image_shape, data.classes), SupernetTraining(), data
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(320, 3, 32, 32), dtype=np.uint8)
    data = ImageData.from_arrays(images, np.arange(320) % 10, name="random")
    shape = NetworkConfig(channels=16, layers=8).for_data(data.image_shape, data.classes)
    return shape, SupernetTraining.paper(batch_size=64), data


def measure(
    name: str, genotypes: int, repeats: int, masked_repeats: int = 0, space: SearchSpace | None = None
) -> dict[str, float]:
    """Return the figures of one size, in DARTS's space if no other is given."""
    space = space or DARTSSpace()
    network, plan, data = case(name)
    supernet = space.build_supernet(network, torch.Generator().manual_seed(0))
    set_memory_format(supernet, torch.channels_last)
    trainer = SupernetTrainer(supernet, data, plan, torch.Generator().manual_seed(0))
    everything = standalone_step(supernet, plan)
    images, labels = data.normalise(data.train.images[: plan.batch_size]), data.train.labels[: plan.batch_size]
    rng = np.random.default_rng(0)
    ratios, steps, masked = [], [], []
    for genotype in space.decode(rng.integers(space.xl, space.xu + 1, size=(genotypes, space.n_var))):
        alone = genotype.build(network).inherit(supernet)
        set_memory_format(alone, torch.channels_last)
        step = standalone_step(alone, plan)
        pairs = []
        for _ in range(repeats + 3):
            ours = seconds(lambda g=genotype: trainer.step(images, labels, [g]))
            pairs.append((ours, seconds(lambda s=step, f=alone: s(f(images), labels))))
        ours, theirs = (statistics.median(column) for column in zip(*pairs[3:], strict=True))
        ratios.append(ours / theirs)
        steps.append(ours)
        if len(masked) < masked_repeats:
            forward = partial(masked_logits, supernet, images, genotype)
            masked.append(seconds(lambda f=forward: everything(f(), labels)) / ours)
    print(
        f"{name}: a subnet's step takes {1e3 * statistics.median(steps):.1f} ms, {statistics.median(ratios):.3f} of "
        f"the stand-alone network's (median of {genotypes} genotypes, {repeats} pairs each)"
    )
    figures = {f"step_over_standalone_{name}": statistics.median(ratios)}
    if masked:
        longer = statistics.median(masked)
        print(f"{name}: a masked supernet's takes {longer:.1f} times as long (median of {len(masked)})")
        figures[f"masked_over_step_{name}"] = longer
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A subnet's training step beside two others.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--genotypes", type=int, default=15)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    figures = measure("demo", options.genotypes, options.repeats, 7)
    figures |= measure("chain", options.genotypes, options.repeats, space=ChainSpace())
    figures |= measure("nas_bench_201", options.genotypes, options.repeats, space=NASBench201Space())
    figures |= measure("paper", options.genotypes // 2, options.repeats // 3, 3)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print("RESULT " + json.dumps({"name": "supernet", "figures": rounded}))


if __name__ == "__main__":
    main()
