import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymoo.algorithms.moo.nsga3 import associate_to_niches, niching

from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.survival import niching as ours
from carsmoo.survival.niching import fill_niches, nearest_candidates, nearest_directions


def test_perpendicular_distances_by_their_definition() -> None:
    rng = np.random.default_rng(0)
    for m in (1, 2, 3, 5):
        N, directions = rng.random((40, m)), das_dennis(m, 30)
        units = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        far = np.linalg.norm(N[:, None] - (N @ units.T)[:, :, None] * units[None], axis=2)
        niche, distance = nearest_directions(N, directions)
        assert np.allclose(distance, far.min(axis=1))
        assert np.allclose(far[np.arange(40), niche], far.min(axis=1))
        used = np.unique(niche)
        expected = sorted(set(far[:, used].argmin(axis=0)))
        assert nearest_candidates(N, directions, niche, distance).tolist() == expected


@pytest.mark.parametrize(("small", "large"), [(10**9, 10**9), (0, 10**9), (0, 0)], ids=["full", "product", "tree"])
@settings(max_examples=150)
@given(
    m=st.integers(2, 5),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1.0, 100.0]),
    kind=st.sampled_from(["random", "coarse", "sphere", "with zero", "below zero"]),
)
def test_every_way_is_pymoos_bit_for_bit(small: int, large: int, m: int, seed: int, scale: float, kind: str) -> None:
    rng = np.random.default_rng(seed)
    N, directions = rng.random((int(rng.integers(2, 80)), m)) * scale, das_dennis(m, int(rng.integers(m, 60)))
    match kind:
        case "coarse":
            N = np.round(N * 4 / scale) / 4
        case "sphere":
            N /= np.linalg.norm(N, axis=1, keepdims=True)
        case "with zero":
            N[0] = 0
        case "below zero":
            N[0] *= -0.1
    theirs, distance, matrix = associate_to_niches(N, directions, np.zeros(m), np.ones(m))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours, "SMALL", small)
        patch.setattr(ours, "LARGE", large)
        niche, own = nearest_directions(N, directions)
        found = nearest_candidates(N, directions, niche, own)
    assert np.array_equal(niche, theirs)
    assert np.array_equal(own, distance)
    assert np.array_equal(found, np.unique(matrix[:, np.unique(theirs)].argmin(axis=0)))


@given(st.integers(0, 10_000))
def test_niches_are_filled_as_pymoo_fills_them_with_the_same_random_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(1, 40)), int(rng.integers(1, 12))
    niche, distance = rng.integers(0, d, n), np.round(rng.random(n), 1)
    counts, room = rng.integers(0, 4, d), int(rng.integers(1, n + 1))
    counts.setflags(write=False)
    first, second = np.random.default_rng(seed), np.random.default_rng(seed)
    expected = niching(np.arange(n), room, counts.copy(), niche, distance, random_state=first)
    assert fill_niches(room, counts, niche, distance, second).tolist() == expected
    assert first.bit_generator.state == second.bit_generator.state
