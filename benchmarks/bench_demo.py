"""What the front of ``make demo`` is worth: its networks retrained alone, for several seeds.

For each seed the demo's commands are run, ``carsmoo search --preset clutter`` and ``carsmoo train --recipe clutter``,
whose networks have the widths and depth of the search. Figures:

- ``tau``: median over seeds of Kendall's tau between the search's errors of the front's networks and their test errors
  after training alone; ``least_tau``, ``most_tau``;
- ``networks``: least number of networks of a front; ``span``: least range of sizes, largest over smallest;
- ``tau_params``: median tau of "more parameters first", which is what the order along a front of (error, parameters)
  says by itself;
- ``ahead``: share of a front's networks whose test error is below that of a random network of the same size, trained
  alike, mean over seeds; ``gain``: by how much, median over seeds of the mean over a front; ``least_gain``,
  ``most_gain``; ``mismatch``: how far, as a share, the sizes of two such networks differ at most;
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
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from benchmarks.truth.records import append_line, whole_lines
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.cost.closed_form import params
from carsmoo.nets.data import load_for_training
from carsmoo.nets.retraining.parallel import train_each
from carsmoo.runs.retrained_front import FINAL, errors_of, jobs_for
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.utils.correlation import rank_correlation

RESULTS = Path(__file__).parent / "results" / "demo.jsonl"

DRAWN = 2000
"""Random networks among which those of the sizes of a front's are looked for."""


def measure(seed: int) -> dict[str, Any]:
    """Run the demo with a seed, retrain its front, and return what came out."""
    with tempfile.TemporaryDirectory() as folder:
        run, uniform = Path(folder) / "run", Path(folder) / "uniform"
        asked = ("--preset", "clutter", "--set", f"seed={seed}")
        begin = time.perf_counter()
        _carsmoo("search", *asked, "--out", str(run))
        seconds = time.perf_counter() - begin
        _carsmoo("train", str(run), "--recipe", "clutter")
        final = Front.load(run / f"{FINAL}.json")
        _carsmoo("search", *asked, "--set", "training.warmup_widening=0", "--out", str(uniform))
        told = {"uniform_error": Front.load(uniform / "front.json").column("error").tolist()}
        told |= matched(1e6 * final.column("params"), seed, Path(folder) / "random")
    return {"seed": seed, "seconds": round(seconds, 1), "threads": torch.get_num_threads(), **judged(final), **told}


def matched(sizes: NDArray[np.float64], seed: int, folder: Path) -> dict[str, Any]:
    """Train random networks of given sizes, (n,) parameters, as the front was; return what came out, in that order."""
    recipe, images = TrainingRecipe.preset("clutter"), SearchConfig.preset("clutter").data
    data = load_for_training(images, recipe)
    network, space = recipe.network(data.image_shape, data.classes), DARTSSpace()
    X = np.random.default_rng([seed, 3]).integers(space.xl, space.xu + 1, size=(DRAWN, space.n_var))
    drawn: list[Genotype] = space.decode(X)
    known = np.array([params(genotype, network) for genotype in drawn], dtype=float)
    chosen = nearest(sizes, known)
    cards = train_each(jobs_for([drawn[k] for k in chosen], folder, recipe, images))
    return {"matched_error": errors_of(cards).tolist(), "matched_params": known[chosen].tolist()}


def nearest(sizes: NDArray[np.float64], known: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return for each of n sizes one of the m known ones, none twice, such that the ratios are least in all; (n,)."""
    chosen: NDArray[np.int64] = linear_sum_assignment(np.abs(np.log(sizes)[:, None] - np.log(known)))[1]
    return chosen


def judged(final: Front) -> dict[str, Any]:
    """Return what a front of retrained networks says of the search that found them."""
    searched, error, size = (final.column(name) for name in ("search_error", "error", "params"))
    return {
        "networks": len(final),
        "span": float(size.max() / size.min()),
        "tau": rank_correlation(searched, error).tau,
        "tau_params": rank_correlation(-size, error).tau,
        "search_error": searched.tolist(),
        "error": error.tolist(),
        "params": (1e6 * size).round().tolist(),
        "genotypes": [str(genotype) for genotype in final.genotypes],
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
    gains = [np.subtract(record["matched_error"], record["error"]) for record in records]
    means = np.array([gain.mean() for gain in gains])
    ratios = [np.divide(record["matched_params"], record["params"]) for record in records]
    found |= {"ahead": np.mean([np.mean(gain > 0) for gain in gains])}
    found |= {"mismatch": np.abs(np.concatenate(ratios) - 1).max()}
    found |= {"gain": np.median(means), "least_gain": means.min(), "most_gain": means.max()}
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
        gain = 100 * np.subtract(record["matched_error"], record["error"])
        spread = gain.std(ddof=1) / len(gain) ** 0.5 if len(gain) > 1 else np.nan
        print(f"  over random ones: {(gain > 0).sum()} of {len(gain)}, {gain.mean():.1f} points (s.e. {spread:.1f})")
    print("RESULT " + json.dumps({"name": "demo", "figures": figures(records)}))


def stored(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file, none if there is none."""
    return [json.loads(line) for line in whole_lines(path)]


def _carsmoo(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "carsmoo.cli", *arguments], check=True)


if __name__ == "__main__":
    main()
