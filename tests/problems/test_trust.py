import math

import numpy as np
import pytest
from scipy.stats import kendalltau

from carsmoo.problems.trust import ENOUGH, LOW, YOUNG, Scored, Trust, by_chance, halves_of, scores_of, trust_of


def counts(even: list[int], odd: list[int], met: tuple[int, int] = (100, 100)) -> np.ndarray:
    """Return counts of networks with so many wrong images among the even and the odd ones."""
    return np.array([[pair, met] for pair in zip(even, odd, strict=True)])


def test_halves_are_the_even_and_the_odd_images() -> None:
    wrong = np.array([[1, 0, 1, 1, 1], [0, 0, 0, 1, 0]], dtype=bool)
    found = halves_of(wrong)
    assert found.tolist() == [[[3, 1], [3, 2]], [[0, 1], [3, 2]]]
    assert np.array_equal(scores_of(found), wrong.mean(axis=1))


def test_the_figures_are_those_counted_by_hand() -> None:
    scored = counts([10, 20, 30, 40], [10, 30, 20, 50])
    # of the 6 pairs the odd half turns one around: (5 - 1) / 6
    # errors 0.10, 0.25, 0.25, 0.45; of three known before, 0.2, 0.3 and 0.1, all but the pair of the first two disagree
    found = trust_of(scored, before=[0.2, 0.3, math.nan, 0.1], updates=7.0)
    assert found.halves == pytest.approx(4 / 6)
    assert found.successive == pytest.approx((1 - 2) / 3)
    assert found.updates == 7


def test_ties_count_as_in_tau_b() -> None:
    found = trust_of(counts([1, 1, 2], [1, 2, 3]))  # two pairs agree, one is tied in one half: 2 / sqrt(2 * 3)
    assert found.halves == pytest.approx(2 / math.sqrt(6))


def test_distinct_pairs_differ_by_two_standard_deviations() -> None:
    # p = 0.5 and n = 200: a variance of 0.00125 each, so that 2 sqrt(0.0025) = 0.1; a little less beside 0.5
    just, less = counts([50, 61, 50], [50, 60, 50]), counts([50, 59, 50], [50, 60, 50])
    variance = [0.605 * 0.395 / 200, 0.595 * 0.405 / 200]
    assert 2 * math.sqrt(0.00125 + variance[0]) < 0.105
    assert 2 * math.sqrt(0.00125 + variance[1]) > 0.095
    assert trust_of(just).distinct == pytest.approx(2 / 3)
    assert trust_of(less).distinct == 0
    assert trust_of(counts([0, 0, 50], [0, 0, 50])).distinct == pytest.approx(2 / 3)  # none is wrong, and none better


def test_networks_that_are_alike_are_ordered_by_noise_and_apart_by_themselves() -> None:
    rng = np.random.default_rng(0)
    alike = [trust_of(halves_of(rng.random((40, 400)) < 0.3)) for _ in range(20)]
    assert abs(np.mean([trust.halves for trust in alike])) < 0.05
    assert np.mean([trust.distinct for trust in alike]) == pytest.approx(0.0455, abs=0.015)  # two-sided, of a normal
    assert all(trust.warning for trust in alike)
    steps = np.arange(0, 400, 10)
    ordered = counts(steps.tolist(), steps.tolist(), (400, 400))
    apart = trust_of(ordered, scores_of(ordered))
    assert (apart.halves, apart.successive, apart.warning) == (1.0, 1.0, None)


def test_scores_that_are_all_alike_are_no_order_and_a_sentence_says_so() -> None:
    alike = trust_of(counts([5, 5, 5], [5, 5, 5]))
    assert (alike.ceiling, alike.distinct) == (None, 0)
    assert (alike.warning or "").startswith("the order of these networks is mostly noise: half of what scores them, or")
    assert trust_of(counts([5, 5], [5, 5])).warning is None  # two are no order
    assert trust_of(counts([0, 50, 90], [5, 5, 5])).warning is None  # they differ in all, though not by one half


def test_pairs_of_losses_are_distinct_where_they_differ_by_more_than_halves_do() -> None:
    # means of the halves 1.0/1.2, 2.0/2.2, 3.0/3.6: half their differences -.1, -.1, -.3, of variance .04 / 3
    met = [[100, 100]] * 3
    losses = np.array([[[100, 120], [200, 220], [300, 360]], met]).transpose(1, 0, 2)
    assert trust_of(losses, score="loss").distinct == 1.0
    assert 2 * math.sqrt(2 * 0.04 / 3) == pytest.approx(0.3266, abs=1e-4)
    closer = np.array([[[100, 120], [130, 150], [300, 360]], met]).transpose(1, 0, 2)
    assert trust_of(closer, score="loss").distinct == pytest.approx(2 / 3)  # 1.1 and 1.4 are not, 1.1 and 3.3 are


def test_young_shared_weights_are_said_to_be_so() -> None:
    steady = {"halves": 0.9, "successive": None, "distinct": None}
    young = Trust(**steady, updates=YOUNG - 1)
    assert young.warning is not None
    assert "the shared weights are young, 99 steps each" in young.warning
    assert Trust(**steady, updates=YOUNG).warning is None
    assert Trust(**steady, updates=None).warning is None
    assert Trust(**steady, updates=20, shared=False).warning is None
    low = Trust(**{**steady, "halves": 0.0}, updates=20)
    assert "two halves" in str(low.warning)


def test_an_order_that_probes_have_no_more_of_than_chance_may_be_wrong() -> None:
    steady = {"halves": 0.9, "successive": None, "distinct": None, "updates": 500.0}
    assert Trust(**steady, probes=0.2, n_probes=32).warning == (
        "the order of these networks may be wrong: 32 of them, trained alone for a moment, have no more of it than "
        "chance may (tau 0.20); train longer, or train some networks alone"
    )
    assert Trust(**steady, probes=0.21, n_probes=32).warning is None
    assert "may be wrong" in str(Trust(**steady, probes=0.21, n_probes=ENOUGH).warning)
    assert Trust(**steady, probes=-0.9, n_probes=ENOUGH - 1).warning is None  # so few say little
    noisy = {**steady, "halves": 0.0}
    assert "two halves" in str(Trust(**noisy, probes=-0.3, n_probes=32).warning)
    young = {**steady, "updates": 20}
    assert "may be wrong" in str(Trust(**young, probes=0.0, n_probes=32).warning)
    assert "young" in str(Trust(**young, probes=0.6, n_probes=32).warning)
    undefined = {**steady, "halves": None}
    assert "may be wrong" in str(Trust(**undefined, probes=0.0, n_probes=32).warning)


def test_one_of_twenty_orders_that_have_nothing_in_common_is_above_chance() -> None:
    random_state = np.random.default_rng(0)
    taus = [kendalltau(*random_state.random((2, 32))).statistic for _ in range(1500)]
    assert np.mean(np.array(taus) > by_chance(32)) == pytest.approx(0.05, abs=0.018)


def test_supernets_that_differ_bound_what_can_be_expected() -> None:
    # three networks, two supernets: 1 < 2 < 3 by the one, 2 < 1 < 3 by the other: tau (3 - 0 - 2) / 3
    one, other = counts([10, 20, 30], [10, 20, 30]), counts([20, 10, 30], [20, 10, 30])
    found = trust_of(np.stack([one, other], axis=1))
    assert (found.members, found.n_members) == (pytest.approx(1 / 3), 2)
    assert found.halves == pytest.approx(1.0)
    assert np.allclose(scores_of(np.stack([one, other], axis=1)), [0.15, 0.15, 0.3])  # of both together
    r = math.sin(math.pi / 6)
    assert found.ceiling == pytest.approx(2 / math.pi * math.asin(math.sqrt(2 * r / (1 + r))))
    three = trust_of(np.stack([one, other, one], axis=1))
    assert (three.members, three.n_members) == (pytest.approx((1 / 3 + 1 + 1 / 3) / 3), 3)
    apart = trust_of(np.stack([one, counts([30, 20, 10], [30, 20, 10])], axis=1))
    assert apart.members == -1.0
    assert apart.ceiling == 0.0
    assert "supernets agree with tau -1.00; train longer or more of them" in str(apart.warning)


def test_what_is_not_defined_is_none() -> None:
    few = trust_of(counts([1, 2], [1, 2]), [0.1, 0.2])
    assert few == Trust(halves=None, successive=None, distinct=None, updates=None)
    same = trust_of(counts([5, 5, 5], [1, 2, 3]), [0.1, 0.2, math.nan])
    assert (same.halves, same.successive, same.distinct) == (None, None, 0.0)
    one_image = trust_of(counts([0, 1, 1], [0, 0, 0], (1, 0)))
    assert one_image.halves is None
    assert all(trust.warning is None for trust in (few, one_image))
    assert trust_of(np.empty((0, 2, 2))).distinct is None


def test_a_low_trust_is_said_in_a_sentence() -> None:
    known = {"successive": None, "distinct": None, "updates": None}
    assert Trust(halves=0.1149, **known).warning == (
        "the order of these networks is mostly noise: two halves of what scores them agree with tau 0.11; "
        "train longer or score on more images, or networks if main effects score"
    )
    assert Trust(halves=0.25, **known).warning is None
    assert Trust(halves=0.2, **known).warning is not None
    assert LOW == 0.5


def test_the_ceiling_is_what_orders_of_noisy_errors_have_with_the_noiseless_one() -> None:
    rng = np.random.default_rng(0)
    for noise in (0.5, 1.0, 2.0):
        halves, whole = [], []
        for _ in range(300):
            true = rng.normal(size=60)
            one, other = (true + noise * rng.normal(size=60) for _ in range(2))
            halves.append(kendalltau(one, other).statistic)
            whole.append(kendalltau(one + other, true).statistic)
        told = Trust(halves=float(np.mean(halves)), successive=None, distinct=None, updates=None).ceiling
        assert told == pytest.approx(np.mean(whole), abs=0.015)
    assert Trust(halves=-0.2, successive=None, distinct=None, updates=None).ceiling == 0


def test_the_ceiling_of_four_supernets_is_that_of_their_mean() -> None:
    rng, between, whole = np.random.default_rng(0), [], []
    for _ in range(300):
        true = rng.normal(size=60)
        members = true + 1.5 * rng.normal(size=(4, 60))
        between.append(kendalltau(members[0], members[1]).statistic)
        whole.append(kendalltau(members.sum(axis=0), true).statistic)
    known = {"halves": None, "successive": None, "distinct": None, "updates": None}
    told = Trust(**known, members=float(np.mean(between)), n_members=4).ceiling
    assert told == pytest.approx(np.mean(whole), abs=0.015)


def test_a_generation_is_measured_against_the_one_before_by_its_vectors() -> None:
    X, first = np.array([[0, 1], [2, 3], [4, 5]]), counts([10, 20, 30], [10, 20, 30])
    one = Scored.after(None, 0, X, first, 5.0)
    assert one.trust.successive is None
    more = np.array([[4, 5], [9, 9], [2, 3], [0, 1]])
    two = Scored.after(one, 1, more, counts([10, 1, 20, 30], [10, 1, 20, 30]), 6.0)
    assert two.trust.successive == -1
    again = Scored.from_state(two.state_dict())
    assert again is not None
    assert (again.time, again.trust) == (1, two.trust)
    assert again.X.tolist() == more.tolist()
    assert Scored.after(again, 2, X, first, None).trust == Scored.after(two, 2, X, first, None).trust
    assert Scored.from_state({}) is None
    steady = counts([10, 12, 14], [10, 12, 14])
    fitted = Scored.after(None, 0, X, steady, 5.0, "loss", shared=False)
    assert fitted.trust == trust_of(steady, updates=5.0, score="loss", shared=False)
    assert (fitted.trust.distinct, trust_of(steady).distinct) == (1, 0)
    known = Scored.from_state(one.state_dict())
    assert known is not None
    assert known.trust == one.trust
