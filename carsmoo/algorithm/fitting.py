"""Compatibility checks: which pymoo algorithms stay right on a moving problem, with parents evaluated again."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.algorithms.moo.rvea import RVEA
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.core.algorithm import Algorithm
from pymoo.core.mating import Mating
from pymoo.core.termination import Termination
from pymoo.termination import get_termination
from pymoo.termination.max_eval import MaximumFunctionCallTermination
from pymoo.termination.max_gen import MaximumGenerationTermination

COUNTED = (MaximumGenerationTermination, MaximumFunctionCallTermination)
"""Terminations that say before a run how many generations it has."""

STEPS = (
    *("next", "ask", "tell", "infill", "advance", "_initialize", "_initialize_infill", "_initialize_advance"),
    *("_infill", "_advance", "_post_advance"),
)
"""Methods of pymoo's ``Algorithm`` that make a generation."""

FITTING: Mapping[str, tuple[type, ...]] = {"_advance": (RVEA, SMSEMOA)}
"""Steps of algorithms of their own that need nothing but ``pop``, the parents, and ``infills``, the newborns.

RVEA adapts its directions after the survival; SMS-EMOA normalises by the parents.
"""


def require_fitting(algorithm: Any, mixin: type) -> None:
    """Check that an algorithm's steps below a mixin are those of pymoo's genetic algorithms, or known to fit.

    What a class overrides above the mixin is its own affair.
    """
    kind = type(algorithm)
    below = kind.__mro__[kind.__mro__.index(mixin) + 1 :]
    expected = f"{kind.__name__}: expected an algorithm of mating and one survival on a problem that moves"
    if not isinstance(algorithm, GeneticAlgorithm):
        raise TypeError(f"{expected}, derived from pymoo's GeneticAlgorithm, got {below[0].__name__}")
    for step in STEPS:
        owner = next(base for base in below if step in vars(base))
        if owner not in (GeneticAlgorithm, Algorithm, *FITTING.get(step, ())):
            raise TypeError(
                f"{expected}, as NSGA2, NSGA3, SPEA2, AGEMOEA, SMSEMOA and RVEA are, got {owner.__name__} with a step "
                f"{step} of its own; do what it does in a survival, or in the class that names {mixin.__name__} first"
            )


def require_counted_end(algorithm: Any, termination: Any) -> None:
    """Check that RVEA, which adapts by the share of its generations that is done, is told how many there are.

    Raises:
        ValueError: naming the algorithm and the termination.
    """
    made = termination if termination is None or isinstance(termination, Termination) else get_termination(*termination)
    counts, adapts = isinstance(made, COUNTED), isinstance(algorithm, RVEA)
    if adapts and not counts:
        raise ValueError(
            f"{type(algorithm).__name__}: expected generations or evaluations as its termination, such as "
            f"('n_gen', 20), which it adapts its directions by, got {'none' if made is None else type(made).__name__}"
        )


def require_survival(algorithm: Any) -> None:
    """Check that an algorithm's survival can do with the population and how many survive."""
    survival = algorithm.survival
    given = {"n_survive": 1, "random_state": None, "algorithm": algorithm}
    try:
        for do in (survival.do, getattr(survival, "_do", survival.do)):
            inspect.signature(do).bind(None, None, **given)
    except (AttributeError, TypeError) as error:
        raise TypeError(
            f"{type(algorithm).__name__}: expected a survival that needs parents and newborns alone, got "
            f"{type(survival).__name__} ({error})"
        ) from None


def require_replaceable(algorithm: Any, mating: Any) -> None:
    """Check that an algorithm's own mating is selection, crossover and mutation, so that a problem's may replace it."""
    if isinstance(algorithm, GeneticAlgorithm) and not isinstance(mating, Mating):
        name = type(algorithm).__name__
        raise TypeError(
            f"{name}: expected an algorithm that mates by selection, crossover and mutation, as the problem brings its "
            f"own, got {type(mating).__name__}"
        )
