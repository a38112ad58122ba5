"""The paper's experiments: each runs to its end at a tiny preset; their arithmetic agrees with that done by hand."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.paper import cells, latency, protection, search_time, searches, statistics, time_model, transfer, trap
from benchmarks.paper.experiment import RESULTS, Experiment, main
from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import params
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES

SEARCH = SearchConfig(
    data="digits?images=300",
    network=NetworkConfig(channels=2, layers=3),
    training=SupernetTraining(
        warmup_epochs=1, n_generations=2, pop_size=4, bn_calibration_images=32, memory_format="channels_last"
    ),
)
RECIPE = TrainingRecipe(channels=2, layers=3, epochs=1, holdout_fraction=0.0)
BOTH: dict[str, Any] = {"search": SEARCH, "recipe": RECIPE}

TINY: dict[str, tuple[Experiment, Any]] = {
    "trap": (
        trap.EXPERIMENT,
        trap.Preset(
            data="digits?images=300",
            recipe=dataclasses.replace(RECIPE, epochs=6, holdout_fraction=0.3),
            seeds=2,
            jobs=1,
        ),
    ),
    "protection": (protection.EXPERIMENT, protection.Preset(**BOTH, trained=2, seeds=2, jobs=1)),
    "latency": (latency.EXPERIMENT, latency.Preset(**BOTH, trained=2, rounds=2, checked=2, seeds=2, jobs=1)),
    "search_time": (search_time.EXPERIMENT, search_time.Preset(search=SEARCH, repeats=1, seeds=2)),
    "transfer": (
        transfer.EXPERIMENT,
        transfer.Preset(
            **BOTH, other="digits?images=200", other_recipe=RECIPE, published=("CARS-A",), trained=2, jobs=1
        ),
    ),
    "cells": (cells.EXPERIMENT, cells.Preset(search=SEARCH, random=3, seeds=2, jobs=1)),
}


@pytest.mark.end_to_end
@pytest.mark.parametrize("name", TINY)
def test_an_experiment_runs_writes_and_draws(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    experiment, preset = TINY[name]
    assert {"cores2", "paper"} <= set(experiment.presets)
    assert type(experiment.presets["paper"]) is type(preset)
    tiny = dataclasses.replace(experiment, presets={"cores2": preset})
    main(tiny, ["--out", str(tmp_path)])
    told = capsys.readouterr().out.splitlines()
    result = json.loads(told[-1].removeprefix("RESULT "))
    document = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert result["name"] == f"paper_{name}"
    assert document["command"] == f"python -m benchmarks.paper.{name} --preset cores2"
    assert document["settings"]["seeds"] == 2
    assert result["figures"]["n"] == 2
    assert all(math.isfinite(value) for value in result["figures"].values())
    assert {"cores", "torch", "python"} <= set(document["machine"])
    assert len(told) > 2
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000
    assert (tmp_path / f"{name}.pdf").stat().st_size > 5_000


def test_a_result_is_drawn_again_without_measuring(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(search_time.EXPERIMENT, ["--redraw", "--out", str(tmp_path)])
    told = json.loads(capsys.readouterr().out.splitlines()[-1].removeprefix("RESULT "))
    kept = json.loads((RESULTS / "search_time.json").read_text(encoding="utf-8"))
    assert told["figures"]["predicted_over_measured"] == pytest.approx(kept["figures"]["predicted_over_measured"], 1e-4)
    assert abs(told["figures"]["predicted_over_measured"] - 1) < 0.15
    assert (tmp_path / "search_time.png").stat().st_size > 10_000


def test_an_unknown_setting_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(trap.EXPERIMENT, ["--set", "sedes=3"])
    assert stopped.value.code == 2
    assert "sedes" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(trap.EXPERIMENT, ["--set", "recipe.epochs=5"])
    assert "recipe.epochs: expected at least 6, got 5" in capsys.readouterr().err


def test_who_leads_and_from_when() -> None:
    small, large = [0.5, 0.6, 0.6, 0.7], [0.4, 0.7, 0.6, 0.8]
    assert trap.led([small, large]).tolist() == [[1, 0, 0.5, 0], [0, 1, 0.5, 1]]
    assert trap.takeover(large, small) == 2
    assert trap.takeover(small, large) == 5  # never
    assert trap.takeover(large, [0, 0, 0, 0]) == 1
    assert trap.tenth([[1, 2, 3], [4, 5, 6]], late=False).tolist() == [1, 4]
    assert trap.tenth(np.arange(20), late=True) == 18.5


def test_fluctuation_is_what_noise_deviates_around_a_trend() -> None:
    line = 0.1 + 0.02 * np.arange(9)
    assert trap.fluctuation(line) == pytest.approx(0, abs=1e-15)
    # noise of +1 and -1 in turn has second differences of +4 and -4: sqrt(16 / 6)
    assert trap.fluctuation(line + np.array([1, -1] * 4 + [1])) == pytest.approx(math.sqrt(16 / 6))
    noise = np.random.default_rng(0).normal(0, 0.03, 20_000)
    assert trap.fluctuation(np.linspace(0, 1, 20_000) + noise) == pytest.approx(0.03, rel=0.03)


def test_the_paper_s_form_gives_the_paper_s_cost() -> None:
    # T_tr = 1 min, T_val = 5 s, 50 epochs of warm-up, 45 generations of 10 epochs
    plan = time_model.Plan(e_warm=50, e_evo=45, i_param=10, n_b=1, n=128)
    times = time_model.Times(t_tr=1, t_val=5 / 60, p_newborn=1, p_all=1)
    minutes = sum(time_model.paper_form(plan, times, times).values())
    assert minutes == pytest.approx(50 + 45 * (5 / 60 + 10))
    assert round(minutes / 60 / 24, 1) in (0.3, 0.4)  # GPU-days


def test_the_prediction_counts_scorings_and_what_is_saved_by_scoring_together() -> None:
    plan = time_model.Plan(e_warm=3, e_evo=2, i_param=5, n_b=2, n=10, t=0.5)
    random = time_model.Times(t_tr=7, t_val=4, p_newborn=2, p_all=3)
    evolving = time_model.Times(t_tr=5, t_val=3, p_newborn=2.5, p_all=5)
    # warm-up 3 * 7 * 2; training 2 * 5 * 5 * 2; scoring 10 * 4 / 2 at first, then twice 5 * 3 / 2.5 and 15 * 3 / 5
    found = time_model.predicted(plan, random, evolving)
    assert found == {"warm_up": 42, "training": 100, "scoring": 20 + 2 * (6 + 9)}


@pytest.mark.end_to_end
def test_the_stopwatch_counts_each_second_once() -> None:
    run = search_time.one(search_time.Preset(search=SEARCH, repeats=1, seeds=1), 0)
    assert set(run["measured"]) == {"warm_up", "training", "scoring", "rest"}
    assert all(0 < spent < run["total"] for spent in run["measured"].values())
    assert sum(run["measured"].values()) == pytest.approx(run["total"])


@pytest.mark.end_to_end
def test_a_search_tells_what_it_cost() -> None:
    found = searches.search(SEARCH)
    assert found.epochs == 1 + 2
    assert len(found.populations) == 3
    assert all(F.shape == (4, 2) for F in found.populations)
    assert 4 < found.scorings <= 4 + 2 * (4 + 8)  # at first all, then newborns before and all after
    assert found.scorings == searches.search(SEARCH).scorings
    again = searches.search(SEARCH, "random")
    assert again.epochs == found.epochs


def test_networks_are_spread_along_a_front_and_matched_by_size() -> None:
    space, network = DARTSSpace(), SEARCH.network
    genotypes = searches.by_size(space, network, [0, 0.25, 0.5, 0.75, 1], seed=0)
    sizes = [params(genotype, network) for genotype in genotypes]
    assert sizes == sorted(sizes)
    F = [[1 - k / 10, size] for k, size in enumerate(sizes)]
    front = Front.from_objectives(genotypes, F, ("error", "params"), ("", ""))
    assert searches.along(front, 3) == [genotypes[0], genotypes[2], genotypes[4]]
    assert set(searches.along(front, 9)) == set(genotypes)
    twins = searches.like_sized(space, network, [genotypes[2], genotypes[2]], seed=1)
    assert len(set(twins)) == 2
    assert [params(twin, network) for twin in twins] == pytest.approx([sizes[2]] * 2, rel=0.02)


def test_hypervolumes_share_a_box() -> None:
    # the box is [0, 1] x [0, 2]: two at its corners take two strips of 1.1 x 0.1, one in its middle 0.6 x 0.6
    assert statistics.hypervolumes([[[0, 2], [1, 0]], [[0.5, 1]]]) == pytest.approx([1.1 * 0.1 + 1.0 * 0.1, 0.36])
    assert statistics.paired([1, 2, 3, 3], [0, 2, 4, 1]) == pytest.approx(
        {"difference": 0.5, "p": statistics.paired([0, 2, 4, 1], [1, 2, 3, 3])["p"], "share": 0.625, "a12": 10 / 16}
    )
    assert statistics.rank_correlation([1, 2, 3, 4], [2, 1, 4, 3])[0] == pytest.approx(0.6)  # 1 - 6 * 4 / (4 * 15)
    assert statistics.rank_correlation([1, 1], [2, 3]) == (0, 1)
    assert statistics.spread([1, 2, 3, 4, 5]) == {"median": 3, "q25": 2, "q75": 4, "n": 5}


def test_cells_are_counted_in_the_built_network() -> None:
    network = NetworkConfig.cifar()
    for name in ("CARS-H", "DARTS-V2"):
        counts = cells.cell_params(GENOTYPES[name], network)
        rest = (3 * 9 + 2) * 3 * 36  # the stem's convolution and its batch norm
        width = 36 * 4 * 4
        assert sum(n for _, n in counts) + rest + width * 10 + 10 == params(GENOTYPES[name], network)
        assert [k for k, (reduces, _) in enumerate(counts) if reduces] == [6, 13]
