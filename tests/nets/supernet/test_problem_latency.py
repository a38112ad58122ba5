"""Latency as an objective of a search, from tables that are made up."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, Checkpoint, NetworkConfig, SupernetTraining, resume
from carsmoo.algorithm.callbacks import Callbacks
from carsmoo.config.search import SearchConfig
from carsmoo.cost.latency import latency
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.data import ImageData
from carsmoo.nets.latency import measure as measuring
from carsmoo.space.front import Front
from carsmoo.utils.progress import Listener, Step
from tests.cost.test_latency import SPACE, draw, made_up
from tests.support.commands import call
from tests.support.runs import DATA, SMALL, Stop, StopAt, same

PLAN = SupernetTraining(
    warmup_epochs=1,
    n_generations=2,
    pop_size=4,
    batch_size=64,
    bn_calibration_images=32,
    memory_format="channels_last",
)
NETWORK = SMALL.for_data((1, 8, 8), 10)
FEW = ImageData.from_arrays(np.random.default_rng(0).random((100, 8, 8)), np.arange(100) % 10, name="noise")


def table(scale: float = 1.0) -> LatencyTable:
    return made_up(SPACE, NETWORK, scale=scale)


def problem(objectives: tuple[str, ...] = ("error", "latency"), **fields: Any) -> CARSProblem:
    return CARSProblem(**{"data": DATA, **fields}, network=SMALL, training=PLAN, objectives=objectives)


@pytest.fixture
def no_measuring(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """Whoever measures a table gets one that is made up, another one each time."""
    asked: list[object] = []

    def build(space: object, network: NetworkConfig, listener: Listener, **kwargs: Any) -> LatencyTable:
        asked.append(network)
        for k in (1, 2):
            listener(Step(phase="latency", done=k, total=2, unit="rounds"))
        return table(scale=float(len(asked)))

    monkeypatch.setattr(measuring, "build", build)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return asked


def test_the_objective_is_the_tables_in_ms() -> None:
    made, X = problem(("latency", "error", "params"), data=FEW, latency=table()), draw(SPACE, 6)
    assert made.objective_units == ("ms", "fraction", "millions")
    assert made.moving == (1,)
    expected = [latency(genotype, NETWORK, table()) for genotype in SPACE.decode(X)]
    assert made.evaluate(X)[:, 0].tolist() == expected


@pytest.mark.end_to_end
@pytest.mark.parametrize("objectives", [("error", "latency"), ("error", "params", "latency")])
def test_a_search_measures_its_table_once_and_one_seed_gives_one_front(
    objectives: tuple[str, ...], no_measuring: list[object]
) -> None:
    made = problem(objectives, data=FEW)
    assert made.latency is None
    steps: list[Step] = []
    made.listeners.append(steps.append)
    result = minimize(made, PNSGA3())
    assert no_measuring == [NETWORK]
    assert [(step.phase, step.done, step.total, step.unit) for step in steps[:2]] == [
        ("latency", 1, 2, "rounds"),
        ("latency", 2, 2, "rounds"),
    ]
    assert steps[2].phase == "warm-up"
    again = minimize(made, PNSGA3())
    other = minimize(problem(objectives, data=FEW), PNSGA3())
    given = minimize(problem(objectives, data=FEW, latency=made.latency), PNSGA3())
    assert len(no_measuring) == 1
    for run in (again, other, given):
        assert np.array_equal(run.pop.get("F"), result.pop.get("F"))
    front = made.front(again)
    assert front.units[-1] == "ms"
    assert front.about["latency"] == "abacus, 2 threads, batch 1, contiguous"


@pytest.mark.end_to_end
def test_a_run_that_goes_on_keeps_the_table_that_it_began_with(
    tmp_path: Path, no_measuring: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = minimize(problem(), PNSGA3())
    with pytest.raises(Stop):
        minimize(problem(), PNSGA3(), callback=Callbacks(Checkpoint(tmp_path / "run"), StopAt(2)))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    made, algorithm = resume(tmp_path / "run")
    algorithm.run()
    assert same(algorithm, whole.algorithm)
    assert made.latency == table(1.0)
    assert len(no_measuring) == 1
    fresh = problem()
    fresh.evaluate(fresh.xl[None])  # measures another one
    assert fresh.latency == table(2.0)
    fresh.load_state_dict(made.state_dict())
    assert fresh.latency == table(1.0)
    unpickled = pickle.loads(pickle.dumps(made))
    unpickled.load_state_dict(made.state_dict())
    X = draw(SPACE, 5)
    assert np.array_equal(unpickled.evaluate(X), made.evaluate(X))


def test_a_damaged_table_in_a_state_is_refused(no_measuring: list[object]) -> None:
    made = problem(data=FEW, latency=table())
    made.evaluate(made.xl[None])
    state = {**made.state_dict(), "latency": np.frombuffer(b"{", dtype=np.uint8)}
    with pytest.raises(ValueError, match="latency: expected a table as JSON, got something else"):
        problem(data=FEW, latency=table()).load_state_dict(state)


@pytest.mark.end_to_end
def test_a_run_with_a_file_goes_on_from_anywhere_but_not_with_another_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table().write(tmp_path / "t.json")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Stop):
        minimize(problem(latency="t.json"), PNSGA3(), callback=Callbacks(Checkpoint("run"), StopAt(2)))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    _, algorithm = resume(tmp_path / "run")
    algorithm.run()
    assert same(algorithm, minimize(problem(latency=table()), PNSGA3()).algorithm)
    table(scale=2.0).write(tmp_path / "t.json")
    with pytest.raises(ValueError, match=r"problem is not that of the run: .*latency"):
        resume(tmp_path / "run")
    (tmp_path / "t.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"t\.json"):
        resume(tmp_path / "run")


def test_configurations_name_the_file_and_a_table_without_one_is_none(tmp_path: Path) -> None:
    table().write(tmp_path / "t.json")
    plan = SearchConfig(objectives=("error", "latency"), latency=str(tmp_path / "t.json"))
    assert SearchConfig.from_toml(plan.to_toml()) == plan
    settings = problem(latency=tmp_path / "t.json").to_config()
    assert settings is not None
    assert settings["latency"] == str(tmp_path / "t.json")
    assert problem(latency=table()).to_config() is None
    assert "latency" not in problem(("error", "params")).fingerprint()


def test_wrong_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("[]")
    small = replace(NETWORK, channels=6)
    wrong: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"latency": 3}, TypeError, "latency: expected the path of a table, got 3"),
        ({"latency": "no.json"}, FileNotFoundError, "no.json"),
        ({"latency": tmp_path / "t.json"}, ValueError, "expected a table of format 2"),
        ({"latency": made_up(SPACE, small)}, ValueError, "got one without .* of them, such as stem 1->6 at 8x8"),
        ({"latency": table(), "objectives": ("error",)}, ValueError, "latency: expected it among the objectives"),
    ]
    for fields, error, says in wrong:
        with pytest.raises(error, match=says) as caught:
            problem(**fields)
        assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="latency: expected a name, got 3"):
        SearchConfig(latency=3)  # type: ignore[arg-type]


@pytest.mark.end_to_end
def test_the_command_line_builds_shows_searches_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "LAYER_ROUNDS", 1)
    quick = measuring.build
    options = {"rounds": 1, "network_rounds": 1, "fitted": 2}
    monkeypatch.setattr(measuring, "build", lambda *args, **fields: quick(*args, **{**fields, **options}))
    assert call("latency", "build", "--preset", "smoke", "--check", "2", "--out", "t.json") == 0
    said = capsys.readouterr().out
    assert "against 2 measured networks: Spearman" in said
    assert "1 thread, batch 1, channels_last; 3 cells of 4 channels on 1x8x8" in said
    made = LatencyTable.read("t.json")
    assert call("latency", "show", "t.json") == 0
    said = capsys.readouterr().out
    assert said.count("sep_conv_5x5") == sum(layer.kind == "sep_conv_5x5" for layer, _ in made.layers)
    assert call("latency", "show", "t.json", "CARS-A", "--measure") == 0
    said = capsys.readouterr().out
    from carsmoo.zoo import GENOTYPES

    assert said.startswith(f"{latency(GENOTYPES['CARS-A'], made.network, made):.4f} ms predicted for {made.device}")
    assert "ms measured here, quartiles" in said
    names = json.dumps(["error", "latency"])
    search = ["--preset", "smoke", "--set", f"objectives={names}", "--set", "latency=t.json", "--set", f"data={DATA}"]
    assert call("search", "--out", "run", *search, "--set", "training.n_generations=1") == 0
    said = capsys.readouterr().out
    assert "(ms)" in said
    front = Front.load("run/front.json")
    assert front.units == ("fraction", "ms")
    expected = [latency(genotype, made.network, made) for genotype in front.genotypes]
    assert front.column("latency").tolist() == expected
    assert (tmp_path / "run" / "front.png").stat().st_size > 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert call("resume", tmp_path / "run", "--generations", "2") == 0


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["build", "--out", "no/t.json"], "out: expected a file in a directory that exists, got no/t.json"),
        (["build", "--out", "t.json", "--network", "resnet"], "network: expected one of cifar, imagenet, got 'resnet'"),
        (["build", "--out", "t.json", "--memory-format", "x"], "memory_format: expected one of channels_last, contig"),
        (["build", "--out", "t.json", "--preset", "x"], "preset: expected one of demo"),
        (["show", "no.json"], "no.json"),
        (["show", "empty.json"], "empty.json: latency: expected a table as JSON, got something else"),
        (["show", "empty.json", "CARS"], "genotype: expected one of"),
        (["show", "empty.json", "--measure"], "measure: expected a genotype to measure, got none"),
    ],
)
def test_a_wrong_command_is_one_line_and_writes_nothing(
    argv: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.json").touch()
    assert call("latency", *argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty.json"]
