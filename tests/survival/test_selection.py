import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymoo.algorithms.moo.nsga3 import (
    NSGA3,
    HyperplaneNormalization,
    ReferenceDirectionSurvival,
)
from pymoo.core.population import Population
from pymoo.functions import load_function
from pymoo.operators.selection.rnd import RandomSelection
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.survival.selection import (
    PNSGA3Survival,
    merge_stages,
    pareto_stages,
    protected_objectives,
    select,
    selection,
)

# ---------------------------------------------------------------- an oracle in plain Python, from the definitions


def dominates(a: list[float], b: list[float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def oracle_stages(F: list[list[float]]) -> list[list[int]]:
    left, stages = set(range(len(F))), []
    while left:
        stage = sorted(i for i in left if not any(dominates(F[j], F[i]) for j in left))
        stages.append(stage)
        left -= set(stage)
    return stages


def oracle_merge(R: list[list[int]], Q: list[list[int]]) -> list[list[int]]:
    merged, seen = [], set()
    for i in range(max(len(R), len(Q))):
        union = set(R[i] if i < len(R) else []) | set(Q[i] if i < len(Q) else [])
        merged.append(sorted(union - seen))
        seen |= union
    return [stage for stage in merged if stage]


def oracle_normalised(F: np.ndarray, front: list[int]) -> np.ndarray:
    """Deb and Jain (2014), sec. IV-C, with the fall-backs that pymoo has."""
    m = F.shape[1]
    ideal, worst = F.min(axis=0), F.max(axis=0)
    extremes = []
    for k in range(m):

        def scalar(i: int, k: int = k) -> float:
            shifted = [0 if F[i, j] - ideal[j] < 1e-3 else F[i, j] - ideal[j] for j in range(m)]
            return max(shifted[j] * (1 if j == k else 1e6) for j in range(m))

        extremes.append(F[min(front, key=lambda i: (scalar(i), front.index(i)))])
    nadir = None
    M = np.array(extremes) - ideal
    try:
        plane = np.linalg.solve(M, np.ones(m))
        with np.errstate(divide="ignore"):
            intercepts = 1 / plane
        if np.allclose(M @ plane, 1) and (intercepts > 1e-6).all():
            nadir = np.minimum(ideal + intercepts, worst)
    except np.linalg.LinAlgError:
        pass
    if nadir is None:
        nadir = F[front].max(axis=0)
    nadir = np.where(nadir - ideal <= 1e-6, worst, nadir)
    span = nadir - ideal
    return (F - ideal) / np.where(span == 0, 1e-12, span)


def oracle_select(
    F: np.ndarray, F_protected: np.ndarray | None, n: int, directions: np.ndarray, rng: np.random.Generator
) -> list[int]:
    R = oracle_stages(F.tolist())
    stages = R if F_protected is None else oracle_merge(R, oracle_stages(F_protected.tolist()))
    survivors: list[int] = []
    for stage in stages:
        if len(survivors) + len(stage) > n:
            break
        survivors += stage
    else:
        return survivors
    if len(survivors) == n:
        return survivors
    N = oracle_normalised(F, R[0])
    far = load_function("calc_perpendicular_distance")(N, directions)  # pymoo's own, for its rounding in ties
    niche, distance = far.argmin(axis=1), far.min(axis=1)
    counts = [sum(niche[i] == d for i in survivors) for d in range(len(directions))]
    left = list(stage)
    while len(survivors) < n:
        open_niches = sorted({int(niche[i]) for i in left})
        fewest = min(counts[d] for d in open_niches)
        emptiest = np.array([d for d in open_niches if counts[d] == fewest])
        for d in emptiest[rng.permutation(len(emptiest))[: n - len(survivors)]]:
            members = np.array([k for k, i in enumerate(stage) if i in left and niche[i] == d])
            rng.shuffle(members)
            pick = members[0]
            if counts[d] == 0:
                pick = members[int(np.argmin([distance[stage[k]] for k in members]))]
            survivors.append(stage[pick])
            left.remove(stage[pick])
            counts[d] += 1
    return survivors


# ---------------------------------------------------------------- the steps


def objectives(m: int, n_max: int = 24) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, n_max).flatmap(lambda n: arrays(np.float64, (n, m), elements=st.integers(0, 6).map(float)))


@given(objectives(2) | objectives(3))
def test_pareto_stages_are_the_definition(F: np.ndarray) -> None:
    F.setflags(write=False)
    assert [stage.tolist() for stage in pareto_stages(F)] == oracle_stages(F.tolist())


def test_merge_is_union_by_stage_and_first_come() -> None:
    R = [np.array([3, 0]), np.array([1]), np.array([2])]
    Q = [np.array([2]), np.array([0, 3]), np.array([1]), np.array([])]
    assert [u.tolist() for u in merge_stages(R, Q)] == [[0, 2, 3], [1]]
    assert [u.tolist() for u in merge_stages(R, [])] == [[0, 3], [1], [2]]


@given(objectives(2), st.integers(0, 100))
def test_merge_is_the_definition(F: np.ndarray, seed: int) -> None:
    G = np.random.default_rng(seed).permutation(F)
    merged = merge_stages(pareto_stages(F), pareto_stages(G))
    assert [u.tolist() for u in merged] == oracle_merge(oracle_stages(F.tolist()), oracle_stages(G.tolist()))
    assert sorted(np.concatenate(merged).tolist()) == list(range(len(F)))


@settings(max_examples=300)
@given(st.integers(2, 3), st.integers(0, 10_000), st.booleans(), st.booleans())
def test_select_equals_the_oracle(m: int, seed: int, protect: bool, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 40))
    F = rng.random((n, m)) ** 2
    F_protected = rng.random((n, m)) if protect else None
    if coarse:  # ties, duplicates and degenerate fronts
        F = np.round(F * 4) / 4
    n_survive = int(rng.integers(1, n + 1))
    directions = das_dennis(m, int(rng.integers(m, 15)))
    chosen = select(F, F_protected, n_survive, directions, np.random.default_rng(seed))
    expected = oracle_select(F, F_protected, n_survive, directions, np.random.default_rng(seed))
    assert chosen.tolist() == expected


def test_slow_large_networks_survive_by_their_growth() -> None:
    error = np.array([0.30, 0.28, 0.50, 0.55, 0.31])
    size = np.array([1.0, 2.0, 3.0, 4.0, 1.5])
    growth = np.array([0.01, 0.01, 0.10, 0.15, 0.01])
    F = np.column_stack([error, size])
    directions = das_dennis(2, 4)
    unprotected = select(F, None, 3, directions, np.random.default_rng(0))
    protected = protected_objectives(F, growth[:, None], (0,), "growth")
    assert protected is not None
    kept = select(F, protected, 4, directions, np.random.default_rng(0))
    assert 3 not in unprotected
    assert {2, 3} <= set(kept.tolist())


def test_protected_objectives() -> None:
    F = np.array([[0.5, 2.0, 30.0], [0.4, 3.0, 10.0]])
    F.setflags(write=False)
    growth = np.array([[0.1], [-0.2]])
    by_growth = protected_objectives(F, growth, (0,), "growth")
    by_size = protected_objectives(F, growth, (0,), "size")
    assert by_growth is not None
    assert by_size is not None
    assert by_growth.tolist() == [[-0.1, 2.0, 30.0], [0.2, 3.0, 10.0]]
    assert by_size.tolist() == [[0.5, -2.0, -30.0], [0.4, -3.0, -10.0]]
    assert protected_objectives(F, growth, (0,), None) is None
    assert protected_objectives(F, growth, (), "growth") is None
    both = protected_objectives(F, np.array([[0.1, 5.0], [0.2, 6.0]]), (0, 2), "growth")
    assert both is not None
    assert both.tolist() == [[-0.1, 2.0, -5.0], [-0.2, 3.0, -6.0]]


def released_stages(error: list[float], costs: list[list[float]]) -> list[list[int]]:
    """Merged stages of the code released with CARS: for each cost by itself two sorts, by it and by it reversed."""
    sorts = [
        oracle_stages([[e, sign * c] for e, c in zip(error, cost, strict=True)]) for cost in costs for sign in (1, -1)
    ]
    first = {k: min(i for found in sorts for i, stage in enumerate(found) if k in stage) for k in range(len(error))}
    return [[k for k in first if first[k] == i] for i in sorted(set(first.values()))]


@given(objectives(2))
def test_size_protection_of_one_cost_gives_the_stages_of_the_released_code(F: np.ndarray) -> None:
    protected = protected_objectives(F, np.zeros((len(F), 1)), (0,), "size")
    assert protected is not None
    merged = merge_stages(pareto_stages(F), pareto_stages(protected))
    assert [stage.tolist() for stage in merged] == released_stages(F[:, 0].tolist(), [F[:, 1].tolist()])


def test_size_protection_of_several_costs_sorts_by_all_of_them_at_once() -> None:
    F = np.array([[0.10, 1.0, 3.0], [0.20, 2.0, 2.0], [0.15, 3.0, 1.0], [0.30, 2.5, 2.5]])
    protected = protected_objectives(F, np.zeros((4, 1)), (0,), "size")
    assert protected is not None
    reversed_costs = [[error, -a, -b] for error, a, b in F.tolist()]
    expected = oracle_merge(oracle_stages(F.tolist()), oracle_stages(reversed_costs))
    merged = merge_stages(pareto_stages(F), pareto_stages(protected))
    assert [stage.tolist() for stage in merged] == expected == [[0, 1, 2, 3]]
    assert released_stages(F[:, 0].tolist(), F[:, 1:].T.tolist()) == [[0, 2], [1, 3]]


@given(st.integers(2, 3), st.integers(0, 10_000))
def test_the_optimum_is_of_the_first_stage_of_f_however_many_are_protected(m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, directions = int(rng.integers(2, 30)), das_dennis(m, 8)
    F, n_survive = rng.random((n, m)), int(rng.integers(1, n + 1))
    found = selection(F, rng.random((n, m)), n_survive, directions, np.random.default_rng(seed))
    R = oracle_stages(F.tolist())
    ends = np.cumsum([len(stage) for stage in R])
    considered = [k for stage in R[: int(np.searchsorted(ends, n_survive)) + 1] for k in stage]
    far = load_function("calc_perpendicular_distance")(oracle_normalised(F, R[0]), directions)
    used = {int(far[k].argmin()) for k in considered}
    nearest = {considered[int(far[considered, d].argmin())] for d in used}
    assert set(found.optimum.tolist()) == (nearest & set(R[0]) or set(R[0]))


def test_the_optimum_is_the_whole_first_stage_where_others_are_nearer_to_all_directions() -> None:
    F = np.array([[0.0, 1.0], [1.2, 1.2], [1.0, 0.0]])  # the one that both others dominate lies on the only direction
    found = selection(F, None, 3, np.array([[0.5, 0.5]]), np.random.default_rng(0))
    assert found.optimum.tolist() == [0, 2]


def test_whole_stages_count_for_the_niches_of_the_last_one() -> None:
    # by P the first stage holds 2 too, on the direction (1/2, 1/2), and 3 and 4 are the second: 3 lies on that
    # direction, 4 nearest to (3/4, 1/4), which has none yet
    F = np.array([[0.0, 0.5], [0.5, 0.0], [0.6, 0.6], [0.7, 0.7], [0.9, 0.32]])
    P = np.array([[0.0, 1.0], [1.0, 0.0], [0.2, 0.2], [0.6, 0.6], [0.7, 0.5]])
    for seed in range(10):
        kept = select(F, P, 4, das_dennis(2, 5), np.random.default_rng(seed))
        assert kept.tolist() == [0, 1, 2, 4]


def test_inputs_are_not_written_to() -> None:
    rng = np.random.default_rng(1)
    F, P, directions = rng.random((20, 2)), rng.random((20, 2)), das_dennis(2, 6)
    for array in (F, P, directions):
        array.setflags(write=False)
    assert len(select(F, P, 9, directions, rng)) == 9


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"F": np.zeros(3)}, "F: expected two dimensions"),
        ({"F": np.array([[0.0, np.nan]])}, "F: expected finite numbers, got nan in row 0"),
        ({"F_protected": np.zeros((4, 2))}, "F_protected: expected 5 rows"),
        ({"n_survive": 0}, r"n_survive: expected 1..5, got 0"),
        ({"n_survive": 6}, r"n_survive: expected 1..5, got 6"),
        ({"ref_dirs": np.ones((3, 3))}, r"ref_dirs: expected \(d, 2\)"),
    ],
)
def test_select_refuses(change: dict, says: str) -> None:
    call = {"F": np.random.default_rng(0).random((5, 2)), "F_protected": None, "n_survive": 3} | change
    call = {"ref_dirs": das_dennis(2, 4), **call}
    with pytest.raises(ValueError, match=says):
        select(random_state=np.random.default_rng(0), **call)


# ---------------------------------------------------------------- pymoo's NSGA-III on problems that do not move


@pytest.mark.parametrize(
    ("name", "m", "points"), [("dtlz1", 3, 28), ("dtlz2", 3, 28), ("dtlz7", 3, 28), ("dtlz2", 5, 35)]
)
def test_whole_runs_keep_pymoos_survivors(name: str, m: int, points: int) -> None:
    directions = das_dennis(m, points)
    problem = get_problem(name, n_obj=m)
    runs = [
        minimize(problem, NSGA3(directions, selection=RandomSelection(), survival=survival), ("n_gen", 60), seed=7)
        for survival in (ReferenceDirectionSurvival(directions), PNSGA3Survival(directions))
    ]
    theirs, ours = (run.algorithm for run in runs)
    assert np.array_equal(theirs.pop.get("X"), ours.pop.get("X"))
    assert np.array_equal(theirs.opt.get("X"), ours.opt.get("X"))
    assert np.array_equal(theirs.pop.get("rank"), ours.pop.get("rank"))
    assert theirs.random_state.bit_generator.state == ours.random_state.bit_generator.state
    assert np.array_equal(theirs.survival.norm.nadir_point, ours.survival.norm.nadir_point)


@pytest.mark.parametrize("feasible", [20, 40])
def test_infeasible_candidates_come_last_as_in_pymoo(feasible: int) -> None:
    directions, problem, rng = das_dennis(3, 28), get_problem("c1dtlz3"), np.random.default_rng(0)
    X = rng.random((60, problem.n_var))
    F = problem.evaluate(X, return_values_of=["F"])
    violation = rng.permutation(np.arange(60)) - feasible + 1.0  # up to 0 it is none
    kept = []
    for survival in (ReferenceDirectionSurvival(directions), PNSGA3Survival(directions)):
        pop = Population.new("X", X, "F", F, "G", violation[:, None], "index", np.arange(60))
        survivors = survival.do(problem, pop, n_survive=28, random_state=np.random.default_rng(1))
        kept.append(survivors.get("index").tolist())
    assert kept[0] == kept[1]
    if feasible < 28:
        assert sorted(violation[kept[1]]) == sorted(violation)[:28]
    else:
        assert (violation[kept[1]] <= 0).all()


def test_normalisation_is_kept_where_nothing_moves_and_fresh_where_something_does() -> None:
    assert isinstance(PNSGA3Survival(das_dennis(2, 4)).norm, HyperplaneNormalization)
    assert PNSGA3Survival(das_dennis(2, 4), moving=(0,)).norm is None
    norm = HyperplaneNormalization(2)
    rng = np.random.default_rng(0)
    selection(rng.random((9, 2)), None, 4, das_dennis(2, 4), rng, norm)
    first = norm.ideal_point.copy()
    selection(1 + rng.random((9, 2)), None, 4, das_dennis(2, 4), rng, norm)
    assert np.array_equal(norm.ideal_point, first)


def as_population(F: np.ndarray, growth: np.ndarray | None = None) -> Population:
    pop = Population.new("X", np.arange(len(F))[:, None].astype(float), "F", F)
    for one, grown in zip(pop, [None] * len(F) if growth is None else growth, strict=True):
        one.set("growth", grown)
    return pop


def test_the_survival_starts_afresh_each_generation_on_a_moving_problem_and_goes_on_on_a_static_one() -> None:
    rng, directions = np.random.default_rng(0), das_dennis(2, 6)
    first, second = rng.random((20, 2)), 0.5 + rng.random((20, 2))
    norm = HyperplaneNormalization(2)
    selection(first, None, 6, directions, np.random.default_rng(1), norm)
    carried = select(second, None, 6, directions, np.random.default_rng(2), norm).tolist()
    fresh = select(second, None, 6, directions, np.random.default_rng(2)).tolist()
    assert carried != fresh
    for moving, protection, expected in (((), "growth", carried), ((0,), "growth", fresh), ((0,), None, fresh)):
        survival = PNSGA3Survival(directions, moving, protection)  # type: ignore[arg-type]
        for F, seed in ((first, 1), (second, 2)):
            pop = as_population(F)
            kept = survival.do(get_problem("zdt1"), pop, n_survive=6, random_state=np.random.default_rng(seed))
        assert kept.get("X")[:, 0].tolist() == expected


@pytest.mark.parametrize("protection", ["growth", "size", None])
def test_the_survival_protects_by_growth_where_it_was_measured_only(protection: str | None) -> None:
    rng, directions = np.random.default_rng(2), das_dennis(2, 6)
    F, growth = rng.random((20, 2)), rng.random((20, 1))
    protected = protected_objectives(F, growth, (0,), protection)  # type: ignore[arg-type]
    expected = {
        known: select(F, P, 6, directions, np.random.default_rng(1)).tolist()
        for known, P in ((True, protected), (False, protected if protection == "size" else None))
    }
    assert (expected[True] == expected[False]) == (protection != "growth")  # all that needs to be measured
    for known in (True, False):
        survival = PNSGA3Survival(directions, (0,), protection)  # type: ignore[arg-type]
        pop = as_population(F, growth if known else None)
        kept = survival.do(get_problem("zdt1"), pop, n_survive=6, random_state=np.random.default_rng(1))
        assert kept.get("X")[:, 0].tolist() == expected[known]
        R = oracle_stages(F.tolist())
        uses = protected is not None and (known or protection == "size")
        stages = oracle_merge(R, oracle_stages(protected.tolist())) if uses else R
        assert [[k for k in range(20) if pop[k].get("rank") == i] for i in range(len(stages))] == stages


@pytest.mark.parametrize("protection", ["growth", "size"])
def test_nothing_is_protected_where_all_stay_or_one_has_not_grown_yet(protection: str) -> None:
    rng, directions = np.random.default_rng(2), das_dennis(2, 6)
    F, growth = rng.random((20, 2)), rng.random((20, 1))
    survival = PNSGA3Survival(directions, (0,), protection)  # type: ignore[arg-type]
    pop = as_population(F, growth)
    survival.do(get_problem("zdt1"), pop, n_survive=20, random_state=np.random.default_rng(1))
    stages = oracle_stages(F.tolist())
    assert [[k for k in range(20) if pop[k].get("rank") == i] for i in range(len(stages))] == stages
    if protection == "growth":
        pop[3].set("growth", None)
        kept = survival.do(get_problem("zdt1"), pop, n_survive=6, random_state=np.random.default_rng(1))
        expected = select(F, None, 6, directions, np.random.default_rng(1)).tolist()
        assert kept.get("X")[:, 0].tolist() == expected


def test_no_warning_filter_is_left_behind() -> None:
    before = list(warnings.filters)
    rng = np.random.default_rng(0)
    select(rng.random((20, 3)), None, 9, das_dennis(3, 10), rng)
    assert warnings.filters == before
