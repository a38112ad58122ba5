"""Does protecting what grows help? Growth, size and no protection, NSGA-II and random search, on every problem.

Part 1 compares the five on the synthetic trap, NAS-Bench-301, NAS-Bench-Macro and three tables of learning curves, 20
seeds each, at equal cost (:func:`carsmoo.compare.same_cost`: as many generations, each with one advance and as many
scorings): the final population scored by final accuracy, against NSGA-III. The table goes to
``benchmarks/results/protection.csv`` and ``.tex``. Part 2 varies the trap's strength, its noise and the generation at
which the search stops, growth against none: ``benchmarks/results/trap.csv``.

    python -m benchmarks.bench_protection [--seeds 20] [--jobs 2]

The data are looked for in ``CARSMOO_DATA``; problems whose data are missing are left out, and said.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from functools import partial
from pathlib import Path

import numpy as np

from carsmoo.compare import suite
from carsmoo.compare.comparison import Comparison, Score
from carsmoo.compare.runner import compare
from carsmoo.compare.tables import to_csv, to_latex
from carsmoo.problems.synthetic import SmallModelTrap

RESULTS = Path(__file__).parent / "results"
PROBLEMS = ("trap:0", "trap:2", "trap:4", "nb301", "nb301-flops", "macro", "naap-440", "metaqnn", "deep-resnets")


def trap(strength: float, noise: float, generations: int, seed: int) -> SmallModelTrap:
    """Return a trap; a function by name, so that processes can be sent it."""
    return SmallModelTrap(strength=strength, noise=noise, generations=generations, seed=seed)


def available() -> list[str]:
    """Return the problems whose data are there, and say which are not."""
    found = []
    for name in PROBLEMS:
        try:
            suite.problem(name, 0)
            found.append(name)
        except FileNotFoundError as error:
            print(f"left out {name}: {error}")
    return found


def line(score: Score) -> str:
    """Return a row of the table for the terminal."""
    name = f"{score.problem:<13}{score.algorithm:<8}"
    hv = f"hv {score.hv[1]:.4f} [{score.hv[0]:.4f}, {score.hv[2]:.4f}]"
    size = f"size {score.size_low:.3g}-{score.size_high:.3g}"
    return f"{name} {hv}  {size}  p {score.p:.4f}  A12 {score.a12:.2f}  p_size {score.p_size:.4f}"


def grid(seeds: int, jobs: int) -> list[dict[str, float]]:
    """Return growth against none over the trap's strength, noise and the generation at which the search stops."""
    settings = [(s, n, g) for s in (0.0, 2.0, 4.0) for n in (0.002, 0.01, 0.03) for g in (10, 20, 40)]
    problems = {f"{s}-{n}-{g}": partial(trap, s, n, g) for s, n, g in settings}
    algorithms = {name: partial(suite.algorithm, name) for name in ("growth", "nsga3")}
    made = compare(algorithms, problems, range(seeds), baseline="nsga3", n_jobs=jobs)
    by_name = {(score.problem, score.algorithm): score for score in made.scores()}
    rows = []
    for (strength, noise, stop), name in zip(settings, problems, strict=True):
        growth, none = by_name[name, "growth"], by_name[name, "nsga3"]
        rows.append(
            {
                "strength": strength,
                "noise": noise,
                "stop": stop,
                "hv_growth": round(growth.hv[1], 4),
                "hv_nsga3": round(none.hv[1], 4),
                "p_hv": round(growth.p, 4),
                "a12": round(growth.a12, 3),
                "size_90_growth": round(growth.size_high, 2),
                "size_90_nsga3": round(none.size_high, 2),
                "p_size": round(growth.p_size, 4),
            }
        )
    return rows


def summary(made: Comparison) -> dict[str, float]:
    """Return the figures of the result line: medians and p of growth and size against NSGA-III."""
    figures = {}
    for score in made.scores():
        if score.algorithm in ("growth", "size"):
            key = f"{score.problem}_{score.algorithm}".replace(":", "")
            figures[f"{key}_a12"] = round(score.a12, 3)
            figures[f"{key}_p"] = round(score.p, 5)
            figures[f"{key}_p_size"] = round(score.p_size, 5)
    return figures


def main() -> None:
    """Run both parts, write their tables and print."""
    parser = argparse.ArgumentParser(description="Growth, size and no protection on every problem.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    begin = time.perf_counter()
    made = compare(
        {name: partial(suite.algorithm, name) for name in suite.ALGORITHMS},
        {name: partial(suite.problem, name) for name in available()},
        range(arguments.seeds),
        baseline="nsga3",
        n_jobs=arguments.jobs,
    )
    scores = made.scores()
    for score in scores:
        print(line(score))
    (RESULTS / "protection.csv").write_text(to_csv(scores), encoding="utf-8")
    (RESULTS / "protection.tex").write_text(to_latex(scores), encoding="utf-8")
    rows = grid(arguments.seeds, arguments.jobs)
    with (RESULTS / "trap.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    figures = {**summary(made), "seconds": round(time.perf_counter() - begin, 1)}
    figures["trap_cells_growth_better"] = float(np.sum([r["p_hv"] < 0.05 and r["a12"] > 0.5 for r in rows]))
    figures["trap_cells_growth_worse"] = float(np.sum([r["p_hv"] < 0.05 and r["a12"] < 0.5 for r in rows]))
    print("RESULT " + json.dumps({"name": "protection", "figures": figures}))


if __name__ == "__main__":
    main()
