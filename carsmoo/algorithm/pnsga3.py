"""PNSGA3: NSGA-III that also protects what still improves fast."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.duplicate import NoDuplicateElimination
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import FloatRandomSampling, IntegerRandomSampling
from pymoo.operators.selection.rnd import RandomSelection
from pymoo.util.ref_dirs import get_reference_directions
from pymoo.util.reference_direction import get_partition_closest_to_points

from carsmoo.algorithm.continuous import Continuous, not_none
from carsmoo.algorithm.display import FrontOutput
from carsmoo.algorithm.growth import NewbornGrowth
from carsmoo.cost.memory import require_count
from carsmoo.operators import ArrayMating, RowDuplicates
from carsmoo.problems.moving import MovingProblem
from carsmoo.survival.selection import PNSGA3Survival, Protection
from carsmoo.utils.validation import integer, keywords, numbers, reject_unknown, shown

STATIC_POP_SIZE = 100
"""Population size on a problem that has no opinion, where neither it nor reference directions are given."""


class PNSGA3(Continuous, NSGA3):  # type: ignore[misc]
    """pNSGA-III (CARS sec. 3.3): NSGA-III whose selection also protects what still improves fast.

    On a :class:`~carsmoo.MovingProblem` a generation is that of :class:`Continuous`; on any other
    problem this *is* NSGA-III, but that objectives must be finite.

    Args:
        ref_dirs: reference directions, (d, n_obj); the largest Das-Dennis set not above the population size if not
            given.
        pop_size: individuals kept; if not given, as many as there are reference directions, else the problem's
            default, else 100.
        n_offsprings: individuals bred in a generation; ``pop_size`` if not given.
        protection: what the second sort protects: ``"growth"``, the growth speed of the moving objectives, as in the
            paper; ``"size"``, what is large in the fixed objectives, as in the released code (with more than one fixed
            objective: see :func:`~carsmoo.survival.protected_objectives`); None, nothing.
        newborn_growth: see :class:`Continuous`.
        sampling: as in pymoo, and so are the following; where not given, the problem's default or NSGA-III's own.
        selection: parents are drawn uniformly if not given.
        crossover: see ``sampling``.
        mutation: see ``sampling``.
        eliminate_duplicates: see ``sampling``.
        output: columns of the table that ``verbose=True`` prints.
        **kwargs: as for pymoo's ``GeneticAlgorithm``: ``mating``, ``repair``, ``termination``, ``callback``, ``seed``,
            ``save_history``, ...

    Raises:
        TypeError: for an unknown keyword.
        ValueError: for another ``protection`` or ``newborn_growth``, reference directions that are no (d, n_obj)
            array, or sizes below 1.

    Example:
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> problem = SmallModelTrap(generations=5, population=8)
        >>> result = minimize(problem, PNSGA3(), seed=1)
        >>> len(result.pop), problem.time
        (8, 5)
    """

    def __init__(
        self,
        ref_dirs: ArrayLike | None = None,
        pop_size: int | None = None,
        n_offsprings: int | None = None,
        protection: Protection = "growth",
        *,
        newborn_growth: NewbornGrowth = "measure",
        sampling: Any = None,
        selection: Any = None,
        crossover: Any = None,
        mutation: Any = None,
        eliminate_duplicates: Any = None,
        output: Any = None,
        **kwargs: Any,
    ) -> None:
        if protection not in ("growth", "size", None):
            raise ValueError(f"protection: expected 'growth', 'size' or None, got {protection!r}")
        for name, size in (("pop_size", pop_size), ("n_offsprings", n_offsprings)):
            if size is not None and (isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1):
                raise ValueError(f"{name}: expected an integer of at least 1, got {size!r}")
        ref_dirs = None if ref_dirs is None else _directions(ref_dirs)
        reject_unknown(type(self).__name__, kwargs, keywords(type(self)) - {"survival"})
        unique = RowDuplicates() if eliminate_duplicates in (None, True) else eliminate_duplicates
        common = {"eliminate_duplicates": unique or NoDuplicateElimination(), "repair": kwargs.get("repair")}
        bred = not_none({"selection": selection, "crossover": crossover, "mutation": mutation})
        own = {"selection": RandomSelection(), "crossover": SBX(eta=30, prob=1.0), "mutation": PM(eta=20)}
        super().__init__(
            ref_dirs=None,
            survival=None,
            newborn_growth=newborn_growth,
            sampling=FloatRandomSampling() if sampling is None else sampling,
            eliminate_duplicates=unique,
            output=FrontOutput() if output is None else output,
            **{"mating": ArrayMating(**{**own, **bred}, **common), **kwargs},
        )
        self.protection = protection
        sizes = {"ref_dirs": ref_dirs, "pop_size": pop_size, "n_offsprings": n_offsprings}
        asked = None if eliminate_duplicates is True else eliminate_duplicates
        others = {"sampling": sampling, "eliminate_duplicates": asked, "output": output}
        self._given = {**kwargs, **bred, **not_none({**sizes, **others})}
        self._own_pop_size = STATIC_POP_SIZE

    def setup(self, problem: Any, **kwargs: Any) -> Any:
        """Prepare a new run as :meth:`Continuous.setup` does; a problem that races is refused to ``protection``."""
        if self.protection is not None and getattr(problem, "races", False):
            raise ValueError(
                f"racing: expected False with protection={self.protection!r}, which keeps networks that their error "
                "alone would drop, got True"
            )
        if kwargs.get("ref_dirs") is not None:
            kwargs["ref_dirs"] = _directions(kwargs["ref_dirs"])
        return super().setup(problem, **kwargs)

    def to_config(self) -> dict[str, Any] | None:
        """Return the algorithm's arguments as plain data; None if more was given than sizes and protection."""
        sizes = ("pop_size", "n_offsprings")
        if type(self) is not PNSGA3 or not set(self._given) <= {*sizes, "callback", "seed", "termination", "verbose"}:
            return None
        given = {name: int(self._given[name]) for name in sizes if name in self._given}
        return {"protection": self.protection, "newborn_growth": self.newborn_growth, **given}

    def _configure(self, problem: Any, given: dict[str, Any]) -> None:
        ref_dirs = given.get("ref_dirs")
        if ref_dirs is not None and ref_dirs.shape[1] != problem.n_obj:
            raise ValueError(f"ref_dirs: expected (d, {problem.n_obj}) for this problem, got {ref_dirs.shape}")
        super()._configure(problem, given)
        for name in ("pop_size", "n_offsprings"):
            require_count(name, getattr(self, name), problem.n_var)
        self.ref_dirs = das_dennis(problem.n_obj, self.pop_size) if ref_dirs is None else ref_dirs
        moving = problem.moving if isinstance(problem, MovingProblem) else ()
        self.survival = PNSGA3Survival(self.ref_dirs, moving, self.protection)

    def _offered_operators(self, problem: Any) -> dict[str, Any]:
        """Return the problem's operators; for whole numbers, where it has none, those that pymoo advises."""
        offered = super()._offered_operators(problem)
        if offered or problem.vtype is not int:
            return offered
        whole = {"vtype": float, "repair": RoundingRepair()}
        return {
            "sampling": IntegerRandomSampling(),
            "crossover": SBX(eta=30, prob=1.0, **whole),
            "mutation": PM(eta=20, **whole),
        }

    def _set_optimum(self, **kwargs: Any) -> None:
        if self.problem.has_constraints():
            super()._set_optimum(**kwargs)
        else:
            self.opt = self.survival.opt


def _directions(ref_dirs: ArrayLike) -> NDArray[np.float64]:
    A = numbers("ref_dirs", ref_dirs)
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"ref_dirs: expected (d, n_obj), got {A.shape}")
    if not np.isfinite(A).all() or not A.any(axis=1).all():
        raise ValueError(f"ref_dirs: expected finite directions without a row of zeros, got {shown(A.tolist())}")
    return A


def das_dennis(n_obj: int, n_points: int) -> NDArray[np.float64]:
    """Return the largest Das-Dennis set of reference directions with at most ``n_points``, (d, n_obj).

    Raises:
        TypeError, ValueError: for a number that is no integer or below 1.
    """
    n_obj, n_points = integer("n_obj", n_obj, 1), integer("n_points", n_points, 1)
    if n_obj == 1:
        return np.ones((1, 1))
    partitions = get_partition_closest_to_points(n_points, n_obj)
    if partitions == 0:
        return np.full((1, n_obj), 1 / n_obj)
    directions: NDArray[np.float64] = get_reference_directions("das-dennis", n_obj, n_partitions=partitions)
    return directions
