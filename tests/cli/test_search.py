"""Searches on images of one's own, from the command line on."""

import dataclasses
import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, SupernetTraining, Trust
from carsmoo.cli import search as search_command
from carsmoo.config.budget import Rates, Rung
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import read_toml
from carsmoo.nets.data import Augmentation, ImageData, Split, load
from carsmoo.nets.supernet import probes
from carsmoo.nets.supernet.rates import Bench
from carsmoo.space.front import Front
from tests.support.commands import QUICK, SMOKE, call
from tests.support.images import draw_folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return draw_folder(tmp_path / "photos", {"ant": 30, "bee": 30, "cat": 40}, size=(13, 22))


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_search_on_a_folder_of_colour_images_resumes_by_its_name(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    asked = f"folder:{photos}?size=11x19"
    assert call("search", "--data", asked, "--out", out, "--tensorboard", *SMOKE) == 0
    said = capsys.readouterr().out.replace("\n", "")
    assert "(3x11x19)" in said
    assert Front.load(out / "front.json").about["data"] == "folder:photos?size=11x19"
    same = tmp_path / "same"
    assert call("search", "--set", f"data={asked}", "--out", same, "--log", "tensorboard", *SMOKE) == 0
    assert (same / "config.toml").read_text() == (out / "config.toml").read_text()
    assert (same / "front.csv").read_text() == (out / "front.csv").read_text()
    assert read_toml(out / "config.toml")["log"] == ["tensorboard"]
    assert call("resume", out, "--generations", "2") == 0
    assert [len(list((run / "tensorboard").iterdir())) for run in (same, out)] == [1, 2]
    (photos / "ant" / "000.png").unlink()
    capsys.readouterr()
    assert call("resume", out, "--generations", "3") == 2
    assert "data/sha256: expected" in capsys.readouterr().err


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("halves", "times"), [(0.11, 1), (0.5, 0), (None, 0)])
def test_an_order_that_is_noise_is_said_at_the_end(
    halves: float | None,
    times: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trust = Trust(halves=halves, successive=None, distinct=None, updates=None)
    monkeypatch.setattr(CARSProblem, "trust", trust)
    assert call("search", "--out", tmp_path / "run", *QUICK) == 0
    said = capsys.readouterr().out
    assert said.replace("\n", " ").count("the order of these networks is mostly noise") == times
    assert said.splitlines()[2].rstrip().endswith("| trust")
    if times:
        assert call("resume", tmp_path / "run", "--generations", "2") == 0
        assert "agree with tau 0.11; train longer or score on more images" in capsys.readouterr().out


def test_no_image_of_the_test_split_gets_into_a_search(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the test split is changed: what a search sees and finds stays the same to the last bit."""
    fronts = []
    data = load(f"folder:{photos}")
    held_out = {image.numpy().tobytes() for image in data.test.images}
    seen: set[bytes] = set()
    normalise = ImageData.normalise

    def watched(self: ImageData, images: torch.Tensor) -> torch.Tensor:
        seen.update(image.contiguous().numpy().tobytes() for image in images)
        return normalise(self, images)

    monkeypatch.setattr(ImageData, "normalise", watched)
    blank = Split(torch.zeros_like(data.test.images), data.test.labels)
    plan = SearchConfig.preset("smoke").updated({"training": {"n_generations": 1}, "network": {"channels": 2}})
    for images in (data, dataclasses.replace(data, test=blank)):
        plain = dataclasses.replace(images, augmentation=Augmentation())  # so that images can be told by their bytes
        problem = CARSProblem(plain, network=plan.network, training=plan.training)
        result = minimize(problem, PNSGA3())
        fronts.append((problem.front(result).genotypes, result.pop.get("F")))
    assert len(seen) > 60
    assert not seen & held_out
    assert fronts[0][0] == fronts[1][0]
    assert np.array_equal(fronts[0][1], fronts[1][1])


@pytest.mark.end_to_end
@pytest.mark.usefixtures("undrawn")
def test_a_budget_is_planned_told_and_written_as_numbers(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(bench: object, rung: Rung, hopeless: float = 0.0) -> Rates:
        return Rates(step=2.0, network=1e-3, image=1e-4)

    monkeypatch.setattr(Bench, "rates", slow)
    small = ("--set", "training.pop_size=4", "--set", "network.channels=2", "--set", "network.layers=1")
    asked = ("search", "--data", f"folder:{photos}", "--budget", "1m", *small)
    assert call(*asked, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().out.replace("\n", " ")
    assert "measuring what fits in 1m" in said
    assert "planned to take" in said
    config = SearchConfig().updated(read_toml(tmp_path / "run" / "config.toml"))
    training = config.training
    assert training.budget is None
    assert 35 < 2 * (training.warmup_epochs + 0.85 * (training.planned_epochs - training.warmup_epochs)) < 60
    events = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    (plan,) = (event for event in events if event["event"] == "plan")
    assert plan["budget"] == 60
    assert call("search", "--config", tmp_path / "run" / "config.toml", "--out", tmp_path / "same") == 0
    for name in ("front.csv", "config.toml"):
        assert (tmp_path / "same" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


@pytest.mark.end_to_end
def test_probes_are_told_in_the_headline_the_table_and_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(probes, "PROBE_STEPS", 2)
    asked = ("search", "--preset", "smoke", "--set", "training.probes=24", "--set", "training.pop_size=12")
    assert call(*asked, "--out", tmp_path / "run") == 0
    said = capsys.readouterr().out
    assert "N = 12, 24 probes, seed 0" in said.replace("\n", " ")
    header, *rows = [line.split("|") for line in said.splitlines() if line.count("|") > 5]
    assert header[-1].strip() == "probes"
    assert [row[-1].strip() == "-" for row in rows] == [False, True, False]
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    told = [event["trust"] for event in log if event["event"] == "generation"]
    assert [trust["n_probes"] for trust in told] == [12, 0, 24]
    assert [row[-1].strip() for row in rows[::2]] == [f"{trust['probes']:.2f}" for trust in told[::2]]
    assert sum(event.get("spent", {}).get("probes", 0) for event in log) > 0


def test_a_search_follows_its_images_unless_a_plan_is_named(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[training]\npop_size = 8\n")
    plan = partial(search_command._plan, data="mnist", budget=None, settings={})
    assert plan(None, None).training.budget == "auto"
    assert plan(None, file).training.budget == "auto"
    assert plan("demo", None).training.budget is None
    timed = tmp_path / "timed.toml"
    timed.write_text('[training]\nbudget = "10m"\n')
    assert plan(None, timed).training.budget == "10m"
    partly = plan(None, None, settings={"training": {"warmup_epochs": 3}}).training
    assert (partly.budget, partly.warmup_epochs) == ("auto", 3)
    assert plan(None, None, data=None).training == SupernetTraining()
    assert plan(None, None, data="digits?images=600").training == SupernetTraining()
    assert plan("smoke", None, budget="5m").training == dataclasses.replace(
        SearchConfig.preset("smoke").with_budget("5m").training
    )
    with pytest.raises(ValueError, match="budget: expected no warmup_epochs beside it"):
        plan(None, None, budget="5m", settings={"training": {"warmup_epochs": 3}})
