"""PNSGA3, and the mixin that lets any pymoo genetic algorithm evolve on a moving problem."""

from __future__ import annotations

import copy
import inspect
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.callback import CallbackCollection
from pymoo.core.evaluator import Evaluator
from pymoo.core.initialization import Initialization
from pymoo.core.mating import Mating
from pymoo.core.population import Population
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import FloatRandomSampling, IntegerRandomSampling
from pymoo.operators.selection.rnd import RandomSelection
from pymoo.problems.dyn import TimeSimulation
from pymoo.util.ref_dirs import get_reference_directions
from pymoo.util.reference_direction import get_partition_closest_to_points

from carsmoo.display import FrontOutput
from carsmoo.events import ProgressBars
from carsmoo.operators import RowDuplicates
from carsmoo.problems.moving import MovingProblem
from carsmoo.survival import PNSGA3Survival, Protection

NewbornGrowth: TypeAlias = Literal["measure", "parents"]

STATIC_POP_SIZE = 100
"""Population size on a problem that has no opinion, where neither it nor reference directions are given."""


class Continuous:
    """Mixin: a pymoo genetic algorithm that evolves while its problem learns, ``class A(Continuous, NSGA2): pass``.

    A generation on a :class:`~carsmoo.problems.moving.MovingProblem`, in this order (CARS sec. 3.2):

    1. mating makes the offspring from the population;
    2. the offspring's moving objectives are scored as they are today (the parents' are known);
    3. ``problem.advance(parents)``;
    4. fresh copies of the parents and the offspring are evaluated, once, as one batch;
    5. ``growth`` = before - after for each moving objective is set on each of them (positive = improving);
    6. survival.

    The scores of step 2 count as evaluations. Population size, operators, termination and seed come from the problem
    (``default_pop_size``, ``default_operators()``, ``default_termination``, ``seed``) where they are not given and it
    has them. On a problem that does not move the algorithm is what it is without the mixin.

    Args:
        *args: as for the algorithm.
        newborn_growth: ``"measure"`` scores every offspring in step 2; ``"parents"`` gives a child the mean growth of
            its parents, where mating recorded them, and scores only the others.
        **kwargs: as for the algorithm.

    Raises:
        TypeError: for a keyword that the algorithm does not know.
        ValueError: for another ``newborn_growth``.
    """

    def __init__(self, *args: Any, newborn_growth: NewbornGrowth = "measure", **kwargs: Any) -> None:
        if newborn_growth not in get_args(NewbornGrowth):
            expected = ", ".join(get_args(NewbornGrowth))
            raise ValueError(f"newborn_growth: expected one of {expected}, got {newborn_growth!r}")
        _reject_unknown(type(self).__name__, kwargs, _keywords(type(self)))
        bound = inspect.signature(super().__init__).bind_partial(*args, **kwargs).arguments
        super().__init__(*args, **kwargs)
        self.newborn_growth = newborn_growth
        self._given = {**bound, **bound.get("kwargs", {})}
        self._own_mating, self._own_initialization = self.mating, self.initialization
        self._own_pop_size = self.pop_size

    def setup(self, problem: Any, **kwargs: Any) -> Any:
        """Prepare a new run on ``problem``, taking from it what was not given; a used moving problem starts afresh.

        Raises:
            TypeError: for an unknown keyword.
            ValueError: for a callback that would advance the problem a second time.
        """
        _reject_unknown("setup", kwargs, {"progress", *_keywords(type(self))})
        given = {name: value for name, value in {**self._given, **kwargs}.items() if value is not None}
        moving = problem if isinstance(problem, MovingProblem) else None
        self.is_initialized, self.n_iter, self.pop, self.off, self.opt = False, None, None, None, None
        self.history, self.data, self.display = [], {}, given.get("display")
        self.evaluator = given.get("evaluator") or Evaluator()
        kwargs = {**kwargs, "verbose": given.get("verbose", False), "termination": None, "seed": given.get("seed")}
        if "termination" in given:
            kwargs["termination"] = copy.deepcopy(given["termination"])
        if moving is not None:
            if _advances(given.get("callback")):
                name = type(self).__name__
                raise ValueError(
                    f"callback: expected none that advances the problem, as {name} does, got TimeSimulation"
                )
            moving.restart()
            shown = [listener for listener in moving.listeners if not isinstance(listener, _VerboseBars)]
            moving.listeners = shown + ([_VerboseBars()] if kwargs["verbose"] else [])
        kwargs["termination"] = kwargs["termination"] or getattr(problem, "default_termination", None)
        kwargs["seed"] = getattr(problem, "seed", None) if kwargs["seed"] is None else kwargs["seed"]
        self._configure(problem, given)
        return super().setup(problem, **kwargs)  # type: ignore[misc]

    def _configure(self, problem: Any, given: dict[str, Any]) -> None:
        """Settle population size and operators for this run: as given, else the problem's, else the algorithm's own."""
        size = getattr(problem, "default_pop_size", None)
        self.pop_size = given.get("pop_size", size or self._own_pop_size)
        self.n_offsprings = given.get("n_offsprings", self.pop_size)
        self.mating, self.initialization = self._own_mating, self._own_initialization
        defaults = _default_operators(problem)
        if not defaults:
            return
        own = {"sampling": self.initialization.sampling, "eliminate_duplicates": self.eliminate_duplicates}
        own |= {name: getattr(self.mating, name, None) for name in ("selection", "crossover", "mutation")}
        use = {**own, "repair": self.repair, **defaults, **given}
        if isinstance(use["eliminate_duplicates"], bool):
            use["eliminate_duplicates"] = self.eliminate_duplicates
        common = {"repair": use["repair"], "eliminate_duplicates": use["eliminate_duplicates"]}
        self.initialization = Initialization(use["sampling"], **common)
        bred = any(name in given for name in ("selection", "crossover", "mutation"))
        if "mating" in given or ("mating" in defaults and not bred):
            self.mating = use["mating"]
        else:
            self.mating = Mating(use["selection"], use["crossover"], use["mutation"], **common)

    def _initialize_infill(self) -> Any:
        pop = super()._initialize_infill()  # type: ignore[misc]
        return Population.new("X", pop.get("X")) if self._moving is not None else pop

    def _infill(self) -> Any:
        problem = self._moving
        if problem is None:
            return super()._infill()  # type: ignore[misc]
        X, known = self.pop.get("X"), self.pop.get("F")[:, list(problem.moving)]
        newborns = self.mating.do(problem, self.pop, self.n_offsprings, algorithm=self, random_state=self.random_state)
        for individual, before in zip(newborns, self._pre_scores(problem, newborns), strict=True):
            individual.set("before", before)
        problem.advance(X)
        parents = Population.new("X", X)
        parents.set("before", known)
        return Population.merge(parents, newborns)

    def _pre_scores(self, problem: MovingProblem, newborns: Any) -> list[NDArray[np.float64] | None]:
        """Return today's moving objectives of the newborns, None for those that take their parents' growth."""
        scored = [k for k, one in enumerate(newborns) if self.newborn_growth == "measure" or not _has_parents(one)]
        before: list[NDArray[np.float64] | None] = [None] * len(newborns)
        if scored:
            for k, values in zip(scored, problem.moving_values(newborns[scored].get("X")), strict=True):
                before[k] = values
            self.evaluator.n_eval += len(scored)
        return before

    def _advance(self, infills: Any = None, **kwargs: Any) -> Any:
        problem = self._moving
        if problem is None:
            return super()._advance(infills=infills, **kwargs)  # type: ignore[misc]
        set_growth(infills, problem.moving)
        self.pop = self.survival.do(
            problem, infills, n_survive=self.pop_size, algorithm=self, random_state=self.random_state, **kwargs
        )
        return None

    @property
    def _moving(self) -> MovingProblem | None:
        return self.problem if isinstance(self.problem, MovingProblem) else None

    # What the pymoo class beside this mixin has; told for the type checker alone.
    history: list[Any]
    data: dict[Any, Any]
    display: Any
    problem: Any
    pop: Any
    pop_size: Any
    n_offsprings: Any
    mating: Any
    initialization: Any
    survival: Any
    repair: Any
    eliminate_duplicates: Any
    evaluator: Any
    random_state: Any


class PNSGA3(Continuous, NSGA3):  # type: ignore[misc]
    """pNSGA-III (CARS sec. 3.3): NSGA-III whose selection also protects what still grows fast.

    On a :class:`~carsmoo.problems.moving.MovingProblem` a generation is that of :class:`Continuous`; on any other
    problem this *is* NSGA-III.

    Args:
        ref_dirs: reference directions, (d, n_obj); the largest Das-Dennis set not above the population size if not
            given.
        pop_size: individuals kept; if not given, as many as there are reference directions, else the problem's
            default, else 100.
        n_offsprings: individuals bred in a generation; ``pop_size`` if not given.
        protection: what the second sort protects: ``"growth"``, the growth speed of the moving objectives, as in the
            paper; ``"size"``, what is large in the fixed objectives, as in the released code; None, nothing.
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
        if ref_dirs is not None:
            ref_dirs = np.asarray(ref_dirs, dtype=np.float64)
            if ref_dirs.ndim != 2 or len(ref_dirs) == 0:
                raise ValueError(f"ref_dirs: expected (d, n_obj), got {ref_dirs.shape}")
        _reject_unknown(type(self).__name__, kwargs, _keywords(type(self)) - {"survival"})
        super().__init__(
            ref_dirs=None,
            survival=None,
            newborn_growth=newborn_growth,
            sampling=FloatRandomSampling() if sampling is None else sampling,
            selection=RandomSelection() if selection is None else selection,
            crossover=SBX(eta=30, prob=1.0) if crossover is None else crossover,
            mutation=PM(eta=20) if mutation is None else mutation,
            eliminate_duplicates=RowDuplicates() if eliminate_duplicates in (None, True) else eliminate_duplicates,
            output=FrontOutput() if output is None else output,
            **kwargs,
        )
        self.protection = protection
        named = {
            "ref_dirs": ref_dirs,
            "pop_size": pop_size,
            "n_offsprings": n_offsprings,
            "sampling": sampling,
            "selection": selection,
            "crossover": crossover,
            "mutation": mutation,
            "eliminate_duplicates": None if eliminate_duplicates is True else eliminate_duplicates,
            "output": output,
        }
        self._given = {**kwargs, **{name: value for name, value in named.items() if value is not None}}
        self._own_pop_size = STATIC_POP_SIZE

    def _configure(self, problem: Any, given: dict[str, Any]) -> None:
        ref_dirs = given.get("ref_dirs")
        if ref_dirs is not None:
            if ref_dirs.shape[1] != problem.n_obj:
                raise ValueError(f"ref_dirs: expected (d, {problem.n_obj}) for this problem, got {ref_dirs.shape}")
            given = {"pop_size": len(ref_dirs), **given}
        super()._configure(problem, given)
        self.ref_dirs = das_dennis(problem.n_obj, self.pop_size) if ref_dirs is None else ref_dirs
        moving = problem.moving if isinstance(problem, MovingProblem) else ()
        self.survival = PNSGA3Survival(self.ref_dirs, moving, self.protection)


def _default_operators(problem: Any) -> dict[str, Any]:
    """Return the problem's own operators; for integer variables, where it has none, those that pymoo advises."""
    own = getattr(problem, "default_operators", None)
    if own is not None:
        return dict(own())
    if problem.vtype is int:
        whole = {"vtype": float, "repair": RoundingRepair()}
        return {
            "sampling": IntegerRandomSampling(),
            "crossover": SBX(eta=30, prob=1.0, **whole),
            "mutation": PM(eta=20, **whole),
        }
    return {}


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


def das_dennis(n_obj: int, n_points: int) -> NDArray[np.float64]:
    """Return the largest Das-Dennis set of reference directions with at most ``n_points``, (d, n_obj)."""
    if n_obj == 1:
        return np.ones((1, 1))
    partitions = max(get_partition_closest_to_points(n_points, n_obj), 1)
    directions: NDArray[np.float64] = get_reference_directions("das-dennis", n_obj, n_partitions=partitions)
    return directions


class _VerboseBars(ProgressBars):
    """The bars that ``verbose=True`` attaches, so that the next run can take them off again."""


def _has_parents(individual: Any) -> bool:
    parents = individual.get("parents")
    return parents is not None and len(parents) > 0


def _advances(callback: Any) -> bool:
    if isinstance(callback, CallbackCollection):
        return any(_advances(one) for one in callback.callbacks)
    return isinstance(callback, TimeSimulation)


def _keywords(kind: type) -> set[str]:
    """Return the names that the constructors of a class and its bases take."""
    names: set[str] = set()
    for base in kind.__mro__[:-1]:
        parameters = inspect.signature(base.__init__).parameters.values()  # type: ignore[misc]
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return names - {"self"}


def _reject_unknown(who: str, kwargs: dict[str, Any], known: set[str]) -> None:
    for name in kwargs:
        if name not in known:
            raise TypeError(f"{who}: expected keywords among {', '.join(sorted(known))}, got {name!r}")
