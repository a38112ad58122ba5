from typing import Any

import numpy as np
import pytest
from pymoo.core.termination import TerminateIfAny
from pymoo.termination import get_termination
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.algorithm.termination import check_termination

WRONG: dict[str, tuple[Any, str]] = {
    "no generation": (("n_gen", 0), "termination: n_max_gen: expected at least 1, got 0"),
    "fewer than none": (("n_iter", -3), "termination: n_max_gen: expected at least 1, got -3"),
    "half a generation": (("n_gen", 2.5), "termination: n_max_gen: expected an integer of at least 1, got 2.5"),
    "generations in words": (("n_gen", "a"), "termination: n_max_gen: expected an integer of at least 1, got 'a'"),
    "no evaluation": (("n_eval", 0), "termination: n_max_evals: expected at least 1, got 0"),
    "no time": (("time", "00:00:00"), "termination: max_time: expected more than 0 seconds, got 0"),
    "NaN seconds": (("time", np.nan), "termination: max_time: expected more than 0 seconds, got nan"),
    "seconds too many for a float": (
        ("time", 10**400),
        "termination: max_time: expected more than 0 seconds, got 1000",
    ),
    "a value below zero": (("fmin", -1), "termination: fmin: expected a number above 0, got -1"),
    "one of several": (
        TerminateIfAny(get_termination("n_gen", 3), MaximumGenerationTermination(0)),
        "termination: n_max_gen: expected at least 1, got 0",
    ),
    "pymoo's own with none": (
        get_termination("moo", n_max_gen=0),
        "termination: n_max_gen: expected at least 1, got 0",
    ),
    "a name alone": (("n_gens", 3), "termination: expected a Termination of pymoo or the like of"),
}


@pytest.mark.parametrize(("given", "says"), WRONG.values(), ids=WRONG.keys())
def test_an_end_that_cannot_be_is_refused(given: Any, says: str) -> None:
    with pytest.raises((TypeError, ValueError), match=says):
        check_termination(given)


def test_every_form_of_pymoo_is_taken() -> None:
    for given in (("n_gen", 1), ("n_gen",), ("n_eval", np.int64(5)), ("time", "01:00"), ("time", 0.5), ("moo",)):
        check_termination(given)
    check_termination(TerminateIfAny(get_termination("n_gen", 3), get_termination("time", 2)))
