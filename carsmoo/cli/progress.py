"""How a command tells its progress: bars on a terminal, lines elsewhere, JSON lines, or not at all."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Annotated

import typer

from carsmoo.utils.progress import error_console, has_bars
from carsmoo.utils.progress_lines import ProgressLines
from carsmoo.utils.time_left import Estimate

Quiet = Annotated[bool, typer.Option("--quiet", help="Print no progress, results and errors only.")]
Json = Annotated[
    bool, typer.Option("--json", help="Progress as JSON lines on standard error; standard output as with --quiet.")
]


class Telling(Enum):
    """How progress is told."""

    USUAL = "usual"
    QUIET = "quiet"
    JSON = "json"

    @classmethod
    def of(cls, quiet: bool, as_json: bool) -> Telling:
        """Return what the options ask for.

        Raises:
            ValueError: if they ask for both.
        """
        if quiet and as_json:
            raise ValueError("json: expected --quiet or --json, got both")
        return cls.QUIET if quiet else cls.JSON if as_json else cls.USUAL


@contextmanager
def progress_lines(telling: Telling, is_main: bool, estimate: Estimate | None = None) -> Iterator[ProgressLines | None]:
    """Yield what writes lines of progress to standard error; None on a terminal, which has bars, and where it is quiet.

    Args:
        telling: how progress is told.
        is_main: whether this process is the one that writes.
        estimate: tells the time left of all.
    """
    as_json = telling is Telling.JSON
    if not is_main or telling is Telling.QUIET or (not as_json and has_bars(error_console())):
        yield None
        return
    lines = ProgressLines(time.monotonic, _write, estimate=estimate, as_json=as_json)
    with lines.beating():
        yield lines


def _write(line: str) -> None:
    if sys.stderr is not None:  # closed by who called
        print(line, file=sys.stderr, flush=True)
