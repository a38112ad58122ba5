"""Truth sets: work is shared and resumed without loss or doubling; what is said of them agrees with a count by hand."""

import dataclasses
import json
import math
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.truth import lookup, show, summary, train_alone
from benchmarks.truth.records import RESULTS, Record, Records, read, work
from benchmarks.truth.sets import DRAWN, RANDOM, REPEATED, SETS, STRETCHED, Task, TruthSet, architectures, tasks
from benchmarks.truth.training import train_alone as train
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import load
from carsmoo.zoo import GENOTYPES

PLAN = [Task(name="a"), Task(name="b"), Task(name="a", seed=1), Task(name="b", budget=2.0)]
TINY = TruthSet(
    name="tiny", images="digits?images=300", recipe=TrainingRecipe(channels=2, layers=3, epochs=2, batch=32)
)


def record(task: Task, **figures: Any) -> Record:
    made = {"test": 0.5, "held_out": 0.5, "core_seconds": 1.0, **figures}
    return {"name": task.name, "seed": task.seed, "budget": task.budget, **made}


# ---------------------------------------------------------------------- results


def test_a_stopped_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path, made = tmp_path / "x.jsonl", []

    def make(task: Task) -> Record:
        made.append(task)
        if len(made) == 3:
            raise KeyboardInterrupt
        return record(task)

    with pytest.raises(KeyboardInterrupt):
        work(Records(path, {"a": 1}), PLAN, make)
    assert Records(path, {"a": 1}).done() == set(PLAN[:2])
    assert work(Records(path, {"a": 1}), PLAN, make) == 2
    assert made == [*PLAN[:3], *PLAN[2:]]
    assert work(Records(path, {"a": 1}), PLAN, make) == 0


def test_what_another_process_has_claimed_or_done_is_left_to_it(tmp_path: Path) -> None:
    one, other = (Records(tmp_path / "x.jsonl", {}) for _ in range(2))
    with one.claimed(PLAN[0]) as ours:
        assert ours
        with other.claimed(PLAN[0]) as theirs:
            assert not theirs
        assert work(other, PLAN, record) == 3
        one.add(record(PLAN[0]))
    with other.claimed(PLAN[0]) as ours:
        assert not ours
    assert len(read(one.path)[1]) == len(PLAN)


def test_a_claim_ends_with_its_context_even_if_the_training_fails(tmp_path: Path) -> None:
    records = Records(tmp_path / "x.jsonl", {})
    with pytest.raises(OSError, match="no space"), records.claimed(PLAN[0]):
        raise OSError("no space")
    with Records(records.path, {}).claimed(PLAN[0]) as ours:
        assert ours


def test_a_line_that_a_killed_process_began_is_cut_off(tmp_path: Path) -> None:
    records = Records(tmp_path / "x.jsonl", {})
    records.add(record(PLAN[0]))
    with records.path.open("a") as file:
        file.write('{"name": "b", "se')
    assert records.done() == {PLAN[0]}
    records.add(record(PLAN[1]))
    assert records.done() == set(PLAN[:2])


def test_a_file_of_other_settings_is_refused(tmp_path: Path) -> None:
    Records(tmp_path / "x.jsonl", {"recipe": {"epochs": 4}})
    with pytest.raises(ValueError, match=r"epochs.*expected 4, got 5"):
        Records(tmp_path / "x.jsonl", {"recipe": {"epochs": 5}})


# ---------------------------------------------------------------------- what is trained


def test_the_plan_trains_drawn_and_random_ones_in_turn_all_by_two_seeds_and_nothing_twice() -> None:
    found = architectures()
    assert len({str(a.genotype) for a in found}) == len(found)
    planned = tasks(found, SETS["fashion"])
    assert len(set(planned)) == len(planned)
    group = {a.name: a.group for a in found}
    first = planned[: DRAWN + RANDOM]
    assert [group[t.name] for t in first] == ["drawn", "random"] * RANDOM
    assert all((t.seed, t.budget) == (0, 1.0) for t in first)
    again = planned[DRAWN + RANDOM :][: 2 * REPEATED]
    assert [t.name for t in again] == [t.name for t in first[: 2 * REPEATED]]
    assert all((t.seed, t.budget) == (1, 1.0) for t in again)
    assert {t.name for t in planned if t.budget != 1.0} == {t.name for t in first[: 2 * STRETCHED]}
    for seed in (0, 1):
        assert {t.name for t in planned if t.seed == seed and t.budget == 1.0} == {a.name for a in found}
    lengths = {name: {t.budget for t in tasks(found, made)} for name, made in SETS.items()}
    assert lengths == {"fashion": {1 / 3, 1, 2}, "cifar16": {1 / 3, 1, 2}, "demo": {1 / 2, 1, 2}}


def test_random_architectures_have_no_absent_edge_and_drawn_ones_some() -> None:
    counts = {group: [lookup.absent(a.genotype) for a in architectures() if a.group == group] for group in
              ("published", "random", "drawn")}  # fmt: skip
    assert set(counts["random"]) == set(counts["published"]) == {0}
    assert 1 < sum(counts["drawn"]) / len(counts["drawn"]) < 3


def test_the_stored_architectures_are_those_that_are_trained() -> None:
    stored = {row["name"]: (row["group"], row["genotype"]) for row in lookup.read_architectures()}
    assert stored == {a.name: (a.group, a.genotype) for a in architectures()}


def test_the_stored_surrogate_errors_are_the_surrogates() -> None:
    if not (Path(os.environ.get("CARSMOO_DATA", "nowhere")) / "nb301/model_v2.onnx").is_file():
        pytest.skip("needs nb301/model_v2.onnx in CARSMOO_DATA")
    pytest.importorskip("onnxruntime")
    stored = lookup.read_architectures()
    assert [row["surrogate"] is None for row in stored] == [lookup.absent(row["genotype"]) > 0 for row in stored]
    assert lookup.surrogate_errors([row["genotype"] for row in stored]) == pytest.approx(
        [row["surrogate"] for row in stored], abs=2e-3
    )


def test_a_training_is_its_seeds_and_as_long_as_its_budget() -> None:
    data = load(TINY.data)
    genotype = GENOTYPES["CARS-A"]
    one, again, other = (train(genotype, TINY, data, seed, 1.0) for seed in (0, 0, 1))
    assert {k: v for k, v in one.items() if k != "core_seconds"} == {
        k: v for k, v in again.items() if k != "core_seconds"
    }
    assert one["loss"] != other["loss"]
    assert (one["epochs"], train(genotype, TINY, data, 0, 0.5)["epochs"]) == (2, 1)
    assert one["steps"] == 2 * -(-round(0.9 * len(data.trained_on)) // 32)
    with pytest.raises(ValueError, match=r"budget: expected whole epochs, got 0.25 of 2"):
        train(genotype, TINY, data, 0, 0.25)


def test_a_set_is_made_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = dataclasses.replace(TINY, recipe=dataclasses.replace(TINY.recipe, epochs=1))
    plan = [Task(name="CARS-A"), Task(name="CARS-B"), Task(name="random-00"), Task(name="drawn-00")]
    assert train_alone.share(tiny, plan, tmp_path) == 4
    assert train_alone.share(tiny, plan, tmp_path) == 0
    shutil.copy(RESULTS / lookup.FILE, tmp_path)
    monkeypatch.setitem(SETS, "tiny", tiny)
    capsys.readouterr()
    show.main(["--out", str(tmp_path)])
    result = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    assert result["name"] == "truth"
    assert result["figures"]["n_tiny"] == 4
    assert result["figures"]["n_random_tiny"] == 2
    assert result["figures"]["n_with_absent_tiny"] == 1


# ---------------------------------------------------------------------- what is said of it


def test_tau_leaves_out_what_is_not_known() -> None:
    assert summary.tau([1, 2, 3, 4], [1, float("nan"), 3, 4]) == 1.0
    assert summary.tau([1, 2, 3], [1, float("nan"), float("nan")]) is None


def test_thirds_are_by_size_and_equal_in_number() -> None:
    size = [9, 1, 5, 2, 8, 4]  # thirds: {1, 2}, {5, 4}, {9, 8}
    error = [0.1, 0.5, 0.3, 0.4, 0.2, 0.6]
    other = [2.0, 2.0, 1.0, 1.0, 1.0, 3.0]
    assert summary.within_thirds(error, other, size) == pytest.approx([1.0, 1.0, -1.0])


def test_seeds_agree_as_counted_by_hand() -> None:
    test = {"a": {0: 0.1, 1: 0.2}, "b": {0: 0.3, 1: 0.3}, "c": {0: 0.5, 1: 0.4}, "d": {0: 0.9}}
    found = summary.seeds(test, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
    assert found["n_seeds"] == 3
    assert found["tau_seeds"] == pytest.approx(1.0)
    assert found["sd"] == pytest.approx(0.15)  # of 0.15, 0.3, 0.45
    assert found["sd_seed"] == pytest.approx((0.02 / 6) ** 0.5)  # differences 0.1, 0, 0.1
    apart = summary.seeds({"a": {0: 1, 1: 2}, "b": {0: 2, 1: 1}, "c": {0: 3, 1: 3}}, {"a": 1.0, "b": 2.0, "c": 3.0})
    assert apart["tau_seeds"] == pytest.approx(1 / 3)  # a correlation of 1/2, of the means with the truth of √(2/3)
    assert apart["tau_without_noise"] == pytest.approx(2 / math.pi * math.asin((2 / 3) ** 0.5))


def test_lengths_are_compared_on_the_architectures_that_have_all_of_them() -> None:
    errors = {0.5: {"a": 0.5, "b": 0.6, "c": 0.7, "d": 0.1}, 1.0: {"a": 0.4, "b": 0.5, "c": 0.3}}
    records = [record(Task(name=n, budget=b), test=e) for b, by_name in errors.items() for n, e in by_name.items()]
    records.append(record(Task(name="a", seed=1, budget=0.5), test=0.99))
    records += [record(Task(name=n, seed=1), test=e) for n, e in (("a", 0.5), ("b", 0.3), ("c", 0.4), ("d", 0.9))]
    half, whole = summary.budgets(records, {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
    assert (half["n"], half["error"]) == (3, pytest.approx(0.6))
    assert half["tau_params"] == pytest.approx(-1.0)
    assert whole["tau_params"] == pytest.approx(1 / 3)
    assert half["tau_next"] == pytest.approx(-1 / 3)
    assert whole["tau_next"] is None
    assert half["tau_seeds"] is None  # of one of them alone
    assert whole["tau_seeds"] == pytest.approx(-1 / 3)
