"""Growth: how much a moving objective improved over the last generation, for parents and newborns alike."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.problems.moving import MovingProblem

NewbornGrowth: TypeAlias = Literal["measure", "parents"]


def set_before(newborns: Any, problem: MovingProblem, newborn_growth: NewbornGrowth) -> int:
    """Set ``before``, today's moving objectives, (len(moving),), on newborns and return how many were scored.

    It is None on those that get the growth of their parents.
    """
    scored = [k for k, one in enumerate(newborns) if newborn_growth == "measure" or not _has_parents(one)]
    newborns.set("before", None)
    if scored:
        for k, values in zip(scored, problem.moving_values(newborns[scored].get("X")), strict=True):
            newborns[k].set("before", values)
    return len(scored)


def set_growth(infills: Any, moving: tuple[int, ...]) -> None:
    """Set ``growth`` = before - after of each moving objective, (len(moving),), on evaluated individuals.

    One without a score from before takes the mean growth of its parents, which stand first in ``infills``.
    """
    after = infills.get("F")[:, list(moving)]
    children = []
    for individual, values in zip(infills, after, strict=True):
        before = individual.get("before")
        if before is None:
            children.append(individual)
        else:
            individual.set("growth", before - values)
    for child in children:
        child.set("growth", np.mean([infills[k].get("growth") for k in child.get("parents")], axis=0))


def _has_parents(individual: Any) -> bool:
    parents: NDArray[np.int64] | None = individual.get("parents")
    return parents is not None and len(parents) > 0
