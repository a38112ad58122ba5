"""``carsmoo report``: a run as one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from carsmoo.cli.saying import say
from carsmoo.owned import require_own
from carsmoo.store import write_whole


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="Directory of a run.")],
    out: Annotated[
        Path | None, typer.Option(help="File to write; report.html in the run's directory if not given.")
    ] = None,
) -> None:
    """Write a run's front, generations, learning, times and settings as one HTML page that needs no network."""
    from carsmoo.report import extract, render

    path = run_dir / "report.html" if out is None else out
    report = extract(run_dir)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"out: expected a file in a directory that is there, got {path}")
    require_own(path, kind=".html")
    page = render(report).encode()
    write_whole(path, page)
    say(f"{path} ({len(page) / 1e6:.1f} MB), one file that opens without a network")
