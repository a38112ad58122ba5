"""Termination of a run: pymoo's terminations, checked before a run begins instead of in its midst."""

from __future__ import annotations

import math
from typing import Any

from pymoo.core.termination import Termination
from pymoo.termination import get_termination

from carsmoo.utils.validation import finite, integer, shown


def check_termination(given: Any) -> None:
    """Check a termination in any form that pymoo takes: a ``Termination``, or a name and its limit.

    A limit that a run never meets, or has passed before it begins, is refused.
    """
    if not isinstance(given, Termination):
        try:
            given = get_termination(*given)
        except Exception:  # pymoo raises nothing narrower
            expected = "a Termination of pymoo or the like of ('n_gen', 20)"
            raise ValueError(f"termination: expected {expected}, got {shown(given)}") from None
    _check(given)


def _check(termination: Termination) -> None:
    limits = vars(termination)
    for name in ("n_max_gen", "n_max_evals"):
        limit = limits.get(name)
        if limit is not None and not (isinstance(limit, float) and limit == math.inf):
            integer(f"termination: {name}", limit, 1)
    limit = limits.get("max_time", math.inf)
    if limit != math.inf and (finite(limit) or 0) <= 0:
        raise ValueError(f"termination: max_time: expected more than 0 seconds, got {shown(limit)}")
    if "fmin" in limits and (finite(limits["fmin"]) or 0) <= 0:
        raise ValueError(f"termination: fmin: expected a number above 0, got {shown(limits['fmin'])}")
    criteria = limits.get("criteria", ())
    for criterion in criteria if isinstance(criteria, (tuple, list)) else ():
        if isinstance(criterion, Termination):
            _check(criterion)
