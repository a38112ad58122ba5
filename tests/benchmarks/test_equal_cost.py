"""The comparison at equal total compute: it runs to its end and goes on, and its arithmetic is that done by hand."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.paper import equal_compute, equal_cost
from benchmarks.paper.common import RESULTS
from benchmarks.paper.equal_compute import ALONE, EFFECTS, EVOLUTION, OWN, SEARCHES, Bench, Preset
from benchmarks.truth.records import Records
from benchmarks.truth.sets import RECIPE, SETS, Task, TruthSet
from carsmoo.config.supernet import SupernetTraining

PLAN = SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4, bn_calibration_images=32, score_images=20)
TINY = Preset(
    training=PLAN,
    own=dataclasses.replace(PLAN, weights="own"),
    effects=dataclasses.replace(PLAN, main_effects=16),
    published=("CARS-A",),
    taken=2,
    population=2,
    tournament=1,
)
SET = TruthSet(
    name="tiny", images="digits?images=300", recipe=dataclasses.replace(RECIPE, channels=2, epochs=1, flip=False)
)


def network(test: float, held_out: float, params: int) -> dict[str, Any]:
    return {"test": test, "held_out": held_out, "params": params, "core_seconds": 1.0}


@pytest.mark.end_to_end
def test_every_method_of_a_seed_is_run_once_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in (equal_cost, equal_compute):
        monkeypatch.setattr(module, "SETS", {"tiny": SET})
    asked = ["--data", "tiny", "--seeds", "2", "--out", str(tmp_path)]
    equal_cost.main([*asked, "--groups"], TINY)
    assert set(equal_cost.runs_of(equal_cost.stored("tiny", tmp_path))) == set(SEARCHES)
    equal_cost.main(asked, TINY)
    records = equal_cost.stored("tiny", tmp_path)
    assert len(records) == 2 * 6
    runs = equal_cost.runs_of(records)
    assert set(runs) == {*SEARCHES, OWN, EFFECTS, ALONE, EVOLUTION, "CARS-A"}
    assert all(sorted(by_seed) == [0, 1] for by_seed in runs.values())
    for seed in (0, 1):
        cars = runs["CARS"][seed]
        assert cars["core_seconds"] == pytest.approx(
            cars["search"] + sum(n["core_seconds"] for n in cars["networks"]), abs=0.2
        )
    capsys.readouterr()
    equal_cost.main([*asked, "--redraw"], TINY)
    *table, result = capsys.readouterr().out.splitlines()
    found = json.loads(result.removeprefix("RESULT "))["figures"]
    assert {f"p_tiny_{method}" for method in equal_cost.METHODS if method != "CARS"} <= found.keys()
    assert all(math.isfinite(value) for value in found.values())
    assert len(table) == 2 + len(runs)
    assert (tmp_path / "equal_cost.png").stat().st_size > 10_000
    assert len(equal_cost.stored("tiny", tmp_path)) == 12


def test_searches_of_a_seed_begin_with_the_weights_of_one_warm_up() -> None:
    bench = Bench.of(TINY, "demo", 0)
    arguments = bench.arguments(PLAN) | {"data": "digits?images=300&pad=0"}
    begun = equal_compute.CARSProblem(**arguments)
    X = np.random.default_rng(0).integers(begun.xl, begun.xu + 1, size=(4, begun.n_var))
    first = begun.evaluate(X)
    warm = equal_compute.Warm(begun.state_dict(), **arguments)
    assert np.array_equal(warm.evaluate(X), first)
    warm.advance(X)
    assert not np.array_equal(warm.evaluate(X), first)
    warm.restart()
    assert np.array_equal(warm.evaluate(X), first)


def test_what_is_stored_goes_on_with_the_settings_of_today(tmp_path: Path) -> None:
    stored_files = sorted(RESULTS.glob("equal_cost.*.jsonl"))
    assert stored_files
    for path in stored_files:
        name = path.name.split(".")[1]
        settings = {**dataclasses.asdict(Preset()), "truth": SETS[name].settings()}
        stored = tmp_path / path.name
        stored.write_bytes(path.read_bytes())
        done = Records(stored, settings, equal_cost.as_today).done()
        assert Task(name="supernet", seed=0) in done
        other = {**settings, "taken": 5}
        with pytest.raises(ValueError, match="other settings: taken: expected 4, got 5"):
            Records(stored, other, equal_cost.as_today)


def test_a_front_is_chosen_on_images_held_out_and_told_on_test() -> None:
    run = {"networks": [network(0.5, 0.10, 1000), network(0.4, 0.12, 2000), network(0.3, 0.08, 3000)]}
    assert equal_cost.front_of(run).tolist() == [[0.5, 1.0], [0.3, 3.0]]  # the second is dominated where it was chosen
    assert [equal_cost.error_at(run, size) for size in (1500, 2500, 9000)] == [0.5, 0.5, 0.3]
    assert math.isnan(equal_cost.error_at(run, 500))


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
    found = equal_cost.excess(runs, random)
    assert list(found) == ["CARS"]  # a network smaller than all random ones has nothing beside it
    assert found["CARS"][0] == pytest.approx([0.25 - 0.31, 0.2 - 0.24])
    assert found["CARS"][3] == pytest.approx([0.16 - 0.16], abs=1e-9)
    assert equal_cost.excess(runs, random[:19]) == {}
    wrong = {"networks": [network(0.9, 0, 2000)] * 1000}  # of random search, which is held against other runs alone
    alone = equal_cost.excess({equal_cost.ALONE: {0: wrong}}, random)
    assert alone[equal_cost.ALONE][0] == pytest.approx([0.9 - 0.31] * 1000)
    others = equal_cost.excess({"CARS": runs["CARS"], equal_cost.ALONE: {5: wrong}}, random)
    assert others["CARS"][0][0] == pytest.approx(0.25 - 0.9, abs=0.01)


def test_random_networks_are_those_that_the_truth_set_drew() -> None:
    known = equal_cost.drawn_networks("cifar16")
    assert len(known) == 24
    assert 0.4 < known[:, 1].min() < known[:, 1].max() < 0.6
    assert 1e4 < known[:, 0].min() < known[:, 0].max() < 5e4
    assert equal_cost.drawn_networks("tiny").shape == (0, 2)


def test_the_excess_is_told_by_seed_with_how_many_networks_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    flat = np.column_stack([np.geomspace(1000, 9000, 20), np.full(20, 0.5)])
    monkeypatch.setattr(equal_cost, "drawn_networks", lambda name: flat)
    seeds = [[network(0.4, 0.4, 2000), network(0.5, 0.5, 500)], [network(0.2, 0.2, 3000), network(0.5, 0.5, 4000)]]
    runs = [[{"method": "CARS", "core_seconds": 1.0, "networks": networks}] for networks in seeds]
    found = equal_cost.figures({"demo": [{"seed": k, "runs": run} for k, run in enumerate(runs)]})
    assert [found[f"{name}_demo_CARS"] for name in ("excess_n", "sized")] == [2, 3]
    assert [found[f"{name}excess_demo_CARS"] for name in ("", "least_", "most_")] == pytest.approx(
        [-0.125, -0.15, -0.1]
    )
    (_, _, row) = equal_cost.lines({"demo": [{"seed": k, "runs": run} for k, run in enumerate(runs)]})
    assert "-12.5 (3 of 4)" in row


def test_methods_are_compared_over_the_seeds_that_both_have() -> None:
    values = {"CARS": {0: 1.0, 1: 0.5, 2: 0.9}, "random, alone": {0: 0.8, 2: 0.95, 7: 2.0}, "NSGA-III": {7: 1.0}}
    found = equal_cost.against(values)
    assert list(found) == ["random, alone"]
    assert (found["random, alone"]["n"], found["random, alone"]["share"]) == (2, 0.5)
    records = [{"seed": 3, "runs": [{"method": "CARS", "core_seconds": 12.5}]}]
    assert equal_cost.budget_of(records, 3) == 12.5
    assert equal_cost.budget_of(records, 4) is None


def test_training_alone_ends_where_another_training_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench.of(TINY, "demo", 0)
    monkeypatch.setattr(Bench, "train", lambda self, genotype: network(0.2, 0.2, 1000) | {"core_seconds": 10.0})
    for budget, count in ((5.0, 1), (29.0, 2), (30.0, 3)):
        for group in (bench.alone, bench.evolved):
            (run,) = group(budget)
            assert (len(run["networks"]), run["core_seconds"]) == (count, 10.0 * count)
