"""Directories of runs made by hand, of figures that a test knows."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from carsmoo.config.search import SearchConfig
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.network_folders import short_name
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES

NAMES, UNITS = ("error", "params"), ("fraction", "millions")
ABOUT = {"data": "digits", "split": "search-validation", "weights": "supernet", "epoch": 4, "generation": 2}
FRONT = {"CARS-A": [0.20, 1.0], "CARS-D": [0.10, 2.0], "CARS-H": [0.05, 3.0]}
TRUST = [  # of the second and the third generation; the log of the first is one of before there was trust
    {"halves": 0.625, "successive": None, "distinct": 0.5, "updates": 120.0},
    {"halves": 0.1125, "successive": -0.2, "distinct": 0.25, "updates": 240.5},
]
POPULATIONS = (
    [[0.8, 1.0], [0.6, 2.0], [0.7, 3.0], [0.9, 4.0]],
    [[0.4, 1.0], [0.3, 2.0], [0.2, 3.0], [0.9, 4.0]],
    [[0.2, 1.0], [0.1, 2.0], [0.05, 3.0], [0.5, 4.0]],
)


def front(about: dict[str, Any] = ABOUT, **errors: float) -> Front:
    F = [[errors.get(name.replace("-", ""), error), params] for name, (error, params) in FRONT.items()]
    return Front.from_objectives([GENOTYPES[name] for name in FRONT], F, NAMES, UNITS, about)


def events() -> list[dict[str, Any]]:
    """Return a log: two epochs of warm-up, three generations, two epochs of training, the end; 20 s in all."""
    start = {"event": "start", "at": 1.7e9, "versions": {"carsmoo": "0.1.0", "numpy": "2.0"}, "python": "3.11"}
    made: list[dict[str, Any]] = [start]
    for epoch in (1, 2):
        warmed = {"seconds": 2.0 * epoch, "spent": {"warm-up": 2.0}, "loss": 3.0 - epoch, "epoch": epoch}
        made.append({"event": "warm-up", "generation": 1, **warmed})
    for k, F in enumerate(POPULATIONS):
        if k:
            spent = {"scoring": 1.5, "training": 2.5}
            trained = {"seconds": 2.0 + 6 * k, "spent": spent, "loss": 1.0 / k, "epoch": 2 + k}
            made.append({"event": "training", "generation": k + 1, **trained})
        scored: dict[str, Any] = {"trust": TRUST[k - 1]} if k else {}
        scored |= {"epoch": 2 + k, "seconds": 5.0 + 6 * k, "spent": {"scoring": 1.0}, "F": F}
        best = {"error": min(row[0] for row in F), "params": 1.0}
        made.append({"event": "generation", "generation": k + 1, "evaluations": 4 + 8 * k, "best": best, **scored})
    return [*made, {"event": "end", "at": 1.7e9 + 20, "seconds": 20.0, "test_error_of_best": 0.07}]


def write_log(path: Path, lines: list[dict[str, Any]]) -> None:
    (path / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def make(
    path: Path, seed: int = 3, settings: Mapping[str, Any] | None = None, factor: float = 1.0, **about: Any
) -> Path:
    """Write the directory of a run, with all errors of populations and front times a factor."""
    run = RunDirectory.create(path, SearchConfig(seed=seed).updated(settings or {}))
    found = front({**ABOUT, **about})
    run.write_front(replace(found, F=found.F * [factor, 1.0]))
    lines = events()
    for event in lines:
        if "F" in event:
            event["F"] = [[error * factor, params] for error, params in event["F"]]
    write_log(path, lines)
    return path


def make_with_three(path: Path) -> Path:
    """Write the directory of a run with a third objective, multiply-adds, of which smaller networks have more."""
    make(path, settings={"objectives": ["error", "params", "flops"]})
    found, names, units = front(), (*NAMES, "flops"), (*UNITS, "millions of multiply-adds")
    F = [[error, params, 40.0 - 10 * params] for error, params in found.F.tolist()]
    RunDirectory(path).write_front(Front.from_objectives(found.genotypes, F, names, units, ABOUT))
    lines = events()
    for event in lines:
        if "F" in event:
            event["F"] = [[error, params, 40.0 - 10 * params] for error, params in event["F"]]
    write_log(path, lines)
    return path


def train(path: Path, number: int, losses: list[float], errors: list[float | None]) -> Path:
    """Write the log of the training of one of a front's networks, by its number from 1."""
    folder = path / "networks" / f"{number}-{short_name(RunDirectory(path).read_front().genotypes[number - 1])}"
    folder.mkdir(parents=True)
    lines = [
        {"epoch": k, "loss": loss, "error": error}
        for k, (loss, error) in enumerate(zip(losses, errors, strict=True), 1)
    ]
    write_log(folder, lines)
    return folder
