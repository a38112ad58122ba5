"""What checkpoints cost: the share of a demo run that is spent saving its state at every boundary.

Figure ``checkpoint_share``: seconds spent in saves, the flush to the disk included, over all other seconds of the same
run. The demo saves after each of its epochs of warm-up and its generations.

    python -m benchmarks.bench_checkpoint
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from typing import Any

import torch
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, Checkpoint, SupernetTraining


class TimedCheckpoint(Checkpoint):
    """A checkpoint that keeps how long each save took."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.seconds: list[float] = []

    def _save(self, *args: Any) -> None:
        begin = time.perf_counter()
        super()._save(*args)
        self.seconds.append(time.perf_counter() - begin)


def measure(training: SupernetTraining) -> tuple[float, list[float]]:
    """Return the seconds of a whole run and of each of its saves."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = TimedCheckpoint(folder)
        begin = time.perf_counter()
        minimize(CARSProblem(training=training), PNSGA3(), callback=checkpoint)
        return time.perf_counter() - begin, checkpoint.seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The share of a demo run that checkpoints take.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--warmup", type=int, default=SupernetTraining().warmup_epochs, help="epochs, the demo's by default"
    )
    parser.add_argument("--generations", type=int, default=SupernetTraining().n_generations)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    total, saves = measure(SupernetTraining(warmup_epochs=options.warmup, n_generations=options.generations))
    share = sum(saves) / (total - sum(saves))
    print(f"{len(saves)} saves of {statistics.median(saves) * 1e3:.1f} ms (median) in a run of {total:.0f} s")
    print("RESULT " + json.dumps({"name": "bench_checkpoint", "figures": {"checkpoint_share": round(share, 5)}}))


if __name__ == "__main__":
    main()
