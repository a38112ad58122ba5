"""Fidelity: what is measured are scores of a search, and the figures agree with a count by hand."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks import bench_fidelity
from benchmarks.bench_fidelity import figures
from benchmarks.truth import fidelity
from benchmarks.truth.compute import crossing, gain
from benchmarks.truth.derived import with_size
from benchmarks.truth.fidelity import FILE, Task, key, measure
from benchmarks.truth.levers import LEVERS, TOLD
from benchmarks.truth.records import RESULTS, append_line
from benchmarks.truth.sets import SETS, TruthSet, architectures
from benchmarks.truth.summary import load_truth, tau, tau_at_like_sizes, tau_of
from carsmoo.config.retraining import TrainingRecipe

TINY = TruthSet(
    name="tiny", images="digits?images=300", recipe=TrainingRecipe(channels=2, layers=3, epochs=2, batch=32)
)


@pytest.mark.parametrize(
    "lever",
    [
        *("default", "adapted", "untrained"),
        *(pytest.param(k, marks=pytest.mark.end_to_end) for k in ("own", "ensemble", "widening", "effects")),
        *(pytest.param(k, marks=pytest.mark.end_to_end) for k in ("strict_effects", "refitted", "refitted_effects")),
    ],
)
def test_a_measurement_tells_the_scores_of_the_random_architectures(
    lever: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [one for one in architectures() if one.group != "published"][:3]
    monkeypatch.setattr(fidelity, "architectures", lambda: few)
    monkeypatch.setitem(SETS, "tiny", TINY)
    if LEVERS[lever].fitted:
        made = LEVERS[lever]
        monkeypatch.setitem(LEVERS, lever, dataclasses.replace(made, plan={**made.plan, "main_effects": 32}))
    one, again = (measure(Task(data="tiny", lever=lever, epochs=1)) for _ in range(2))
    assert key(one) == Task(data="tiny", lever=lever, epochs=1)
    for what in ("error", "loss"):
        assert list(one[what]) == [a.name for a in few]
        assert one[what] == again[what]
    assert all(0.3 < value <= 1 for halves in one["error"].values() for value in halves)
    assert all(value > 1 for halves in one["loss"].values() for value in halves)
    assert one["updates"] >= 0
    assert one["core_seconds"] > 0 or lever == "untrained"  # of few images fits take next to nothing
    assert one["n_members"] == LEVERS[lever].supernets


def test_the_gain_is_the_compute_of_the_best_tau_over_the_least_that_another_curve_needs_for_it() -> None:
    shared = [(10.0, 0.1), (40.0, 0.3), (160.0, 0.3)]
    assert gain(shared, [(5.0, 0.2), (8.0, 0.3), (16.0, 0.5)]) == 5.0  # 40 over 8
    assert gain(shared, [(5.0, 0.2), (8.0, 0.25)]) is None


def test_a_crossing_is_where_the_line_over_the_logarithm_of_compute_is() -> None:
    assert crossing([(10.0, 0.1), (100.0, 0.2), (1000.0, 0.3)], 0.5) == pytest.approx(1e5)
    assert crossing([(100.0, 0.2), (10.0, 0.1)], 0.05) == 10  # reached at the shortest
    assert crossing([(10.0, 0.1), (10.0, 0.2)], 0.5) is None
    assert crossing([(10.0, 0.3), (100.0, 0.2)], 0.4) is None
    assert crossing([(10.0, 0.1), (100.0, 0.101)], 0.4) is None
    assert crossing([(10.0, 0.1)], 0.4) is None


def record(
    lever: str, epochs: int, errors: dict[str, float], losses: dict[str, float], seconds: float
) -> dict[str, Any]:
    return {
        **{"data": "cifar16", "lever": lever, "epochs": epochs, "seed": 0, "core_seconds": seconds},
        "error": {name: [error - 0.01, error + 0.01] for name, error in errors.items()},
        "loss": {name: [loss + 0.1, loss - 0.1] for name, loss in losses.items()},
        "updates": 5.0,
    }


@pytest.mark.end_to_end
def test_figures_are_of_the_told_epochs_and_follow_the_scores(tmp_path: Path) -> None:
    for name in ("cifar16.jsonl", "architectures.jsonl"):
        shutil.copy(RESULTS / name, tmp_path / name)
    truth = load_truth("cifar16", tmp_path)
    right = dict(zip(truth.names, truth.test.tolist(), strict=True))
    wrong = {name: -error for name, error in right.items()}
    records = [
        record("ensemble", 8, wrong, right, 8.0) | {"members": 0.5, "n_members": 4},
        record("ensemble", 4, wrong, wrong, 4.0) | {"members": -0.1, "n_members": 2},
        record("default", 9, right, right, 9.0),
        record("default", 4, wrong, wrong, 5.0),
        record("default", 2, wrong, right, 3.0),
        record("own", 18, wrong, wrong, 30.0),
    ]
    found = figures(records, {"cifar16": truth}, tmp_path)
    assert (found["tau_cifar16"], found["core_seconds_tau_cifar16"]) == (pytest.approx(-1.0), 30.0)
    assert (found["tau_ensemble_cifar16"], found["core_seconds_tau_ensemble_cifar16"]) == (pytest.approx(1.0), 8.0)
    assert (found["tau_shared_cifar16"], found["core_seconds_tau_shared_cifar16"]) == (pytest.approx(1.0), 9.0)
    assert [found["tau_shared_error_cifar16"], found["tau_loss_cifar16"]] == pytest.approx([1.0, -1.0])
    assert found["tau_thirds_ensemble_cifar16"] == pytest.approx(1.0)
    assert [found["tau_thirds_shared_error_cifar16"], found["tau_thirds_loss_cifar16"]] == pytest.approx([1.0, -1.0])
    random = truth.at([group != "published" for group in truth.groups])
    assert found["tau_thirds_params_cifar16"] == pytest.approx(tau_at_like_sizes(random, -random.params))
    assert found["tau_thirds_seeds_cifar16"] < 1
    assert found["tau_sized_shared_cifar16"] == pytest.approx(tau_of(random, with_size(random.test, random.params)))
    for score in ("", "_error"):
        assert found[f"best_shared{score}_cifar16"] == pytest.approx(1.0)
        assert found[f"best_shared{score}_thirds_cifar16"] == pytest.approx(1.0)
    assert found["compute_to_tau_gain_cifar16"] == 3.0  # 9 over 3
    assert found["compute_to_tau_gain_ensemble_cifar16"] == 9 / 8
    assert found["trust_n"] == 6
    assert "trust_n_ensembles" not in found  # two do not make a correlation
    more = record("ensemble", 16, wrong, right, 16.0) | {"members": 0.9, "n_members": 8}
    told = figures([*records, more], {"cifar16": truth}, tmp_path)
    assert told["trust_n_ensembles"] == 3
    assert told["trust_correlation_ensembles"] == pytest.approx(0.87, abs=0.01)  # 1, 2, 3 against 1, 2.5, 2.5


def test_what_follows_from_measurements_is_told_beside_them(tmp_path: Path) -> None:
    for name in ("cifar16.jsonl", "architectures.jsonl"):
        shutil.copy(RESULTS / name, tmp_path / name)
    truth = load_truth("cifar16", tmp_path)
    right = dict(zip(truth.names, truth.test.tolist(), strict=True))
    random = {name: value for name, value in right.items() if name.startswith(("random", "drawn"))}
    wrong = {name: 1 - value for name, value in random.items()}
    measured = [record("own", 18, random, random, 30.0), record("effects", 9, wrong, wrong, 7.0)]
    found = figures(measured, {"cifar16": truth}, tmp_path)
    assert (found["core_seconds_tau_own_effects_cifar16"], found["core_seconds_tau_both_cifar16"]) == (30.0, 37.0)
    assert found["tau_own_effects_cifar16"] > 0.6  # of the truth itself, fitted
    assert abs(found["tau_both_cifar16"]) < 0.4  # with its contrary as much again
    assert found["tau_effects_cifar16"] == pytest.approx(-1.0)


def test_what_is_stored_is_printed_without_measuring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("cifar16.jsonl", "architectures.jsonl"):
        shutil.copy(RESULTS / name, tmp_path / name)
    truth = load_truth("cifar16", tmp_path)
    errors = dict(zip(truth.names, truth.test.tolist(), strict=True))
    append_line(tmp_path / FILE, record("own", TOLD["own"], errors, errors, 3.0))
    bench_fidelity.main(["--redraw", "--out", str(tmp_path)])
    said = capsys.readouterr().out.splitlines()
    assert said[1].split()[:5] == ["cifar16", "own", str(TOLD["own"]), "0", "3"]
    assert said[1].split()[7:9] == ["1.00", "1.00"]
    assert float(said[1].split()[9]) == pytest.approx(tau(-truth.params, [errors[n] for n in truth.names]), abs=0.006)
    assert said[1].split()[10] == "-"
    assert json.loads(said[-1].removeprefix("RESULT "))["figures"]["tau_cifar16"] == 1
    assert (tmp_path / "fidelity.png").stat().st_size > 1000


def test_every_lever_is_a_plan_that_trains_as_long_as_the_others() -> None:
    assert all({"warmup_epochs", "n_generations", "pop_size"}.isdisjoint(lever.plan) for lever in LEVERS.values())
