"""Figures of the comparison at equal total compute: its arithmetic is that done by hand."""

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.paper import equal_cost, equal_figures
from benchmarks.paper.equal_compute import ALONE, EFFECTS


def network(test: float, held_out: float, params: int) -> dict[str, Any]:
    return {"test": test, "held_out": held_out, "params": params}


def test_a_front_is_chosen_on_images_held_out_and_told_on_test() -> None:
    run = {"networks": [network(0.5, 0.10, 1000), network(0.4, 0.12, 2000), network(0.3, 0.08, 3000)]}
    assert equal_figures.front_of(run).tolist() == [
        [0.5, 1.0],
        [0.3, 3.0],
    ]  # the second is dominated where it was chosen
    assert [equal_figures.error_at(run, size) for size in (1000, 2500, 3000)] == [0.5, 0.5, 0.3]
    assert math.isnan(equal_figures.error_at(run, 999))
    alike = {"networks": [network(0.5, 0.1, 1000), network(0.2, 0.1, 1000)]}  # which the test split must not tell apart
    assert equal_figures.front_of(alike).tolist() == [[0.5, 1.0]]


def test_errors_are_held_against_those_of_random_networks_of_the_same_size() -> None:
    sizes = np.geomspace(1000, 16_000, 25)
    random = np.column_stack([sizes, 0.4 - 0.1 * np.log2(sizes / 1000) + 0.01 * np.log2(sizes / 1000) ** 2])
    runs = {
        "CARS": {
            0: {"networks": [network(0.25, 0, 2000), network(0.2, 0, 4000), network(0.1, 0, 500)]},
            3: {"networks": [network(0.16, 0, 16_000), network(0.01, 0, 16_001)]},
        },
        "NSGA-III": {0: {"networks": [network(0.1, 0, 900)]}},
    }
    found = equal_figures.excess(runs, random)
    assert list(found) == ["CARS"]  # a network smaller than all random ones has nothing beside it
    assert found["CARS"][0] == pytest.approx([0.25 - 0.31, 0.2 - 0.24])
    assert found["CARS"][3] == pytest.approx([0.16 - 0.16], abs=1e-9)
    assert equal_figures.excess(runs, random[:19]) == {}
    wrong = {"networks": [network(0.9, 0, 2000)] * 1000}  # of random search, which is held against other runs alone
    alone = equal_figures.excess({ALONE: {0: wrong}}, random)
    assert alone[ALONE][0] == pytest.approx([0.9 - 0.31] * 1000)
    others = equal_figures.excess({"CARS": runs["CARS"], ALONE: {0: wrong}}, random)
    assert others["CARS"][0][0] == pytest.approx(0.25 - 0.9, abs=0.01)


def test_random_networks_are_smoothed_by_a_parabola_and_nothing_finer() -> None:
    u = np.linspace(-2, 2, 25)
    cubic = u**3 - u * (u**4).sum() / (u**2).sum()  # which no parabola follows any part of
    random = np.column_stack([4000 * 2**u, 0.5 + 0.01 * cubic])
    runs = {"CARS": {0: {"networks": [network(0.4, 0, 1500)]}}}
    assert equal_figures.excess(runs, random)["CARS"][0] == pytest.approx([-0.1])


def test_random_networks_are_those_that_the_truth_set_drew() -> None:
    known = equal_figures.drawn_networks("cifar16")
    assert len(known) == 24
    assert 0.4 < known[:, 1].min() < known[:, 1].max() < 0.6
    assert 1e4 < known[:, 0].min() < known[:, 0].max() < 5e4
    assert equal_figures.drawn_networks("tiny").shape == (0, 2)


def test_the_excess_is_told_by_seed_with_how_many_networks_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = np.column_stack([np.geomspace(1000, 9000, 20), np.full(20, 0.5)])
    monkeypatch.setattr(equal_figures, "drawn_networks", lambda name: flat)
    seeds = [[network(0.4, 0.4, 2000), network(0.5, 0.5, 500)], [network(0.2, 0.2, 3000), network(0.5, 0.5, 4000)]]
    runs = [[{"method": "CARS", "core_seconds": 1.0, "networks": networks}] for networks in seeds]
    found = equal_figures.figures({"demo": [{"seed": k, "runs": run} for k, run in enumerate(runs)]})
    assert [found[f"{name}_demo_CARS"] for name in ("excess_n", "sized")] == [2, 3]
    assert [found[f"{name}excess_demo_CARS"] for name in ("", "least_", "most_")] == pytest.approx(
        [-0.125, -0.15, -0.1]
    )
    records = [{"seed": k, "runs": run} for k, run in enumerate(runs)]
    (_, _, row, by_seed) = equal_cost.lines({"demo": records[::-1]})
    assert "-12.5 (3 of 4)" in row
    volumes = equal_figures.volumes(equal_figures.runs_of(records))["CARS"]
    assert volumes[0] != volumes[1]
    assert by_seed.split(": ")[1] == f"{volumes[0]:.2f}, {volumes[1]:.2f}"


def test_figures_are_medians_over_seeds_at_the_sizes_of_all_but_a_trial() -> None:
    one, other = ([network(k / 10, k / 10, (6 - k) * 1000) for k in wrong] for wrong in ((5, 3, 1), (4, 2)))
    trial = {"method": EFFECTS, "core_seconds": 9.0, "networks": [network(0.1, 0.1, 10**6)]}
    runs = (
        [{"method": "CARS", "core_seconds": 1.0, "networks": one}, trial],
        [{"method": "CARS", "core_seconds": 3.0, "networks": other}],
    )
    found = equal_figures.figures({"demo": [{"seed": k, "runs": of} for k, of in enumerate(runs)]})
    assert found["core_seconds_demo_CARS"] == 2
    # sizes 1000, 2000 ... 5000: at 1400 one seed has no network, at 3000 they have 0.3 and 0.4, at 4600 0.3 and 0.2
    assert [found[f"error_demo_CARS_{size}"] for size in ("small", "middle", "large")] == pytest.approx(
        [0.5, 0.35, 0.25]
    )
    assert f"hv_demo_{EFFECTS}" not in found
    alike = [[{"method": "CARS", "core_seconds": 1.0, "networks": [network(e, e, 1000)]}] for e in (0.2, 0.3, 0.6)]
    found = equal_figures.figures({"demo": [{"seed": k, "runs": of} for k, of in enumerate(alike)]})
    assert found["hv_demo_CARS"] == pytest.approx(1.1 * (1.1 - 0.25))  # a quarter of the way from the best to the worst


def test_methods_are_compared_over_the_seeds_that_both_have() -> None:
    values = {"CARS": {0: 1.0, 1: 0.5, 2: 0.9}, "random, alone": {0: 0.8, 2: 0.95, 7: 2.0}, "NSGA-III": {7: 1.0}}
    found = equal_figures.against(values)
    assert list(found) == ["random, alone"]
    assert (found["random, alone"]["n"], found["random, alone"]["share"]) == (2, 0.5)


@pytest.mark.end_to_end
def test_too_few_pairs_are_told_but_not_tested() -> None:
    front = {"CARS": 1000, "NSGA-III": 2000, "random, alone": 3000}  # of networks alike but for their size
    seeds = [
        [
            {"method": method, "core_seconds": 1.0, "networks": [network(0.2, 0.2, size + seed)]}
            for method, size in front.items()
        ]
        for seed in range(6)
    ]
    records = [{"seed": k, "runs": runs} for k, runs in enumerate([*(runs[:2] for runs in seeds[:1]), *seeds[1:]])]
    found = equal_figures.figures({"demo": records})
    assert found["p_demo_NSGA-III"] == pytest.approx(2 / 2**6)  # alone: Holm counts one
    assert (found["better_demo_random, alone"], found["n_demo_random, alone"]) == (1, 5)
    assert "p_demo_random, alone" not in found
    twice = equal_figures.figures({"demo": records, "fashion": records})
    assert twice["p_demo_NSGA-III"] == pytest.approx(2 * 2 / 2**6)
    assert [twice[f"lead_n_{method}"] for method in ("NSGA-III", "random, alone")] == [12, 10]


def test_the_lead_over_all_sets_is_that_of_pairs_with_its_interval() -> None:
    leads = [0.1, 0.2, 0.3, 0.4], [-0.1, 0.3]  # of two sets
    sets = [
        {"CARS": dict(enumerate(ahead)), "random, alone": dict.fromkeys([*range(len(ahead)), 9], 0.0)}
        for ahead in leads
    ]
    found = equal_figures.leads(sets)
    mean, spread = 0.2, math.sqrt((0.01 + 0.01 + 0.04 + 0.09 + 0.01) / 5)
    half = 2.5706 * spread / math.sqrt(6)  # Student's t of 5 degrees of freedom
    assert [found[f"lead{what}_random, alone"] for what in ("", "_low", "_high", "_n")] == pytest.approx(
        [mean, mean - half, mean + half, 6], rel=1e-3
    )
    alone = found["lead_p_random, alone"]
    worse = {"CARS": sets[0]["CARS"], "NSGA-III": dict.fromkeys(range(4), -9.0)}
    several = equal_figures.leads([sets[0], sets[1], worse, {**worse, "CARS": sets[1]["CARS"]}])
    assert several["lead_p_NSGA-III"] == pytest.approx(2 * 2 / 2**6)  # the smallest of two, by Holm
    assert several["lead_p_random, alone"] == pytest.approx(alone)
    assert equal_figures.leads(sets[:1]) == {}
