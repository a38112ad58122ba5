import itertools

import numpy as np
import pytest

from carsmoo.utils.correlation import Correlation, _deviation, rank_correlation


def test_tau_is_that_of_counted_pairs() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        a, b = rng.integers(0, 6, size=(2, 9)).astype(float)
        upper = np.triu_indices(9, 1)
        x, y = (np.sign(v[:, None] - v[None, :])[upper] for v in (a, b))
        tau = (x * y).sum() / np.sqrt((x != 0).sum() * (y != 0).sum())
        assert rank_correlation(a, b).tau == pytest.approx(tau)
    assert rank_correlation([1, 2, 3], [3, 2, 1]).tau == -1


def test_p_is_the_share_of_orders_that_agree_or_disagree_as_much() -> None:
    a, b = np.arange(6.0), np.array([1.0, 0.0, 2.0, 4.0, 3.0, 5.0])
    found = rank_correlation(a, b)
    taus = np.array([rank_correlation(a, np.array(order)).tau for order in itertools.permutations(b.tolist())])
    assert found.tau is not None
    assert found.p == pytest.approx(np.mean(np.abs(taus) >= found.tau - 1e-9))
    assert rank_correlation(a, -b).p == pytest.approx(found.p)
    assert rank_correlation([1, 1, 2, 3], [1, 2, 3, 3]).n == 4


def test_tau_does_not_exist_for_one_value_equal_ones_or_nan() -> None:
    assert rank_correlation([0.1], [0.2]).tau is None
    assert str(rank_correlation([0.1, 0.1], [0.2, 0.3])) == "not defined (n = 2)"
    assert rank_correlation([1, 2, 3], [4, 4, 4]) == Correlation(None, None, 3)
    assert rank_correlation([1, 2, np.nan], [1, 2, 3]) == Correlation(None, None, 3)
    assert rank_correlation([1, 2, 3], [1, 2, np.nan]) == Correlation(None, None, 3)
    assert rank_correlation([1, 2, np.inf], [1, 2, 3]).tau == 1
    with pytest.raises(ValueError, match=r"^other: expected as many values as the first has, \(2,\), got \(3,\)"):
        rank_correlation([1, 2], [1, 2, 3])


@pytest.mark.parametrize(("tau", "n"), [(0.0, 8), (0.5, 12), (-0.8, 20)])
def test_the_interval_holds_the_true_tau_in_19_of_20_samples(tau: float, n: int) -> None:
    rng, held = np.random.default_rng(0), []
    r = np.sin(np.pi / 2 * tau)
    for sample in rng.multivariate_normal([0, 0], [[1, r], [r, 1]], size=(1000, n)):
        low, high = rank_correlation(*sample.T).interval or (np.nan, np.nan)
        held.append(low <= tau <= high)
    assert 0.92 < np.mean(held) < 0.97


def test_values_that_are_independent_deviate_as_all_their_orders_do() -> None:
    taus = [rank_correlation(np.arange(6), order).tau or 0 for order in itertools.permutations(range(6))]
    assert _deviation(np.array([0.0, 1.0]), 6) == pytest.approx([np.std(taus), 0], abs=1e-7)


def test_the_interval_is_that_of_inverted_tests_and_never_a_point() -> None:
    low, high = rank_correlation(np.arange(8), np.arange(8)).interval or (np.nan, np.nan)
    assert high == pytest.approx(1)
    assert 0.4 < low < 0.9  # eight that agree are no proof that all do
    few, many = (Correlation(0.3, 0.1, n).interval for n in (10, 1000))
    assert few is not None
    assert many is not None
    assert few[0] < many[0] < 0.3 < many[1] < few[1]
    mirrored = Correlation(-0.3, 0.1, 10).interval
    assert mirrored == pytest.approx((-few[1], -few[0]))
    for tau, n in ((0.9999, 200), (-0.9995, 1000), (0.12345, 10**9)):
        low, high = Correlation(tau, 0.0, n).interval or (np.nan, np.nan)
        assert low <= tau <= high
    assert Correlation(0.3, 0.1, 5).interval is None
    assert Correlation(0.3, 0.1, 6).interval is not None
    assert Correlation(None, None, 8).interval is None
