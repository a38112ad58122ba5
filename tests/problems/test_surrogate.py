import json
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from moocore import is_nondominated
from pymoo.optimize import minimize

from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.cost.closed_form import params
from carsmoo.problems.surrogate import NASBench301
from carsmoo.zoo import GENOTYPES

DATA = Path(os.environ.get("CARSMOO_DATA", "nowhere"))
pytestmark = pytest.mark.skipif(not (DATA / "nb301").is_dir(), reason="needs nb301 in CARSMOO_DATA")


def draw(n: int, seed: int = 0) -> np.ndarray:
    space = NASBench301().space
    return np.random.default_rng(seed).integers(space.xl, space.xu + 1, size=(n, 24))


def test_the_surrogates_inputs_follow_its_own_tables() -> None:
    codes = json.loads((DATA / "nb301" / "encoding_v2.json").read_text())
    prefix = "NetworkSelectorDatasetInfo_COLON_darts_COLON_"
    names = [f"edge_{cell}_{k}" for cell in ("normal", "reduce") for k in range(14)]
    names += [f"inputs_node_{cell}_{k}" for cell in ("normal", "reduce") for k in (3, 4, 5)]
    problem = NASBench301()
    X = draw(20)
    rows = problem.categories(X)
    assert rows.shape == (20, 34)
    for genotype, row in zip(problem.space.decode(X), rows, strict=True):
        value = {
            name: {code: text for text, code in codes[prefix + name].items()}[int(number)]
            for name, number in zip(names, row, strict=True)
        }
        for cell, edges in (("normal", genotype.normal), ("reduce", genotype.reduce)):
            present = {}
            for node in range(4):
                (a, low), (b, high) = edges[2 * node : 2 * node + 2]
                present |= {(0, 2, 5, 9)[node] + low: a, (0, 2, 5, 9)[node] + high: b}
                if node:
                    assert value[f"inputs_node_{cell}_{node + 2}"] == f"{low}_{high}"
            assert {k: value[f"edge_{cell}_{k}"] for k in range(14) if value[f"edge_{cell}_{k}"] != "#na#"} == present


def test_networks_learn_and_no_score_depends_on_the_others() -> None:
    problem, X = NASBench301(), draw(30)
    first = problem.evaluate(X)
    assert np.allclose(problem.evaluate(X[::-1])[::-1], first)
    assert np.allclose(problem.evaluate(X[3]), first[3])
    assert first[:, 1].tolist() == [params(g, problem.network) / 1e6 for g in problem.space.decode(X)]
    for _ in range(problem.generations):
        problem.advance(X)
    assert problem.epoch == 98
    last = problem.evaluate(X)
    assert (last[:, 0] < first[:, 0] - 0.2).all()
    assert ((last[:, 0] > 0.04) & (last[:, 0] < 0.15)).all()
    assert np.array_equal(problem.final_values(X), last)


def test_a_search_runs_and_gives_a_front() -> None:
    problem = NASBench301(generations=4, population=8)
    result = minimize(problem, PNSGA3())
    front = problem.front(result)
    assert (len(result.pop), problem.epoch, front.about["epoch"]) == (8, 98, 98)
    copy = pickle.loads(pickle.dumps(problem))
    X = draw(3)
    assert np.array_equal(copy.evaluate(X), problem.evaluate(X))


@pytest.mark.parametrize("cost", ["params", "flops"])
def test_the_best_known_front_beats_what_chance_finds_and_what_was_published(cost: str) -> None:
    problem = NASBench301(cost)
    front = problem.pareto_front()
    assert is_nondominated(front).all()
    known = problem.space.encode([GENOTYPES[name] for name in ("DARTS-V1", "DARTS-V2", "CARS-A", "CARS-I")])
    others = problem.final_values(np.vstack([draw(2000), known]))
    beaten = [((front <= other).all(axis=1)).any() for other in others]
    assert all(beaten)


def test_a_missing_onnxruntime_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=r"expected the package onnxruntime, .* 'carsmoo\[nb301\]'$"):
        NASBench301().evaluate(draw(2))


def test_wrong_arguments_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="cost: expected one of params, flops, got 'time'"):
        NASBench301("time")
    with pytest.raises(ValueError, match="generations: expected at least 1, got 0"):
        NASBench301(generations=0)
    with pytest.raises(FileNotFoundError, match="path: expected the surrogate's ONNX file"):
        NASBench301(path=tmp_path / "no.onnx")
    with pytest.raises(ValueError, match=r"X: expected \(n, 24\)"):
        NASBench301().evaluate(np.zeros((2, 20), dtype=int))
    monkeypatch.delenv("CARSMOO_DATA")
    with pytest.raises(FileNotFoundError, match=r"nb301/model_v2\.onnx: expected"):
        NASBench301()
