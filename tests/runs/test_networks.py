import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, Front
from carsmoo.cli.entry import main
from carsmoo.nets.models.serialization import SavedNetwork
from carsmoo.space.row import Row
from carsmoo.zoo import GENOTYPES
from tests.support.runs import DATA, PLAN, SMALL

SHORT = dataclasses.replace(PLAN, warmup_epochs=1, n_generations=1)


@pytest.fixture(scope="module")
def searched() -> tuple[CARSProblem, Front]:
    problem = CARSProblem(DATA, network=SMALL, training=SHORT, seed=1)
    return problem, problem.front(minimize(problem, PNSGA3()))


def test_a_row_gives_its_network_with_the_weights_of_the_search(
    searched: tuple[CARSProblem, Front], tmp_path: Path
) -> None:
    problem, front = searched
    row = front[1]
    network = row.network()
    assert isinstance(network, SavedNetwork)
    assert (network.genotype, network.training) == (front.genotypes[1], False)
    (told,) = network.card["accuracy"]
    assert (told["error"], told["split"]) == (row.values["error"], "search-validation")
    images = problem.images.validation.images[:4]
    with torch.no_grad():
        assert torch.equal(
            network(network.preprocess(images)), problem.subnet(row.genotype)(network.preprocess(images))
        )
    digit = images[0, 0].numpy().astype(np.uint8)
    Image.fromarray(digit).save(tmp_path / "digit.png")
    found = [network.predict(image) for image in (digit, tmp_path / "digit.png", Image.fromarray(digit))]
    assert found[0] == found[1] == found[2]
    assert found[0].label in network.class_names
    assert sum(found[0].probabilities.values()) == pytest.approx(1)


def test_weights_that_are_no_longer_those_of_the_front_are_refused(searched: tuple[CARSProblem, Front]) -> None:
    front = searched[1]
    older = dataclasses.replace(front, about={**front.about, "epoch": 1})
    with pytest.raises(
        ValueError, match="weights: expected those of the front's errors, epoch 1, got those of epoch 2"
    ):
        older[0].network()
    with pytest.raises(
        ValueError, match=r"expected for 'supernet' a front that a CARSProblem made, .*got one of unknown origin"
    ):
        pickle.loads(pickle.dumps(front))[0].network()
    with pytest.raises(TypeError, match="weights: expected 'supernet' or the directory of a run, got 3"):
        front[0].network(3)
    with pytest.raises(FileNotFoundError, match="got nowhere, which is none"):
        front[0].network("nowhere")


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_row_of_a_runs_file_gives_the_weights_of_the_run_and_those_trained_alone(tmp_path: Path) -> None:
    run = tmp_path / "run"
    sizes = ["--set", "network.channels=2", "--set", f"data={DATA}", "--set", "training.n_generations=1"]
    assert call("search", "--quiet", "--preset", "smoke", "--out", run, *sizes) == 0
    front = Front.load(run / "front.json")
    assert front[0].network().card["accuracy"][0]["error"] == front[0].values["error"]
    assert Front.load(tmp_path / "run").origin == front.origin == tmp_path / "run"
    with pytest.raises(ValueError, match=r"weights: expected a trained network .* in .*run, got none; carsmoo train"):
        front[0].network(run)
    recipe = ["--network", "2/3", "--set", "epochs=1", "--set", "batch=64"]
    assert call("train", run, "--only", 1, "--quiet", *recipe) == 0
    trained = front[0].network(weights=run)
    assert trained.card["recipe"]["trainer"] == "carsmoo train"
    assert trained.genotype == front.genotypes[0]
    (folder,) = (run / "networks").iterdir()
    assert folder.name == f"1-{front.genotypes[0].short_hash}"
    assert front[0].network(weights=folder).card == trained.card
    final = Front.load(run / "final-front.json")
    assert final[0].network().card["accuracy"] == front[0].network().card["accuracy"]
    (run / "front.json").rename(tmp_path / "front.json")
    with pytest.raises(ValueError, match="run: expected a directory with checkpoints"):
        Front.load(tmp_path / "front.json")[0].network()


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    return int(end.value.code or 0)


def test_a_row_is_a_pair_that_tells_what_it_is() -> None:
    genotypes = [GENOTYPES["CARS-A"], GENOTYPES["CARS-B"]]
    front = Front.from_objectives(
        genotypes, [[0.2, 0.016], [0.07, 0.024]], ("error", "params"), ("fraction", "millions")
    )
    row = front[-1]
    genotype, values = row
    assert (row.genotype, row.values, row.place) == (genotype, values, 1)
    assert isinstance(row, Row)
    told = repr(row).replace("\N{NO-BREAK SPACE}", " ")
    assert told.startswith("Row(2 of 2; error 20.00 %, parameters 16.00 k; Genotype(4f0a9b86; normal 3 max 3×3, ")
    assert len(told) < 250
    again = pickle.loads(pickle.dumps(row))
    assert (again, again.place) == (row, 1)
