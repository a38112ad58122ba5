"""A report that is written anew while its runs go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from carsmoo.runs.directory import CONFIG, FRONT
from carsmoo.runs.network_folders import NETWORKS
from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.page import render, require_place, write_page
from carsmoo.runs.report.several import extract_each, names_of
from carsmoo.runs.retrained_front import FINAL
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.utils.run_store import LOG

EVERY = 5.0
"""Seconds between two looks at the runs' files."""


def watch(
    runs: Sequence[Path],
    path: Path,
    wait: Callable[[float], object],
    written: Callable[[Sequence[RunReport]], object] = lambda reports: None,
    ops: Vocabulary = PRIMITIVES,
) -> None:
    """Write the page of runs' directories to a file whenever they have changed, until all their searches have ended.

    The page reloads itself as long as it is watched; the last one, written whatever ends the watch, does not. A run
    without a log is waited for, and one that was stopped, as it may be resumed. What is read amiss is read again once
    files have changed, as a run writes them meanwhile.

    Args:
        runs: the directories, see :func:`~carsmoo.runs.report.extract_each`.
        path: the file.
        wait: called with the seconds between two looks; what it raises ends the watch.
        written: called with what was read whenever the page was written.
        ops: as for :func:`~carsmoo.runs.report.extract`.

    Raises:
        ValueError, TypeError: for what is wrong with files that stay as they are.
        OSError: if a file cannot be read or written.
        ImportError: if plotly or jinja2 is missing.
    """
    require_place(path)
    names_of(runs)
    seen: object = None
    failed: object = None
    reports: tuple[RunReport, ...] = ()
    try:
        while not (reports and all(report.ended for report in reports)):
            now = _changes(runs)
            if now not in (seen, None):
                try:
                    reports = extract_each(runs, reports, ops)
                except (ValueError, OSError):
                    if failed == now:  # no run was writing it
                        raise
                    failed = now
                else:
                    seen = now
                    write_page(path, render(*reports, watched=True).encode())
                    written(reports)
                    continue
            wait(EVERY)
    finally:
        if reports:
            write_page(path, render(*reports).encode())


def _changes(runs: Sequence[Path]) -> object:
    """Return what changes with the files that a report is made of; None as long as a run has no log."""
    if not all((run / LOG).is_file() for run in runs):
        return None
    names = (LOG, CONFIG, f"{FRONT}.json", f"{FINAL}.json")
    files = [run / name for run in runs for name in names]
    files += [log for run in runs for log in sorted((run / NETWORKS).glob(f"*/{LOG}"))]
    found = []
    for file in files:
        try:
            stat = file.stat()
        except FileNotFoundError:  # not yet
            continue
        found.append((file, stat.st_mtime_ns, stat.st_size))
    return found
