"""``carsmoo compare``: algorithms on benchmark problems over seeds."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carsmoo import suite
from carsmoo.cli.saying import say
from carsmoo.console import score_table
from carsmoo.events import ProgressBars, Step
from carsmoo.pictures import draw_comparison
from carsmoo.tables import to_csv, to_latex


def compare(
    out: Annotated[Path, typer.Option(help="Directory for the runs and tables; runs that it holds are not run again.")],
    problems: Annotated[list[str], typer.Option("--problem", help=f"Any of {', '.join(suite.PROBLEMS)}, or trap:4.")],
    algorithms: Annotated[
        list[str] | None, typer.Option("--algorithm", help=f"Any of {', '.join(suite.ALGORITHMS)}; all if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds 0 to this, exclusive.", min=1)] = 20,
    baseline: Annotated[str, typer.Option(help="What the others are tested against.")] = "nsga3",
    jobs: Annotated[int, typer.Option(help="Processes; all cores if not given.")] = -1,
) -> None:
    """Compare algorithms on benchmark problems over seeds; write the table as CSV and LaTeX, and the plots."""
    from carsmoo.compare import compare as run_all

    names = list(dict.fromkeys(algorithms or suite.ALGORITHMS))
    for name in names:
        suite.algorithm(name)
    for name in problems:
        suite.problem(name, 0)
    bars = ProgressBars()

    def done(n: int, total: int) -> None:
        bars(Step(phase="comparing", time=0, done=n, total=total, unit="runs"))

    made = run_all(
        {name: partial(suite.algorithm, name) for name in names},
        {name: partial(suite.problem, name) for name in dict.fromkeys(problems)},
        range(seeds),
        baseline=baseline,
        store=out / "runs",
        n_jobs=jobs,
        done=done,
    )
    scores = made.scores()
    (out / "table.csv").write_text(to_csv(scores), encoding="utf-8")
    (out / "table.tex").write_text(to_latex(scores), encoding="utf-8")
    draw_comparison(made, out)
    Console(width=max(Console().width, 140)).print(score_table(scores, baseline))
    say(f"table.csv, table.tex and the plots are in {out}")
