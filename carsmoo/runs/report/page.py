"""A report as one HTML page: everything inlined, nothing loaded, all text escaped."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import json
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from carsmoo.runs.report.data import RunReport, extract
from carsmoo.runs.report.facts import agreement, duration, facts, trained_about, trained_error
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.space.words import Column, operations, provenance
from carsmoo.utils.files import write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener, Step, unheard


def render(report: RunReport) -> str:
    """Return the page.

    Raises:
        ImportError: if plotly or jinja2 is missing.
    """
    try:
        import jinja2
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError(f"report: expected plotly and jinja2, got {error}; pip install 'carsmoo[report]'") from None
    parts = {name: (files("carsmoo.runs.report") / name).read_text(encoding="utf-8") for name in _PARTS}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    columns = report.front.columns
    trust_heads, trust_rows = _trust_rows(report)
    return environment.from_string(parts["page.html"]).render(
        report=report,
        columns=columns,
        error=report.front.names.index(report.front.score),
        score=report.front.score,
        about=provenance(report.front.about),
        agreement=agreement(report),
        trained_about=provenance(report.trained.front.about) if report.trained else "",
        rows=_rows(report, columns),
        facts=facts(report, columns),
        headline=_headline(report),
        started=datetime.fromtimestamp(report.started, timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        times=_times(report),
        trust=trust_rows,
        trust_heads=trust_heads,
        warning=_warning(report),
        settings=_settings(report),
        machine=_machine(report),
        downloads=_downloads(report.front),
        css=parts["page.css"],
        js="\n".join(parts[name] for name in _PARTS if name.endswith(".js")),
        data=_inline(document(report)),
        plotly=base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode(),
    )


def write_report(run_dir: Path, path: Path, listener: Listener = unheard) -> int:
    """Write the page of a run's directory to a file, and return its size in bytes.

    Args:
        run_dir: the directory, see :func:`extract`.
        path: the file.
        listener: called once the run is read, the page made, and written.

    Raises:
        FileExistsError: if the file is there and is no report.
        ValueError: if it is a directory or in none; and as :func:`extract`.
        ImportError: as :func:`render`.
    """
    step = partial(Step, phase="report", total=3, unit="parts")
    listener(step(done=0))
    report = extract(run_dir)
    if path.is_dir() or not path.parent.is_dir():
        raise ValueError(f"out: expected a file in a directory that is there, got {path}")
    require_own(path, kind=".html")
    listener(step(done=1))
    page = render(report).encode()
    listener(step(done=2))
    require_own(path, kind=".html")  # still
    write_whole(path, page)
    listener(step(done=3))
    return len(page)


_PARTS = ("page.html", "page.css", "cells.js", "plots.js", "page.js")


def document(report: RunReport) -> dict[str, Any]:
    """Return what the page's script draws, as plain data."""
    front, trained = report.front, report.trained
    place = trained.place if trained else (None,) * len(front)
    error = front.names.index(front.score)
    return {
        "columns": [dataclasses.asdict(column) for column in front.columns],
        "error": error,
        "about": provenance(front.about),
        "networks": [
            {
                "F": values,
                "trained": trained_error(report, row),
                "trainedAbout": trained_about(report, row),
                "text": str(genotype),
                "cells": [
                    {"name": "normal", "edges": genotype.normal, "concat": genotype.normal_concat},
                    {"name": "reduction", "edges": genotype.reduce, "concat": genotype.reduce_concat},
                ],
            }
            for genotype, values, row in zip(front.genotypes, front.F.tolist(), place, strict=True)
        ],
        "generations": [
            {**dataclasses.asdict(generation), "F": generation.F.tolist()} for generation in report.generations
        ],
        "losses": [dataclasses.asdict(loss) for loss in report.losses],
    }


def _rows(report: RunReport, columns: Sequence[Column]) -> list[dict[str, Any]]:
    place = report.trained.place if report.trained else (None,) * len(report.front)
    rows = []
    for genotype, values, row in zip(report.front.genotypes, report.front.F.tolist(), place, strict=True):
        trained = trained_error(report, row)
        rows.append(
            {
                "numbers": [column.number(value) for column, value in zip(columns, values, strict=True)],
                "trained": "–" if trained is None else f"{100 * trained:.2f}",
                "cells": _cell_words(genotype),
            }
        )
    return rows


def _cell_words(genotype: Genotype) -> list[tuple[str, str]]:
    return [("normal", operations(genotype.normal)), ("reduction", operations(genotype.reduce))]


def _headline(report: RunReport) -> str:
    config = report.config
    if config is None:
        return ""
    network, plan = config.network, config.training
    return (
        f"{report.front.about.get('data', config.data)}, {network.layers} cells of {network.channels} channels; "
        f"{plan.warmup_epochs} epochs of warm-up, {plan.n_generations} generations of {plan.epochs_per_generation} "
        f"epoch{'s' if plan.epochs_per_generation != 1 else ''}; "
        f"population {config.algorithm.pop_size or plan.pop_size}; "
        f"protection {config.algorithm.protection}; seed {config.seed}"
    )


def _times(report: RunReport) -> list[dict[str, Any]]:
    if report.rest is None:
        return []
    told = {
        "warm-up": "supernet, uniform architectures",
        "training": "supernet, architectures of the population",
        "scoring": "networks on search-validation, before and after training",
        "rest": "mating, survival, checkpoints, files",
    }
    spent = {**report.spent, "rest": report.rest}
    total = sum(spent.values()) or 1.0
    return [
        {"phase": phase, "time": duration(seconds), "share": 100 * seconds / total, "what": told[phase]}
        for phase, seconds in spent.items()
    ]


_TRUST = {
    "ceiling": "expected tau",
    "halves": "tau of two halves",
    "members": "of two supernets",
    "successive": "with the one before",
    "distinct": "pairs told apart",
    "updates": "steps per weight",
}
"""The figures of trust that are told, where a run has them, and their heads."""


def _trust_rows(report: RunReport) -> tuple[list[str], list[list[str]]]:
    """Return the heads of a table of trust, and its rows: number of a generation, figures."""

    def told(name: str, value: float | None) -> str:
        return "–" if value is None else f"{value:.{0 if name == 'updates' else 2}f}"

    known = [(one.number, one.trust) for one in report.generations if one.trust is not None]
    several = any(trust.members is not None for _, trust in known)
    names = [name for name in _TRUST if several or name != "members"]
    rows = [[str(k), *(told(name, getattr(trust, name)) for name in names)] for k, trust in known]
    return [_TRUST[name] for name in names], rows


def _warning(report: RunReport) -> str:
    """Return the sentence of a last generation whose trust is low."""
    trust = report.generations[-1].trust if report.generations else None
    text = "" if trust is None else trust.warning or ""
    return text and f"{text[0].upper()}{text[1:]}."


def _settings(report: RunReport) -> list[tuple[str, list[tuple[str, str]]]]:
    if report.config is None:
        return []
    plain = dataclasses.asdict(report.config)
    sections = [("search", {name: value for name, value in plain.items() if not isinstance(value, dict)})]
    sections += [(name, value) for name, value in plain.items() if isinstance(value, dict)]
    return [(name, [(key, _value(value)) for key, value in fields.items()]) for name, fields in sections]


def _machine(report: RunReport) -> list[tuple[str, str]]:
    return [(name, _value(value)) for name, value in {**report.versions, **report.environment}.items()]


def _value(value: Any) -> str:
    if value is None:
        return "automatic"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


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
