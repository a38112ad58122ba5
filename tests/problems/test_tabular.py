import json
import os
from pathlib import Path

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.problems.tabular import CurveTable, NASBenchMacro, data_file, deep_resnets, metaqnn, naap440

DATA = Path(os.environ.get("CARSMOO_DATA", "nowhere"))
needs_macro = pytest.mark.skipif(
    not (DATA / "nas-bench-macro").is_dir(), reason="needs nas-bench-macro in CARSMOO_DATA"
)
needs_curves = pytest.mark.skipif(
    not ((DATA / "naap-440").is_dir() and (DATA / "accelerating-nas").is_dir()),
    reason="needs naap-440 and accelerating-nas in CARSMOO_DATA",
)


def table(**fields: object) -> CurveTable:
    rng = np.random.default_rng(0)
    accuracy = np.cumsum(rng.random((200, 6)), axis=1) / 6
    return CurveTable(rng.random(200), accuracy, **fields)  # type: ignore[arg-type]


def test_the_error_is_that_of_the_epoch_that_the_generation_has_reached() -> None:
    problem = table(epochs=2, first=1)
    X = np.array([[3], [0], [199]])
    for epoch in (1, 3, 5, 6, 6):
        assert problem.epoch == epoch
        F = problem.evaluate(X)
        assert F[:, 0].tolist() == problem.error[[3, 0, 199], epoch - 1].tolist()
        assert F[:, 1].tolist() == problem.cost[[3, 0, 199]].tolist()
        problem.advance(X)
    assert problem.final_values(X)[:, 0].tolist() == problem.error[[3, 0, 199], -1].tolist()


def test_offspring_are_rows_that_the_run_has_not_seen() -> None:
    problem = table()
    assert problem.default_pop_size == 10
    algorithm = PNSGA3().setup(problem, termination=("n_gen", 30))
    drawn = []
    while algorithm.has_next():
        infills = algorithm.ask()
        known = set() if not len(algorithm.pop) else set(algorithm.pop.get("X")[:, 0].tolist())
        drawn += [int(x) for x in infills.get("X")[:, 0] if x not in known]
        algorithm.evaluator.eval(problem, infills)
        algorithm.tell(infills=infills)
    assert len(drawn) == len(set(drawn)) == 200
    again = minimize(problem, PNSGA3(), ("n_gen", 6))
    assert np.array_equal(again.pop.get("X"), minimize(problem, PNSGA3(), ("n_gen", 6)).pop.get("X"))


@pytest.mark.parametrize(
    ("fields", "generations"),
    [
        ({}, 5),  # epochs 1 to 6
        ({"epochs": 2}, 2),
        ({"epochs": 2, "first": 2}, 2),
        ({"first": 6}, 1),
        ({"population": 10, "epochs": 1, "first": 3}, 3),
    ],
)
def test_a_run_ends_with_the_epochs(fields: dict, generations: int) -> None:
    assert table(**fields).generations == generations
    rng = np.random.default_rng(0)
    assert CurveTable(rng.random(60), rng.random((60, 90)), population=3).generations == 19  # and with the rows


def test_its_front_is_the_true_one() -> None:
    problem = table()
    front = problem.pareto_front()
    F = problem.final_values(np.arange(200)[:, None])
    dominated = [any((g <= f).all() and (g < f).any() for g in F) for f in F]
    assert sorted(map(tuple, front)) == sorted(map(tuple, F[~np.array(dominated)]))


def test_a_csv_is_read_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "curves.csv"
    path.write_text("size,a1,a2,a4\n" + "".join(f"{k + 1}000000,{k},{k + 1},9\n" for k in range(40)))
    problem = CurveTable.read(path, cost="size", accuracy="a{}", percent=True)
    assert problem.cost[:2].tolist() == [1.0, 2.0]
    assert problem.error.shape == (40, 2)
    assert problem.error[3, 1] == pytest.approx(0.96)
    with pytest.raises(ValueError, match=r"curves\.csv: expected columns params and a1"):
        CurveTable.read(path, cost="params", accuracy="a{}")
    path.write_text("size,a1\n1,many\n")
    with pytest.raises(ValueError, match=r"curves\.csv: expected numbers"):
        CurveTable.read(path, cost="size", accuracy="a{}")


def test_wrong_tables_and_rows_are_refused() -> None:
    with pytest.raises(ValueError, match=r"accuracy: expected \(3, epochs\)"):
        CurveTable(np.ones(3), np.ones((2, 4)))
    with pytest.raises(ValueError, match="table: expected numbers, got NaN"):
        CurveTable(np.ones(2), np.full((2, 4), np.nan))
    with pytest.raises(ValueError, match=r"population: expected 1\.\.10, 5 % of 200 rows, got 11"):
        table(population=11)
    with pytest.raises(ValueError, match="first: expected at most 6, got 9"):
        table(first=9)
    for wrong in (-1, 200, 0.5):
        with pytest.raises(ValueError, match=r"X: expected row numbers 0\.\.199"):
            table().evaluate(np.array([[wrong]]))


@needs_curves
def test_the_published_tables_are_whole() -> None:
    for make, rows, epochs in ((naap440, 440, 90), (metaqnn, 1000, 20), (deep_resnets, 486, 49)):
        problem = make()
        assert problem.error.shape == (rows, epochs)
        assert ((problem.error >= 0) & (problem.error <= 1)).all()
        assert problem.default_pop_size == rows // 20
        assert len(problem.pareto_front()) > 3


@needs_macro
def test_nas_bench_macro_has_its_true_front() -> None:
    problem = NASBenchMacro()
    entries = json.loads((DATA / "nas-bench-macro" / "nas-bench-macro_cifar10.json").read_text())
    X = np.array([[0, 2, 0, 1, 2, 1, 0, 0]])
    entry = entries["02012100"]
    assert problem.evaluate(X)[0].tolist() == [1 - entry["mean_acc"] / 100, entry["params"] / 1e6]
    front = problem.pareto_front()
    best = max(entry["mean_acc"] for entry in entries.values())
    assert front[:, 0].min() == 1 - best / 100
    assert front[:, 1].min() == min(entry["params"] for entry in entries.values()) / 1e6
    assert NASBenchMacro(("params", "flops")).evaluate(X).shape == (1, 3)
    mating = problem.default_operators()["mating"]
    assert (mating.mix, mating.crossover.genes, mating.crossover.prob_node) == ((0.25, 0.25), 1, 0.5)
    assert (mating.mutation.genes, mating.mutation.prob_node) == (1, 1 / 8)
    result = minimize(problem, PNSGA3(), ("n_gen", 15), seed=1)
    assert result.pop.get("X").dtype == np.int64
    assert result.F[:, 0].min() < 1 - best / 100 + 0.005


def test_missing_or_damaged_files_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARSMOO_DATA", str(tmp_path))
    for make in (naap440, metaqnn, deep_resnets, NASBenchMacro):
        with pytest.raises(
            FileNotFoundError, match=r"got no such file; get it from github\.com.* and set CARSMOO_DATA"
        ):
            make()
    monkeypatch.delenv("CARSMOO_DATA")
    with pytest.raises(FileNotFoundError, match="got no CARSMOO_DATA"):
        data_file("x.csv", "somewhere")
    (tmp_path / "t.json").write_text('{"00000000": {"mean_acc": 90}}')
    with pytest.raises(ValueError, match=r"t\.json: expected all 6561 networks"):
        NASBenchMacro(path=tmp_path / "t.json")
    with pytest.raises(ValueError, match="cost: expected params, flops or both, got 'time'"):
        NASBenchMacro("time")  # type: ignore[arg-type]
