"""Two processes that search as one against one of them, and a model of more.

Both processes run one thread. One works alone while the other waits, then both together, in turn, on the same weights,
architectures and images. Figures:

- ``scoring_speedup_2``, ``scoring_speedup_2_demo``: seconds of one process over seconds of two for the same population
  (paper's size: 32 of the 256 parents and offspring of a tenth generation, 96 random images, 32 for calibration; demo:
  the 32 of its tenth generation after 20 epochs of warm-up, all its images);
- ``step_speedup_2``, ``step_speedup_2_demo``: the same for training steps with N_b = 2, architectures of that
  population, sums over all steps (the paper's size with a batch of 64);
- ``step_alike_speedup_2``, ``step_alike_speedup_2_demo``: the same where the architectures of eight steps are dealt so
  that those of a step are alike (``training.alike``);
- ``step_bound_2*``, ``step_alike_bound_2*``: what the seconds of the two architectures, each by itself in one process,
  allow, since the cheaper one waits for the other;
- ``scoring_bound_2*``: what the shares' distinct computations allow;
- ``machine_bound_2*``: what the machine allows: twice the seconds of a pass in one process over those of the same in
  both at once, which compete for cache and memory; the median of several;
- ``train_speedup_2``: seconds of one process over seconds of two that train six random networks on digits,
  recipe ``quick`` with two epochs instead of 30; median of three, and ``train_bound_2`` what their multiply-adds allow.

The model is of the paper's search (128 individuals, batch of 128, 195 steps an epoch, ten epochs a generation, N_b = 8)
with the measured core as device, and the network and disk of the constants below.

    python -m benchmarks.bench_distributed
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from benchmarks.bench_population import population, random_images
from carsmoo import CARSProblem, Genotype, NetworkConfig, SupernetTraining
from carsmoo.cost import flops
from carsmoo.distributed import Group, TorchGroup, shards, spread
from carsmoo.nets.data import ImageData
from carsmoo.nets.saved import load
from carsmoo.nets.scoring import errors
from carsmoo.nets.sharding import node_costs, score_together, shares
from carsmoo.nets.standalone import Job
from carsmoo.nets.trainings import train_each
from carsmoo.nets.world import World, dealt
from carsmoo.recipes import TrainingRecipe

BANDWIDTH = 10e9
"""Bytes a second that a device sends and receives."""

LATENCY = 10e-6
"""Seconds of one message."""

DISK = 1e9
"""Bytes a second of the disk that rank 0 writes to."""

WINDOWS = {"": 1, "_alike": 8}
"""Steps among which architectures are dealt, by what it adds to a figure's name."""

DEVICES = (1, 2, 8, 16, 32, 64, 128, 256, 512)
N_B, STEPS, BATCH, VALIDATION = 8, 1950, 128, 25_000


class Case:
    """A population, and two worlds of the same weights: one of this process and one of the group."""

    def __init__(self, name: str, problem: CARSProblem, data: ImageData, network: NetworkConfig, group: Group) -> None:
        self.name, self.group, self.batch = name, group, 64
        self.genotypes = population(problem)[:: max(problem.training.population // 16, 1)]
        plan = SupernetTraining(architectures=2, calibration=min(128, len(data.train)), score_batch=500)
        shape = network.for_data(data.image_shape, data.classes)
        layout = "channels_last"
        self.alone = World(problem.space, shape, plan, data, 0, layout)
        self.together = World(problem.space, shape, plan, data, 0, layout, group)
        n = self.batch
        self.images, self.labels = data.normalise(data.train.images[:n]), data.train.labels[:n]

    def score(self, world: World, group: Group, genotypes: Sequence[Genotype]) -> np.ndarray:
        """Score on a world's weights."""
        split, normalise = world.data.validation, world.data.normalise
        scoring = partial(errors, world.supernet, batch=500, calibration=world.calibration)
        if group.size == 1:
            return scoring(genotypes, split, normalise)
        return score_together(group, world.supernet, genotypes, lambda g, f: scoring(g, split, normalise, scored=f))

    def pairs(self, n: int, window: int) -> list[list[Genotype]]:
        """Return pairs of architectures as training draws them, dealt among so many steps."""
        rng = np.random.default_rng(0)
        drawn = iter(lambda: [self.genotypes[k] for k in rng.permutation(len(self.genotypes))[:2]], None)
        return list(islice(dealt(drawn, window, self.alone.supernet.network, np.random.default_rng(1)), n))


def timed(group: Group, work: Callable[[], object], everyone: bool) -> float:
    """Return the seconds of some work, done by all or by rank 0 alone, as rank 0 sees it."""
    dist.barrier()
    begin = time.perf_counter()
    if everyone or group.rank == 0:
        work()
    if everyone:
        dist.barrier()
    return time.perf_counter() - begin


def measure(case: Case, scorings: int, steps: int) -> dict[str, float]:
    """Return the figures of one case."""
    group, one = case.group, Group()
    ratios, scores = [], []
    for k in range(scorings + 1):
        alone = timed(group, lambda: scores.append(case.score(case.alone, one, case.genotypes)), False)
        both = timed(group, lambda: scores.append(case.score(case.together, group, case.genotypes)), True)
        ratios += [alone / both] if k else []
    if group.rank == 0 and any(not np.array_equal(scores[0], other) for other in scores[1:]):
        raise RuntimeError("scores: expected the same of one process and of two, got others")
    stepped = {name: step_figures(case, case.pairs(steps + 1, window)) for name, window in WINDOWS.items()}
    if group.rank == 0 and case.alone.digest() != case.together.digest():
        raise RuntimeError("weights: expected the same of one process and of two, got others")
    work, needed = node_costs(case.alone.supernet, case.genotypes)
    split = [work[needed[share].any(axis=0)].sum() for share in shares(case.alone.supernet, case.genotypes, 2)]
    return {
        f"scoring_speedup_2{case.name}": statistics.median(ratios),
        f"scoring_bound_2{case.name}": float(work[needed.any(axis=0)].sum() / max(split)),
        f"machine_bound_2{case.name}": machine_bound(case),
        **{f"step{name}_speedup_2{case.name}": speedup for name, (speedup, _) in stepped.items()},
        **{f"step{name}_bound_2{case.name}": bound for name, (_, bound) in stepped.items()},
    }


def measure_training(group: Group, rounds: int, epochs: int) -> dict[str, float]:
    """Return the figures of training six networks."""
    demo = CARSProblem(training=SupernetTraining(warmup=0, population=16), group=Group())
    X = demo.default_operators()["sampling"].do(demo, 6, random_state=np.random.default_rng(0)).get("X")
    recipe = TrainingRecipe(epochs=epochs)
    shape = recipe.network(demo.images.image_shape, demo.images.classes)
    genotypes = demo.space.decode(X)
    costs = [float(flops(genotype, shape)) for genotype in genotypes]
    ratios = []
    for _ in range(rounds):
        folder = Path(group.decide(tempfile.mkdtemp))

        def jobs(name: str, folder: Path = folder) -> list[Job]:
            common = {"recipe": recipe, "data": "digits", "threads": 1}
            return [Job(folder=folder / name / str(k), genotype=g, **common) for k, g in enumerate(genotypes)]

        alone = timed(group, lambda: train_each(jobs("alone"), 1, group=Group()), False)
        both = timed(group, lambda: train_each(jobs("both"), group=group), True)
        ratios.append(alone / both)
        if group.rank == 0:
            for one, other in zip(jobs("alone"), jobs("both"), strict=True):
                states = [load(job.folder).state_dict() for job in (one, other)]
                if any(not torch.equal(states[0][name], value) for name, value in states[1].items()):
                    raise RuntimeError("networks: expected the same of one process and of two, got others")
            shutil.rmtree(folder)
    longest = max(sum(costs[k] for k in share) for share in shards(costs, 2))
    return {"train_speedup_2": statistics.median(ratios), "train_bound_2": sum(costs) / longest}


def step_figures(case: Case, pairs: Sequence[Sequence[Genotype]]) -> tuple[float, float]:
    """Return how much faster two processes make steps, the first left out, and what unequal architectures allow."""
    group, alone, together = case.group, case.alone.trainer, case.together.trainer
    rows = []
    for pair in pairs:
        seconds = [timed(group, lambda p=pair: alone.step(case.images, case.labels, p), False)]
        seconds += [timed(group, lambda p=pair: together.step(case.images, case.labels, p), True)]
        rows.append(seconds + [timed(group, lambda g=g: passed(case, g), False) for g in pair])
    one, two, *each = np.array(rows[1:]).T
    return float(one.sum() / two.sum()), float(np.sum(each) / np.max(each, axis=0).sum())


def machine_bound(case: Case, n: int = 12) -> float:
    """Return how much more two processes compute than one where they exchange nothing."""
    ratios = []
    for genotype in case.genotypes[: n + 1]:
        one, both = (timed(case.group, lambda g=genotype: passed(case, g), everyone) for everyone in (False, True))
        ratios.append(2 * one / both)
    return statistics.median(ratios[1:])


def passed(case: Case, genotype: Genotype) -> None:
    """Run one architecture forward and backward, as a step does, and forget its gradients."""
    supernet = case.alone.supernet
    torch.nn.functional.cross_entropy(supernet(case.images, genotype), case.labels).backward()
    supernet.zero_grad()


def model(case: Case) -> None:
    """Print what a generation of the paper's search would take on more devices, from what one core takes here."""
    trainer, pool = case.alone.trainer, case.genotypes
    cost = [float(flops(genotype, case.alone.supernet.network)) for genotype in pool]

    def step(n: int) -> float:
        begin = time.perf_counter()
        for genotype in pool[:4]:
            trainer.step(case.images[:n], case.labels[:n], [genotype])
        return (time.perf_counter() - begin) / sum(cost[:4])  # seconds for each multiply-add of an image's forward pass

    few, many = step(8), step(64)
    per_image, fixed = (many - few) / 56, max(few - 8 * (many - few) / 56, 0.0)
    begin = time.perf_counter()
    case.score(case.alone, Group(), pool)
    work, needed = node_costs(case.alone.supernet, pool)
    images = len(case.alone.data.validation) + sum(map(len, case.alone.calibration))
    per_node = (time.perf_counter() - begin) / work[needed.any(axis=0)].sum() * (VALIDATION + 512) / images
    grown = [pool[k % len(pool)] for k in range(256)]
    begin = time.perf_counter()
    shares(case.alone.supernet, pool, 8)
    planning = (time.perf_counter() - begin) * 256 / len(pool)
    weights = sum(p.numel() for p in case.alone.supernet.parameters())
    used = statistics.mean(sum(p.numel() for p in case.alone.supernet.chosen_parameters(g)) for g in pool)
    full, rng = needed @ work, np.random.default_rng(0)
    one = 3 * float(full.mean()) * 128 * per_node  # 128 newborns' pre-scores and 256 scores, sharing left out
    print(f"supernet {weights / 1e6:.2f} M weights, an architecture uses {used / 1e6:.2f} M; planning {planning:.2f} s")
    print("devices  train s  all-reduce s  score s  gather+plan s  checkpoint s  generation s  speedup  efficiency")
    base = 0.0
    for n in DEVICES:
        compute = []
        for _ in range(200):
            drawn = [cost[k] for k in rng.integers(len(cost), size=N_B)]
            parts = spread(drawn, BATCH, n)
            loads = [sum(drawn[k] * (fixed + per_image * (s.stop - s.start)) for k, s in part) for part in parts]
            compute.append(max(loads))
        train = STEPS * statistics.mean(compute)
        union = min(used * N_B * 0.6, weights) * 4
        reduce = STEPS * (2 * (n - 1) / n * union / BANDWIDTH + 2 * (n - 1) * LATENCY) if n > 1 else 0.0
        load = [sum(full[k % len(pool)] for k in share) for share in _even(full, len(grown), n)]
        score = one * max(load) / sum(load)
        rest = (planning + 2 * n * LATENCY) if n > 1 else 0.0
        save = 8 * weights / DISK
        total = train + reduce + score + rest + save
        base = base or total
        row = (train, reduce, score, rest, save, total)
        print(
            f"{n:7d}  " + "  ".join(f"{value:9.2f}" for value in row) + f"  {base / total:7.1f}  {base / total / n:.2f}"
        )


def _even(costs: np.ndarray, jobs: int, n: int) -> list[list[int]]:
    return shards([float(costs[k % len(costs)]) for k in range(jobs)], n)


def work(rank: int, port: int, quick: bool, training: bool) -> None:
    """Measure as one of two processes."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    group = TorchGroup()
    figures = measure_training(group, 1 if quick else 3, 1 if quick else 2)
    if not training:
        figures |= measure_search(group, quick)
    if rank == 0:
        rounded = {name: round(value, 4) for name, value in figures.items()}
        print("RESULT " + json.dumps({"name": "distributed", "figures": rounded}), flush=True)
    dist.barrier()
    dist.destroy_process_group()


def measure_search(group: Group, quick: bool) -> dict[str, float]:
    """Return the figures of scoring and of steps, and print the model."""
    small = {"warmup": 1 if quick else 20, "population": 16}
    demo = CARSProblem(training=SupernetTraining(**small), group=group)
    figures = measure(Case("_demo", demo, demo._loaded(), demo.network, group), 2 if quick else 7, 20 if quick else 200)
    narrow = NetworkConfig(channels=2, layers=8)
    plan = {"population": 16 if quick else 128, "epochs": 1, "warmup": 0, "calibration": 32, "batch": 32}
    bred = CARSProblem(random_images(160, size=8), network=narrow, training=SupernetTraining(**plan), group=group)
    paper = Case("", bred, random_images(192), NetworkConfig(channels=16, layers=8), group)
    paper.genotypes = paper.genotypes[:32]
    figures |= measure(paper, 1 if quick else 3, 2 if quick else 24)
    if group.rank == 0:
        model(paper)
        assert math.isfinite(sum(figures.values()))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Two processes that search as one against one of them.")
    parser.add_argument("--quick", action="store_true", help="few repetitions, to see that it runs")
    parser.add_argument("--training", action="store_true", help="the training of networks alone")
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    mp.spawn(work, (port, options.quick, options.training), nprocs=2)


if __name__ == "__main__":
    main()
