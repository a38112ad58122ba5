import os
import shutil
import signal
import subprocess
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from carsmoo import suite
from carsmoo.compare import Comparison, Run, WorkerDiedError, compare, holm, signed_rank, vargha_delaney
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.tables import to_csv, to_latex


def short_trap(seed: int) -> SmallModelTrap:
    return SmallModelTrap(generations=4, population=8, seed=seed)


ALGORITHMS = {name: partial(suite.algorithm, name) for name in ("growth", "nsga3", "random")}


def run(**changes: object) -> Run:
    fields = {
        "problem": "p",
        "algorithm": "a",
        "seed": 0,
        "evaluations": [2, 4],
        "populations": [[[0.5, 1.0]], [[0.5, 1.0], [0.0, 2.0]]],
        "reference": [[0.0, 2.0], [1.0, 0.0]],
        "seconds": 1.0,
    }
    return Run(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_comparison_is_the_same_in_any_order_and_resumes(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    problems = {"trap": short_trap}
    first = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", store=tmp_path, done=lambda *k: told.append(k))
    assert told == [(k, 9) for k in range(1, 10)]
    (tmp_path / "trap--growth--1.json").unlink()
    told.clear()
    resumed = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", store=tmp_path, done=lambda *k: told.append(k))
    assert told == [(9, 9)]
    parallel = compare(ALGORITHMS, problems, [0, 1, 2], baseline="nsga3", n_jobs=2)
    assert first.scores()[0] == resumed.scores()[0] == parallel.scores()[0]
    assert {score.algorithm for score in first.scores()} == set(ALGORITHMS)
    counts = {tuple(one.evaluations) for one in first.runs}
    assert counts == {(8, 32, 56, 80, 104)}  # the same for all: 8, then 8 pre-scores and 16 scores a generation


def test_scores_by_hand() -> None:
    better = run(algorithm="b", populations=[[[1.0, 0.0]], [[0.0, 2.0], [0.5, 0.5], [1.0, 0.0]]])
    comparison = Comparison([run(), better], "a")
    assert comparison.reference("p").tolist() == [[0.0, 2.0], [0.5, 0.5], [1.0, 0.0]]
    a, b = comparison.scores()
    # in units of the box [0, 1] x [0, 2]: a has (0.5, 0.5), (0, 1); b has (0, 1), (0.5, 0.25), (1, 0); reference 1.1
    assert a.hv[1] == pytest.approx(0.5 * 0.1 + 0.6 * 0.6)
    assert b.hv[1] == pytest.approx(0.5 * 0.1 + 0.5 * 0.85 + 0.1 * 1.1)
    assert b.igd[1] == 0
    assert a.igd[1] == pytest.approx((0 + 0.25 + 0.5) / 3)
    assert (b.size_low, b.size_high) == (pytest.approx(0.1), pytest.approx(1.7))
    assert np.isnan(a.p)
    assert (a.a12, b.a12) == (0.5, 1.0)
    grid, values = comparison.curves("p", "a", points=3)
    assert grid.tolist() == [2, 3, 4]
    assert values[0].tolist() == [pytest.approx(0.6 * 0.6)] * 2 + [pytest.approx(a.hv[1])]


def test_the_statistics_against_their_definitions() -> None:
    assert holm([0.01, 0.04, 0.03]) == [pytest.approx(0.03), pytest.approx(0.06), pytest.approx(0.06)]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 20).astype(float), rng.integers(2, 11, 15).astype(float)
    by_definition = np.mean([(x > y) + 0.5 * (x == y) for x in a for y in b])
    assert vargha_delaney(a, b) == pytest.approx(by_definition)
    assert vargha_delaney(a, b) == pytest.approx(mannwhitneyu(a, b).statistic / len(a) / len(b))
    assert signed_rank(a, a) == 1.0
    assert signed_rank(np.arange(20.0), np.arange(20.0) + 1) < 0.001


def test_the_tables(tmp_path: Path) -> None:
    comparison = Comparison([run(seed=k, algorithm=name) for name in ("a", "b_&_c") for k in range(3)], "a")
    text = to_csv(comparison.scores())
    assert len(text.splitlines()) == 3
    assert text.splitlines()[1].startswith("p,a,3,")
    latex = to_latex(comparison.scores())
    assert r"b\_\&\_c" in latex
    assert latex.count(r"\\") == 3
    if shutil.which("pdflatex"):
        document = r"\documentclass{article}\usepackage{booktabs}\begin{document}" + latex + r"\end{document}"
        (tmp_path / "t.tex").write_text(document)
        subprocess.run(["pdflatex", "-interaction=batchmode", "t.tex"], cwd=tmp_path, check=True, capture_output=True)
        assert (tmp_path / "t.pdf").exists()


def test_wrong_calls_are_refused(tmp_path: Path) -> None:
    problems = {"trap": short_trap}
    for algorithms, made, seeds in (({}, problems, [0]), (ALGORITHMS, {}, [0]), (ALGORITHMS, problems, [0, 0])):
        with pytest.raises(ValueError, match="compare: expected algorithms, problems and different seeds"):
            compare(algorithms, made, seeds, baseline="nsga3")
    with pytest.raises(ValueError, match="baseline: expected one of growth, nsga3, random, got 'size'"):
        compare(ALGORITHMS, problems, [0], baseline="size")
    (tmp_path / "trap--growth--0.json").write_text("{")
    with pytest.raises(ValueError, match=r"trap--growth--0\.json: expected a stored run"):
        compare(ALGORITHMS, problems, [0], baseline="nsga3", store=tmp_path)
    with pytest.raises(ValueError, match="baseline: expected one of some runs"):
        Comparison([], "a")


def test_a_worker_that_dies_is_told_and_the_runs_that_are_done_stay(tmp_path: Path) -> None:
    problems = {"trap": short_trap, "deadly": partial(deadly, os.getpid())}
    algorithms = {name: ALGORITHMS[name] for name in ("growth", "nsga3")}
    with pytest.raises(
        WorkerDiedError, match=r"expected 4 runs, got . when a worker process died; those that are done"
    ) as e:
        compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path, n_jobs=2)
    assert "\n" not in str(e.value)
    problems["deadly"] = short_trap
    assert len(compare(algorithms, problems, [0], baseline="nsga3", store=tmp_path).runs) == 4


def deadly(parent: int, seed: int) -> SmallModelTrap:
    """Return a problem, but kill a process that is not the parent."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return short_trap(seed)
