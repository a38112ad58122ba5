"""What a wrong call has to keep: a built-in exception, one line that says what was expected, no file touched."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from carsmoo.compare import suite
from carsmoo.compare.runner import compare
from carsmoo.problems.synthetic import SmallModelTrap

HUGE = "9" * 5000
DEEP = "[" * 100_000

Wrong = tuple[Callable[[], object], type[Exception], str]


def check(wrong: Wrong, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    act, error, says = wrong
    monkeypatch.chdir(folder)
    before = contents(folder)
    with pytest.raises(error) as caught:
        act()
    message = str(caught.value)
    assert re.search(says, message), message
    assert "\n" not in message
    assert len(message) < 400
    assert caught.type.__module__ == "builtins"  # no library's own kind
    assert contents(folder) == before


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


MADE = {"a": partial(suite.algorithm, "nsga3")}
POSED = {"p": lambda seed: SmallModelTrap(generations=1, population=4, seed=seed)}


def compared(**change: Any) -> object:
    return compare(**{"algorithms": MADE, "problems": POSED, "seeds": [0], "baseline": "a", "store": "runs", **change})
