"""Scoring a population in its tenth generation as one graph, against scoring its subnets one by one.

Scored are parents and offspring, with recalibration, as in a generation. Figures, for the size of the demo and of the
paper:

- ``sharing_bound_*``: multiply-adds of all subnets over those of the distinct computations, counted while both run;
- ``one_by_one_over_graph_*``: seconds of the plain forward passes over seconds of the graph, median of pairs that
  alternate. Beyond the bound lies what is gained by taking calibration and validation images in one call;
- ``wrong_predictions_*``: images on which the two disagree, over all subnets;
- ``memory_over_budget_*``, ``tight_memory_over_budget_*``: by how much the process grows at its largest, over the
  budget that is usual and over one of 96 MiB;
- ``one_by_one_over_graph_random``, ``_single``: the demo's ratio for random subnets, and for one alone;
- ``masked_over_graph_demo``: the ratio for a supernet that computes all operations and masks them.

The demo's population comes from the demo itself. The paper's is bred for ten generations by the paper's plan (N = 128,
eight cells) on a narrow supernet and random images, since only who shares what matters, and scored at 16 channels.

    python -m benchmarks.bench_population
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.masked import masked_logits
from carsmoo import PNSGA3, CARSProblem, Genotype, NetworkConfig, SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.models.batch_norm import Statistics
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.evaluation import errors, recalibrate
from carsmoo.nets.supernet.passes import BYTES, HELD, fitting_graphs
from carsmoo.nets.supernet.shared_graph import SharedGraph
from carsmoo.nets.supernet.training_state import SupernetState

GENERATIONS = 10
FEW = SupernetTraining(warmup_epochs=1, pop_size=8, batch_size=32, bn_calibration_images=32)
"""The plan of a search that is only to be seen to run, on few images."""

TIGHT = 96 << 20
"""A budget of bytes that the cases do not fit in at once."""


@dataclass
class Case:
    """A population and the weights and images that it is scored on."""

    name: str
    world: SupernetState
    genotypes: list[Genotype]
    memory: int

    def graph(self, genotypes: Sequence[Genotype]) -> np.ndarray:
        """Score as one graph."""
        world = self.world
        settings: dict[str, Any] = {"batch": 500, "calibration": world.calibration, "memory": self.memory}
        return errors(world.supernet, genotypes, world.data.validation, world.data.normalise, **settings)

    @torch.no_grad()
    def one_by_one(self, genotypes: Sequence[Genotype]) -> np.ndarray:
        """Score by a forward pass of each subnet."""
        world, split = self.world, self.world.data.validation
        wrong = []
        for genotype in genotypes:
            found = recalibrate(world.supernet, genotype, world.calibration)
            logits = world.supernet(world.data.normalise(split.images), genotype, found)
            wrong.append(int((logits.argmax(dim=1) != split.labels).sum()))
        return np.array(wrong) / len(split)


def population(problem: CARSProblem, generations: int = GENERATIONS) -> list[Genotype]:
    """Return the parents and the offspring of a search in a generation, the tenth if none is given."""
    algorithm = PNSGA3().setup(problem)
    for _ in range(generations):
        algorithm.next()
    bred = algorithm.mating.do(
        problem, algorithm.pop, algorithm.n_offsprings, algorithm=algorithm, random_state=algorithm.random_state
    )
    genotypes: list[Genotype] = problem.space.decode(np.concatenate([algorithm.pop.get("X"), bred.get("X")]))
    return genotypes


def random_images(n: int, size: int = 32) -> ImageData:
    """Return random images of CIFAR-10's shape."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(n, 3, size, size), dtype=np.uint8)
    return ImageData.from_arrays(images, np.arange(n) % 10, name="random")


def demo(quick: bool = False) -> Case:
    """Return the demo's case, after its warm-up and ten generations; smaller to see that it runs."""
    if quick:
        problem = CARSProblem("digits?images=200", network=NetworkConfig(channels=4, layers=3), training=FEW)
    else:
        problem = CARSProblem()
    genotypes = population(problem, 2 if quick else GENERATIONS)
    world = problem._world
    assert world is not None
    return Case("demo", world, genotypes, problem.training.score_memory << 20)


def paper(quick: bool = False) -> Case:
    """Return the paper's case: 256 subnets of its size, few images; four subnets to see that it runs."""
    plan = SupernetTraining(
        warmup_epochs=0, epochs_per_generation=1, pop_size=128, batch_size=32, bn_calibration_images=32
    )
    narrow = NetworkConfig(channels=2, layers=8)
    problem = CARSProblem(random_images(160, size=8), network=narrow, training=FEW if quick else plan)
    genotypes = population(problem, 2 if quick else GENERATIONS)[: 4 if quick else None]
    data = random_images(160)
    training = SupernetTraining.paper(bn_calibration_images=32, batch_size=32)
    network = NetworkConfig(channels=4 if quick else 16, layers=8).for_data(data.image_shape, data.classes)
    return Case(
        "paper", SupernetState(problem.space, network, training, data, 0), genotypes, training.score_memory << 20
    )


def multiply_adds(supernet: Supernet, work: Callable[[], object]) -> int:
    """Return the multiply-adds of the convolutions that some work runs."""
    total = 0

    def count(layer: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        nonlocal total
        total += output.numel() * layer.weight[0].numel()  # type: ignore[operator, index]

    hooks = [layer.register_forward_hook(count) for layer in supernet.modules() if isinstance(layer, nn.Conv2d)]
    work()
    for hook in hooks:
        hook.remove()
    return total


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


@torch.no_grad()
def disagreements(case: Case) -> int:
    """Return on how many images the two predict another class, over all subnets."""
    world, found = case.world, 0
    x = world.data.normalise(world.data.validation.images)
    sizes = [len(part) for part in world.calibration]
    for group, graph in fitting_graphs(
        world.supernet, case.genotypes, case.memory // (HELD * BYTES * (len(x) + sum(sizes)))
    ):
        known: dict[int, Statistics] = {}
        run = graph.run(torch.cat([*world.calibration, x]), partial(statistics_of, known, sizes))
        for k, logits in run:
            genotype = case.genotypes[group[k]]
            alone = world.supernet(x, genotype, recalibrate(world.supernet, genotype, world.calibration))
            found += int((logits[sum(sizes) :].argmax(dim=1) != alone.argmax(dim=1)).sum())
    return found


def statistics_of(known: dict[int, Statistics], sizes: list[int], number: int) -> Statistics:
    """Return the statistics of a node of a graph."""
    return known.setdefault(number, Statistics(sizes))


def held_bytes(case: Case) -> int:
    """Return by how much the process grows, at its largest, while the population is scored (Linux, glibc)."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what is free goes back to the system first
    Path("/proc/self/clear_refs").write_text("5")  # the largest size starts anew
    before = resident("VmRSS")
    case.graph(case.genotypes)
    return resident("VmHWM") - before


def resident(name: str) -> int:
    """Return an entry of the process's status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(name))


def paired(case: Case, genotypes: Sequence[Genotype], repeats: int) -> tuple[float, float, float]:
    """Return the median seconds one by one and as a graph, and the median ratio of pairs."""
    pairs = []
    for _ in range(repeats):
        apart = seconds(lambda: case.one_by_one(genotypes))
        pairs.append((apart, seconds(lambda: case.graph(genotypes))))
    apart, graph = (statistics.median(column) for column in zip(*pairs, strict=True))
    return apart, graph, statistics.median(a / b for a, b in pairs)


def measure(case: Case, repeats: int) -> dict[str, float]:
    """Return the figures of one case."""
    world, genotypes, name = case.world, case.genotypes, case.name
    tight = held_bytes(replace(case, memory=TIGHT)) / TIGHT  # first: a larger budget leaves holes that are kept
    apart, shared = (
        multiply_adds(world.supernet, lambda work=work: work(genotypes)) for work in (case.one_by_one, case.graph)
    )
    plain, graph, ratio = paired(case, genotypes, repeats)
    whole = SharedGraph(world.supernet, genotypes)
    print(
        f"{name}: {len(genotypes)} subnets, {len(whole.applications)} computations, {len(whole.computations) - 1} of "
        f"them distinct; one by one {plain:.2f} s, as a graph {graph:.2f} s, {ratio:.2f} times as fast where sharing "
        f"alone allows {apart / shared:.2f}"
    )
    return {
        f"sharing_bound_{name}": apart / shared,
        f"one_by_one_over_graph_{name}": ratio,
        f"wrong_predictions_{name}": disagreements(case),
        f"memory_over_budget_{name}": held_bytes(case) / case.memory,
        f"tight_memory_over_budget_{name}": tight,
    }


def without_sharing(case: Case, repeats: int) -> dict[str, float]:
    """Return the same ratio where there is little or nothing to share: random subnets, and one alone."""
    rng, space = np.random.default_rng(0), case.world.space
    drawn = space.decode(rng.integers(space.xl, space.xu + 1, size=(16, space.n_var)))
    return {
        "one_by_one_over_graph_random": paired(case, drawn, repeats)[2],
        "one_by_one_over_graph_single": paired(case, case.genotypes[:1], 10 * repeats)[2],
    }


@torch.no_grad()
def masked(case: Case, repeats: int) -> float:
    """Return the median of masked over shared scoring, on a few subnets, both without recalibration's images."""
    world, few = case.world, case.genotypes[:4]
    x = world.data.normalise(world.data.validation.images)
    pairs = []
    for _ in range(repeats + 1):
        theirs = seconds(lambda: [masked_logits(world.supernet, x, genotype) for genotype in few])
        pairs.append(theirs / seconds(lambda: dict(SharedGraph(world.supernet, few).run(x))))
    return statistics.median(pairs[1:])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A population scored as one graph against one by one.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5, help="of the demo's case")
    parser.add_argument("--quick", action="store_true", help="few subnets, to see that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    case, repeats = demo(options.quick), 1 if options.quick else options.repeats
    figures = measure(case, repeats) | without_sharing(case, repeats)
    figures["masked_over_graph_demo"] = masked(case, repeats)
    figures |= measure(paper(options.quick), 1 if options.quick else 2)
    rounded = {name: round(value, 4) for name, value in figures.items()}
    print("RESULT " + json.dumps({"name": "population", "figures": rounded}))


if __name__ == "__main__":
    main()
