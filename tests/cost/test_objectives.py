from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from carsmoo import DARTSSpace, Genotype, NetworkConfig
from carsmoo.cost.objectives import Objectives

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
