import math
from fractions import Fraction

import numpy as np
import pytest

from carsmoo.utils.validation import boolean, choice, finite_numbers, indices, integer, number, one_line, short, shown


def test_an_integer_is_any_but_a_truth_value_within_its_range() -> None:
    for value in (3, np.int64(3), np.uint8(3)):
        assert integer("n", value, 3, 3) == 3
        assert type(integer("n", value, 0)) is int
    for wrong in (True, np.True_, 3.0, "3", None, np.array([3])):
        with pytest.raises(TypeError, match=r"^n: expected an integer of at least 1, got "):
            integer("n", wrong, 1)
    with pytest.raises(TypeError, match=r"^n: expected an integer, got 2\.5$"):
        integer("n", 2.5, 1, 9)
    with pytest.raises(ValueError, match=r"^n: expected at least 1, got 0$"):
        integer("n", 0, 1, 9)
    with pytest.raises(ValueError, match=r"^n: expected at most 9, got 10$"):
        integer("n", 10, 1, 9)
    assert integer("n", 10**30, 1) == 10**30


def test_indices_are_different_whole_numbers_within_their_range() -> None:
    for given in ((2, 0), [2, 0], (np.int64(2), 0)):
        found = indices("moving", given, 3)
        assert found == (2, 0)
        assert all(type(k) is int for k in found)
    for wrong in ((), 0, None, "01", (3,), (-1,), (0, 0), (True,), (0.0,), ("0",), ([0],)):
        with pytest.raises(ValueError, match=r"moving: expected different indices among 0\.\.2, got "):
            indices("moving", wrong, 3)


def test_a_number_is_finite_and_within_its_interval() -> None:
    for value in (1, 1.0, np.float32(1), np.int64(1), Fraction(1)):
        assert number("x", value, 0, 1) == 1.0
        assert type(number("x", value, 0)) is float
    for wrong in (True, "1", None, 1j):
        with pytest.raises(TypeError, match=r"^x: expected a number of at least 0, got "):
            number("x", wrong, 0)
    for wrong in (-1, math.inf, math.nan, 10**400):
        with pytest.raises(ValueError, match=r"^x: expected at least 0, and finite, got "):
            number("x", wrong, 0)
        with pytest.raises(ValueError, match=r"^x: expected a number in \[0, inf\), got "):
            number("x", wrong, 0, math.inf)
    assert number("x", 0, 0, 1, open_high=True) == 0
    assert number("x", 1, 0, 1, open_low=True) == 1
    with pytest.raises(ValueError, match=r"^x: expected a number in \(0, 1\], got 0$"):
        number("x", 0, 0, 1, open_low=True)
    with pytest.raises(ValueError, match=r"^x: expected a number in \[0, 1\), got 1$"):
        number("x", 1, 0, 1, open_high=True)


def test_an_array_of_finite_numbers_is_a_copy() -> None:
    given = np.array([[1.0, 2.0]])
    found = finite_numbers("F", given)
    assert found.tolist() == given.tolist()
    assert not np.shares_memory(found, given)
    assert finite_numbers("F", []).size == 0
    for wrong in (math.inf, -math.inf, math.nan):
        with pytest.raises(ValueError, match=rf"^F: expected finite numbers, got {wrong}$"):
            finite_numbers("F", [[1.0, wrong]])
    with pytest.raises(ValueError, match=r"^F: expected numbers, got 'a'$"):
        finite_numbers("F", "a")


def test_choices_and_truth_values() -> None:
    assert choice("c", "a", ("a", "b")) == "a"
    assert boolean("b", False) is False
    for wrong in ("c", ["a"], None):  # one of them has no hash
        with pytest.raises(ValueError, match=r"^c: expected one of a, b, got "):
            choice("c", wrong, {"a": 1, "b": 2})
    for odd in (1, 0, None, np.True_, "yes"):
        with pytest.raises(TypeError, match=r"^b: expected True or False, got "):
            boolean("b", odd)


def test_texts_of_messages_are_one_short_line() -> None:
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("x" * 99, 10) == "x" * 9 + "…"
    assert short("a\nb") == "'a b'"
    assert len(shown("x" * 999)) == 120
    assert shown(10**5000) == "a int with a huge number"
