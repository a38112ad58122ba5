"""A whole generation of the demo against the sum of its parts, and where the time of a demo run goes.

Figures:

- ``generation_over_parts``: seconds of a generation as a user runs it (mating, training, scoring, survival, log, front
  and checkpoint) over the seconds of its training steps and its scorings alone, on a copy of the same weights, images
  and networks prepared beforehand; the median over generations, whole and parts in turn;
- ``training_share``, ``scoring_share``, ``rest_share``: of the whole generations' time;
- ``peak_mib``: the largest size of the process.

    python -m benchmarks.bench_generation

measures in DARTS's space, ``--space chain`` and ``--space nas-bench-201`` in those; their figures end so.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo import (
    PNSGA3,
    CARSProblem,
    ChainSpace,
    Checkpoint,
    DARTSSpace,
    NASBench201Space,
    SearchSpace,
    SupernetTraining,
)
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.config.search import SearchConfig
from carsmoo.nets.supernet.evaluation import errors
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.log import RunLog

SPACES = {"darts": DARTSSpace, "chain": ChainSpace, "nas-bench-201": NASBench201Space}


class Watched(CARSProblem):
    """A problem that keeps what its generation trained on and scored."""

    def __init__(self, training: SupernetTraining, space: SearchSpace) -> None:
        super().__init__(training=training, space=space)
        self.trained: NDArray[np.int64] = np.empty((0, self.n_var), dtype=np.int64)
        self.scored: list[NDArray[np.int64]] = []

    def _advance(self, X: NDArray[np.int64]) -> None:
        self.trained = X
        super()._advance(X)

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        self.scored.append(X)
        return super()._moving_values(X)


def world_of(problem: CARSProblem) -> SupernetState:
    """Return what moves behind a problem that has begun."""
    assert problem._world is not None
    return problem._world


def bare_training(world: SupernetState, X: NDArray[np.int64]) -> float:
    """Return the seconds of an epoch's steps, the batches and networks ready."""
    trainer, data = world.trainer, world.data
    drawn = world.drawn_from(X, trainer.plan.subnets_per_step)
    order = torch.randperm(len(data.train), generator=trainer.generator)
    batches = order[: trainer.steps_per_epoch * trainer.plan.batch_size].tensor_split(trainer.steps_per_epoch)
    ready = [(data.normalise(data.train.images[k]), data.train.labels[k], next(drawn)) for k in batches]
    return seconds(lambda: [trainer.step(*batch) for batch in ready])


def bare_scoring(world: SupernetState, populations: Sequence[NDArray[np.int64]]) -> float:
    """Return the seconds of scoring populations one after the other."""
    plan, split = world.trainer.plan, world.data.validation
    decoded = [world.space.decode(X) for X in populations]
    common = {"batch": plan.eval_batch_size, "calibration": world.calibration, "memory": plan.score_memory << 20}
    return seconds(lambda: [errors(world.supernet, g, split, world.data.normalise, **common) for g in decoded])


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def measure(warmup: int, generations: int, folder: Path, space: SearchSpace) -> dict[str, float]:
    """Return the figures."""
    problem, twin = Watched(SupernetTraining(warmup_epochs=warmup), space), CARSProblem(space=space)
    run = RunDirectory.create(folder, SearchConfig())
    checkpoint = Checkpoint(folder)
    checkpoint.store = run  # which this process has locked
    algorithm = PNSGA3().setup(problem, callback=Callbacks(RunLog(run), checkpoint))
    algorithm.next()
    rows = []
    for _ in range(generations):
        state = problem.state_dict()
        problem.scored.clear()
        whole = seconds(algorithm.next)
        twin.load_state_dict(state)
        rows.append(
            (whole, bare_training(world_of(twin), problem.trained), bare_scoring(world_of(twin), problem.scored))
        )
    rows = rows[1:]
    whole, training, scoring = (statistics.median(column) for column in zip(*rows, strict=True))
    print(
        f"a generation takes {whole:.2f} s, its {world_of(problem).trainer.steps_per_epoch} steps {training:.2f} s and "
        f"its scorings {scoring:.2f} s (medians of {len(rows)})"
    )
    return {
        "generation_over_parts": statistics.median(w / (t + s) for w, t, s in rows),
        "training_share": statistics.median(t / w for w, t, _ in rows),
        "scoring_share": statistics.median(s / w for w, _, s in rows),
        "rest_share": statistics.median(1 - (t + s) / w for w, t, s in rows),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="A generation against the sum of its parts.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--generations", type=int, default=25)
    parser.add_argument("--space", choices=list(SPACES), default="darts")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(options.warmup, options.generations, Path(folder) / "run", SPACES[options.space]())
    suffix = "" if options.space == "darts" else f"_{options.space.replace('-', '_')}"
    rounded = {name + suffix: round(value, 4) for name, value in figures.items()}
    print("RESULT " + json.dumps({"name": "generation", "figures": rounded}))


if __name__ == "__main__":
    main()
