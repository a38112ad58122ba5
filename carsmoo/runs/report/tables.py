"""The tables of a report: networks, runs and settings, times, trust, configuration."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.facts import trained_error
from carsmoo.runs.report.several import Setting, flat, hypervolumes, settings_in, words
from carsmoo.space.words import Column
from carsmoo.utils.durations import duration

TRUST = {
    "ceiling": "expected tau",
    "halves": "tau of two halves",
    "probes": "with networks alone",
    "members": "of two supernets",
    "successive": "with the one before",
    "distinct": "pairs told apart",
    "updates": "steps per weight",
}
"""The figures of trust that are told, where a run has them, and their heads."""


def network_rows(reports: Sequence[RunReport], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return a row for each network of each run's front."""
    rows = []
    for report in reports:
        place = report.trained.place if report.trained else (None,) * len(report.front)
        found = zip(report.front.genotypes, report.front.F.tolist(), place, strict=True)
        for number, (genotype, values, row) in enumerate(found, 1):
            trained = trained_error(report, row)
            rows.append(
                {
                    "run": report.name,
                    "number": number,
                    "numbers": [column.number(value) for column, value in zip(columns, values, strict=True)],
                    "trained": "–" if trained is None else f"{100 * trained:.2f}",
                    "cells": list(genotype.summary.items()),
                }
            )
    return rows


def run_rows(reports: Sequence[RunReport], settings: Sequence[Setting], scored: Column) -> list[dict[str, str]]:
    """Return a row for each run, those of a setting together."""
    volumes = hypervolumes(reports)
    rows = []
    for number, setting in enumerate(settings, 1):
        for k in setting.runs:
            one, score = reports[k], reports[k].front.score
            lowest = [scored.text(one.front.column(score).min())] if len(one.front) else []
            rows.append(
                {
                    "name": one.name,
                    "setting": str(number),
                    "seed": one.seeds,
                    "generations": str(len(one.generations)),
                    "lowest": "".join(lowest) or "–",
                    "test": "–" if one.test_error is None else f"{100 * one.test_error:.2f}\N{NO-BREAK SPACE}%",
                    "hypervolume": f"{volumes[k][-1]:.3f}" if volumes[k] else "–",
                    "time": duration(one.seconds),
                    "state": "ended" if one.ended else "not ended",
                }
            )
    return rows


def setting_rows(reports: Sequence[RunReport], settings: Sequence[Setting], scored: Column) -> list[dict[str, str]]:
    """Return a row for each setting: its figures as median and range over its runs."""
    volumes = hypervolumes(reports)
    rows = []
    for setting in settings:
        runs = [reports[k] for k in setting.runs]
        lowest = [one.front.column(one.front.score).min() for one in runs if len(one.front)]
        rows.append(
            {
                "label": setting.label,
                "runs": str(len(runs)),
                "lowest": _middle([value * scored.scale for value in lowest], scored.decimals, scored.suffix),
                "hypervolume": _middle([volumes[k][-1] for k in setting.runs if volumes[k]], 3),
                "time": duration(median(one.seconds for one in runs)),
            }
        )
    return rows


def _middle(values: Sequence[float], decimals: int, suffix: str = "") -> str:
    """Return the median of some values, and their range where it is one."""
    if not values:
        return "–"
    low, middle, high = (f"{value:.{decimals}f}" for value in (min(values), median(values), max(values)))
    unit = f"\N{NO-BREAK SPACE}{suffix}" if suffix else ""
    return f"{middle}{unit}" if low == high else f"{middle}{unit} ({low}–{high})"


def times(report: RunReport) -> list[dict[str, Any]]:
    """Return the time of each phase and its share; nothing where the log tells of no phase."""
    if report.rest is None:
        return []
    told = {
        "probes": "networks trained alone for a moment, against whose order the search's is held",
        "supernet": "a supernet beside networks with weights of their own, and its scores",
        "warm-up": "the weights before the first generation",
        "training": "the weights between generations",
        "scoring": "networks on search-validation, before and after training",
        "rest": "mating, survival, checkpoints, files",
    }
    spent = {**report.spent, "rest": report.rest}
    total = sum(spent.values()) or 1.0
    return [
        {"phase": phase, "time": duration(seconds), "share": 100 * seconds / total, "what": told[phase]}
        for phase, seconds in spent.items()
    ]


def trust_heads(reports: Sequence[RunReport]) -> dict[str, str]:
    """Return the heads of those figures of trust that there are, by their names; none if there is no trust at all."""
    known = [one.trust for report in reports for one in report.generations if one.trust is not None]
    absent = {name for name in ("members", "probes") if all(getattr(trust, name) is None for trust in known)}
    return {name: head for name, head in TRUST.items() if known and name not in absent}


def trust_rows(report: RunReport) -> list[list[str]]:
    """Return a row for each generation whose trust is known: its number, and the figures of :func:`trust_heads`."""

    def told(name: str, value: float | None) -> str:
        return "–" if value is None else f"{value:.{0 if name == 'updates' else 2}f}"

    heads = trust_heads([report])
    known = [(one.number, one.trust) for one in report.generations if one.trust is not None]
    return [[str(k), *(told(name, getattr(trust, name)) for name in heads)] for k, trust in known]


def warning(report: RunReport) -> str:
    """Return the sentence of a last generation whose trust is low."""
    trust = report.generations[-1].trust if report.generations else None
    text = "" if trust is None else trust.warning or ""
    return text and f"{text[0].upper()}{text[1:]}."


def configuration(reports: Sequence[RunReport]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return the settings by section, a value that differs between runs as all values that it has."""
    plain = [flat(settings_in(report.config)) for report in reports if report.config is not None]
    sections: dict[str, list[tuple[str, str]]] = {}
    for name in dict.fromkeys(name for fields in plain for name in fields):
        section, _, key = name.rpartition(".")
        values = dict.fromkeys(fields.get(name, "–") for fields in plain)
        sections.setdefault(section or "search", []).append((key, " | ".join(values)))
    return list(sections.items())


def machine(reports: Sequence[RunReport]) -> list[tuple[str, str]]:
    """Return versions and what else decides the last bits, a value that differs between runs as all that it has."""
    told: dict[str, dict[str, None]] = {}
    for report in reports:
        for name, value in {**report.versions, **report.environment}.items():
            told.setdefault(name, {})[words(value)] = None
    return [(name, " | ".join(values)) for name, values in told.items()]
