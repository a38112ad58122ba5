"""Searches with a budget: what was planned, and what they took.

For each number and size of JPEGs (ten classes, or three of photographs) and each budget a search is run in a process of
its own, as a user calls it. Figures of each set NAME, ``cifar3k`` (3,000 images of 32x32), ``cifar30k`` (30,000) and
``photos`` (120 of 300x200):

- ``expected_over_measured_NAME_BUDGET``: seconds that the plan told over those that the whole command took;
- ``measured_over_budget_NAME_BUDGET``: seconds that it took over the budget;
- ``worst_off_NAME``: the largest distance of the former from 1;
- ``memory_NAME_BUDGET``: the largest resident memory, GB; ``silence_NAME_BUDGET``: seconds between two lines, at most.

    python -m benchmarks.bench_budget --sets photos --budgets 2m

keeps what it measured in ``--out``, and goes on where it stopped; ``--redraw`` prints what is stored.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

from carsmoo.utils.durations import seconds_of

RESULTS = Path(__file__).parent / "results" / "budget.jsonl"

SETS: Mapping[str, tuple[int, int, tuple[int, int]]] = {
    "cifar3k": (3000, 10, (32, 32)),
    "cifar30k": (30_000, 10, (32, 32)),
    "photos": (120, 3, (200, 300)),
}
"""Images, classes, and (height, width) of each set."""

BUDGETS = ("1m", "2m", "4m", "8m", "15m")


def write_images(folder: Path, count: int, classes: int, size: tuple[int, int]) -> None:
    """Write JPEGs, one directory a class: crops of scikit-learn's photographs, a class from one strip of them."""
    random_state = np.random.default_rng(0)
    picture = np.concatenate(load_sample_images().images, axis=1)
    height, width = size
    strip = (picture.shape[1] - width) // classes
    for label in range(classes):
        (folder / f"class{label}").mkdir(parents=True)
        for k in range(count // classes):
            top = int(random_state.integers(0, picture.shape[0] - height))
            left = int(label * strip + random_state.integers(0, strip))
            part = Image.fromarray(picture[top : top + height, left : left + width])
            part.save(folder / f"class{label}" / f"{k:05d}.jpg", quality=90)


def searched(data: Path, budget: str, out: Path) -> dict[str, Any]:
    """Search in a process of its own, and return what it planned and took."""
    command = [sys.executable, "-m", "carsmoo.cli", "search", "--data", f"folder:{data}", "--budget", budget]
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, time.perf_counter()
    silence, last = 0.0, begin
    with subprocess.Popen(
        [*command, "--out", str(out)],
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run:
        assert run.stdout is not None
        said = []
        for line in run.stdout:
            now = time.perf_counter()
            silence, last = max(silence, now - last), now
            said.append(line)
    took = time.perf_counter() - begin
    if run.returncode:
        raise RuntimeError(f"search: expected it to end, got exit code {run.returncode}: {''.join(said[-5:])}")
    events = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    (plan,) = (event for event in events if event["event"] == "plan")
    memory = max(before, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) * 1024 / 1e9
    told = {"seconds": plan["expected_seconds"], "updates": plan["updates"], "memory": plan["memory"]}
    ended = sum(event["event"] == "generation" for event in events)
    return {"plan": told, "took": took, "peak": memory, "silence": silence, "generations": ended}


def figures(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures of the result line."""
    told: dict[str, float] = {}
    for record in records:
        name = f"{record['name']}_{record['budget']}"
        told[f"expected_over_measured_{name}"] = record["plan"]["seconds"] / record["took"]
        told[f"measured_over_budget_{name}"] = record["took"] / seconds_of("budget", record["budget"])
        told[f"memory_{name}"], told[f"silence_{name}"] = record["peak"], record["silence"]
    for name in {record["name"] for record in records}:
        off = [abs(value - 1) for key, value in told.items() if key.startswith(f"expected_over_measured_{name}_")]
        told[f"worst_off_{name}"] = max(off)
    return {key: round(value, 3) for key, value in told.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_budget", description="Searches with a budget.")
    parser.add_argument("--sets", choices=list(SETS), nargs="+", default=list(SETS))
    parser.add_argument("--budgets", nargs="+", default=BUDGETS, help="such as 1m 2m")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of what was measured")
    parser.add_argument("--redraw", action="store_true", help="print what is stored, without measuring")
    options = parser.parse_args(arguments)
    stored = options.out.read_text(encoding="utf-8").splitlines() if options.out.is_file() else []
    records = [json.loads(line) for line in stored]
    for name in [] if options.redraw else options.sets:
        with tempfile.TemporaryDirectory() as made:
            known = {(record["name"], record["budget"]) for record in records}
            budgets = [budget for budget in options.budgets if (name, budget) not in known]
            if budgets:
                write_images(Path(made) / name, *SETS[name])
            for budget in budgets:
                found = searched(Path(made) / name, budget, Path(made) / f"run-{budget}")
                records.append({"name": name, "budget": budget, **found})
                options.out.parent.mkdir(parents=True, exist_ok=True)
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(records[-1]) + "\n")
    print(f"{'set':<10}{'budget':>7}{'planned':>9}{'took':>7}{'updates':>9}{'generations':>12}{'GB':>6}{'silence':>9}")
    for record in records:
        plan = record["plan"]
        print(
            f"{record['name']:<10}{record['budget']:>7}{plan['seconds']:>9.0f}{record['took']:>7.0f}"
            f"{plan['updates']:>9.0f}{record['generations']:>12}{record['peak']:>6.2f}{record['silence']:>9.0f}"
        )
    print("RESULT " + json.dumps({"name": "budget", "figures": figures(records)}))


if __name__ == "__main__":
    main()
