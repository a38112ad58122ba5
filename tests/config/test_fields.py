from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest

from carsmoo.config.fields import check_settings, setting


@dataclass(frozen=True, kw_only=True)
class Inner:
    n: int = 0


@dataclass(frozen=True, kw_only=True)
class Settings:
    n: int = setting(2, 1, 9)
    free: int = setting(0, 0, math.inf)
    often: int | None = setting(None, 1)
    rate: float = setting(0.5, 0, 1, open_low=True)
    any_rate: float = 1.0
    flag: bool | None = None
    kind: Literal["a", "b"] = "a"
    some: int | Literal["all"] = setting(0, 0, 9)
    name: str | None = None
    inner: Inner = field(default_factory=Inner)
    shape: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_settings(self)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"n": 0}, ValueError, "n: expected at least 1, got 0"),
        ({"n": 10}, ValueError, "n: expected at most 9, got 10"),
        ({"n": None}, TypeError, "n: expected an integer, got None"),
        ({"free": -1}, ValueError, "free: expected at least 0, got -1"),
        ({"free": "x"}, TypeError, "free: expected an integer of at least 0, got 'x'"),
        ({"often": 0}, ValueError, "often: expected at least 1"),
        ({"often": 10**9 + 1}, ValueError, "often: expected at most 1000000000"),
        ({"rate": 0}, ValueError, r"rate: expected a number in \(0, 1\], got 0"),
        ({"any_rate": math.inf}, ValueError, r"any_rate: expected a number in \[0, inf\), got inf"),
        ({"any_rate": True}, TypeError, "any_rate: expected a number, got True"),
        ({"flag": 1}, TypeError, "flag: expected True or False, got 1"),
        ({"kind": "c"}, ValueError, "kind: expected one of a, b, got 'c'"),
        ({"some": "none"}, ValueError, "some: expected a number or 'all', got 'none'"),
        ({"some": 10}, ValueError, "some: expected at most 9, got 10"),
        ({"some": None}, TypeError, "some: expected an integer, got None"),
        ({"name": 3}, TypeError, "name: expected a name, got 3"),
        ({"inner": {"n": 3}}, TypeError, "inner: expected Inner, got"),
    ],
)
def test_a_field_is_checked_by_its_annotation_and_range(fields: dict[str, Any], error: type, says: str) -> None:
    with pytest.raises(error, match=f"^{says}"):
        Settings(**fields)


def test_numbers_of_numpy_become_pythons_and_all_else_stays_as_it_is() -> None:
    assert (Settings(some="all").some, type(Settings(some=np.int64(3)).some)) == ("all", int)  # type: ignore[arg-type]
    made = Settings(n=np.int64(3), rate=np.float32(0.25), any_rate=1, free=10**30, flag=True)  # type: ignore[arg-type]
    assert (type(made.n), type(made.rate), type(made.any_rate)) == (int, float, int)
    assert (made.n, made.rate, made.free, made.often, made.shape) == (3, 0.25, 10**30, None, None)
