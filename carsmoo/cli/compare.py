"""``carsmoo compare``: algorithms on benchmark problems over seeds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from carsmoo.cli.common import show
from carsmoo.cli.tables import score_table
from carsmoo.compare import suite
from carsmoo.compare.figures import comparison_names, draw_comparison
from carsmoo.compare.tables import to_csv, to_latex
from carsmoo.compare.tools import require_genes
from carsmoo.plots.style import require_drawable
from carsmoo.utils.files import LOCK, Store, unfinished_name, write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import ProgressBars

RUNS, TABLES = "runs", ("table.csv", "table.tex")
_RUN = re.compile(r".+--.+--[0-9]+\.json")  # the name of a run that is kept


def compare(
    out: Annotated[Path, typer.Option(help="Directory for the runs and tables; runs that it holds are not run again.")],
    problems: Annotated[list[str], typer.Option("--problem", help=f"Any of {', '.join(suite.PROBLEMS)}, or trap:4.")],
    algorithms: Annotated[
        list[str] | None,
        typer.Option(
            "--algorithm",
            help=f"Any of {', '.join(suite.ALGORITHMS)}, all of these if not given; others' tools: "
            f"{', '.join(suite.TOOLS)}.",
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds 0 to this, exclusive.", min=1)] = 20,
    baseline: Annotated[str, typer.Option(help="What the others are tested against.")] = "nsga3",
    jobs: Annotated[int, typer.Option(help="Processes; all cores if not given. Times are told best by 1.")] = -1,
) -> None:
    """Compare algorithms on benchmark problems over seeds; write the table as CSV and LaTeX, and the plots."""
    from carsmoo.compare.runner import compare as run_all

    names = list(dict.fromkeys(algorithms or suite.ALGORITHMS))
    for name in names:
        suite.algorithm(name)
    tools = [name for name in names if name in suite.TOOLS]
    for name in problems:
        posed = suite.problem(name, 0)
        for tool in tools:
            require_genes(tool, posed)
    _require_own(out, problems)
    with _alone_in(out), closing(ProgressBars()) as bars:
        made = run_all(
            {name: partial(suite.algorithm, name) for name in names},
            {name: partial(suite.problem, name) for name in dict.fromkeys(problems)},
            range(seeds),
            baseline=baseline,
            store=out / RUNS,
            n_jobs=jobs,
            listener=bars,
        )
        scores = made.scores()
        _require_own(out, problems)
        write_whole(out / TABLES[0], to_csv(scores).encode())
        write_whole(out / TABLES[1], to_latex(scores).encode())
        draw_comparison(made, out)
    show(score_table(scores, baseline), 140)
    print(f"table.csv, table.tex and the plots are in {out}")


def _require_own(out: Path, problems: list[str]) -> None:
    """Check that a directory is new or empty, or that of a comparison, whose own files alone are written anew."""
    if not out.exists():
        return
    if not out.is_dir():
        raise FileExistsError(f"out: expected a directory, got the file {out}")
    runs = out / RUNS
    others = [path for path in out.iterdir() if path != runs]
    if runs.is_symlink() or (runs.exists() and not runs.is_dir()):
        others = [runs]
    elif runs.is_dir():  # other directories have one of this name too
        kept = [path for path in runs.iterdir() if path.name != LOCK]
        if kept or not others:
            others = [path for path in kept if not _RUN.fullmatch(unfinished_name(path) or path.name)]
    if others:
        raise FileExistsError(f"out: expected a new or empty directory or a comparison, got one with {others[0].name}")
    require_own(*(out / name for name in TABLES))
    require_drawable(out, *(name for problem in problems for name in comparison_names(problem)))


@contextmanager
def _alone_in(out: Path) -> Iterator[None]:
    """Keep other processes from comparing in a directory; folders that stay empty are removed again."""
    made = [folder for folder in (out / RUNS, out) if not folder.exists()]
    store = Store(out / RUNS)
    store.lock()
    try:
        yield
    finally:
        (store.folder / LOCK).unlink(missing_ok=True)
        store.unlock()
        for folder in made:
            with suppress(OSError):  # it holds something
                folder.rmdir()
