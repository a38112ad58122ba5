"""Other people's tools in a comparison: pymoo's own algorithms and Optuna's NSGA-III, each as it comes."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.algorithm import Algorithm
from pymoo.core.population import Population
from pymoo.core.termination import NoTermination
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling

from carsmoo.algorithm.pnsga3 import STATIC_POP_SIZE, das_dennis
from carsmoo.problems.moving import MovingProblem
from carsmoo.problems.tabular import CurveTable
from carsmoo.utils.extras import needing
from carsmoo.utils.validation import integer

ROUNDS = 3
"""Rounds of N newborns in a generation of a moving problem: as many scores as those make that score parents again."""


class Tool(Protocol):
    """What makes newborns and takes their scores; pymoo's algorithms are such.

    Attributes:
        pop: the population after the last ``tell``.
    """

    pop: Any

    def ask(self) -> Any:
        """Return the next newborns, or None if there are none."""

    def tell(self, infills: Any) -> Any:
        """Take the newborns, scored."""


MakeTool: TypeAlias = Callable[[Any, int, int | None], Tool]
"""Makes a tool for a problem, a population size and a seed."""


class AsItComes(Algorithm):  # type: ignore[misc]
    """A tool that knows nothing of problems that move, run on such a one at the cost of the suite's others.

    On a moving problem a generation advances it once, guided by the tool's N parents as for
    :class:`~carsmoo.Continuous`, and then gives the tool :data:`ROUNDS` rounds of N newborns: as many advances and as
    many scores. The tool keeps the scores that its parents had when they were new; nothing scores them again. On a
    problem that does not move a generation is one round.

    Args:
        name: told in messages.
        make: makes the tool.
        pop_size: N; if not given the problem's default, else 100.
        **kwargs: as for pymoo's ``Algorithm``.

    Attributes:
        advances_problem: True; it advances a moving problem by itself.
        tool: what was made for the run.
    """

    advances_problem = True

    def __init__(self, name: str, make: MakeTool, pop_size: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.make, self.tool = name, make, None
        self.pop_size = None if pop_size is None else integer("pop_size", pop_size, 2)

    def setup(self, problem: Any, **kwargs: Any) -> Any:
        """Prepare the run, taking termination and seed from the problem where none are given; a moving one restarts.

        Raises:
            TypeError: for a table of learning curves, whose rows have no genes.
        """
        require_genes(self.name, problem)
        if self.termination is None:
            kwargs.setdefault("termination", copy.deepcopy(getattr(problem, "default_termination", None)))
        if self.seed is None:
            kwargs.setdefault("seed", getattr(problem, "seed", None))
        super().setup(problem, **kwargs)
        if isinstance(problem, MovingProblem):
            problem.restart()
        return self

    def _setup(self, problem: Any, **kwargs: Any) -> None:
        size = self.pop_size or getattr(problem, "default_pop_size", None) or STATIC_POP_SIZE
        self.tool = self.make(problem, size, self.seed)

    def _initialize_infill(self) -> Any:
        return self.tool.ask()

    def _initialize_advance(self, infills: Any = None, **kwargs: Any) -> None:
        self._tell(infills)

    def _infill(self) -> Any:
        if isinstance(self.problem, MovingProblem):
            self.problem.advance(self.pop.get("X"))
        return self._ask()

    def _advance(self, infills: Any = None, **kwargs: Any) -> None:
        self._tell(infills)
        for _ in range(ROUNDS - 1 if isinstance(self.problem, MovingProblem) else 0):
            infills = self._ask()
            if infills is not None:
                self.evaluator.eval(self.problem, infills, algorithm=self)
            self._tell(infills)

    def _ask(self) -> Any:
        """Return the tool's newborns; where it has none the run ends."""
        infills = self.tool.ask()
        if infills is None:
            self.termination.force_termination = True
        return infills

    def _tell(self, infills: Any) -> None:
        if infills is not None:
            self.tool.tell(infills)
            self.pop = self.tool.pop

    tool: Any  # told for the type checker alone


class OptunaNSGA3:
    """Optuna's ``NSGAIIISampler`` as a tool: a generation of trials asked for at once, and told at once.

    The trials are those that ``study.optimize`` makes. All settings are Optuna's own but the population size and the
    reference points, which are as many as the population; its default is four for two objectives. Vectors that were
    scored before may come again, and are scored again, as it does.

    Args:
        problem: with bounds for its variables, whole numbers or real ones.
        pop_size: trials in a generation, at least 2.
        seed: of the sampler.

    Raises:
        ModuleNotFoundError: if Optuna is not installed.
    """

    def __init__(self, problem: Any, pop_size: int, seed: int | None) -> None:
        optuna = import_optuna()
        kind = optuna.distributions.IntDistribution if problem.vtype is int else optuna.distributions.FloatDistribution
        bounds = zip(problem.xl.tolist(), problem.xu.tolist(), strict=True)
        self.distributions = {f"x{k}": kind(low, high) for k, (low, high) in enumerate(bounds)}
        self.pop_size, self.generation, self.pop = pop_size, 0, None
        points = das_dennis(problem.n_obj, pop_size)
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # for the line that tells of a new study
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self.sampler = optuna.samplers.NSGAIIISampler(
                    population_size=pop_size, reference_points=points, seed=seed
                )
            self.study = optuna.create_study(directions=["minimize"] * problem.n_obj, sampler=self.sampler)
        finally:
            optuna.logging.set_verbosity(verbosity)
        self._asked: list[Any] = []

    def ask(self) -> Any:
        """Return the next generation's vectors, (pop_size, n_var)."""
        while len(self._asked) < self.pop_size:
            self._asked.append(self.study.ask(self.distributions))
        return Population.new("X", self._vectors(self._asked))

    def tell(self, infills: Any) -> None:
        """Take a generation's objectives, and choose the parents of the next one, which are the population."""
        for trial, values in zip(self._asked, infills.get("F").tolist(), strict=True):
            self.study.tell(trial, values)
        self.generation += 1
        self._asked = [self.study.ask(self.distributions)]  # it is the first trial of a generation that has them chosen
        parents = self.sampler.get_parent_population(self.study, self.generation)
        self.pop = Population.new("X", self._vectors(parents), "F", np.array([trial.values for trial in parents]))

    def _vectors(self, trials: Any) -> NDArray[Any]:
        return np.array([[trial.params[name] for name in self.distributions] for trial in trials])


def import_optuna() -> Any:
    """Return the module ``optuna``.

    Raises:
        ModuleNotFoundError: if it is not installed, with the line that installs it.
    """
    with needing("optuna-nsga3", "optuna"):
        import optuna
    return optuna


def pymoo_tool(kind: type[Any], problem: Any, pop_size: int, seed: int | None) -> Any:
    """Return an algorithm of pymoo's, set up on a problem with the operators that pymoo's manual gives.

    For real numbers they are the algorithm's own. For whole ones: random integers, simulated binary crossover and
    polynomial mutation, both of eta 3 and rounded. NSGA-III takes as many reference directions as places.

    Args:
        kind: the algorithm's class.
        problem: with bounds for its variables.
        pop_size: individuals kept, and bred in a round.
        seed: of the run.
    """
    whole = {"prob": 1.0, "eta": 3.0, "vtype": float, "repair": RoundingRepair()}
    integers = {"sampling": IntegerRandomSampling(), "crossover": SBX(**whole), "mutation": PM(**whole)}
    directions = {"ref_dirs": das_dennis(problem.n_obj, pop_size)} if issubclass(kind, NSGA3) else {}
    made = kind(pop_size=pop_size, **directions, **(integers if problem.vtype is int else {}))
    return made.setup(problem, termination=NoTermination(), seed=seed)


_TOOLS: Mapping[str, MakeTool] = {
    "pymoo-nsga2": partial(pymoo_tool, NSGA2),
    "pymoo-nsga3": partial(pymoo_tool, NSGA3),
    "optuna-nsga3": OptunaNSGA3,
}

TOOLS = tuple(_TOOLS)
"""Tools by name."""


def tool(name: str) -> AsItComes:
    """Return a new algorithm of :data:`TOOLS`.

    Raises:
        ModuleNotFoundError: if it needs Optuna, and that is not installed.
    """
    if name == "optuna-nsga3":
        import_optuna()
    return AsItComes(name, _TOOLS[name])


def require_genes(name: str, problem: Any) -> None:
    """Check that a problem's vectors have genes that a tool may cross.

    Raises:
        TypeError: for a table of learning curves, whose vectors are row numbers.
    """
    if isinstance(problem, CurveTable):
        raise TypeError(f"{name}: expected a problem with genes to cross, got a table whose rows have none")
