"""pymoo's algorithms on a problem that moves: each keeps what defines it, or is refused before anything is trained."""

import copy
import importlib
import importlib.util
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymoo.algorithms.moo.cmopso import CMOPSO
from pymoo.algorithms.moo.ctaea import CTAEA
from pymoo.algorithms.moo.dnsga2 import DNSGA2
from pymoo.algorithms.moo.gde3 import GDE3
from pymoo.algorithms.moo.kgb import KGB
from pymoo.algorithms.moo.moead import MOEAD, ParallelMOEAD
from pymoo.algorithms.moo.mopso_cd import MOPSO_CD
from pymoo.algorithms.moo.nsde import NSDE
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.algorithms.moo.pinsga2 import PINSGA2
from pymoo.algorithms.moo.rnsga3 import RNSGA3
from pymoo.algorithms.moo.rvea import RVEA
from pymoo.algorithms.moo.sms import SMSEMOA
from pymoo.algorithms.moo.spea2 import SPEA2
from pymoo.algorithms.moo.unsga3 import UNSGA3
from pymoo.core.population import Population
from pymoo.core.survival import Survival
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.termination.default import DefaultMultiObjectiveTermination
from pymoo.termination.max_eval import MaximumFunctionCallTermination
from pymoo.termination.max_time import TimeBasedTermination

from carsmoo import Continuous, MovingProblem
from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.operators import CARSMating
from carsmoo.problems.synthetic import SmallModelTrap
from tests.support.toy import ToyProblem

N, GENERATIONS = 12, 8
DIRECTIONS = das_dennis(2, N)


def needing_numba(module: str, name: str) -> type:
    """Return a class of pymoo's that numba makes fast; where it is not installed, without it."""
    stand_in = SimpleNamespace(jit=lambda **_: lambda f: f, intp=np.intp, boolean=np.bool_, float64=np.float64)
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("numba") is None:
            patch.setitem(sys.modules, "numba", stand_in)
        kind: type = getattr(importlib.import_module(f"pymoo.algorithms.moo.{module}"), name)
    return kind


FITTING: dict[str, tuple[type, dict[str, Any]]] = {
    "NSGA2": (NSGA2, {"pop_size": N}),
    "NSGA3": (NSGA3, {"ref_dirs": DIRECTIONS}),
    "UNSGA3": (UNSGA3, {"ref_dirs": DIRECTIONS}),
    "SPEA2": (SPEA2, {"pop_size": N}),
    "AGEMOEA": (needing_numba("age", "AGEMOEA"), {"pop_size": N}),
    "AGEMOEA2": (needing_numba("age2", "AGEMOEA2"), {"pop_size": N}),
    "SMSEMOA": (SMSEMOA, {"pop_size": N}),
    "SMSEMOA, not normalised": (SMSEMOA, {"pop_size": N, "normalize": False}),
    "RVEA": (RVEA, {"ref_dirs": DIRECTIONS}),
    "NSDE": (NSDE, {"pop_size": N}),
}

REFUSED: dict[str, tuple[type, dict[str, Any], str]] = {
    "GDE3": (GDE3, {"pop_size": N}, "GDE3 with a step _advance"),
    "DNSGA2": (DNSGA2, {"pop_size": N}, "DNSGA2 with a step _infill"),
    "KGB": (KGB, {"pop_size": N}, "KGB with a step _infill"),
    "PINSGA2": (PINSGA2, {"pop_size": N}, "PINSGA2 with a step _advance"),
    "MOEAD": (MOEAD, {"ref_dirs": DIRECTIONS, "n_neighbors": 4}, "MOEAD with a step _initialize_advance"),
    "ParallelMOEAD": (ParallelMOEAD, {"ref_dirs": DIRECTIONS, "n_neighbors": 4}, "MOEAD with a step _initialize"),
    "CTAEA": (CTAEA, {"ref_dirs": DIRECTIONS}, "CTAEA with a step _initialize_infill"),
    "CMOPSO": (CMOPSO, {"pop_size": N}, "derived from pymoo's GeneticAlgorithm, got CMOPSO"),
    "MOPSO_CD": (MOPSO_CD, {"pop_size": N}, "derived from pymoo's GeneticAlgorithm, got MOPSO_CD"),
}


class Skill(MovingProblem):
    """Real numbers without operators of its own; the larger the first, the better in the end and the slower."""

    default_termination = ("n_gen", GENERATIONS)

    def __init__(self) -> None:
        super().__init__(n_var=3, n_obj=2, xl=0.0, xu=1.0, moving=(0,))
        self.begun = 0

    def _begin(self) -> None:
        self.begun += 1

    def _advance(self, X: np.ndarray) -> None:
        assert len(X)

    def _restart(self) -> None:
        self.begun = 0

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        learnt = 1 - np.exp(-(1 + self.time) * (1.1 - X[:, 0]))
        return 100 * (1 - X[:, 0] * learnt + ((X[:, 1:] - 0.5) ** 2).sum(axis=1))

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] + ((X[:, 1:] - 0.5) ** 2).sum(axis=1)


def continuous(kind: type, **fields: Any) -> Any:
    return type(f"Continuous{kind.__name__}", (Continuous, kind), {})(**fields)


def by_its_own_steps(kind: type, fields: dict[str, Any]) -> Any:
    """Run pymoo's class itself, without the mixin, with its parents scored again by hand."""
    problem = Skill()
    algorithm = copy.deepcopy(kind(**fields))  # a default survival is one object for all of a class
    algorithm.setup(problem, termination=("n_gen", GENERATIONS), seed=3)
    while algorithm.has_next():
        newborns = algorithm.ask()
        if algorithm.is_initialized:
            problem.advance(algorithm.pop.get("X"))
            algorithm.pop = algorithm.evaluator.eval(problem, Population.new("X", algorithm.pop.get("X")))
        algorithm.evaluator.eval(problem, newborns, algorithm=algorithm)
        algorithm.tell(infills=newborns)
    return algorithm


@pytest.mark.parametrize(("kind", "fields"), FITTING.values(), ids=FITTING.keys())
def test_each_goes_by_its_own_steps_and_repeats(kind: type, fields: dict[str, Any]) -> None:
    expected = by_its_own_steps(kind, fields)
    for _ in range(2):
        got = minimize(Skill(), continuous(kind, **fields), seed=3).algorithm
        assert np.array_equal(got.pop.get("X"), expected.pop.get("X"))
        assert np.array_equal(got.pop.get("F"), expected.pop.get("F"))
        assert np.array_equal(got.opt.get("F"), expected.opt.get("F"))
        assert (got.problem.time, got.evaluator.n_eval) == (GENERATIONS - 1, expected.evaluator.n_eval)


@pytest.mark.parametrize("name", [name for name in FITTING if name != "NSDE"])
def test_each_runs_with_the_operators_of_a_problem(name: str) -> None:
    kind, fields = FITTING[name]
    algorithm = continuous(kind, **fields)
    found = []
    for _ in range(2):  # one object, run in a loop: nothing that its survival learnt is left for the second run
        problem = SmallModelTrap(strength=0, speed=3, generations=4, population=N)
        algorithm.setup(problem).run()
        assert isinstance(algorithm.mating, CARSMating)
        assert (problem.time, algorithm.evaluator.n_eval <= N + 4 * 2 * N) == (4, True)
        found.append(algorithm.pop.get("F"))
    assert np.array_equal(*found)


def test_reference_points_with_a_number_of_places_each_settle_the_size() -> None:
    class ContinuousRNSGA3(Continuous, RNSGA3):
        pass

    points = np.array([[0.2, 8.0], [0.1, 20.0]])
    alone = RNSGA3(points, pop_per_ref_point=6).pop_size
    assert ContinuousRNSGA3(points, pop_per_ref_point=6).setup(ToyProblem(pop_size=8)).pop_size == alone > 8


def test_rvea_adapts_its_directions() -> None:
    algorithm = minimize(Skill(), continuous(RVEA, ref_dirs=DIRECTIONS), seed=3).algorithm
    scaled = DIRECTIONS * (algorithm.survival.nadir - algorithm.survival.ideal)
    adapted = scaled / np.linalg.norm(scaled, axis=1)[:, None]
    assert np.allclose(algorithm.survival.V, adapted)
    assert not np.allclose(algorithm.survival.V, DIRECTIONS / np.linalg.norm(DIRECTIONS, axis=1)[:, None])


def test_rvea_without_a_number_of_generations_is_refused_before_a_used_problem_starts_afresh() -> None:
    problem = Skill()
    problem.advance(np.full((2, problem.n_var), 0.5))
    for termination, got in (
        (("time", "00:00:10"), "TimeBasedTermination"),
        (TimeBasedTermination(3), "TimeBasedTermination"),
        (DefaultMultiObjectiveTermination(), "DefaultMultiObjectiveTermination"),
    ):
        says = rf"^ContinuousRVEA: expected generations or evaluations .*\('n_gen', 20\).*, got {got}$"
        with pytest.raises(ValueError, match=says):
            minimize(problem, continuous(RVEA, ref_dirs=DIRECTIONS), termination)
    assert problem.time == 1
    problem.default_termination = None
    with pytest.raises(ValueError, match=r"ContinuousRVEA: expected generations .*, got none"):
        minimize(problem, continuous(RVEA, ref_dirs=DIRECTIONS))
    for termination in (("n_gen", 2), MaximumFunctionCallTermination(3 * len(DIRECTIONS))):
        minimize(problem, continuous(RVEA, ref_dirs=DIRECTIONS), termination, seed=1)
        assert problem.time == 1


def test_sms_emoa_normalises_by_the_parents() -> None:
    seen: list[dict[str, Any]] = []

    class Seeing(Survival):
        def _do(self, problem: Any, pop: Any, *args: Any, n_survive: int = 0, **kwargs: Any) -> Any:
            seen.append({"F": pop.get("F"), **kwargs})
            return pop[:n_survive]

    for normalize in (True, False):
        minimize(Skill(), continuous(SMSEMOA, pop_size=N, normalize=normalize, survival=Seeing()), seed=3)
        first, *later = seen
        assert first.get("ideal") is None
        assert len(later) == GENERATIONS - 1
        for call in later:
            if normalize:
                assert np.array_equal(call["ideal"], call["F"][:N].min(axis=0))
                assert np.allclose(call["nadir"], call["F"][:N].max(axis=0))
            else:
                assert call["ideal"] is call["nadir"] is None
        seen.clear()


@pytest.mark.parametrize(("kind", "fields", "says"), REFUSED.values(), ids=REFUSED.keys())
@pytest.mark.parametrize("make", [Skill, ToyProblem])
def test_one_with_steps_of_its_own_is_refused_before_anything_begins(
    make: Callable[[], Any], kind: type, fields: dict[str, Any], says: str
) -> None:
    problem = make()
    with pytest.raises(TypeError, match=f"^Continuous{kind.__name__}: expected an algorithm of mating .*{says}") as e:
        minimize(problem, continuous(kind, **fields))
    assert "\n" not in str(e.value)
    assert not problem._begun
    assert problem.time == 0


@pytest.mark.parametrize("step", ["_infill", "_advance", "_initialize_advance", "infill", "advance", "_post_advance"])
def test_a_users_algorithm_with_such_a_step_is_refused_and_told_what_fits(step: str) -> None:
    def own(self: Any, *args: Any, **kwargs: Any) -> Any:
        return getattr(NSGA2, step)(self, *args, **kwargs)

    mine = type("Mine", (NSGA2,), {step: own})
    problem = ToyProblem()
    says = f"as NSGA2, NSGA3, .* are, got Mine with a step {step} of its own; do what it does in a survival"
    with pytest.raises(TypeError, match=says):
        minimize(problem, continuous(mine, pop_size=N))
    assert problem.calls == []
    static = get_problem("zdt1", n_var=4)
    expected = minimize(static, NSGA2(pop_size=N), ("n_gen", 3), seed=1)
    assert np.array_equal(
        minimize(static, continuous(mine, pop_size=N), ("n_gen", 3), seed=1).pop.get("X"), expected.pop.get("X")
    )


def test_a_step_in_the_class_that_names_the_mixin_is_its_own_affair() -> None:
    class Counting(Continuous, NSGA2):
        told = 0

        def _advance(self, infills: Any = None, **kwargs: Any) -> Any:
            self.told += len(infills)
            return super()._advance(infills=infills, **kwargs)

    algorithm = minimize(ToyProblem(pop_size=8, generations=4), Counting()).algorithm
    assert algorithm.told == 3 * 16


def test_a_survival_that_needs_more_is_refused() -> None:
    class Needy(Survival):
        def _do(self, problem: Any, pop: Any, archive: Any, n_survive: int = 0, **kwargs: Any) -> Any:
            raise AssertionError

    problem = ToyProblem()
    for survival, says in ((Needy(), "got Needy"), (object(), "got object")):
        with pytest.raises(TypeError, match=f"ContinuousNSGA2: expected a survival that needs parents.* alone, {says}"):
            minimize(problem, continuous(NSGA2, survival=survival))
    assert problem.calls == []


def test_a_mating_that_is_no_selection_crossover_and_mutation_is_not_replaced_without_a_word() -> None:
    problem = ToyProblem()
    with pytest.raises(TypeError, match=r"ContinuousNSDE: expected an algorithm that mates by .*, got VariantDE"):
        minimize(problem, continuous(NSDE, pop_size=N))
    assert problem.calls == []


@pytest.mark.parametrize("name", [name for name in (*FITTING, *REFUSED) if name != "PINSGA2"])
def test_where_nothing_moves_each_is_what_it_is_without_the_mixin(name: str) -> None:
    kind, fields = ({k: v[:2] for k, v in REFUSED.items()} | FITTING)[name]
    problem = get_problem("zdt1", n_var=5)
    made = continuous(kind, **fields), kind(**fields)
    got, expected = (minimize(problem, algorithm, ("n_gen", 5), seed=2) for algorithm in made)
    assert np.array_equal(got.pop.get("X"), expected.pop.get("X"))
    assert got.algorithm.evaluator.n_eval == expected.algorithm.evaluator.n_eval
