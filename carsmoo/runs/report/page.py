"""A report as one HTML page: everything inlined, nothing loaded, all text escaped."""

from __future__ import annotations

import base64
import gzip
import json
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.document import columns_of, document
from carsmoo.runs.report.facts import agreement, facts, facts_of_several
from carsmoo.runs.report.several import extract_each, settings_of
from carsmoo.runs.report.tables import (
    configuration,
    machine,
    network_rows,
    run_rows,
    setting_rows,
    times,
    trust_heads,
    trust_rows,
    warning,
)
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.words import counted, provenance
from carsmoo.utils.extras import needing
from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener, Step, unheard

RELOAD = 10
"""Seconds between two looks of a watched page at its file."""

SCRIPTS = (
    "cells.js",
    "rows.js",
    "plots.js",
    "curves.js",
    "trainings.js",
    "parallel.js",
    "save.js",
    "reload.js",
    "page.js",
)
"""The page's script, in the order of its parts."""


def render(*reports: RunReport, watched: bool = False) -> str:
    """Return the page of one run, or of several beside each other.

    Args:
        *reports: the runs, of the same objectives, see :func:`~carsmoo.runs.report.extract_each`.
        watched: whether the page reloads itself, as its file is written anew while a run goes on.

    Raises:
        ModuleNotFoundError: if plotly or jinja2 is missing.
    """
    with needing("report", "report"):
        import jinja2
        from plotly.offline import get_plotlyjs
    templates = {name: _part(name) for name in ("page.html", "runs.html", "networks.html")}
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    report, settings, columns = reports[0], settings_of(reports), columns_of(reports)
    score = report.front.names.index(report.front.score)
    single, data = len(reports) == 1, document(*reports)
    return environment.get_template("page.html").render(
        reports=reports,
        report=report,
        title=report.name if single else f"{len(reports)} runs",
        columns=columns,
        error=score,
        score=report.front.score,
        about="; or ".join(dict.fromkeys(provenance(one.front.about) for one in reports if len(one.front))),
        scored="; or ".join(dict.fromkeys(provenance(_lasting(one.front)) for one in reports)),
        agreement=agreement(report),
        trained_about=provenance(report.trained.front.about) if report.trained else "",
        networks=network_rows(reports, columns),
        runs=[] if single else run_rows(reports, settings, columns[score]),
        settings=[] if single else setting_rows(reports, settings, columns[score]),
        facts=facts(report, columns) if single else facts_of_several(reports, settings, columns[score]),
        headline=_headline(report) if single else "",
        started=datetime.fromtimestamp(report.started, timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        times=times(report) if single else [],
        trust=trust_rows(report) if single else [],
        trust_heads=trust_heads(reports),
        warning=warning(report) if single else "",
        held_out=any(error is not None for one in reports for net in one.trainings for error in net.errors),
        configuration=configuration(reports),
        machine=machine(reports),
        downloads=_downloads(report.front) if single else [],
        css=_part("page.css"),
        js="\n".join(_part(name) for name in SCRIPTS),
        drawn=data["drawn"],
        data=_inline({**data, "reload": RELOAD if watched else None}),
        watched=watched,
        reload=RELOAD,
        plotly=_packed(get_plotlyjs),
    )


def write_report(runs: Sequence[Path], path: Path, listener: Listener = unheard, ops: Vocabulary = PRIMITIVES) -> int:
    """Write the page of runs' directories to a file, and return its size in bytes.

    Args:
        runs: the directories, see :func:`~carsmoo.runs.report.extract_each`.
        path: the file.
        listener: called once the runs are read, the page made, and written.
        ops: what the runs' architectures are read with, see :class:`~carsmoo.runs.directory.RunDirectory`.

    Raises:
        FileExistsError: if the file is there and is no report.
        ValueError: if it is a directory or in none; and as :func:`~carsmoo.runs.report.extract_each`.
        ModuleNotFoundError: as :func:`render`.
    """
    step = partial(Step, phase="report", total=3, unit="parts")
    listener(step(done=0))
    reports = extract_each(runs, ops=ops)
    require_place(path)
    listener(step(done=1))
    page = render(*reports).encode()
    listener(step(done=2))
    size = write_page(path, page)
    listener(step(done=3))
    return size


def require_place(path: Path) -> None:
    """Check that a report may be written to a file.

    Raises:
        FileExistsError: if the file is there and is no report.
        ValueError: if it is a directory or in none.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"out: expected a file in a directory that is there, got {path}")
    require_own(path, kind=".html")


def write_page(path: Path, page: bytes) -> int:
    """Write a page where a report may be, see :func:`require_place`, and return its size in bytes."""
    require_place(path)
    write_whole(path, page)
    return len(page)


@cache  # as a watched page is made again and again
def _packed(script: Callable[[], str]) -> str:
    return base64.b64encode(gzip.compress(script().encode(), 9, mtime=0)).decode()


def _part(name: str) -> str:
    return (files("carsmoo.runs.report") / name).read_text(encoding="utf-8")


def _headline(report: RunReport) -> str:
    config = report.config
    if config is None:
        return ""
    network, plan = config.network, config.training
    return (
        f"{report.front.about.get('data', config.data)}, {config.space.depth_in_words(network)}; "
        + (f"{counted(plan.supernet_epochs, 'epoch')} of a supernet, " if plan.supernet_epochs else "")
        + f"{counted(plan.warmup_epochs, 'epoch')} of warm-up, {counted(plan.n_generations, 'generation')} of "
        f"{counted(plan.epochs_per_generation, 'epoch')}; "
        f"population {config.algorithm.pop_size or plan.pop_size}; "
        + (f"{counted(plan.probes, 'probe')}; " if plan.probes else "")
        + f"protection {config.algorithm.protection}; seed {report.seeds}"
    )


def _lasting(front: Front) -> dict[str, Any]:
    """Return what the errors of a front belong to, but for the epoch."""
    return {name: value for name, value in front.about.items() if name != "epoch"}


def _downloads(front: Front) -> list[tuple[str, str, str]]:
    """Return name, media type and base64 of the front's files, as the run's directory holds them."""
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for ending, kind, write in (("csv", "text/csv", front.to_csv), ("json", "application/json", front.to_json)):
            path = Path(folder) / f"front.{ending}"
            write(path)
            made.append((path.name, kind, base64.b64encode(path.read_bytes()).decode()))
    return made


def _inline(data: Any) -> str:
    """Return data as JSON that a script element holds safely."""
    return json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
