"""Rank fidelity: which networks of a run are retrained, and what is written of them."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import params
from carsmoo.runs import rank_correlation
from carsmoo.runs.directory import RunDirectory
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import unheard
from tests.support.networks import SMALL, SPACE, genotypes

PROBLEM: Any = SimpleNamespace(space=SPACE, network=SMALL, provenance=dict)


def sizes(chosen: list[Genotype]) -> list[int]:
    return [params(genotype, SMALL) for genotype in chosen]


def test_networks_lie_as_close_to_even_places_among_the_sizes_as_they_can() -> None:
    there = genotypes(8)
    ordered = sorted(sizes(there))
    assert len(set(ordered)) == 8
    found = sizes(rank_correlation._spread(PROBLEM, there, 5))
    assert found == [ordered[k] for k in (0, 2, 4, 5, 7)]  # of 0, 1.75, 3.5, 5.25 and 7; 3 and 4 are as close
    assert sizes(rank_correlation._spread(PROBLEM, [*there, *there[::-1]], 8)) == ordered
    with pytest.raises(ValueError, match=r"^networks: expected at most the 8 different ones that there are, got 9$"):
        rank_correlation._spread(PROBLEM, there * 2, 9)


def test_a_supernet_orders_networks_by_each_kind_of_statistics_and_by_what_selects() -> None:
    asked: list[tuple[int, str | None]] = []

    def errors(chosen: list[Genotype], kind: str | None, listener: object) -> np.ndarray:
        asked.append((len(chosen), kind))
        return np.zeros(len(chosen))

    chosen = genotypes(2)
    problem: Any = SimpleNamespace(
        training=SupernetTraining(),
        validation_errors=errors,
        objective_names=("params", "loss", "sees_networks"),
        moving=(2, 1),
        space=SimpleNamespace(encode=lambda asked: {tuple(chosen): "X"}[tuple(asked)]),
        moving_values=lambda X: {"X": np.array([[9.0, 0.3], [9.0, 0.8]])}[X],
    )
    found = rank_correlation._scores(problem, chosen, unheard)
    assert asked == [(2, "recalibrated"), (2, "batch")]
    assert list(found) == ["recalibrated", "batch", "score"]
    assert found["score"].tolist() == [0.3, 0.8]
    asked.clear()
    problem.training = SupernetTraining(weights="own")
    assert list(rank_correlation._scores(problem, chosen, unheard)) == ["own", "score"]
    assert asked == [(2, None)]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[Genotype], str]]:
    """The networks, and the images, of each call that would train them; their errors are 0.5, 0.4 and so on."""
    called: list[tuple[list[Genotype], str]] = []

    def jobs_for(chosen: list[Genotype], folder: Path, recipe: object, data: str, exact: bool) -> list[Genotype]:
        called.append((chosen, data))
        return chosen

    def cards(jobs: list[Genotype], *given: object) -> list[dict[str, Any]]:
        return [{"costs": {"params": n}, "recipe": {"settings": {}}} for n in sizes(jobs)]

    monkeypatch.setattr(rank_correlation, "restored", lambda run: (PROBLEM, SimpleNamespace(generation=7)))
    monkeypatch.setattr(rank_correlation, "_population", lambda problem, snapshot: genotypes(9)[5:])
    monkeypatch.setattr(rank_correlation, "jobs_for", jobs_for)
    monkeypatch.setattr(rank_correlation, "train_jobs", cards)
    monkeypatch.setattr(rank_correlation, "errors_of", lambda cards: 0.5 - 0.1 * np.arange(len(cards)))
    monkeypatch.setattr(rank_correlation, "_draw", lambda *given: None)
    scores = {kind: np.arange(4.0) for kind in (*rank_correlation.STATISTICS, rank_correlation.SCORE)}
    monkeypatch.setattr(rank_correlation, "_scores", lambda *given: scores)
    return called


def test_networks_of_the_front_or_the_population_are_trained_on_the_images_asked_for(
    tmp_path: Path, trained: list[tuple[list[Genotype], str]]
) -> None:
    front, recipe = genotypes(9)[:5], TrainingRecipe(epochs=1)
    objectives = np.column_stack([np.arange(5), np.arange(5)[::-1]])
    Front.from_objectives(front, objectives, ("error", "params"), ("", "")).to_json(tmp_path / "front.json")
    run = RunDirectory(tmp_path)
    for is_main, source, there in ((False, "population", genotypes(9)[5:]), (True, "front", front)):
        group: Any = SimpleNamespace(is_main=is_main)
        result = rank_correlation.fidelity(run, 4, recipe, source=source, data="other", group=group)  # type: ignore[arg-type]
        chosen, data = trained.pop()
        assert {str(genotype) for genotype in chosen} <= {str(genotype) for genotype in there}
        assert (data, result["source"], result["generation"]) == ("other", source, 7)
        assert (tmp_path / "fidelity.json").exists() == is_main  # the first rank alone writes
    assert json.loads((tmp_path / "fidelity.json").read_text()) == result
    assert result["supernet"]["kendall"]["score"]["tau"] == -1  # the supernet's best is the worst alone
    assert result["params"]["kendall"]["tau"] == 1  # and the largest is the best
    with pytest.raises(ValueError, match=r"^networks: expected at least 2, got 1$"):
        rank_correlation.fidelity(run, 1, recipe, data="other")
