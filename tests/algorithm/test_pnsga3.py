import copy
import pickle
from typing import Any

import numpy as np
import pytest
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.moo.nsga3 import NSGA3
from pymoo.core.callback import CallbackCollection
from pymoo.core.duplicate import NoDuplicateElimination
from pymoo.core.population import Population
from pymoo.core.repair import NoRepair
from pymoo.core.survival import Survival
from pymoo.operators.selection.rnd import RandomSelection
from pymoo.optimize import minimize
from pymoo.problems import get_problem
from pymoo.problems.dyn import TimeSimulation

from carsmoo.algorithm.continuous import Continuous
from carsmoo.algorithm.pnsga3 import PNSGA3, das_dennis
from carsmoo.operators import ArrayMating, CARSMating, GenotypeSampling, NodeCrossover, NodeMutation
from carsmoo.problems.moving import MovingProblem
from carsmoo.space.darts import DARTSSpace
from tests.support.toy import ToyProblem


class ContinuousNSGA2(Continuous, NSGA2):
    pass


def test_without_arguments_everything_comes_from_the_problem() -> None:
    problem = ToyProblem(pop_size=8, generations=5, seed=3)
    result = minimize(problem, PNSGA3())
    algorithm = result.algorithm
    assert (len(result.pop), algorithm.n_gen - 1, problem.time, algorithm.seed) == (8, 5, 4, 3)
    assert isinstance(algorithm.mating, CARSMating)
    assert isinstance(algorithm.initialization.sampling, GenotypeSampling)
    assert isinstance(algorithm.mating.crossover, NodeCrossover)
    assert isinstance(algorithm.mating.mutation, NodeMutation)
    assert np.array_equal(algorithm.ref_dirs, das_dennis(2, 8))
    assert algorithm.evaluator.n_eval == 8 + 4 * (8 + 16)


def test_what_is_given_goes_before_what_the_problem_offers() -> None:
    problem = ToyProblem()
    algorithm = PNSGA3(pop_size=6, n_offsprings=4, mutation=NodeMutation(0.1), seed=9, termination=("n_gen", 3))
    result = minimize(problem, algorithm)
    assert (len(result.pop), result.algorithm.n_gen - 1, result.algorithm.seed) == (6, 3, 9)
    assert result.algorithm.mating.mutation.prob_node == 0.1
    assert isinstance(result.algorithm.mating, CARSMating)
    assert minimize(problem, PNSGA3(ref_dirs=das_dennis(2, 5))).algorithm.pop_size == 5
    assert minimize(problem, algorithm, ("n_gen", 2), seed=1).algorithm.n_gen - 1 == 2


def test_the_order_of_a_generation() -> None:
    problem = ToyProblem(pop_size=8, generations=3)
    algorithm = PNSGA3().setup(problem)
    algorithm.next()
    assert problem.calls == [("begin", 0), ("score", 8)]
    parents = algorithm.pop.get("X").copy()
    problem.calls.clear()
    algorithm.next()
    assert problem.calls == [("score", 8), ("advance", 8), ("score", 16)]
    assert np.array_equal(problem.advanced[0], parents)


def test_growth_is_measured_over_the_same_interval_for_parents_and_newborns() -> None:
    problem = ToyProblem(pop_size=8)
    algorithm = PNSGA3().setup(problem)
    algorithm.next()
    infills = algorithm.ask()
    assert len(infills) == 16
    assert all(not one.evaluated for one in infills)
    algorithm.evaluator.eval(problem, infills, algorithm=algorithm)
    X, after = infills.get("X"), infills.get("F")[:, 0]
    algorithm.tell(infills=infills)
    twin = ToyProblem()
    before = twin.evaluate(X)[:, 0]
    growth = np.array([one.get("growth")[0] for one in infills])
    assert np.allclose(growth, before - after)
    assert (growth > 0).all()
    assert set(algorithm.pop) <= set(infills)


def test_a_child_may_take_its_parents_mean_growth() -> None:
    problem = ToyProblem(pop_size=8, generations=4)
    algorithm = PNSGA3(newborn_growth="parents").setup(problem)
    algorithm.next()
    problem.calls.clear()
    infills = algorithm.ask()
    newcomers = [one for one in infills[8:] if len(one.get("parents")) == 0]
    assert problem.calls[0] == ("score", len(newcomers))
    assert 0 < len(newcomers) < 8
    algorithm.evaluator.eval(problem, infills)
    algorithm.tell(infills=infills)
    for one in infills[8:]:
        if len(one.get("parents")):
            mean = np.mean([infills[k].get("growth") for k in one.get("parents")], axis=0)
            assert np.allclose(one.get("growth"), mean)
    assert algorithm.evaluator.n_eval == 8 + 16 + len(newcomers)


class LateBloomer(MovingProblem):
    """Whole numbers 0..30: the larger, the worse; all improve alike, but the largest twice as fast."""

    def __init__(self) -> None:
        super().__init__(n_var=1, n_obj=2, xl=0, xu=30, vtype=int)

    def _advance(self, X: np.ndarray) -> None:
        pass

    def _restart(self) -> None:
        pass

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return 1 + X[:, 0] - 0.01 * self.time * np.where(X[:, 0] == 30, 2, 1)

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0]


def bloom(protection: str | None, n_gen: int) -> PNSGA3:
    start = np.array([[2], [5], [8], [30]])
    algorithm = PNSGA3(sampling=start, pop_size=4, protection=protection, seed=1)  # type: ignore[arg-type]
    return minimize(LateBloomer(), algorithm, ("n_gen", n_gen)).algorithm


@pytest.mark.parametrize("n_gen", [2, 5])
def test_growth_keeps_in_a_run_whom_nsga3_drops(n_gen: int) -> None:
    # each is beaten by all smaller ones, so that 30 is the last of at least five; by growth none beats it
    assert 30 in bloom("growth", n_gen).pop.get("X")
    assert 30 not in bloom(None, n_gen).pop.get("X")


@pytest.mark.parametrize("protection", ["growth", "size", None])
def test_nothing_is_protected_at_the_start(protection: str | None) -> None:
    algorithm = bloom(protection, 1)
    assert dict(zip(algorithm.pop.get("X")[:, 0], algorithm.pop.get("rank"), strict=True)) == {2: 0, 5: 1, 8: 2, 30: 3}


def test_the_optimum_is_of_those_that_none_beats_though_others_are_protected() -> None:
    algorithm = bloom("growth", 5)
    assert algorithm.opt.get("X").tolist() == [[algorithm.pop.get("X").min()]]
    assert algorithm.pop.get("rank")[algorithm.pop.get("X")[:, 0] == 30].tolist() == [0]


def test_as_many_are_bred_and_kept_as_asked_for() -> None:
    for given, (kept, bred) in (
        ({}, (8, 8)),
        ({"n_offsprings": 3}, (8, 3)),
        ({"n_offsprings": 13}, (8, 13)),
        ({"pop_size": 5}, (5, 5)),
        ({"pop_size": 5, "n_offsprings": 9}, (5, 9)),
    ):
        problem = ToyProblem(pop_size=8)
        algorithm = PNSGA3(**given).setup(problem)  # type: ignore[arg-type]
        for _ in range(2):
            algorithm.next()
            assert len(algorithm.pop) == kept
        assert [n for name, n in problem.calls if name == "score"] == [kept, bred, kept + bred]


def test_the_problem_is_told_how_many_of_a_batch_survive_and_of_no_other() -> None:
    told: list[tuple[int, int | None]] = []

    class Told(ToyProblem):
        def _moving_values(self, X: np.ndarray) -> np.ndarray:
            told.append((len(X), self.survivors))
            return super()._moving_values(X)

    problem = Told(generations=2)
    minimize(problem, PNSGA3(pop_size=7, n_offsprings=2))
    problem.evaluate(np.zeros((1, 24), dtype=int))
    assert told == [(7, None), (2, None), (9, 7), (1, None)]


def test_a_run_breeds_no_architecture_twice_however_it_is_written() -> None:
    problem = ToyProblem(pop_size=40)
    space = problem.space = DARTSSpace(2, ("none", "skip_connect"))
    problem.n_var, problem.xl, problem.xu = space.n_var, space.xl, space.xu
    algorithm = PNSGA3(n_offsprings=200).setup(problem)
    algorithm.next()
    start = algorithm.pop.get("X")
    batch = algorithm.ask().get("X")
    for X in (start, batch):
        assert len(np.unique(space.canonical(X), axis=0)) == len(X)
    assert len(batch) == len(start) + 200


@pytest.mark.parametrize("protection", ["growth", "size", None])
def test_a_problem_that_races_is_taken_without_protection_only(protection: str | None) -> None:
    problem = ToyProblem(pop_size=4, generations=2)
    problem.races = True
    algorithm = PNSGA3(protection=protection)  # type: ignore[arg-type]
    if protection is None:
        assert len(minimize(problem, algorithm).pop) == 4
        return
    with pytest.raises(ValueError, match=f"^racing: expected False with protection='{protection}'.*, got True$"):
        minimize(problem, algorithm)
    assert problem.calls == []


@pytest.mark.parametrize("protection", ["growth", "size", None])
def test_one_seed_one_result_and_a_used_problem_starts_afresh(protection: str | None) -> None:
    problem = ToyProblem()
    first, second = (minimize(problem, PNSGA3(protection=protection)) for _ in range(2))  # type: ignore[arg-type]
    other = minimize(ToyProblem(), PNSGA3(protection=protection), seed=1)  # type: ignore[arg-type]
    assert np.array_equal(first.pop.get("X"), second.pop.get("X"))
    assert np.array_equal(first.pop.get("F"), second.pop.get("F"))
    assert not np.array_equal(first.pop.get("X"), other.pop.get("X"))
    assert [one.get("growth") is None for one in first.pop] == [protection != "growth"] * 8


def test_minimize_the_loop_and_ask_and_tell_agree() -> None:
    results = [minimize(ToyProblem(), PNSGA3(), save_history=True).algorithm]
    loop = PNSGA3().setup(ToyProblem())
    while loop.has_next():
        loop.next()
    results.append(loop)
    asked = PNSGA3().setup(ToyProblem())
    while asked.has_next():
        infills = asked.ask()
        asked.evaluator.eval(asked.problem, infills, algorithm=asked)
        asked.tell(infills=infills)
    results.append(asked)
    for algorithm in results[1:]:
        assert np.array_equal(algorithm.pop.get("X"), results[0].pop.get("X"))
        assert np.array_equal(algorithm.opt.get("F"), results[0].opt.get("F"))
        assert algorithm.evaluator.n_eval == results[0].evaluator.n_eval
    assert len(results[0].history) == 5


def test_one_algorithm_object_serves_several_problems() -> None:
    algorithm = PNSGA3()
    sizes = []
    for problem in (ToyProblem(pop_size=6), get_problem("dtlz2", n_obj=3), ToyProblem(pop_size=8)):
        algorithm.setup(problem, termination=("n_gen", 2))
        algorithm.run()
        sizes.append((len(algorithm.pop), len(algorithm.ref_dirs), algorithm.n_gen - 1))
    assert sizes == [(6, 6, 2), (100, 91, 2), (8, 8, 2)]


@pytest.mark.parametrize(("name", "m"), [("zdt1", 2), ("dtlz2", 3), ("dtlz2", 5)])
def test_on_a_static_problem_it_is_nsga3(name: str, m: int) -> None:
    problem = get_problem(name) if name == "zdt1" else get_problem(name, n_obj=m)
    directions = das_dennis(m, 40)
    theirs = minimize(problem, NSGA3(directions, selection=RandomSelection()), ("n_gen", 30), seed=2)
    for protection in ("growth", "size", None):
        ours = minimize(problem, PNSGA3(directions, protection=protection), ("n_gen", 30), seed=2)  # type: ignore[arg-type]
        assert np.array_equal(theirs.pop.get("X"), ours.pop.get("X"))
        assert theirs.algorithm.evaluator.n_eval == ours.algorithm.evaluator.n_eval


def test_any_genetic_algorithm_becomes_continuous() -> None:
    problem = ToyProblem(pop_size=8, generations=4)
    result = minimize(problem, ContinuousNSGA2())
    assert (len(result.pop), problem.time) == (8, 3)
    assert isinstance(result.algorithm.mating, CARSMating)
    assert result.algorithm.evaluator.n_eval == 8 + 3 * 16
    static = minimize(get_problem("zdt1"), ContinuousNSGA2(pop_size=20), ("n_gen", 5), seed=1)
    plain = minimize(get_problem("zdt1"), NSGA2(pop_size=20), ("n_gen", 5), seed=1)
    assert np.array_equal(static.pop.get("X"), plain.pop.get("X"))


def test_a_start_population_is_scored_again_on_the_world_of_now() -> None:
    space = ToyProblem().space
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, size=(8, 24))
    stale = Population.new("X", X, "F", np.full((8, 2), 99.0))
    for one in stale:
        one.evaluated.update({"F", "G", "H"})
    result = minimize(ToyProblem(), PNSGA3(sampling=stale), ("n_gen", 1))
    assert result.pop.get("F").max() < 1000
    assert not (result.pop.get("F") == 99.0).any()


def test_copies_and_pickles_go_on_as_the_original() -> None:
    algorithm = PNSGA3().setup(ToyProblem())
    for _ in range(2):
        algorithm.next()
    others = [copy.deepcopy(algorithm), pickle.loads(pickle.dumps(algorithm))]
    algorithm.run()
    for other in others:
        other.run()
        assert np.array_equal(other.pop.get("X"), algorithm.pop.get("X"))


def test_das_dennis_is_the_largest_set_not_above() -> None:
    assert [len(das_dennis(*args)) for args in ((1, 9), (2, 16), (3, 91), (3, 90), (8, 100), (8, 5))] == [
        1,
        16,
        91,
        78,
        36,
        1,
    ]
    assert np.allclose(das_dennis(3, 91).sum(axis=1), 1)


def test_directions_are_those_given_and_else_as_many_as_are_kept() -> None:
    directions = np.array([[0.9, 0.1], [0.2, 0.8], [0.5, 0.5]])
    for fields, kept in (({}, 3), ({"pop_size": 7}, 7)):
        algorithm = PNSGA3(directions, **fields).setup(ToyProblem())  # type: ignore[arg-type]
        assert algorithm.pop_size == kept
        assert algorithm.ref_dirs.tolist() == algorithm.survival.ref_dirs.tolist() == directions.tolist()
    assert np.array_equal(PNSGA3(n_offsprings=3).setup(ToyProblem()).survival.ref_dirs, das_dennis(2, 8))


def test_the_problems_mix_and_a_selection_that_is_given_stay() -> None:
    class Mixed(ToyProblem):
        def default_operators(self) -> dict:
            return super().default_operators() | {"mating": CARSMating(mix=(0.6, 0.1))}

    selection = RandomSelection()
    mating = PNSGA3(selection=selection).setup(Mixed()).mating
    assert mating.mix == (0.6, 0.1)
    assert mating.selection is selection


def test_a_mating_that_the_problem_offers_alone_keeps_its_parts() -> None:
    class Own(CARSMating):
        pass

    crossover, mutation, sampling, selection = NodeCrossover(), NodeMutation(), GenotypeSampling(), RandomSelection()
    offered = Own(
        crossover=crossover,
        mutation=mutation,
        sampling=sampling,
        selection=selection,
        mix=(0.6, 0.1),
        n_max_iterations=7,
    )

    class Offering(ToyProblem):
        def default_operators(self) -> dict:
            return {"mating": offered}

    made = PNSGA3().setup(Offering())
    mating = made.mating
    assert made.initialization.sampling is mating.sampling is sampling
    assert (type(mating), mating.n_max_iterations, mating.mix) == (Own, 7, (0.6, 0.1))
    assert (mating.crossover, mating.mutation, mating.selection) == (crossover, mutation, selection)
    mine = NodeMutation(0.1)
    start = sampling(Offering(), 8, random_state=np.random.default_rng(0))
    given = PNSGA3(mutation=mine, sampling=start).setup(Offering())
    assert (given.mating.mutation, given.mating.sampling) == (mine, sampling)
    assert given.initialization.sampling is start
    assert (offered.mutation, offered.sampling) == (mutation, sampling)  # the problem's own is left as it is


def test_parts_that_are_given_take_their_place_in_the_problems_mating() -> None:
    problem, mine = ToyProblem(), GenotypeSampling()
    mating = PNSGA3(eliminate_duplicates=False, sampling=mine).setup(problem).mating
    assert isinstance(mating, CARSMating)
    assert isinstance(mating.eliminate_duplicates, NoDuplicateElimination)
    assert mating.sampling is mine
    repair = NoRepair()
    assert PNSGA3(repair=repair).setup(problem).mating.repair is repair
    start = GenotypeSampling()(problem, 8, random_state=np.random.default_rng(0))
    assert isinstance(PNSGA3(sampling=start).setup(problem).mating.sampling, GenotypeSampling)
    own = ArrayMating(RandomSelection(), NodeCrossover(), NodeMutation())
    assert isinstance(PNSGA3(mating=own).setup(problem).mating, ArrayMating)


@pytest.mark.parametrize("protection", ["size", None])
def test_what_reads_no_growth_scores_no_newborn_twice(protection: Any) -> None:
    problem = ToyProblem(pop_size=8, generations=4)
    algorithm = minimize(problem, PNSGA3(protection=protection)).algorithm
    assert problem.calls == [("begin", 0), ("score", 8), *[("advance", 8), ("score", 16)] * 3]
    assert algorithm.evaluator.n_eval == 8 + 3 * 16
    assert not algorithm.needs_growth


def test_a_survival_of_ones_own_asks_for_growth() -> None:
    seen: list[list[Any]] = []

    class Growing(Survival):
        needs_growth = True

        def _do(self, problem: Any, pop: Any, *args: Any, n_survive: int = 0, **kwargs: Any) -> Any:
            seen.append([one.get("growth") for one in pop])
            pop.set("rank", 0)
            pop.set("crowding", 0.0)
            return pop[:n_survive]

    problem, survival = ToyProblem(pop_size=8, generations=2), Growing()
    algorithm = minimize(problem, ContinuousNSGA2(survival=survival)).algorithm
    assert problem.calls == [("begin", 0), ("score", 8), ("score", 8), ("advance", 8), ("score", 16)]
    assert algorithm.evaluator.n_eval == 8 + 24
    assert [len(growth) for growth in seen] == [8, 16]
    assert all(growth.shape == (1,) and growth > 0 for growth in seen[-1])


@pytest.mark.parametrize("generations", [0, 1, 3])
def test_asked_twice_it_gives_the_same_and_advances_once(generations: int) -> None:
    expected = minimize(ToyProblem(), PNSGA3()).algorithm
    algorithm = PNSGA3().setup(ToyProblem())
    for _ in range(generations):
        algorithm.next()
    first = algorithm.ask()
    assert algorithm.ask() is first
    assert algorithm.problem.time == max(generations - 1 + (generations > 0), 0)
    algorithm.evaluator.eval(algorithm.problem, first, algorithm=algorithm)
    assert algorithm.ask() is first
    algorithm.tell(infills=first)
    algorithm.run()
    assert np.array_equal(algorithm.pop.get("X"), expected.pop.get("X"))
    assert algorithm.evaluator.n_eval == expected.evaluator.n_eval
    assert algorithm.problem.time == expected.problem.time
    algorithm.setup(ToyProblem())
    assert algorithm.ask() is not first


@pytest.mark.parametrize(
    "wrong", [{"ref_dirs": das_dennis(3, 9)}, {"pop_size": 0}, {"mating": None, "n_offsprings": 0}]
)
def test_a_call_that_is_refused_leaves_a_used_problem_as_it_is(wrong: dict[str, Any]) -> None:
    problem = ToyProblem(generations=3)
    minimize(problem, PNSGA3())
    with pytest.raises(ValueError, match=r"expected|Dimensionality"):
        PNSGA3(**wrong).setup(problem)
    assert problem.time == 2
    assert problem.calls.count(("restart", 0)) == 0
    PNSGA3().setup(problem)
    assert problem.calls.count(("restart", 0)) == 1


def test_what_is_none_is_not_given() -> None:
    usual = minimize(ToyProblem(), PNSGA3(), seed=1)
    nothing = dict.fromkeys(("callback", "evaluator", "display", "output", "termination"))
    assert np.array_equal(minimize(ToyProblem(), PNSGA3(), seed=1, **nothing).X, usual.X)


def test_wrong_calls_are_refused() -> None:
    problem = ToyProblem()
    for call, error, says in (
        (lambda: PNSGA3(popsize=10), TypeError, "PNSGA3: expected keywords among .*, got 'popsize'"),
        (lambda: PNSGA3(survival=None), TypeError, "got 'survival'"),
        (lambda: PNSGA3(protection="speed"), ValueError, "protection: expected 'growth', 'size' or None"),  # type: ignore[arg-type]
        (lambda: PNSGA3(newborn_growth="guess"), ValueError, "newborn_growth: expected one of measure, parents"),  # type: ignore[arg-type]
        (lambda: PNSGA3(pop_size=0), ValueError, "pop_size: expected an integer of at least 1, got 0"),
        (lambda: PNSGA3(ref_dirs=np.ones(3)), ValueError, r"ref_dirs: expected \(d, n_obj\)"),
        (lambda: minimize(problem, PNSGA3(das_dennis(3, 9))), ValueError, r"ref_dirs: expected \(d, 2\)"),
        (lambda: minimize(problem, PNSGA3(), sead=1), TypeError, "setup: expected keywords among .*, got 'sead'"),
        (lambda: ContinuousNSGA2(popsize=1), TypeError, "ContinuousNSGA2: expected keywords"),
        (lambda: minimize(problem, PNSGA3(), callback=TimeSimulation()), ValueError, "got TimeSimulation"),
        (
            lambda: minimize(problem, PNSGA3(callback=CallbackCollection(TimeSimulation()))),
            ValueError,
            "callback: expected none that advances",
        ),
    ):
        with pytest.raises(error, match=says):
            call()
    assert problem.calls == []
