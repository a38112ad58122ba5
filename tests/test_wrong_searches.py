"""Wrong calls of what runs: comparisons, checkpoints, fronts, searches in a supernet."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo import CARSProblem, Checkpoint, Front, NetworkConfig, resume
from carsmoo.compare import suite
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.zoo import GENOTYPES
from tests.support.wrong_calls import Wrong, check, compared

A = GENOTYPES["CARS-A"]

RUNS: dict[str, Wrong] = {
    "seeds as a number": (lambda: compared(seeds=3), TypeError, "seeds: expected a list of integers, got 3"),
    "a seed as an array": (lambda: compared(seeds=np.array(3)), TypeError, "seeds: expected a list of integers, got a"),
    "seeds of a half": (lambda: compared(seeds=np.array([0.5])), TypeError, "seeds: expected an integer .*, got 0.5"),
    "seeds as texts": (lambda: compared(seeds=["x"]), TypeError, "seeds: expected an integer of at least 0, got 'x'"),
    "seeds below zero": (lambda: compared(seeds=[-1]), ValueError, "seeds: expected at least 0, got -1"),
    "names for algorithms": (lambda: compared(algorithms=["a"]), TypeError, "algorithms: expected functions"),
    "a problem that is made already": (
        lambda: compared(problems={"p": SmallModelTrap()}),
        TypeError,
        r"problems\['p'\]: expected a function that makes one",
    ),
    "a name with a folder": (
        lambda: compared(algorithms={"../a": suite.algorithm}, baseline="../a"),
        ValueError,
        "algorithms: expected names that a file may have, got '../a'",
    ),
    "a list of baselines": (lambda: compared(baseline=["a"]), ValueError, r"baseline: expected one of a, got \['a'\]"),
    "no processes": (lambda: compared(n_jobs=0), ValueError, "n_jobs: expected a number of processes .*, got 0"),
    "no checkpoints between": (lambda: Checkpoint("run", every=0), ValueError, "every: expected an integer .*, got 0"),
    "checkpoints by name": (lambda: Checkpoint("run", every="2"), ValueError, "every: expected an integer .*, got '2'"),
    "resume nothing": (lambda: resume("run"), ValueError, "run: expected a directory with checkpoints, got run"),
    "a front of names": (
        lambda: Front.from_objectives(["A"], [[1.0]], ["a"], [""]),
        TypeError,
        "genotypes: expected Architecture, got 'A'",
    ),
    "a front of texts": (
        lambda: Front.from_objectives([A], [["x"]], ["a"], [""]),
        ValueError,
        "F: expected numbers, got",
    ),
    "a front of too many": (
        lambda: Front.from_objectives([A], [[1], [2]], ["a"], [""]),
        ValueError,
        r"F: expected \(1, 1\), got \(2, 1\)",
    ),
    "a front with a name twice": (
        lambda: Front.from_objectives([A], [[1, 2]], ["a", "a"], ["", ""]),
        ValueError,
        "names: expected dif",
    ),
    "a front without an end": (
        lambda: Front.from_objectives([A] * 3, [[np.inf, 1, 2]] * 3, ["a", "b", "c"], [""] * 3),
        ValueError,
        "F: expected finite numbers, got inf",
    ),
    "front without a population": (
        lambda: front_of(None),
        ValueError,
        "result: expected one with a population, got none",
    ),
}


def front_of(result: object) -> object:
    images = np.random.default_rng(0).random((60, 8, 8))
    return search_on((images, np.arange(60) % 3)).front(result)


def search_on(data: Any, **fields: Any) -> CARSProblem:
    return CARSProblem(data, network=NetworkConfig(channels=2, layers=3), **fields)


IMAGES, CLASSES = np.zeros((60, 8, 8)), np.arange(60) % 3

SEARCHES: dict[str, Wrong] = {
    "a NaN": (
        lambda: search_on((IMAGES + np.nan, CLASSES)),
        ValueError,
        "images: expected finite numbers of float32, got NaN",
    ),
    "labels too few": (lambda: search_on((IMAGES, CLASSES[1:])), ValueError, r"expected 60 integer labels .*\(59,\)"),
    "labels that are no integers": (lambda: search_on((IMAGES, CLASSES + 0.5)), ValueError, "integer labels .*float64"),
    "labels below zero": (lambda: search_on((IMAGES, CLASSES - 1)), ValueError, "images: expected 60 integer labels"),
    "labels by name": (lambda: search_on((IMAGES, CLASSES.astype(str))), ValueError, "images: expected 60 integer"),
    "five dimensions": (
        lambda: search_on((IMAGES[:, None, None], CLASSES)),
        ValueError,
        r"images: expected \(n, h, w\)",
    ),
    "no images": (lambda: search_on((IMAGES[:0], CLASSES[:0])), ValueError, r"images: .* got \(0, 8, 8\)"),
    "data of nothing": (lambda: search_on(None), TypeError, "data: expected a name, .*got NoneType"),
    "three arrays": (lambda: search_on((IMAGES, CLASSES, CLASSES)), TypeError, "data: expected a name, .*got tuple"),
    "a space by name": (
        lambda: search_on("digits", space="darts"),
        TypeError,
        "space: expected SearchSpace, got 'darts'",
    ),
    "no objective": (
        lambda: search_on("digits", objectives=()),
        ValueError,
        "objectives: expected one of",
    ),
    "a function without a name": (
        lambda: search_on("digits", objectives=("error", lambda genotype: 1)),
        ValueError,
        "objectives: expected a function with a name",
    ),
    "a seed as a float": (lambda: search_on("digits", seed=1.0), TypeError, "seed: expected an integer .*, got 1.0"),
    "evaluate halves": (
        lambda: search_on("digits").evaluate(np.full((1, 24), 0.5)),
        ValueError,
        "whole numbers, got 0.5",
    ),
    "train on nobody": (
        lambda: search_on("digits").advance(np.empty((0, 24), int)),
        ValueError,
        r"X: expected \(n, 24\) with n > 0 to be guided by, got \(0, 24\)",
    ),
    "a state of nothing": (
        lambda: search_on("digits").load_state_dict({}),
        ValueError,
        "state: expected what .*no 'begun'",
    ),
}

TABLES = {"runs": RUNS, "searches": SEARCHES}
CALLS = {f"{table}: {name}": wrong for table, wrongs in TABLES.items() for name, wrong in wrongs.items()}


@pytest.mark.parametrize("wrong", CALLS.values(), ids=CALLS.keys())
def test_a_wrong_call_is_refused_in_one_line(wrong: Wrong, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check(wrong, monkeypatch, tmp_path)
