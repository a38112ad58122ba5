from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from carsmoo import DARTSSpace, Genotype, NetworkConfig
from carsmoo.cost.objectives import Objectives, ValueCache

X = np.zeros((1, 24), int)
NO_NUMBERS: dict[str, tuple[Any, str]] = {
    "too large for a float": (10**400, "1000"),
    "of thousands of digits": (10**5000, "a int with a huge number"),
    "complex": (1j, "1j"),
    "complex of numpy": (np.complex128(1), r"np\.complex128"),
    "NaN": (np.nan, "nan"),
    "infinite": (np.inf, "inf"),
    "nothing": (None, "None"),
    "an array": (np.zeros((2, 2)), "array"),
    "a text": ("1", "'1'"),
    "a truth": (np.bool_(True), r"(np\.)?True"),
}


def objectives(value: Any) -> Objectives:
    def odd(genotype: Genotype) -> Any:
        if isinstance(value, Exception):
            raise value
        return value

    return Objectives(("error", odd), DARTSSpace(), NetworkConfig())


@pytest.mark.parametrize(("value", "shown"), NO_NUMBERS.values(), ids=NO_NUMBERS.keys())
def test_what_is_no_finite_number_is_refused_by_the_objectives_name(value: Any, shown: str) -> None:
    with pytest.raises(ValueError, match=f"^odd: expected a finite number, got {shown}.*; of Genotype") as caught:
        objectives(value).fixed(X)
    assert "\n" not in str(caught.value)


def test_a_function_that_raises_is_told_on_one_line() -> None:
    with pytest.raises(RuntimeError, match=r"^odd: expected a number, got KeyError: .*; of Genotype") as caught:
        objectives(KeyError("two\nlines")).fixed(X)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [3, 0.5, np.float32(0.5), np.int8(2), Fraction(1, 2)])
def test_every_real_number_is_taken(value: Any) -> None:
    assert objectives(value).fixed(X).tolist() == [[float(value)]]


def test_a_value_is_computed_once_for_an_architecture_whatever_vector_asks() -> None:
    space = DARTSSpace()
    asked: list[np.ndarray] = []

    def compute(new: np.ndarray) -> list[float]:
        asked.append(new)
        return [float(row.sum()) for row in new]

    none = space.ops.index("none")
    one, alike, other = np.zeros((3, 24), int)
    one[[3, 5]], alike[[3, 4, 5]], other[1] = (0, none), (1, 0, none), 1  # an absent edge has no input
    assert np.array_equal(*space.canonical(np.stack([one, alike])))
    cache = ValueCache(space)
    first = cache.look_up(np.stack([one, alike, other]), compute)
    assert first[0] == first[1]
    assert np.array_equal(cache.look_up(np.stack([other, one]), compute), first[[2, 0]])
    assert [len(rows) for rows in asked] == [2]
    cache.clear()
    cache.look_up(one[None], compute)
    assert [len(rows) for rows in asked] == [2, 1]


def test_values_found_before_a_function_raises_are_kept() -> None:
    calls: list[Genotype] = []

    def odd(genotype: Genotype) -> float:
        calls.append(genotype)
        if len(calls) == 2:
            raise OSError("no device")
        return 1.0

    made, two = (
        Objectives(("error", odd), DARTSSpace(), NetworkConfig()),
        np.stack([X[0], X[0] + np.eye(24, dtype=int)[1]]),
    )
    with pytest.raises(RuntimeError, match=r"^odd: expected a number, got OSError: no device"):
        made.fixed(two)
    assert made.fixed(two).tolist() == [[1.0], [1.0]]
    assert len(calls) == 3  # the first was known
    again = Objectives(("error", odd), DARTSSpace(), NetworkConfig())
    again.load_state_dict(made.state_dict())
    assert again.fixed(two).tolist() == [[1.0], [1.0]]
    assert len(calls) == 3
