"""Print what the stored truth sets say; the last line is ``RESULT {json}``.

    python -m benchmarks.truth.show

tau is Kendall's tau-b with the test error, mean over seeds, of networks trained alone. ``thirds`` is the mean of the
three tau within the smallest, middle and largest third by parameters. An order without any noise would have less
than 1, since two trainings of one architecture differ.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.truth.records import RESULTS, Record, read
from benchmarks.truth.sets import SETS
from benchmarks.truth.summary import Truth, budgets, by_name, figures, load_truth, tau, within_thirds


def lines(truth: Truth, records: Sequence[Record]) -> Iterator[str]:
    """Yield the table of one truth set."""
    found = figures(truth, records)
    yield (
        f"n = {found['n']} architectures, {found['n_random']} of them random, "
        f"{found['n_with_absent']} with absent edges; "
        f"params {truth.params.min() * 1000:.1f}-{truth.params.max() * 1000:.1f} thousand"
    )
    yield (
        f"{found['trainings']} trainings, {found['core_hours']:.2f} core-hours, "
        f"{found['core_seconds_median']:.0f} core-seconds each (median)"
    )
    yield f"test error (%): {100 * truth.test.min():.1f} to {100 * truth.test.max():.1f}"
    if "sd" in found:
        yield (
            f"sd over architectures {100 * found['sd']:.2f}, over seeds {100 * found['sd_seed']:.2f} "
            f"(n = {found['n_seeds']}): tau between seeds {found['tau_seeds']:.2f}, "
            f"in thirds {told(found['tau_seeds_thirds'])}; of an order without noise {told(found['tau_without_noise'])}"
        )
    yield f"{'tau with':<24}{'all':>7}{'random':>8}   thirds by size (all)"
    random = truth.at([group != "published" for group in truth.groups])
    for name, sign in (("params", -1), ("flops", -1), ("surrogate", 1), ("held_out", 1)):
        value, theirs = sign * getattr(truth, name), sign * getattr(random, name)
        thirds = "  ".join(told(v) for v in within_thirds(truth.test, value, truth.params))
        label = f"{'-' if sign < 0 else ''}{name} (n = {int(np.isfinite(value).sum())})"
        yield f"{label:<24}{told(tau(truth.test, value)):>7}{told(tau(random.test, theirs)):>8}   {thirds}"
    yield f"{'group':<24}{'n':>7}{'params':>8}   test error (%), lowest, median, highest"
    for group in dict.fromkeys(truth.groups):
        part = truth.at([g == group for g in truth.groups])
        low, middle, high = 100 * np.quantile(part.test, [0, 0.5, 1])
        size = 1000 * np.median(part.params)
        yield f"{group:<24}{len(part.names):>7}{size:>7.1f}k   {low:.1f}, {middle:.1f}, {high:.1f}"
    sizes = dict(zip(truth.names, truth.params.tolist(), strict=True))
    yield "length of training, seed 0: mean error (%), tau with -params, with the next length, with seed 1"
    for row in budgets(records, sizes):
        if row["n"]:
            yield (
                f"  x{row['budget']:<4g} n = {row['n']:<4} {100 * row['error']:>6.1f}  {told(row['tau_params'])}  "
                f"{told(row['tau_next'])}  {told(row['tau_seeds'])}"
            )
    slow = [r["core_seconds"] for by in [records] for r in by if r["budget"] == 1.0]
    yield f"core-seconds of a training: {min(slow):.0f} to {max(slow):.0f}; seeds by architecture: " + ", ".join(
        f"{k} with {n}" for n, k in zip(*np.unique([len(v) for v in by_name(records, 'test').values()],
                                                   return_counts=True), strict=True)
    )  # fmt: skip


def told(value: float | None) -> str:
    """Return a tau as it is printed."""
    return "   - " if value is None else f"{value:5.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print all sets that there are."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth.show", description="Show the truth sets.")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the result files are")
    options = parser.parse_args(arguments)
    collected = {}
    for name in SETS:
        path = options.out / f"{name}.jsonl"
        if not path.is_file():
            print(f"{name}: nothing yet")
            continue
        _, records = read(path)
        truth = load_truth(name, options.out)
        print(f"--- {name}")
        for line in lines(truth, records):
            print(line)
        for key, value in figures(truth, records).items():
            collected[f"{key}_{name}"] = value if value is None else round(value, 4)
    print("RESULT " + json.dumps({"name": "truth", "figures": collected}))


if __name__ == "__main__":
    main()
