"""Networks trained alone for a moment against the truth: another seed's, of the networks that are named."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from benchmarks.truth import briefly
from benchmarks.truth.briefly import FEW, LEFT, foretold
from benchmarks.truth.records import RESULTS
from benchmarks.truth.summary import Truth, load_truth
from carsmoo.problems.trust import by_chance

TRUTHS = {name: load_truth(name, RESULTS) for name in ("cifar16", "fashion")}
TRUTH = TRUTHS["cifar16"]
LEVELS = (0.0, 0.01, 0.03, 0.06, 0.2)


class Made:
    """Measurements whose losses are the truth and noise, of seeds that all differ."""

    def __init__(self) -> None:
        self.random_state, self.seeds = np.random.default_rng(0), 0

    def noise(self, truth: Truth, level: float, sign: int = 1) -> NDArray[np.float64]:
        scores: NDArray[np.float64] = sign * truth.test + level * self.random_state.standard_normal(len(truth.test))
        return scores

    def record(self, level: float, lever: str = "default", *, data: str = "cifar16", **more: Any) -> dict[str, Any]:
        self.seeds += 1
        losses = self.noise(TRUTHS[data], level, more.pop("sign", 1)).tolist()
        by_name = dict(zip(TRUTHS[data].names, losses, strict=True))
        usual = {"data": data, "lever": lever, "seed": self.seeds, "epochs": 18, "core_seconds": 33.0, "updates": 58}
        return {**usual, "loss": by_name, **more}


@pytest.fixture
def made() -> Made:
    return Made()


def losses(one: dict[str, Any]) -> NDArray[np.float64]:
    return np.array([*one["loss"].values()])


def agreement(one: dict[str, Any], other: NDArray[np.float64]) -> float:
    return float(kendalltau(losses(one), other).statistic)


def by_hand(orders: list[dict[str, Any]], *brief: dict[str, Any]) -> float:
    """Spearman's correlation of the mean tau with the others' networks and the true one."""
    held = [[one for one in brief if (one["data"], one["seed"]) != (o["data"], o["seed"])] for o in orders]
    held = [[one for one in some if one["data"] == o["data"]] for some, o in zip(held, orders, strict=True)]
    agree = [np.mean([agreement(o, losses(one)) for one in some]) for o, some in zip(orders, held, strict=True)]
    true = [agreement(o, TRUTHS[o["data"]].test) for o in orders]
    return float(spearmanr(agree, true).statistic)


def test_the_correlation_is_that_of_agreement_with_own_weights_of_another_seed(made: Made) -> None:
    orders = [made.record(level) for level in LEVELS] + [made.record(level, data="fashion") for level in LEVELS]
    brief = [made.record(0.01, "own"), made.record(0.02, "own", data="fashion")]
    orders[2]["seed"] = brief[0]["seed"]  # which has no other seed's to be held against
    found = foretold([*orders, *brief], TRUTHS, draws=2)
    counted = [one for k, one in enumerate(orders) if k != 2]
    assert found["trust_n_briefly"] == found["trust_n_briefly_shared"] == 9
    assert found["trust_correlation_briefly"] == pytest.approx(by_hand(counted, *brief))
    assert found["trust_n_briefly_fashion"] == 5
    assert found["trust_correlation_briefly_fashion"] == pytest.approx(by_hand(counted[4:], *brief))
    sizes = [agreement(one, -TRUTHS[one["data"]].params) for one in counted]
    true = [agreement(one, TRUTHS[one["data"]].test) for one in counted]
    assert found["trust_correlation_size"] == pytest.approx(spearmanr(sizes, true).statistic)
    assert found["core_seconds_briefly"] == pytest.approx(33 / len(TRUTH.names))


def test_own_weights_count_too_but_not_as_shared_ones(made: Made) -> None:
    shared = [made.record(level) for level in LEVELS]
    owns = [made.record(level, "own") for level in (0.0, 0.02, 0.05, 0.2)]
    found = foretold([*shared, *owns], TRUTHS, draws=1)
    assert (found["trust_n_briefly"], found["trust_n_briefly_shared"]) == (9, 5)
    assert found["trust_correlation_briefly"] == pytest.approx(by_hand([*shared, *owns], *owns))
    assert found["trust_correlation_briefly_shared"] == pytest.approx(by_hand(shared, *owns))


def test_lengths_ways_that_are_tried_main_effects_and_own_classifiers_count_apart(made: Made) -> None:
    usual = [made.record(level) for level in (0.0, 0.03, 0.2)]
    tried = [made.record(level, lever) for level in (0.2, 0.02, 0.0) for lever in ("strict", "strict_effects")]
    effects = [made.record(level, "effects", sign=-1) for level in (0.2, 0.03, 0.0)]
    ways = ("refitted", "refitted_effects", "untrained")
    classified = [made.record(level, lever) for level in (0.01, 0.1, 0.3) for lever in ways]
    brief, short = made.record(0.0, "own"), made.record(0.05, "own", epochs=9, updates=29, core_seconds=9.0)
    found = foretold([*usual, *tried, *effects, *classified, brief, short], TRUTHS, draws=2)
    names = ("", "_tried", "_effects", "_classifiers", "_29_steps", "_29_steps_cifar16")
    assert [found[f"trust_n_briefly{name}"] for name in names] == [4, 6, 3, 9, 4, 4]  # the short ones are an order, too
    assert found["trust_correlation_briefly_29_steps"] == pytest.approx(by_hand([*usual, brief], short))
    assert found["trust_correlation_briefly_effects"] == pytest.approx(by_hand(effects, brief))
    assert found["trust_correlation_briefly_classifiers"] == pytest.approx(by_hand(classified, brief))
    assert found["trust_correlation_briefly_tried"] == pytest.approx(by_hand(tried, brief))
    assert found["core_seconds_briefly"] == pytest.approx(33 / len(TRUTH.names))
    assert foretold(usual, TRUTHS) == {}


def test_few_networks_are_drawn_and_the_others_are_left(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    orders, brief = [made.record(level) for level in LEVELS], [made.record(0.02, "own") for _ in range(2)]
    for one in orders:
        for name in TRUTH.names[:20]:
            del one["loss"][name]  # which nothing is known of
    monkeypatch.setattr(briefly, "FEW", (12, 30))
    found = foretold([*orders, *brief], TRUTHS, draws=3)
    told: dict[str, list[float]] = {name: [] for name in ("12", "left_12", "30")}
    true = [kendalltau(list(one["loss"].values()), TRUTH.test[20:]).statistic for one in orders]
    for draw in range(3):
        for m in (12, 30):
            order = np.random.default_rng([draw, m]).permutation(np.arange(20, len(TRUTH.names)))
            names = [TRUTH.names[k] for k in order]
            scores = [np.array([one["loss"][name] for name in names]) for one in orders]
            alone = np.array([brief[draw % 2]["loss"][name] for name in names])
            agree = [kendalltau(one[:m], alone[:m]).statistic for one in scores]
            told[f"{m}"].append(spearmanr(agree, true).statistic)
            if m == 12:
                held = [kendalltau(one[m:], TRUTH.test[order[m:]]).statistic for one in scores]
                told["left_12"].append(spearmanr(agree, held).statistic)
    for name, values in told.items():  # own weights are orders, too, which shared ones are told without
        assert found[f"trust_correlation_briefly_{name}_shared"] == pytest.approx(np.median(values))
    assert found["trust_correlation_briefly_30_low_shared"] == pytest.approx(min(told["30"]))
    assert found["trust_correlation_briefly_30_high_shared"] == pytest.approx(max(told["30"]))
    assert set(LEFT) < set(FEW)


def test_an_order_may_be_wrong_where_probes_have_no_more_of_it_than_chance_may(made: Made) -> None:
    orders = [made.record(level) for level in (0.0, 0.001, 0.002)]
    orders += [made.record(level, sign=-1) for level in (0.0, 0.05)]
    true = [agreement(one, TRUTH.test) for one in orders]
    found = foretold([*orders, made.record(0.0, "own")], TRUTHS, draws=3)
    assert min(true[:3]) > by_chance(FEW[-1]) > max(true[3:])
    assert found["trust_told"] == pytest.approx(2 / 5)
    assert found["trust_told_true"] == pytest.approx(np.median(true[3:]))
    assert found["trust_told_most"] == pytest.approx(np.quantile(true[3:] * 3, 0.9))
    assert found["trust_untold_true"] == pytest.approx(np.median(true[:3]))
    assert found["trust_untold_least"] == pytest.approx(np.quantile(true[:3] * 3, 0.1))
    assert found["trust_told_of_truth_cifar16"] == 0
    lost = foretold([*orders, made.record(0.0, "own", sign=-1)], TRUTHS, draws=3)
    assert lost["trust_told_of_truth_cifar16"] == 1
    assert lost["trust_told_true"] == pytest.approx(np.median(true[:3]))
