"""The mixin that lets a pymoo genetic algorithm evolve while its problem learns."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any, get_args

from pymoo.algorithms.base.genetic import GeneticAlgorithm
from pymoo.core.duplicate import NoDuplicateElimination
from pymoo.core.evaluator import Evaluator
from pymoo.core.initialization import Initialization
from pymoo.core.population import Population
from pymoo.core.problem import Problem
from pymoo.core.repair import NoRepair
from pymoo.core.sampling import Sampling

from carsmoo.algorithm.callbacks import Callbacks as Callbacks  # its home before
from carsmoo.algorithm.callbacks import RunCallback, advances_problem
from carsmoo.algorithm.fitting import require_counted_end, require_fitting, require_replaceable, require_survival
from carsmoo.algorithm.growth import NewbornGrowth, set_before, set_growth
from carsmoo.algorithm.termination import check_termination
from carsmoo.operators import ArrayMating, CARSMating
from carsmoo.problems.moving import MovingProblem
from carsmoo.utils.progress import ProgressBars
from carsmoo.utils.validation import choice, instance, integer, keywords, reject_unknown, shown

if TYPE_CHECKING:
    from pymoo.algorithms.base.genetic import GeneticAlgorithm as Beside
else:
    Beside = object  # for the type checker it is the pymoo class beside the mixin

_PARTS = ("sampling", "selection", "crossover", "mutation", "repair", "eliminate_duplicates")
"""Of a mating, by the names of pymoo's ``GeneticAlgorithm``."""


class Continuous(Beside):  # type: ignore[misc]
    """Mixin: a pymoo genetic algorithm that evolves while its problem learns, ``class A(Continuous, NSGA2): pass``.

    It fits every algorithm whose generation is mating, evaluation and one survival of all, as pymoo's
    ``GeneticAlgorithm`` has it: NSGA-II, NSGA-III, U-NSGA-III, SPEA2, AGE-MOEA and their like, SMS-EMOA with its
    normalisation, and RVEA with its adapting directions. One with other steps of its own, such as C-TAEA or MOEA/D, is
    refused by :meth:`setup` on a problem that moves.

    A generation on a :class:`~carsmoo.MovingProblem`, in this order (CARS sec. 3.2):

    1. mating makes the offspring from the population;
    2. if the survival has a true ``needs_growth``, the offspring's moving objectives are scored as they are today (the
       parents' are known);
    3. ``problem.advance(parents)``;
    4. fresh copies of the parents and the offspring are evaluated, once, as one batch;
    5. if the survival needs it, ``growth`` = before - after for each moving objective is set on each of them (positive
       = improving);
    6. the algorithm's own step from parents and offspring to the next population: its survival, and what it does
       beside that.

    Every score counts as an evaluation, those of step 2 too. Asked twice for a generation (``ask``), it gives the same
    individuals, and the problem advances once. Population size, operators, termination and seed come from the problem
    (``default_pop_size``, ``default_operators()``, ``default_termination``, ``seed``) where they are not given and it
    has them. On a problem that neither moves nor has them the algorithm is what it is without the mixin.

    Args:
        *args: as for the algorithm.
        newborn_growth: for a survival that needs growth: ``"measure"`` scores every offspring in step 2; ``"parents"``
            gives a child the mean growth of its parents, where mating recorded them, and scores only the others.
        **kwargs: as for the algorithm.

    Attributes:
        advances_problem: True; such an algorithm advances a moving problem by itself.

    Raises:
        TypeError: for a keyword that the algorithm does not know.
        ValueError: for another ``newborn_growth``.

    Example:
        >>> from pymoo.algorithms.moo.nsga2 import NSGA2
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import Continuous
        >>> from carsmoo.problems.synthetic import SmallModelTrap
        >>> class ContinuousNSGA2(Continuous, NSGA2):
        ...     pass
        >>> problem = SmallModelTrap()
        >>> result = minimize(problem, ContinuousNSGA2(pop_size=8), ("n_gen", 3), seed=1)
        >>> problem.time
        2
    """

    advances_problem = True

    def __init__(self, *args: Any, newborn_growth: NewbornGrowth = "measure", **kwargs: Any) -> None:
        choice("newborn_growth", newborn_growth, get_args(NewbornGrowth))
        reject_unknown(type(self).__name__, kwargs, keywords(type(self)))
        bound = inspect.signature(super().__init__).bind_partial(*args, **kwargs).arguments
        super().__init__(*args, **kwargs)
        self.newborn_growth = newborn_growth
        self._given = {**bound, **bound.get("kwargs", {})}
        own = (getattr(self, name, None) for name in ("mating", "initialization", "pop_size", "n_offsprings"))
        self._own_mating, self._own_initialization, self._own_pop_size, self._own_n_offsprings = own
        self._own_survival = copy.deepcopy(getattr(self, "survival", None))
        self._asked: Any = None

    def setup(self, problem: Any, **kwargs: Any) -> Any:
        """Prepare a new run on ``problem``, taking from it what was not given; a used moving problem starts afresh.

        Raises:
            TypeError: for an unknown keyword, what is no problem, or an algorithm that does not fit one that moves.
            ValueError: for a termination, a seed, a callback or a size that is none, or a callback that would advance
                the problem a second time.
        """
        instance("problem", problem, Problem)
        reject_unknown("setup", kwargs, {"progress", *keywords(type(self))} - {"protection", "newborn_growth"})
        given = {**not_none(self._given), **not_none(kwargs)}
        _check_run(given)
        termination = given.get("termination") or getattr(problem, "default_termination", None)
        require_counted_end(self, termination)
        moving = problem if isinstance(problem, MovingProblem) else None
        if moving is not None:
            require_fitting(self, Continuous)
            if moving.races and getattr(given.get("survival", self._own_survival), "needs_growth", False):
                raise ValueError("racing: expected False with a survival that reads growth, and may keep whom it drops")
        self.is_initialized, self.n_iter, self.pop, self.off, self.opt = False, None, None, None, None
        self._asked, self.survival = None, copy.deepcopy(given.get("survival", self._own_survival))
        self.history, self.data, self.display = [], {}, given.get("display")
        self.evaluator = given.get("evaluator") or Evaluator()
        verbose = given.get("verbose", False) and (moving is None or moving.is_main)
        if moving is not None and advances_problem(given.get("callback")):
            name = type(self).__name__
            raise ValueError(f"callback: expected none that advances the problem, as {name} does, got TimeSimulation")
        termination = copy.deepcopy(termination)
        seed = given.get("seed", getattr(problem, "seed", None))
        if isinstance(self, GeneticAlgorithm):
            self._configure(problem, given)
        if moving is not None:
            require_survival(self)
        settled = {"verbose": verbose, "termination": termination, "seed": seed}
        super().setup(problem, **{**not_none(kwargs), **settled})
        if moving is not None:  # last, so that a refused call costs no supernet
            moving.restart()
            if verbose:
                moving.run_listeners.append(ProgressBars())
        if isinstance(self.callback, RunCallback):
            self.callback.begin(self)
        return self

    def _configure(self, problem: Any, given: dict[str, Any]) -> None:
        """Settle population size and operators for this run: as given, else the problem's, else the algorithm's own."""
        size = self._own_pop_size if given.get("pop_per_ref_point") else getattr(problem, "default_pop_size", None)
        size = size if given.get("ref_dirs") is None else len(given["ref_dirs"])
        self.pop_size = given.get("pop_size", size or self._own_pop_size)
        own = self._own_n_offsprings if self._own_n_offsprings not in (None, self._own_pop_size) else self.pop_size
        self.n_offsprings = given.get("n_offsprings", own)
        for name in ("pop_size", "n_offsprings"):
            integer(name, getattr(self, name), 1)
        self.mating, self.initialization = self._own_mating, self._own_initialization
        defaults = self._offered_operators(problem)
        if not defaults:
            return
        if "mating" not in given:
            require_replaceable(self, self.mating)
        own = {"sampling": self.initialization.sampling, "eliminate_duplicates": self.eliminate_duplicates}
        own |= {name: getattr(self.mating, name, None) for name in ("selection", "crossover", "mutation")}
        offered = defaults.get("mating")
        if isinstance(offered, CARSMating):  # its parts are the problem's, too, where it offers no others beside it
            parts = {name: getattr(offered, name) for name in _PARTS}
            if isinstance(offered.repair, NoRepair):
                del parts["repair"]  # the algorithm's own then
            defaults = {**parts, **defaults}
        use = {**own, "repair": self.repair, **defaults, **given}
        if use["eliminate_duplicates"] is False:
            use["eliminate_duplicates"] = NoDuplicateElimination()
        elif use["eliminate_duplicates"] is True:
            use["eliminate_duplicates"] = defaults.get("eliminate_duplicates", self.eliminate_duplicates)
        common = {"repair": use["repair"], "eliminate_duplicates": use["eliminate_duplicates"]}
        self.initialization = Initialization(use["sampling"], **common)
        if "mating" in given:
            self.mating = given["mating"]
        elif isinstance(offered, CARSMating):  # the problem's own, with the parts that are given
            self.mating = copy.copy(offered)
            for name in _PARTS:
                setattr(self.mating, name, use[name])
            if not isinstance(use["sampling"], Sampling):  # a start; newcomers are drawn
                self.mating.sampling = offered.sampling
        elif offered is not None:
            self.mating = offered
        else:
            self.mating = ArrayMating(use["selection"], use["crossover"], use["mutation"], **common)

    def _offered_operators(self, problem: Any) -> dict[str, Any]:
        """Return the operators that the problem offers; empty for none."""
        offer = getattr(problem, "default_operators", None)
        return {} if offer is None else dict(offer())

    def next(self) -> None:
        """Make the next generation; where an error ends it, the callbacks let go of what they hold for the run."""
        try:
            super().next()
        except BaseException:
            if isinstance(self.callback, RunCallback):
                self.callback.leave()
            raise

    def infill(self) -> Any:
        """Return the individuals to evaluate next; on a moving problem the same ones until :meth:`advance`."""
        if self._moving is None:
            return super().infill()
        if self._asked is None:
            self._asked = super().infill()
        return self._asked

    def advance(self, infills: Any = None, **kwargs: Any) -> Any:
        """Advance by one generation with evaluated individuals, as pymoo's ``Algorithm`` does."""
        self._asked = None
        return super().advance(infills=infills, **kwargs)

    def _initialize_infill(self) -> Any:
        pop = super()._initialize_infill()
        return Population.new("X", pop.get("X")) if self._moving is not None else pop

    def _infill(self) -> Any:
        problem = self._moving
        if problem is None:
            return super()._infill()
        X, known = self.pop.get("X"), self.pop.get("F")[:, list(problem.moving)]
        newborns = self.mating.do(problem, self.pop, self.n_offsprings, algorithm=self, random_state=self.random_state)
        parents = Population.new("X", X)
        if self.needs_growth:
            self.evaluator.n_eval += set_before(newborns, problem, self.newborn_growth)
            parents.set("before", known)
        problem.advance(X)
        problem.survivors = self.pop_size
        return Population.merge(parents, newborns)

    def _advance(self, infills: Any = None, **kwargs: Any) -> Any:
        problem = self._moving
        if problem is None:
            return super()._advance(infills=infills, **kwargs)
        if self.needs_growth:
            set_growth(infills, problem.moving)
        n_parents = len(self.pop)
        self.pop = infills[:n_parents]
        return super()._advance(infills=infills[n_parents:], **kwargs)

    @property
    def needs_growth(self) -> bool:
        """Whether growth is set on individuals, since the problem moves and the survival asks for it."""
        return self._moving is not None and bool(getattr(self.survival, "needs_growth", False))

    @property
    def _moving(self) -> MovingProblem | None:
        return self.problem if isinstance(self.problem, MovingProblem) else None

    # What is set here and read as more than what it is set to; told for the type checker alone.
    history: list[Any]
    data: dict[Any, Any]
    pop: Any
    pop_size: Any
    mating: Any
    initialization: Any
    survival: Any


def not_none(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments that are not None."""
    return {name: value for name, value in arguments.items() if value is not None}


def _check_run(given: dict[str, Any]) -> None:
    """Check a run's termination, seed and callback."""
    termination, seed, callback = (given.get(name) for name in ("termination", "seed", "callback"))
    if termination is not None:
        check_termination(termination)
    if seed is not None:
        integer("seed", seed, 0)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a Callback of pymoo or a function, got {shown(callback)}")
