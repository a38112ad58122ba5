"""``carsmoo report``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from carsmoo.cli.common import Space, run_at
from carsmoo.cli.own_space import ops_of, space_at
from carsmoo.runs.signals import InterruptedRunError, handled
from carsmoo.space.architecture import Vocabulary
from carsmoo.utils.progress import ProgressBars

if TYPE_CHECKING:
    from carsmoo.runs.report import RunReport


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="DIR", help="Directories of runs, one or more.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; report.html, in the run's directory or of several runs here, if not given."),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Write the page anew while the runs go on, until they have ended.")
    ] = False,
    space: Space = None,
) -> None:
    """Write runs' fronts, learning, trust, trainings and settings as one HTML page that needs no network.

    Of several runs, those whose settings differ in the seed alone are drawn as a median with a band.
    """
    from carsmoo.runs.report.page import write_report

    paths, ops = [run_at(path).path for path in runs], ops_of(space_at(space))
    default = paths[0] / "report.html" if len(paths) == 1 else Path("report.html")
    path = default if out is None else out
    if watch:
        _watch(paths, path, ops)
        size = path.stat().st_size
    else:
        with closing(ProgressBars()) as bars:
            size = write_report(paths, path, bars, ops)
    print(f"{path} ({size / 1e6:.1f} MB), one file that opens without a network")


def _watch(paths: Sequence[Path], path: Path, ops: Vocabulary) -> None:
    """Write a report anew until its runs have ended; SIGINT and SIGTERM end that, with their exit codes."""
    from carsmoo.runs.report.watch import watch

    told: list[str] = []

    def leave(signum: int, frame: FrameType | None) -> None:
        raise InterruptedRunError(signum)

    def tell(reports: Sequence[RunReport]) -> None:
        line = ", ".join(f"{one.name}: {_state(one)}" for one in reports)
        if line not in told[-1:]:
            told.append(line)
            print(line)

    with handled(leave):
        print(f"watching {', '.join(map(str, paths))}; the page is {path}, Ctrl-C ends it")
        try:
            watch(paths, path, time.sleep, tell, ops)
        except InterruptedRunError as stop:
            print(f"interrupted; {path} stays as it was written last" if told else "interrupted before a run had begun")
            raise typer.Exit(stop.exit_code) from None


def _state(one: RunReport) -> str:
    if one.generations:
        return f"generation {one.generations[-1].number}{', ended' if one.ended else ''}"
    return "warm-up" if one.losses else "begun"
