import dataclasses
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, wilcoxon

from carsmoo.compare.comparison import Comparison, Run
from carsmoo.compare.statistics import holm, signed_rank, vargha_delaney
from carsmoo.compare.tables import to_csv, to_latex


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


def area(F: np.ndarray) -> float:
    """Hypervolume of two objectives up to (1.1, 1.1), by a sweep along the first."""
    total, height = 0.0, 1.1
    for x, y in sorted(map(tuple, F[(F < 1.1).all(axis=1)])):
        total += (1.1 - x) * max(height - y, 0)
        height = min(height, y)
    return total


def test_scores_over_seeds_are_quartiles_and_corrected_tests_of_pairs() -> None:
    rng = np.random.default_rng(1)
    finals = {
        (name, seed): rng.random((6, 2)) + shift
        for name, shift in (("a", 0.0), ("b", 0.05), ("c", 0.2))
        for seed in range(7)
    }
    finals["b", 3] = finals["a", 3]  # no difference in one pair
    order = rng.permutation(len(finals))
    runs = [
        run(algorithm=name, seed=seed, populations=[[[9.0, 9.0]], F.tolist()], reference=None)
        for name, seed in (list(finals)[k] for k in order)
        for F in [finals[name, seed]]
    ]
    comparison = Comparison(runs, "a")

    def front(F: np.ndarray) -> np.ndarray:
        return np.array([f for f in F if not ((f >= F).all(axis=1) & (f > F).any(axis=1)).any()])

    best = front(np.concatenate(list(finals.values())))
    low = best.min(axis=0)
    span = np.concatenate([front(F) for F in finals.values()]).max(axis=0) - low
    hv = {name: np.array([area((finals[name, k] - low) / span) for k in range(7)]) for name in "abc"}
    sizes = {name: np.array([np.quantile(finals[name, k][:, 1], [0.1, 0.9]) for k in range(7)]) for name in "abc"}
    width = {name: sizes[name][:, 1] - sizes[name][:, 0] for name in "abc"}
    expected = []
    for values in (hv, width):
        raw = np.array([wilcoxon(values[name], values["a"], zero_method="zsplit").pvalue for name in "bc"])
        small, large = np.argsort(raw)
        corrected = {small: min(2 * raw[small], 1.0)}
        corrected[large] = max(corrected[small], raw[large])
        expected.append({"b": corrected[0], "c": corrected[1]})
    for score in comparison.scores():
        name = score.algorithm
        assert score.n == 7
        assert score.hv == pytest.approx(tuple(np.quantile(hv[name], [0.25, 0.5, 0.75])))
        assert score.igd[0] <= score.igd[1] <= score.igd[2]
        assert (score.size_low, score.size_high) == pytest.approx(tuple(np.median(sizes[name], axis=0)))
        assert score.a12 == pytest.approx(np.mean([(x > y) + 0.5 * (x == y) for x in hv[name] for y in hv["a"]]))
        if name != "a":
            assert score.p == pytest.approx(expected[0][name])
            assert score.p_size == pytest.approx(expected[1][name])


def test_the_reference_holds_what_is_known_whoever_found_it() -> None:
    assert Comparison([run()], "a").reference("p").tolist() == [[0.0, 2.0], [0.5, 1.0], [1.0, 0.0]]
    assert Comparison([run(reference=None)], "a").reference("p").tolist() == [[0.0, 2.0], [0.5, 1.0]]
    found = run(seed=1, reference=None, populations=[[[0.2, 0.5]]], evaluations=[2])
    assert Comparison([run(), found], "a").reference("p").tolist() == [[0.0, 2.0], [0.2, 0.5], [1.0, 0.0]]


def test_curves_go_from_where_all_runs_have_begun_to_where_the_first_ends() -> None:
    populations = [[[1.0, 1.0]], [[0.5, 1.0]], [[0.0, 0.0]]]
    runs = [
        run(seed=k, evaluations=evaluations, populations=populations, reference=[[0.0, 0.0], [1.0, 1.0]])
        for k, evaluations in enumerate(([2, 4, 9], [3, 5, 8]))
    ]
    worst = run(algorithm="b", populations=[[[1.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    grid, values = Comparison([*runs, worst], "a").curves("p", "a", points=6)
    assert grid.tolist() == [3, 4, 5, 6, 7, 8]
    first, second, last = 0.1 * 0.1, 0.6 * 0.1, 1.1 * 1.1
    assert values.tolist() == [
        pytest.approx([first, *[second] * 5]),
        pytest.approx([first, first, second, second, second, last]),
    ]


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


def test_the_time_of_a_search_is_the_median_of_the_runs_that_tell_it() -> None:
    told = {"a": (None, 3.0, 1.0, 8.0), "b": (None, None, None, None)}
    runs = [run(algorithm=name, seed=k, search_seconds=s) for name, of in told.items() for k, s in enumerate(of)]
    a, b = Comparison(runs, "b").scores()
    assert a.seconds == 3
    assert np.isnan(b.seconds)
    untimed = Comparison([dataclasses.replace(one, search_seconds=None) for one in runs], "b").scores()
    assert untimed[0] == a  # it says nothing of what was found
    assert [line.rpartition(",")[2] for line in to_csv([a, b]).splitlines()] == ["seconds", "3", "nan"]
    assert [line.rpartition(" & ")[2] for line in to_latex([a, b]).splitlines()[4:6]] == [r"3 \\", r"-- \\"]


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


def test_a_run_without_anything_feasible_counts_as_the_reference_point() -> None:
    nothing = run(algorithm="b", populations=[[], []])
    made = Comparison([run(), nothing], "a")
    assert made.reference("p").tolist() == [[0.0, 2.0], [0.5, 1.0], [1.0, 0.0]]  # what the other run found, and its own
    one, other = made.scores()
    assert other.hv == (0, 0, 0) < one.hv
    assert other.igd == pytest.approx(3 * (np.mean([np.hypot(1.1, 0.1), np.hypot(0.6, 0.6), np.hypot(0.1, 1.1)]),))
    assert np.isnan([other.size_low, other.size_high, other.p_size]).all()
    pairs = [run(seed=k) for k in range(7)]
    wider = [[[0.5, 1.0], [0.0, 9.0]]]
    some = [run(algorithm="b", seed=k, populations=[[]] if k == 3 else wider) for k in range(7)]
    alike = [run(algorithm="c", seed=k) for k in range(7)]
    _, b, c = Comparison([*pairs, *some, *alike], "a").scores()
    assert (b.p_size, c.p_size) == (pytest.approx(2 * 2 / 2**6), 1)  # of six pairs, and of two comparisons
    assert np.isfinite(b.size_high)
    with pytest.raises(ValueError, match=r"^p: expected a run that found something feasible, got none$"):
        Comparison([run(populations=[[]], reference=None)], "a").scores()


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("name", ["populations", "reference"])
def test_a_run_of_values_that_are_not_finite_is_refused(name: str, value: float) -> None:
    F = [[0.5, 1.0], [0.0, value]]
    with pytest.raises(ValueError, match=rf"^{name}: expected finite numbers, got {value}$"):
        run(**{name: F if name == "reference" else [[[0.5, 1.0]], F]})


def test_runs_that_are_no_pairs_are_not_tested() -> None:
    runs = [run(seed=k) for k in (0, 1)] + [run(algorithm="b", seed=k) for k in (1, 2)]
    with pytest.raises(
        ValueError, match=r"^runs: expected the same seeds on p for all, \[0, 1\] of a, got \[1, 2\] of b$"
    ):
        Comparison(runs, "a").scores()


def test_a_comparison_needs_runs() -> None:
    with pytest.raises(ValueError, match="baseline: expected one of some runs"):
        Comparison([], "a")
