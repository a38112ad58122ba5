"""The comparison at equal total compute: it runs to its end and goes on."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.paper import equal_compute, equal_cost, equal_figures
from benchmarks.paper.equal_compute import ALONE, EFFECTS, EVOLUTION, OWN, SEARCHES, Bench, Preset
from benchmarks.paper.experiment import RESULTS
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
    assert set(equal_figures.runs_of(equal_cost.stored("tiny", tmp_path))) == set(SEARCHES)
    equal_cost.main(asked, TINY)
    records = equal_cost.stored("tiny", tmp_path)
    assert len(records) == 2 * 6
    runs = equal_figures.runs_of(records)
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
    assert {f"better_tiny_{method}" for method in equal_figures.METHODS if method != "CARS"} <= found.keys()
    assert all(math.isfinite(value) for value in found.values())
    assert len(table) == 2 + len(runs) + len(equal_figures.METHODS)
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
        settings = {**Preset().settings(), "truth": SETS[name].settings()}
        stored = tmp_path / path.name
        stored.write_bytes(path.read_bytes())
        done = Records(stored, settings, equal_cost.as_today).done()
        assert Task(name="supernet", seed=0) in done
        other = {**settings, "taken": 5}
        with pytest.raises(ValueError, match="other settings: taken: expected 4, got 5"):
            Records(stored, other, equal_cost.as_today)


def test_runs_of_a_trial_by_another_plan_are_refused() -> None:
    plan = json.loads(json.dumps(dataclasses.asdict(TINY.effects)))
    record = {"seed": 0, "runs": [{"method": EFFECTS, "plan": plan}, {"method": "CARS"}]}
    equal_cost.require_plans([record], TINY)
    other = dataclasses.replace(TINY, effects=dataclasses.replace(TINY.effects, warmup_epochs=2))
    with pytest.raises(ValueError, match=r"^CARS, main effects: .*warmup_epochs: expected 1, got 2$"):
        equal_cost.require_plans([record], other)


def test_training_alone_ends_where_another_training_would_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench.of(TINY, "demo", 0)
    monkeypatch.setattr(Bench, "train", lambda self, genotype: network(0.2, 0.2, 1000) | {"core_seconds": 10.0})
    for budget, count in ((5.0, 1), (29.0, 2), (30.0, 3)):
        for group in (bench.alone, bench.evolved):
            (run,) = group(budget)
            assert (len(run["networks"]), run["core_seconds"]) == (count, 10.0 * count)


def test_the_budget_is_what_cars_of_that_seed_took() -> None:
    records = [{"seed": 3, "runs": [{"method": "CARS", "core_seconds": 12.5}]}]
    assert equal_cost.budget_of(records, 3) == 12.5
    assert equal_cost.budget_of(records, 4) is None
