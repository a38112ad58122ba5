"""What the page's script draws, as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from carsmoo.problems.trust import LOW
from carsmoo.runs.report.data import RunReport
from carsmoo.runs.report.facts import trained_about, trained_error
from carsmoo.runs.report.generations import Generation
from carsmoo.runs.report.several import Setting, hypervolumes, settings_of
from carsmoo.runs.report.tables import trust_heads
from carsmoo.space.words import Column, provenance

LEGEND = 30
"""Letters of a setting's label that fit in the legend of a plot."""


def columns_of(reports: Sequence[RunReport]) -> tuple[Column, ...]:
    """Return how the objectives of all runs' fronts are written, in one unit each."""
    first, F = reports[0].front, np.concatenate([report.front.F for report in reports])
    parts = zip(first.names, first.units, F.T.tolist(), strict=True)
    return tuple(Column.of(name, unit, values) for name, unit, values in parts)


def document(*reports: RunReport) -> dict[str, Any]:
    """Return what the page's script draws.

    Networks of all fronts are one list, in which a network's place is its number on the page.
    """
    front, settings, heads = reports[0].front, settings_of(reports), trust_heads(reports)
    begins = np.cumsum([0, *(len(report.front) for report in reports)]).tolist()
    networks = [network for r, report in enumerate(reports) for network in _networks(r, report)]
    cells = all(picture["title"].endswith("cell") for network in networks for picture in network["pictures"])
    return {
        "columns": [dataclasses.asdict(column) for column in columns_of(reports)],
        "error": front.names.index(front.score),
        "settings": [_legend(k, setting) for k, setting in enumerate(settings, 1)],
        "runs": [
            {
                "name": report.name,
                "setting": next(k for k, setting in enumerate(settings) if r in setting.runs),
                "generations": [
                    _generation(generation, volume, heads)
                    for generation, volume in zip(report.generations, volumes, strict=True)
                ],
                "losses": [dataclasses.asdict(loss) for loss in report.losses],
            }
            for r, (report, volumes) in enumerate(zip(reports, hypervolumes(reports), strict=True))
        ],
        "networks": networks,
        "drawn": "cells" if cells else "picture",
        "trainings": [
            {
                "run": r,
                "name": one.name,
                "network": None if one.place is None else begin + one.place,
                "epochs": one.epochs,
                "losses": one.losses,
                "errors": one.errors,
            }
            for r, (report, begin) in enumerate(zip(reports, begins, strict=False))
            for one in report.trainings
        ],
        "trust": heads,
        "low": LOW,
    }


def _legend(number: int, setting: Setting) -> dict[str, str]:
    short = setting.label if len(setting.label) <= LEGEND else f"setting {number}"
    return {"label": setting.label, "short": short}


def _generation(generation: Generation, hypervolume: float, heads: dict[str, str]) -> dict[str, Any]:
    plain = {**dataclasses.asdict(generation), "F": generation.F.tolist(), "hypervolume": hypervolume}
    return {**plain, "trust": {name: getattr(generation.trust, name, None) for name in heads}}


def _networks(run: int, report: RunReport) -> list[dict[str, Any]]:
    front, trained = report.front, report.trained
    network = None if report.config is None else report.config.network
    place = trained.place if trained else (None,) * len(front)
    return [
        {
            "run": run,
            "number": number,
            "of": len(front),
            "about": provenance(front.about),
            "F": values,
            "trained": trained_error(report, row),
            "trainedAbout": trained_about(report, row),
            "text": str(genotype),
            "pictures": [picture.to_plain() for picture in genotype.drawn(network)],
        }
        for number, (genotype, values, row) in enumerate(zip(front.genotypes, front.F.tolist(), place, strict=True), 1)
    ]
