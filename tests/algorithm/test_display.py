import numpy as np
import pytest
from pymoo.optimize import minimize
from pymoo.problems import get_problem

from carsmoo.algorithm.display import relative_hypervolume
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.config.supernet import SupernetTraining
from carsmoo.problems.trust import Trust
from tests.support.toy import ToyProblem


def test_the_relative_hypervolume_is_a_share_of_the_first_box() -> None:
    assert relative_hypervolume([[0.0, 0.0]], [2.0, 5.0]) == pytest.approx(1.0)
    assert relative_hypervolume([[1.0, 2.5]], [2.0, 5.0]) == pytest.approx(0.25)
    assert relative_hypervolume([[1.0, 2.5], [0.5, 4.0]], [2.0, 5.0]) == pytest.approx(0.25 + 0.25 * 0.2)
    assert relative_hypervolume([[3.0, 6.0]], [2.0, 5.0]) == 0


def test_a_verbose_run_prints_a_row_a_generation(capsys: pytest.CaptureFixture[str]) -> None:
    result = minimize(ToyProblem(generations=3), PNSGA3(), verbose=True)
    lines = capsys.readouterr().out.splitlines()
    rows = [line.split("|") for line in lines if line.strip()[:1].isdigit()]
    assert len(rows) == 3
    assert "best f1" in lines[1]
    assert [int(row[0]) for row in rows] == [1, 2, 3]
    assert float(rows[-1][3]) == pytest.approx(result.pop.get("F")[:, 0].min(), rel=1e-3)
    assert 0 < float(rows[-1][-1]) <= 1
    assert len(result.problem.run_listeners) == 1


def test_trust_is_a_column_where_the_problem_tells_one(capsys: pytest.CaptureFixture[str]) -> None:
    class Trusted(ToyProblem):
        @property
        def trust(self) -> Trust | None:
            told = {} if self.time < 2 else {"members": 0.1, "n_members": 4}
            halves = None if self.time == 0 else 0.3149
            return Trust(halves=halves, successive=None, distinct=None, updates=None, **told)

    minimize(Trusted(generations=3), PNSGA3(), verbose=True)
    header, *rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert header[-1].strip() == "trust"
    assert [row[-1].strip() for row in rows] == ["-", "≤0.59", "0.45"]


def test_probes_are_a_column_where_a_plan_has_any(capsys: pytest.CaptureFixture[str]) -> None:
    class Probed(ToyProblem):
        training = SupernetTraining(probes=8)

        @property
        def trust(self) -> Trust:
            probes = None if self.time == 1 else 0.3149
            return Trust(halves=0.5, successive=None, distinct=None, updates=None, probes=probes, n_probes=8)

    minimize(Probed(generations=3), PNSGA3(), verbose=True)
    header, *rows = [line.split("|") for line in capsys.readouterr().out.splitlines() if "|" in line]
    assert [cell.strip() for cell in header[-2:]] == ["trust", "probes"]
    assert [row[-1].strip() for row in rows] == ["0.31", "-", "0.31"]


def test_a_start_without_feasible_individuals_prints_dashes(capsys: pytest.CaptureFixture[str]) -> None:
    minimize(get_problem("c1dtlz1"), PNSGA3(pop_size=12), ("n_gen", 1), seed=1, verbose=True)
    row = capsys.readouterr().out.splitlines()[-1].split("|")
    assert [cell.strip() for cell in row[2:]] == ["0", *["-"] * (len(row) - 3)]


def test_rows_do_not_leak_from_one_run_to_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    algorithm = PNSGA3()
    for _ in range(2):
        minimize(ToyProblem(generations=2), algorithm, verbose=True)
    first, second = np.array_split(capsys.readouterr().out.splitlines(), 2)
    assert first.tolist() == second.tolist()
