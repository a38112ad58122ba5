from pathlib import Path

import pytest

from carsmoo.compare.comparison import Comparison
from carsmoo.compare.figures import draw_comparison
from tests.compare.test_comparison import run


@pytest.mark.parametrize("populations", [[[[0.5, 1.0]], [[0.0, 2.0]]], [[], []]])
def test_a_comparison_is_drawn_whatever_its_runs_found(populations: list[list[list[float]]], tmp_path: Path) -> None:
    nothing = [run(algorithm="b", seed=seed, populations=[[], []]) for seed in (0, 1)]
    some = [run(seed=seed, populations=populations) for seed in (0, 1)]
    draw_comparison(Comparison([*some, *nothing], "a"), tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {"p-convergence", "p-attainment"}
