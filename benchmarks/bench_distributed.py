"""Two processes that search as one against one of them, and a model of more.

Both processes run one thread. One works alone while the other waits, then both together, in turn, on the same weights,
architectures and images. Figures:

- ``scoring_speedup_2``, ``scoring_speedup_2_demo``: seconds of one process over seconds of two for the same population
  (paper's size: 32 of the 256 parents and offspring of a tenth generation, 307 random images, 32 for calibration; demo:
  the 32 of its tenth generation after 20 epochs of warm-up, all its images);
- ``scoring_shares_2*``: seconds for the population over seconds for the longer share, each by itself in one process;
- ``step_speedup_2``, ``step_speedup_2_demo``: the same for training steps with N_b = 2, architectures of that
  population, runs of some steps in turn and sums over all (the paper's size with a batch of 64), without loading and
  augmentation;
- ``step_alike_speedup_2*``: the same where the architectures of eight steps are dealt so that those of a step are alike
  (``training.flops_grouping_window`` 8 in both);
- ``step_parts_speedup_2*``: the same where the batch is split in two (``training.ghost_batches`` 2 in both);
- ``step_parts_gain_2*``: two processes with ``parts`` 2 against one process with whole batches;
- ``step_parts_alone*``: seconds of one process with ``parts`` 2 over those of one with whole batches;
- ``step_bound_2*``, ``step_alike_bound_2*``: what the seconds of the two architectures, each by itself in one process,
  allow, since the cheaper one waits for the other;
- ``scoring_bound_2*``: what the shares' distinct computations allow by their expected cost;
- ``machine_bound_2*``: what the machine allows: twice the seconds of passes in one process over those of the same in
  both at once, which compete for cache and memory; the median of several;
- ``train_speedup_2``: seconds of one process over seconds of two that train six random networks on digits,
  recipe ``quick`` with two epochs instead of 30; median of three, and ``train_bound_2`` what their multiply-adds allow.

The model (:mod:`benchmarks.model_distributed`) is of the paper's search with the measured core as device.

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
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import spawn

from benchmarks.bench_population import random_images
from benchmarks.case_distributed import Case
from benchmarks.model_distributed import N_B, Device, print_model
from carsmoo import CARSProblem, Genotype, NetworkConfig, SupernetTraining
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.cost.closed_form import flops
from carsmoo.nets.distributed.group import Group, TorchGroup, shards
from carsmoo.nets.models.serialization import load
from carsmoo.nets.retraining.job import Job
from carsmoo.nets.retraining.parallel import train_each
from carsmoo.nets.supernet.sharding import computation_costs, shares

KINDS = {"": (1, 1), "_alike": (8, 1), "_parts": (1, 2)}
"""``alike`` and ``parts`` of training, by what they add to a figure's name."""


def timed(group: Group, work: Callable[[], object], everyone: bool) -> float:
    """Return the seconds of some work, done by all or by rank 0 alone, as rank 0 sees it."""
    dist.barrier()
    begin = time.perf_counter()
    if everyone or group.is_main:
        work()
    if everyone:
        dist.barrier()
    return time.perf_counter() - begin


def measure(case: Case, scorings: int, runs: int, steps: int) -> dict[str, float]:
    """Return the figures of one case, from so many scorings and so many runs of steps of each kind."""
    group, one = case.group, Group()
    ratios, by_share, scores = [], [], []
    shared = shares(case.alone.supernet, case.genotypes, 2)
    split = [[case.genotypes[k] for k in share] for share in shared]
    for k in range(scorings + 1):
        alone = timed(group, lambda: scores.append(case.score(case.alone, one, case.genotypes)), False)
        both = timed(group, lambda: scores.append(case.score(case.together, group, case.genotypes)), True)
        longest = max(timed(group, lambda s=share: case.score(case.alone, one, s), False) for share in split)
        ratios += [alone / both] if k else []
        by_share += [alone / longest] if k else []
    if group.is_main and any(not np.array_equal(scores[0], other) for other in scores[1:]):
        raise RuntimeError("scores: expected the same of one process and of two, got others")
    stepped = step_figures(case, runs, steps)
    if group.is_main and case.alone.digest() != case.together.digest():
        raise RuntimeError("weights: expected the same of one process and of two, got others")
    work, needed = computation_costs(case.alone.supernet, case.genotypes)
    costs = [work[needed[share].any(axis=0)].sum() for share in shared]
    return {
        f"scoring_speedup_2{case.name}": statistics.median(ratios),
        f"scoring_shares_2{case.name}": statistics.median(by_share),
        f"scoring_bound_2{case.name}": float(work[needed.any(axis=0)].sum() / max(costs)),
        f"machine_bound_2{case.name}": machine_bound(case),
        **{f"step{name}{case.name}": value for name, value in stepped.items()},
    }


def measure_training(group: Group, rounds: int, epochs: int) -> dict[str, float]:
    """Return the figures of training six networks."""
    demo = CARSProblem(training=SupernetTraining(warmup_epochs=0, pop_size=16), group=Group())
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
        if group.is_main:
            for one, other in zip(jobs("alone"), jobs("both"), strict=True):
                states = [load(job.folder).state_dict() for job in (one, other)]
                if any(not torch.equal(states[0][name], value) for name, value in states[1].items()):
                    raise RuntimeError("networks: expected the same of one process and of two, got others")
            shutil.rmtree(folder)
    longest = max(sum(costs[k] for k in share) for share in shards(costs, 2))
    return {"train_speedup_2": statistics.median(ratios), "train_bound_2": sum(costs) / longest}


def step_figures(case: Case, runs: int, steps: int) -> dict[str, float]:
    """Return how much faster two processes make steps, the first run left out, and what unequal architectures allow."""
    group = case.group
    seconds: dict[str, list[list[float]]] = {name: [] for name in KINDS}
    passes: dict[str, list[list[float]]] = {name: [] for name, (_, parts) in KINDS.items() if parts == 1}
    pairs = {name: case.pairs((runs + 1) * steps, window) for name, (window, _) in KINDS.items()}
    for begin in range(0, (runs + 1) * steps, steps):
        for name, (_, parts) in KINDS.items():
            run = pairs[name][begin : begin + steps]
            alone = timed(group, lambda r=run, p=parts: case.train(case.alone, r, p), False)
            both = timed(group, lambda r=run, p=parts: case.train(case.together, r, p), True)
            seconds[name] += [[alone, both]] if begin else []
            if name in passes:
                passes[name] += [[timed(group, lambda g=g: passed(case, [g]), False) for g in pair] for pair in run]
    found = {}
    for name, rows in seconds.items():
        one, two = np.sum(rows, axis=0)
        found[f"{name}_speedup_2"] = float(one / two)
    for name, rows in passes.items():
        found[f"{name}_bound_2"] = float(np.sum(rows[steps:]) / np.max(rows[steps:], axis=1).sum())
    whole, (alone, both) = np.sum(seconds[""], axis=0)[0], np.sum(seconds["_parts"], axis=0)
    return found | {"_parts_gain_2": float(whole / both), "_parts_alone": float(alone / whole)}


def machine_bound(case: Case, together: int = 4) -> float:
    """Return how much more two processes compute than one where they exchange nothing."""
    ratios = []
    for k in range(0, len(case.genotypes), together):
        run = case.genotypes[k : k + together]
        one, both = (timed(case.group, lambda r=run: passed(case, r), everyone) for everyone in (False, True))
        ratios.append(2 * one / both)
    return statistics.median(ratios[1:])


def passed(case: Case, genotypes: Sequence[Genotype]) -> None:
    """Run architectures forward and backward, each as a step does, and forget their gradients."""
    supernet = case.alone.supernet
    for genotype in genotypes:
        torch.nn.functional.cross_entropy(supernet(case.images, genotype), case.labels).backward()
        supernet.zero_grad()


def measured_device(case: Case) -> Device:
    """Return what the model has to know of this core and of the case's supernet and architectures."""
    trainer, pool, supernet = case.alone.trainer, case.genotypes, case.alone.supernet
    trainer.plan = replace(trainer.plan, ghost_batches=1)
    cost = [float(flops(genotype, supernet.network)) for genotype in pool]

    def step(n: int) -> float:
        seconds = []
        for _ in range(4):
            begin = time.perf_counter()
            for genotype in pool[:4]:
                trainer.step(case.images[:n], case.labels[:n], [genotype])
            seconds.append(time.perf_counter() - begin)
        return statistics.median(seconds[1:]) / sum(cost[:4])

    few, many = step(16), step(64)
    per_image = (many - few) / 48
    begin = time.perf_counter()
    case.score(case.alone, Group(), pool)
    scoring = time.perf_counter() - begin
    work, needed = computation_costs(supernet, pool)
    images = len(case.alone.data.validation) + sum(map(len, case.alone.calibration))
    begin = time.perf_counter()
    shares(supernet, pool, 8)
    return Device(
        training=[multiply_adds * per_image for multiply_adds in cost],
        passes=[multiply_adds * max(few - 16 * per_image, 0.0) for multiply_adds in cost],
        scoring=(needed @ work * scoring / work[needed.any(axis=0)].sum() / images).tolist(),
        planning=(time.perf_counter() - begin) / len(pool),
        weights=sum(p.numel() for p in supernet.parameters()),
        exchanged=statistics.mean(
            sum(p.numel() for p in {p for g in pool[k : k + N_B] for p in supernet.chosen_parameters(g)})
            for k in range(0, len(pool), N_B)
        ),
    )


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


def searches(group: Group, quick: bool) -> tuple[CARSProblem, CARSProblem]:
    """Return the searches that breed what is scored: the demo's, and one by the paper's plan on a narrow supernet."""
    demo = CARSProblem(training=SupernetTraining(warmup_epochs=1 if quick else 20, pop_size=16), group=group)
    plan = SupernetTraining(
        warmup_epochs=0,
        epochs_per_generation=1,
        pop_size=16 if quick else 128,
        batch_size=32,
        bn_calibration_images=32,
    )
    narrow = NetworkConfig(channels=2, layers=8)
    return demo, CARSProblem(random_images(160, size=8), network=narrow, training=plan, group=group)


def measure_search(group: Group, quick: bool) -> dict[str, float]:
    """Return the figures of scoring and of steps, and print the model."""
    demo, bred = searches(group, quick)
    case = Case("_demo", demo, demo.images, demo.network, group)
    figures = measure(case, *((2, 1, 4) if quick else (7, 10, 20)))
    paper = Case("", bred, random_images(768), NetworkConfig(channels=16, layers=8), group, calibration=32)
    paper.genotypes = paper.genotypes[:32]
    figures |= measure(paper, *((1, 1, 2) if quick else (3, 6, 4)))
    if group.is_main:
        print_model(measured_device(paper))
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
    spawn(work, (port, options.quick, options.training), nprocs=2)


if __name__ == "__main__":
    main()
