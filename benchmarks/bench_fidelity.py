"""How true a search's scores are: their order of random architectures against that of the truth sets, over compute.

Each truth set's random architectures are scored by what a search knows of them after so many epochs that all of them
share: by a supernet after a warm-up, or by weights of their own after their first round. Kendall's tau compares the
scores with the test errors of the same architectures trained alone (``benchmarks/truth``), means over seeds.

Figures, for each truth set NAME, means over seeds:

- ``tau_NAME``, ``core_seconds_tau_NAME``: own weights of 18 epochs, by the error; ``tau_loss_NAME``: by the
  cross entropy;
- ``tau_shared_NAME``, ``tau_shared_error_NAME``: one supernet at its next larger budget, by the cross entropy and by
  the error; ``best_shared_NAME``, ``best_shared_error_NAME``: the best that it reaches at any, and
  ``best_shared_thirds_NAME``, ``best_shared_error_thirds_NAME``: the mean within thirds there;
- ``tau_ensemble_NAME``, ``core_seconds_tau_ensemble_NAME``: four supernets of two epochs each, by the cross entropy;
- ``tau_effects_NAME``, ``core_seconds_tau_effects_NAME``: main effects of operations, fitted to the cross entropy of
  384 other networks on 500 images in one supernet of 9 epochs, their scoring counted in;
- ``tau_own_effects_NAME``, ``core_seconds_tau_own_effects_NAME``: main effects fitted to the cross entropy of the
  very networks that they order, with own weights of 18 epochs; ``tau_both_NAME``, ``core_seconds_tau_both_NAME``: the
  mean of these and a supernet's main effects on their scale, at the compute of both;
- ``tau_refitted_NAME``, ``core_seconds_tau_refitted_NAME``: one supernet of 9 epochs, by the cross entropy of networks
  with classifiers of their own, fitted to 1,000 training images, the fits and their passes counted in;
  ``..._refitted_effects_NAME``: by main effects of 384 such, ``..._both_refitted_NAME``: with these in both opinions;
  ``..._untrained_NAME``: by the mean of four supernets that were not trained at all;
- ``tau_LEVER_NAME``, ``core_seconds_tau_LEVER_NAME``: ways that are no defaults, at 0.8 to 2.5 times the compute of one
  supernet's 9 epochs, by the cross entropy; see :mod:`benchmarks.truth.kinds`;
- ``tau_params_NAME``: of "more parameters first"; ``tau_seeds_NAME``: between two trainings of the same
  architectures;
- ``tau_thirds_...NAME``: for each of these taus the mean of those within the smallest, the middle and the largest third
  of the networks by parameters, so what a score knows beyond sizes; ``tau_sized_...NAME``, but for those of parameters
  and seeds: of the mean of the score and of "more parameters first", each in standard deviations;
- ``compute_to_tau_gain_NAME``: core-seconds with which one supernet reaches the best tau that it has by the error, over
  those with which it has that tau by the cross entropy; ``compute_to_tau_gain_LEVER_NAME``: over those of supernets of
  two epochs each (``ensemble``), of main effects (``effects``), of own weights' (``own_effects``) and of both, and of
  those with classifiers of their own;
- ``extrapolated_to_params_NAME``, ``extrapolated_to_params_own_NAME``: core-seconds at which one supernet, or own
  weights, would order networks by the cross entropy as truly as "more parameters first" does, on a straight line of
  tau over the logarithm of compute, fitted to all lengths; those of the shortest where it
  has that already, none where the line does not rise so far.

and those of :mod:`benchmarks.truth.trust`, :mod:`benchmarks.truth.briefly` and :mod:`benchmarks.truth.ending`.

    python -m benchmarks.bench_fidelity --data cifar16

goes on where it stopped; ``--redraw`` prints and draws what is stored, without measuring.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from benchmarks.paper.looks import MARKS, SHADES, finish, panels
from benchmarks.truth.briefly import foretold
from benchmarks.truth.compute import crossing, gain
from benchmarks.truth.derived import derived, with_size
from benchmarks.truth.ending import endings
from benchmarks.truth.fidelity import FILE, SCORES, Task, key, measure, stored
from benchmarks.truth.levers import EPOCHS, LEVERS, OFFERED, TOLD, TRIED
from benchmarks.truth.records import RESULTS, append_line, read
from benchmarks.truth.sets import SETS
from benchmarks.truth.summary import Truth, by_name, load_truth, mean_of, scores, seeds, tau, tau_at_like_sizes, tau_of
from benchmarks.truth.trust import correlations

TICKS = (5, 10, 30, 100, 300, 1000)
"""Core-seconds that are marked in the picture."""

COLOURS = (
    *(*SHADES, "#9aa83a", "#b0402f", "#7a4fa3", "#3b3b3b", "#3f9a94", "#d28aa8"),
    *("#8a6d3b", "#c9b037", "#5a7d4f", "#6f8fd0", "#a0522d", "#2f6f8f"),
)
"""Of the levers of a row, in their order."""

FITTED = ("effects", "refitted", "refitted_effects", "untrained", "own_effects", "both", "both_refitted")
"""Levers that fit something to what networks make of images, or to their scores."""

ROWS = {"": OFFERED, ", tried": ("default", *TRIED)}
"""Of the picture: the levers in it, by what its titles say."""


Agreement = Callable[[Truth, list[float]], float | None]
"""Tells how far the scores of a truth set's architectures agree with its errors, None if that cannot be told."""


def tau_with_size(truth: Truth, values: list[float]) -> float | None:
    """Return the tau of some values joined with sizes, see :func:`benchmarks.truth.derived.with_size`."""
    known = truth.at(np.isfinite(values))
    return tau_of(known, with_size(np.array(values)[np.isfinite(values)], known.params))


def curves(
    records: Sequence[dict[str, Any]],
    data: str,
    truth: Truth,
    score: str = "error",
    agreement: Agreement = tau_of,
) -> dict[str, list[tuple[float, float]]]:
    """Return (core-seconds, tau) of each lever on a truth set, by compute; means over seeds."""
    found: dict[str, list[tuple[float, float]]] = {}
    for lever in LEVERS:
        for epochs in EPOCHS[lever]:
            rows = [r for r in records if (r["data"], r["lever"], r["epochs"]) == (data, lever, epochs)]
            if rows:
                taus = [agreement(truth, scores(r, truth.names, score)) for r in rows]
                seconds = float(np.mean([r["core_seconds"] for r in rows]))
                if (mean := mean_of(taus)) is not None:
                    found.setdefault(lever, []).append((seconds, mean))
    return found


def at(
    records: Sequence[dict[str, Any]], data: str, truth: Truth, lever: str, score: str, agreement: Agreement = tau_of
) -> tuple[float | None, float | None]:
    """Return core-seconds and tau of a lever at the epochs at which it is told."""
    told = [r for r in records if (r["lever"], r["epochs"]) == (lever, TOLD[lever])]
    found = curves(told, data, truth, score, agreement).get(lever)
    return found[0] if found else (None, None)


def figures(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth], folder: Path) -> dict[str, float]:
    """Return the figures of all truth sets that have measurements, and those of trust; the folder tells the seeds."""
    found: dict[str, float | None] = {}
    measured, records = records, [*records, *derived(records)]
    for data in dict.fromkeys(r["data"] for r in records):
        truth = truths[data].at([group != "published" for group in truths[data].groups])
        size = dict(zip(truth.names, truth.params.tolist(), strict=True))
        trained = by_name(read(folder / f"{data}.jsonl")[1], "test")
        between = seeds({name: trained[name] for name in truth.names}, size)
        by_error, by_loss = (curves(records, data, truth, score) for score in SCORES)
        found |= {f"n_{data}": len(truth.names), f"tau_params_{data}": tau_of(truth, -truth.params)}
        found[f"tau_thirds_params_{data}"] = tau_at_like_sizes(truth, -truth.params)
        for name in ("", "_thirds"):
            found[f"tau{name}_seeds_{data}"] = between.get(f"tau_seeds{name}")
        told = {"": ("own", "error"), "_shared": ("default", "loss"), "_ensemble": ("ensemble", "loss")}
        told |= {"_loss": ("own", "loss"), "_shared_error": ("default", "error")}
        told |= {f"_{name}": (name, "loss") for name in (*FITTED, *TRIED)}
        for name, way in told.items():
            found[f"core_seconds_tau{name}_{data}"], found[f"tau{name}_{data}"] = at(records, data, truth, *way)
            found[f"tau_thirds{name}_{data}"] = at(records, data, truth, *way, tau_at_like_sizes)[1]
            found[f"tau_sized{name}_{data}"] = at(records, data, truth, *way, tau_with_size)[1]
        for name, lever in (("", "default"), ("_own", "own")):
            found[f"extrapolated_to_params{name}_{data}"] = crossing(
                by_loss.get(lever, []), found[f"tau_params_{data}"]
            )
        if "default" in by_error:
            for name, score, points in (("_error", "error", by_error), ("", "loss", by_loss)):
                found[f"best_shared{name}_{data}"], at_best = max((t, k) for k, (_, t) in enumerate(points["default"]))
                thirds = curves(records, data, truth, score, tau_at_like_sizes).get("default", [])
                found[f"best_shared{name}_thirds_{data}"] = thirds[at_best][1] if len(thirds) > at_best else None
            found[f"compute_to_tau_gain_{data}"] = gain(by_error["default"], by_loss["default"])
            for lever in ("ensemble", *FITTED):
                found[f"compute_to_tau_gain_{lever}_{data}"] = gain(by_error["default"], by_loss.get(lever, []))
    found |= correlations(measured, truths) | foretold(measured, truths) | endings(measured, truths)
    return {name: value for name, value in found.items() if value is not None}


def draw(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth], told: Mapping[str, float]) -> Figure:
    """Draw tau over compute, one line a lever, with the ceiling and the parameters' own tau, which figures tell."""
    names = list(dict.fromkeys(r["data"] for r in records))
    records = [*records, *derived(records)]
    by_error, by_loss = ({data: curves(records, data, truths[data], score) for data in names} for score in SCORES)
    figure, axes = panels(len(ROWS), len(names), 4.2 * len(names) + 2.6, 6.4, wspace=0.05, hspace=0.08)
    for of_row, (title, levers) in zip(axes.reshape(len(ROWS), -1), ROWS.items(), strict=True):
        for axis, data in zip(of_row, names, strict=True):
            error = by_error[data].get("default", [(np.nan, np.nan)])
            axis.plot(*zip(*error, strict=True), marker="x", color="0.6", label="one supernet, error")
            for lever, marker, colour in zip(levers, MARKS[: len(levers)], COLOURS[: len(levers)], strict=True):
                points = by_loss[data].get(lever, [(np.nan, np.nan)])  # not measured, and in the legend all the same
                label = f"{LEVERS[lever].label}, loss"
                axis.plot(*zip(*points, strict=True), marker=marker, color=colour, label=label)
            for name, label, style in (("tau_seeds", "two trainings", "--"), ("tau_params", "parameters", ":")):
                level = told.get(f"{name}_{data}", np.nan)
                axis.axhline(level, color="0.5", linestyle=style, label=label)
            axis.set_xscale("log")
            axis.set_xticks(TICKS, labels=[str(tick) for tick in TICKS])
            axis.minorticks_off()
            axis.set_xlim(TICKS[0], TICKS[-1])
            finish(axis, "core-seconds of training", "Kendall's tau with the truth", f"{data}{title}")
        of_row[-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=8)
    return figure


def lines_of(records: Sequence[dict[str, Any]], truths: Mapping[str, Truth]) -> Iterator[str]:
    """Yield a table of all measurements.

    ``thirds`` is the mean tau of the loss within thirds by parameters, ``size`` its tau with "more parameters first".
    """
    heads = "".join(f"{head:>9}" for head in ("by loss", "thirds", "size", "members"))
    yield f"{'data':<9}{'lever':<15}{'epochs':>7}{'seed':>6}{'core-s':>9}{'error':>8}{'tau':>7}{heads}"
    for record in [*records, *derived(records)]:
        truth = truths[record["data"]].at([name in record["loss"] for name in truths[record["data"]].names])
        error, loss = (scores(record, truth.names, score) for score in SCORES)
        lever = LEVERS[record["lever"]]
        own = None if lever.fitted or lever.follows else tau_of(truth, error)  # of a fit none
        like = tau_at_like_sizes(truth, loss)
        found = [own, tau_of(truth, loss), like, tau(-truth.params, loss), record.get("members")]
        told = "".join(
            f"{'-' if t is None else f'{t:.2f}':>{width}}" for t, width in zip(found, (7, 9, 9, 9, 9), strict=True)
        )
        mean = np.mean(list(record["error"].values()))
        yield (
            f"{record['data']:<9}{record['lever']:<15}{record['epochs']:>7}{record['seed']:>6}"
            f"{record['core_seconds']:>9.0f}{mean:>8.3f}{told}"
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is missing, print and draw all that is stored."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_fidelity", description="How true scores are.")
    parser.add_argument("--data", choices=list(SETS), nargs="+", default=list(SETS))
    levers = [name for name, lever in LEVERS.items() if not lever.follows]
    parser.add_argument("--levers", choices=levers, nargs="+", default=levers)
    parser.add_argument("--epochs", type=int, nargs="+", help="of these only")
    parser.add_argument("--seeds", type=int, default=2, help="of each measurement")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the result files are")
    parser.add_argument("--redraw", action="store_true", help="print what is stored, without measuring")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if not options.redraw:
        settings = product(range(options.seeds), options.data, options.levers)
        tasks = [
            Task(data=data, lever=lever, epochs=epochs, seed=seed)
            for seed, data, lever in settings
            for epochs in EPOCHS[lever]
            if not options.epochs or epochs in options.epochs
        ]
        for task in tasks:
            if task not in map(key, stored(options.out)):
                record = measure(task)
                append_line(options.out / FILE, record)
                print(json.dumps({k: v for k, v in record.items() if k not in SCORES}), flush=True)
    records = stored(options.out)
    truths = {name: load_truth(name, options.out) for name in {record["data"] for record in records}}
    for line in lines_of(records, truths):
        print(line)
    found = figures(records, truths, options.out)
    if records:
        draw(records, truths, found).savefig(options.out / "fidelity.png", dpi=200)
    told = {name: round(value, 4) for name, value in found.items()}
    print("RESULT " + json.dumps({"name": "fidelity", "figures": told}))


if __name__ == "__main__":
    main()
