from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carsmoo import CARSProblem, Genotype, SupernetTraining
from carsmoo.config.search import SearchConfig
from carsmoo.nets.distributed.group import DisagreementError, Group, TorchGroup, current, joined, shards, spread
from carsmoo.runs.session import Session
from carsmoo.utils.launch import Launch
from tests.runs.test_session import figures
from tests.support.groups import together
from tests.support.runs import DATA, SMALL

PAIRS = SupernetTraining(
    warmup_epochs=1, n_generations=2, pop_size=4, batch_size=64, bn_calibration_images=64, subnets_per_step=2
)
CONFIG = SearchConfig(data=DATA, network=SMALL, training=PAIRS)


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(1, 8))
def test_shards_have_each_job_once_and_keep_grahams_bound(costs: list[int], n: int) -> None:
    found = shards(costs, n)
    assert sorted(job for jobs in found for job in jobs) == list(range(len(costs)))
    assert len(found) == n
    if costs:
        longest = max(sum(costs[job] for job in jobs) for jobs in found)
        assert longest <= sum(costs) / n + max(costs) * (n - 1) / n


def test_the_longest_job_goes_first() -> None:
    assert shards([3, 5, 2, 4], 2) == [[1, 2], [0, 3]]
    with pytest.raises(ValueError, match="n: expected at least 1 worker, got 0"):
        shards([1], 0)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(2, 40), st.integers(1, 12), st.integers(1, 9))
def test_a_step_shows_each_architecture_each_image_once(costs: list[int], images: int, n: int, parts: int) -> None:
    seen = np.zeros((len(costs), images), dtype=int)
    found = spread(costs, images, n, parts)
    for share in found:
        for k, where in share:
            seen[k, where] += 1
            assert where.stop - where.start >= 2
        pieces = [where.start for _, where in share]
        assert pieces == sorted(pieces)
    assert (seen == 1).all()
    assert len(found) == n


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 4), st.integers(1, 3))
def test_where_parts_come_out_even_all_have_all_architectures(costs: list[int], n: int, each: int) -> None:
    for share in spread(costs, 8 * n * each, n, n * each):
        assert sorted(k for k, _ in share) == sorted(each * list(range(len(costs))))
        assert {where.stop - where.start for _, where in share} == {8}


def test_parts_that_do_not_come_out_even_are_dealt_by_cost() -> None:
    first, last = slice(0, 5), slice(5, 10)
    assert spread([5, 1, 1], 10, 3, 2) == [[(0, first)], [(0, last)], [(1, first), (2, first), (1, last), (2, last)]]
    assert spread([1], 10, 3, 2) == [[(0, slice(0, 3))], [(0, slice(3, 6))], [(0, slice(6, 10))]]


def test_ranks_that_hold_something_else_are_named() -> None:
    def differ(group: Group) -> None:
        group.require_same("weights", b"same")
        group.require_same("weights", b"same" if group.rank < 2 else b"else")

    with pytest.raises(DisagreementError, match="weights: expected the same on all 4 ranks, got others on rank 2, 3"):
        together(4, differ)


def search(path: Path, size: int, config: SearchConfig = CONFIG, stop: int | None = None, **go: Any) -> list[Any]:
    """Search with some ranks, to the end or to a generation, and return the front and the weights of each."""

    def run(group: Group) -> Any:
        session = Session(path, say=[].append, group=group)
        if go:
            session.resume(exact=go["exact"])
        else:
            session.start(config)
        if stop is not None:
            for _ in range(stop):
                session.algorithm.next()
            if session.group.is_main:
                session.algorithm.callback.callbacks[1].store._lock.release(force=True)
            return None
        front = session.run()
        return list(front), session.problem.state_dict()

    return together(size, run)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    path = tmp_path_factory.mktemp("runs") / "one"
    return path, search(path, 1)[0]


def same(found: Any, expected: Any) -> bool:
    states = found[1], expected[1]
    return found[0] == expected[0] and all(np.array_equal(states[0][name], states[1][name]) for name in states[1])


@pytest.mark.end_to_end
def test_two_ranks_with_two_architectures_a_step_are_one_bit_for_bit(tmp_path: Path, one: tuple[Path, Any]) -> None:
    found = search(tmp_path / "two", 2)
    assert all(same(each, one[1]) for each in found)
    for name in ("front.json", "front.csv", "config.toml"):
        assert (tmp_path / "two" / name).read_bytes() == (one[0] / name).read_bytes()
    assert figures(tmp_path / "two") == figures(one[0])


@pytest.mark.end_to_end
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_run_goes_on_with_another_number_of_ranks(
    before: int, after: int, tmp_path: Path, one: tuple[Path, Any]
) -> None:
    search(tmp_path, before, stop=2)
    found = search(tmp_path, after, exact=True)
    assert all(same(each, one[1]) for each in found)


def trained(size: int, **fields: Any) -> list[Any]:
    """Train for a generation with some ranks, and return of each its weights with momenta, and its environment."""
    plan = SupernetTraining(
        **{"warmup_epochs": 0, "n_generations": 2, "pop_size": 4, "bn_calibration_images": 64, **fields}
    )

    def run(group: Group) -> Any:
        problem = CARSProblem(DATA, network=SMALL, training=plan, group=group)
        X = problem.default_operators()["sampling"].do(problem, 4, random_state=np.random.default_rng(0)).get("X")
        problem.advance(X)
        return np.concatenate(
            [problem.state_dict()[name] for name in ("weights", "momentum")]
        ), problem.reproducibility()

    return together(size, run)


@pytest.mark.end_to_end
@pytest.mark.parametrize("architectures", [1, 3])
def test_two_ranks_with_a_part_of_each_batch_are_one_bit_for_bit(architectures: int) -> None:
    (alone, environment), *_ = trained(1, subnets_per_step=architectures, ghost_batches=2)
    for found, where in trained(2, subnets_per_step=architectures, ghost_batches=2):
        assert np.array_equal(found, alone)
        assert where == environment


@pytest.mark.parametrize(("architectures", "parts", "size"), [(3, 1, 3), (3, 1, 2), (1, 3, 3), (2, 2, 3), (1, 4, 2)])
def test_more_ranks_agree_but_for_rounding(architectures: int, parts: int, size: int) -> None:
    """In one step, whose images are all there are: what it rounds otherwise grows in those that follow."""
    (alone, environment), *_ = trained(1, batch_size=160, subnets_per_step=architectures, ghost_batches=parts)
    for found, where in trained(size, batch_size=160, subnets_per_step=architectures, ghost_batches=parts):
        np.testing.assert_allclose(found, alone, rtol=0, atol=1e-6)
        assert where == environment | {"processes": size}


@pytest.mark.end_to_end
def test_a_batch_split_over_ranks_trains_alike_on_all(tmp_path: Path) -> None:
    first, *others = search(
        tmp_path,
        4,
        SearchConfig(data=DATA, network=SMALL, training=SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4)),
    )
    assert all(same(each, first) for each in others)


def test_how_many_ranks_is_part_of_a_run_where_it_decides_bits(tmp_path: Path) -> None:
    config = SearchConfig(
        data=DATA, network=SMALL, training=SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4)
    )
    search(tmp_path, 2, config, stop=1)
    with pytest.raises(ValueError, match=r"environment is not that of the run: .*processes"):
        search(tmp_path, 1, exact=True)
    assert search(tmp_path, 1, exact=False)[0] is not None


def test_racing_is_refused_with_others() -> None:
    with pytest.raises(ValueError, match="racing: expected False with 2 processes"):
        together(2, lambda group: CARSProblem(training=SupernetTraining(racing=True), group=group))


def test_what_functions_measure_is_that_of_rank_0() -> None:
    def values(group: Group) -> Any:
        def measured(genotype: Genotype) -> float:
            return 1.0 + group.rank

        problem = CARSProblem(network=SMALL, objectives=("error", measured), group=group)
        return problem._fixed_values(np.zeros((3, 24), dtype=np.int64)).tolist()

    assert together(2, values) == [[[1.0]] * 3] * 2


def test_a_launched_script_is_told_to_join(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}
    assert Launch.of({}) == Launch()
    assert Launch.of({**told, "TORCHELASTIC_RUN_ID": "a", "TORCHELASTIC_RESTART_COUNT": "3"}) == Launch(
        rank=1, size=2, local_rank=1, local_size=2, restarts=3, job="a"
    )
    with pytest.raises(ValueError, match="RANK: expected below WORLD_SIZE 2, got 2"):
        Launch.of({**told, "RANK": "2"})
    with pytest.raises(ValueError, match="WORLD_SIZE: expected an integer of at least 0, got 'x'"):
        Launch.of({**told, "WORLD_SIZE": "x"})
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RuntimeError, match="group: expected one of the 2 processes"):
        current()
    assert CARSProblem(network=SMALL, group=Group()).is_main
    with pytest.raises(RuntimeError, match=r"expected torch\.distributed to be initialised"):
        TorchGroup()
    monkeypatch.setenv("WORLD_SIZE", "1")
    monkeypatch.setenv("RANK", "0")
    with joined() as group:
        assert group.size == 1
