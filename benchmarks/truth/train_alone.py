"""Train the architectures of a truth set alone, and add each result at once to ``results/SET.jsonl``.

    python -m benchmarks.truth.train_alone --data fashion --jobs 2

It goes on where it stopped; several such processes share the work. One training costs one or two core-minutes.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import torch

from benchmarks.parallel import in_parallel
from benchmarks.truth.records import RESULTS, Record, Records, work
from benchmarks.truth.sets import SETS, Task, TruthSet, architectures, tasks
from benchmarks.truth.training import train_alone
from carsmoo.nets.data import load


def share(made: TruthSet, planned: Sequence[Task], out: Path) -> int:
    """Make what is left of some trainings, and return how many those were."""
    torch.set_num_threads(1)
    data = load(made.data)
    genotypes = {a.name: a.genotype for a in architectures()}
    met = {"shape": data.image_shape, "classes": data.classes, "sha256": data.digest()}
    records = Records(out / f"{made.name}.jsonl", {**made.settings(), **met})

    def make(task: Task) -> Record:
        result = train_alone(genotypes[task.name], made, data, task.seed, task.budget)
        told = {**dataclasses.asdict(task), **result, "torch": torch.__version__}
        print(json.dumps(told), flush=True)
        return told

    return work(records, planned, make)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.train_alone", description="Make a truth set.")
    parser.add_argument("--data", choices=list(SETS), nargs="+", default=list(SETS), help="which; in turn")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the result files are")
    options = parser.parse_args(arguments)
    for name in options.data:
        planned = tasks(architectures(), SETS[name])
        made = sum(in_parallel(share, [(SETS[name], planned, options.out)] * options.jobs, options.jobs))
        print(f"{name}: {made} trainings made", flush=True)


if __name__ == "__main__":
    main()
