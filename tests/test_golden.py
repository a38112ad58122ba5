"""Runs begun by an earlier carsmoo, kept in ``tests/golden``, go on: nothing in them says where a class lived.

They were made once, before modules moved, and are never made anew: a search on digits stopped after its second
generation, a full training stopped after the first of two epochs, and a run on the small model trap stopped after the
third of six generations. Last bits differ between processors, and an epoch of training makes more of them (up to 0.004
of all weights in what was seen), so what they end in is compared with tolerance.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymoo.optimize import minimize
from safetensors.numpy import load_file

from carsmoo import PNSGA3, resume
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.retraining.job import Job, train
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.zoo import GENOTYPES
from tests.support.commands import call

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    return Path(shutil.copytree(GOLDEN, tmp_path / "golden"))


def test_a_run_on_a_table_of_numbers_ends_as_an_undisturbed_one(golden: Path) -> None:
    made = {"generations": 6, "population": 12}
    problem, algorithm = resume(golden / "trap", SmallModelTrap(**made), PNSGA3(pop_size=12), exact=False,
                                termination=("n_gen", 6))  # fmt: skip
    resumed = minimize(problem, algorithm, copy_algorithm=False)
    whole = minimize(SmallModelTrap(**made), PNSGA3(pop_size=12), ("n_gen", 6), seed=3)
    assert resumed.algorithm.n_gen == whole.algorithm.n_gen
    np.testing.assert_allclose(resumed.pop.get("X"), whole.pop.get("X"), rtol=1e-6)
    np.testing.assert_allclose(resumed.F, whole.F, rtol=1e-6)


def test_a_search_has_the_scores_that_it_had_and_goes_on(golden: Path) -> None:
    front = json.loads((golden / "search" / "front.json").read_text())
    problem, algorithm = resume(golden / "search", exact=False)
    F = problem.evaluate(algorithm.pop.get("X"), return_values_of=["F"])
    assert len(F) == 4
    known = sorted(tuple(network["objectives"].values()) for network in front["networks"])
    scored = sorted(map(tuple, problem.front(algorithm).F.tolist()))
    np.testing.assert_allclose(scored, known, atol=5 / 477)
    del problem, algorithm  # as long as they are there, no other may resume the run
    call("resume", str(golden / "search"), "--generations", "2", "--inexact")
    events = [json.loads(line) for line in (golden / "search" / "log.jsonl").read_text().splitlines()]
    assert [event["generation"] for event in events if event["event"] == "generation"] == [1, 2, 3]


def test_a_training_ends_as_an_undisturbed_one(golden: Path, tmp_path: Path) -> None:
    recipe = TrainingRecipe(channels=2, layers=3, epochs=2, batch=256)
    job = {"genotype": GENOTYPES["CARS-I"], "recipe": recipe, "data": "digits"}
    card = train(Job(folder=golden / "training", exact=False, **job))
    train(Job(folder=tmp_path / "whole", **job))
    assert card["recipe"]["epochs"] == 2
    resumed, whole = (load_file(folder / "last.safetensors") for folder in (golden / "training", tmp_path / "whole"))
    assert {name: value.shape for name, value in resumed.items()} == {
        name: value.shape for name, value in whole.items()
    }
    counts = {name for name in whole if name.endswith("num_batches_tracked")}
    assert all(resumed[name] == whole[name] for name in counts)
    names = sorted(whole.keys() - counts)  # trained weights, and running statistics
    one, other = (np.concatenate([weights[name].ravel() for name in names]) for weights in (resumed, whole))
    assert np.linalg.norm(one - other) < 0.01 * np.linalg.norm(other)  # without momentum 0.024, in other order 0.016
