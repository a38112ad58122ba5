"""Several runs beside each other: which are of one setting, what tells settings apart, hypervolumes in one unit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from carsmoo.algorithm.display import relative_hypervolume
from carsmoo.config.search import SearchConfig
from carsmoo.runs.report.data import RunReport, extract, printable
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.genotype import PRIMITIVES


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Runs whose configurations differ in the seed alone.

    Attributes:
        label: what tells it from the other settings; the run's name where there is no configuration.
        runs: their places.
    """

    label: str
    runs: tuple[int, ...]


def extract_each(
    paths: Sequence[Path], before: Sequence[RunReport | None] = (), ops: Vocabulary = PRIMITIVES
) -> tuple[RunReport, ...]:
    """Read the directories of runs that compare, each under a name of its own.

    Args:
        paths: of the directories, one or more.
        before: what was read of them earlier, see :func:`extract`.
        ops: as for :func:`extract`.

    Raises:
        ValueError: if a directory comes twice, or objectives or their units differ; and as :func:`extract`.
    """
    names = names_of(paths)
    known = [*before, *[None] * (len(paths) - len(before))]
    found = [extract(path, one, ops) for path, one in zip(paths, known, strict=True)]
    first = found[0].front
    for name, one in zip(names, found, strict=True):
        if (one.front.names, one.front.units) != (first.names, first.units):
            expected, got = (", ".join(front.labels) for front in (first, one.front))
            raise ValueError(
                f"report: expected runs with the same objectives, got {expected} in {names[0]} and {got} in {name}"
            )
    return tuple(dataclasses.replace(one, name=name) for name, one in zip(names, found, strict=True))


def names_of(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of some paths, of as many parts each, that tell them from each other, as texts.

    Raises:
        ValueError: if two are the same directory.
    """
    parts = [path.resolve().parts for path in paths]
    for k, one in enumerate(parts):
        if one in parts[:k]:
            raise ValueError(f"report: expected each run once, got {paths[k]} twice")
    depth = next(d for d in range(1, max(map(len, parts)) + 1) if len({one[-d:] for one in parts}) == len(parts))
    return [printable("/".join(one[-depth:]).replace("//", "/")) for one in parts]


def settings_of(reports: Sequence[RunReport]) -> tuple[Setting, ...]:
    """Return the settings of some runs, in the order of their first runs."""
    groups: dict[Any, list[int]] = {}
    plain = [_plain(report) for report in reports]
    for k, fields in enumerate(plain):
        groups.setdefault(tuple(fields.items()), []).append(k)
    firsts = [plain[runs[0]] for runs in groups.values()]
    names = dict.fromkeys(name for fields in firsts for name in fields)
    differing = [name for name in names if len({fields.get(name, "none") for fields in firsts}) > 1]
    return tuple(
        Setting(label=_label(fields, differing), runs=tuple(runs))
        for fields, runs in zip(firsts, groups.values(), strict=True)
    )


def hypervolumes(reports: Sequence[RunReport]) -> list[list[float]]:
    """Return the hypervolume of each generation of each run, in units of the worst values of all first generations."""
    firsts = [report.generations[0].F.max(axis=0) for report in reports if report.generations]
    worst = np.max(firsts, axis=0) if firsts else None
    return [
        [relative_hypervolume(generation.F, worst) for generation in report.generations] if worst is not None else []
        for report in reports
    ]


def _plain(report: RunReport) -> dict[str, str]:
    """Return what makes a run's setting, values as text by name; the run's name where it tells no configuration."""
    if report.config is None:
        return {"run": report.name}
    return {name: value for name, value in flat(settings_in(report.config)).items() if name != "seed"}


def settings_in(config: SearchConfig) -> dict[str, Any]:
    """Return the settings of a configuration by name, those of the space with its kind."""
    plain = config.to_plain()
    return {**plain, "space": {"kind": type(config.space).__name__, **plain["space"]}}


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as texts by dotted names; those of the sections of a list count from 1."""
    made: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            made |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, (tuple, list)) and value and isinstance(value[0], Mapping):
            made |= flat({f"{name} {k}": one for k, one in enumerate(value, 1)}, prefix)
        else:
            made[f"{prefix}{name}"] = words(value)
    return made


def words(value: Any) -> str:
    """Return the value of a setting as a reader has it."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)


def _label(fields: Mapping[str, str], differing: Sequence[str]) -> str:
    told = [(name.rpartition(".")[2], fields[name]) for name in differing if name in fields]
    return ", ".join(value if name == "run" else f"{name} {value}" for name, value in told) or "one setting"
