"""What the front of ``make demo`` is worth: its networks retrained alone, for several seeds.

For each seed the commands of the demo are run, ``carsmoo search --preset clutter`` and ``carsmoo train --recipe demo``,
whose networks have the widths and depth of the search. Figures:

- ``tau``: median over seeds of Kendall's tau between the search's errors of the front's networks and their test errors
  after training alone; ``least_tau``, ``most_tau``;
- ``networks``: least number of networks of a front; ``span``: least range of sizes, largest over smallest;
- ``tau_params``: median tau of "more parameters first", which is what the order along a front of (error, parameters)
  says by itself;
- ``best_error``: median of the lowest error that a search found; ``best_error_uniform``: that of the same search whose
  warm-up does not widen, ``warmup_widening=0``;
- ``seconds``: median time of the search, ``most_seconds``; ``threads``: of torch.

    python -m benchmarks.bench_demo --seeds 5

goes on where it stopped; ``--redraw`` prints what is stored.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.truth.records import append_line, whole_lines
from carsmoo.runs.retrained_front import FINAL
from carsmoo.space.front import Front
from carsmoo.utils.correlation import rank_correlation

RESULTS = Path(__file__).parent / "results" / "demo.jsonl"


def measure(seed: int) -> dict[str, Any]:
    """Run the demo with a seed, retrain its front, and return what came out."""
    with tempfile.TemporaryDirectory() as folder:
        run, uniform = Path(folder) / "run", Path(folder) / "uniform"
        asked = ("--preset", "clutter", "--set", f"seed={seed}")
        begin = time.perf_counter()
        _carsmoo("search", *asked, "--out", str(run))
        seconds = time.perf_counter() - begin
        _carsmoo("train", str(run), "--recipe", "demo")
        final = Front.load(run / f"{FINAL}.json")
        _carsmoo("search", *asked, "--set", "training.warmup_widening=0", "--out", str(uniform))
        told = {"uniform_error": Front.load(uniform / "front.json").column("error").tolist()}
    return {"seed": seed, "seconds": round(seconds, 1), "threads": torch.get_num_threads(), **judged(final), **told}


def judged(final: Front) -> dict[str, Any]:
    """Return what a front of retrained networks says of the search that found them."""
    searched, error, params = (final.column(name) for name in ("search_error", "error", "params"))
    return {
        "networks": len(final),
        "span": float(params.max() / params.min()),
        "tau": rank_correlation(searched, error).tau,
        "tau_params": rank_correlation(-params, error).tau,
        "search_error": searched.tolist(),
        "error": error.tolist(),
        "params": (1e6 * params).round().tolist(),
    }


def figures(records: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the figures of some seeds; a tau that does not exist, of a front of one network, counts as 0."""
    if not records:
        return {}
    scalars = ("tau", "tau_params", "networks", "span", "seconds", "threads")
    values = {name: np.array([record[name] or 0 for record in records], dtype=float) for name in scalars}
    tau, seconds = values["tau"], values["seconds"]
    found = {"tau": np.median(tau), "least_tau": tau.min(), "most_tau": tau.max()}
    found |= {"tau_params": np.median(values["tau_params"])}
    for name, key in (("best_error", "search_error"), ("best_error_uniform", "uniform_error")):
        found[name] = np.median([min(record[key]) for record in records])
    found |= {"networks": values["networks"].min(), "span": values["span"].min()}
    found |= {"seconds": np.median(seconds), "most_seconds": seconds.max(), "threads": values["threads"].max()}
    return {"n": len(records), **{name: round(float(value), 3) for name, value in found.items()}}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_demo", description="The demo's front, retrained.")
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0 to this, exclusive")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the file of what was measured")
    parser.add_argument("--redraw", action="store_true", help="print what is stored, without measuring")
    options = parser.parse_args(arguments)
    for seed in range(0 if options.redraw else options.seeds):
        if seed not in {record["seed"] for record in stored(options.out)}:
            append_line(options.out, measure(seed))
    records = sorted(stored(options.out), key=lambda record: record["seed"])
    for record in records:
        pairs = zip(record["params"], record["search_error"], record["error"], strict=True)
        told = ", ".join(f"{size:.0f}: {100 * found:.1f} -> {100 * true:.1f}" for size, found, true in sorted(pairs))
        print(f"seed {record['seed']}: tau {record['tau'] or 0:.2f}, {record['seconds']:.0f} s; {told} %")
    print("RESULT " + json.dumps({"name": "demo", "figures": figures(records)}))


def stored(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file, none if there is none."""
    return [json.loads(line) for line in whole_lines(path)]


def _carsmoo(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "carsmoo.cli", *arguments], check=True)


if __name__ == "__main__":
    main()
