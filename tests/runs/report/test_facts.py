from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo.runs.report.data import RunReport, extract
from carsmoo.runs.report.facts import agreement, facts
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES
from tests.support.run_directories import make


def report(path: Path, names: tuple[str, ...], columns: list[list[float]], **about: Any) -> RunReport:
    """Return the report of a run of three networks, CARS-H, D and A by their places, retrained with some figures."""
    make(path)
    networks = [GENOTYPES[name] for name in ("CARS-H", "CARS-D", "CARS-A", "CARS-B", "CARS-C", "CARS-E")]
    told = {"split": "test", "weights": "stand-alone", "epoch": [10, 20, 30], **about}
    F = np.array(columns).T
    Front(tuple(networks[: len(F)]), F, names, ("",) * len(names), told).to_json(path / "final-front.json")
    return extract(path)


@pytest.mark.parametrize(
    ("name", "values", "value", "words"),
    [
        ("held_out_error", [0.3, 0.1, 0.2], "2.00 %", "network 2, chosen by the images held out; "),
        ("search_error", [0.05, 0.1, 0.2], "3.00 %", "network 1, chosen by the search's errors; "),
        ("search_loss", [0.5, 0.4, 0.6], "2.00 %", "network 2, chosen by the search's losses; "),
    ],
)
def test_what_is_told_of_the_networks_trained_in_full_is_chosen_without_the_test_split(
    name: str, values: list[float], value: str, words: str, tmp_path: Path
) -> None:
    made = report(tmp_path / "run", ("error", name), [[0.03, 0.02, 0.01], values])
    found = facts(made, made.front.columns)
    (told,) = [fact for fact in found if "trained" in fact[0]]
    epoch = 20 if value == "2.00 %" else 10
    assert told == ("trained in full, on test", value, f"{words}test split, stand-alone, epoch {epoch}")
    assert not any(fact[1] == "1.00 %" for fact in found)


def test_the_images_held_out_choose_before_the_search(tmp_path: Path) -> None:
    columns = [[0.03, 0.02, 0.01], [0.05, 0.1, 0.2], [0.3, 0.1, 0.2]]
    made = report(tmp_path / "run", ("error", "search_error", "held_out_error"), columns)
    assert ("trained in full, on test", "2.00 %") in [fact[:2] for fact in facts(made, made.front.columns)]


def test_without_a_figure_to_choose_by_none_is_told(tmp_path: Path) -> None:
    made = report(tmp_path / "run", ("error", "params"), [[0.03, 0.02, 0.01], [1, 2, 3]])
    assert not any("trained" in fact[0] for fact in facts(made, made.front.columns))


@pytest.mark.parametrize("n", [5, 6])
def test_tau_is_told_of_six_networks_or_more(n: int, tmp_path: Path) -> None:
    made = report(tmp_path / "run", ("error",), [[0.1] * n], kendall={"tau": 0.333, "p": 0.4, "n": n})
    few = "So few networks (n = 5, fewer than 6) tell nothing of how their orders agree."
    assert agreement(made) == (few if n == 5 else "Kendall’s tau between the two orders: 0.33 (n = 6).")
