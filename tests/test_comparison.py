import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from carsmoo.comparison import Comparison, Run, holm, signed_rank, vargha_delaney
from carsmoo.tables import to_csv, to_latex


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


def test_a_comparison_needs_runs() -> None:
    with pytest.raises(ValueError, match="baseline: expected one of some runs"):
        Comparison([], "a")
