"""The whole path of a user on the command line in spaces other than DARTS's."""

import json
from pathlib import Path

import pytest

from carsmoo import ChainSpace, NASBench201Space
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.report.data import extract
from carsmoo.space.search_space import SearchSpace
from tests.support.commands import SMOKE, call
from tests.support.images import draw_folder

CHAIN = """
[space]
kind = "ChainSpace"
head = 2
[[space.stages]]
blocks = 1
ops = ["skip", "nor_conv_3x3", "mb_conv_3x3_e2"]
[[space.stages]]
width = 2
blocks = 2
stride = 2
ops = ["skip", "mb_conv_3x3_e2"]
"""
CELL = '[space]\nkind = "NASBench201Space"'


@pytest.mark.end_to_end
@pytest.mark.parametrize(("settings", "kind"), [(CHAIN, ChainSpace), (CELL, NASBench201Space)], ids=["chain", "cell"])
def test_search_resume_train_report_export_and_predict(
    settings: str, kind: type[SearchSpace], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly", reason="needs plotly: pip install 'carsmoo[report]'")
    photos = draw_folder(tmp_path / "photos" / "train", {"cat": 20, "dog": 20}, (8, 8))
    draw_folder(tmp_path / "photos" / "test", {"cat": 3, "dog": 3}, (8, 8), seed=1)
    run, again, plan = tmp_path / "run", tmp_path / "again", tmp_path / "plan.toml"
    plan.write_text(settings)
    data = f"folder:{photos.parent}?size=8x8"
    assert call("search", "--out", run, *SMOKE, "--config", plan, "--data", data, "--set", "training.batch_size=8") == 0
    config = RunDirectory(run).config()
    assert config is not None
    assert isinstance(config.space, kind)
    assert call("search", "--out", again, "--config", run / "config.toml", "--quiet") == 0
    assert (again / "front.csv").read_bytes() == (run / "front.csv").read_bytes()
    assert call("resume", run, "--generations", 2) == 0
    assert [one.number for one in extract(run).generations] == [1, 2, 3]
    assert call("train", run, "--top", 1, "--set", "epochs=1", "--set", "batch=8", "--network", "2/3") == 0
    assert call("plot", run) == 0
    assert call("report", run) == 0
    assert call("export", run, "--out", tmp_path / "export", "--format", "onnx", "--format", "safetensors") == 0
    assert (tmp_path / "export" / "network.onnx").is_file()
    (trained,) = (path for path in (run / "networks").iterdir() if path.is_dir())
    capsys.readouterr()
    assert call("predict", trained, photos / "cat" / "000.png", photos / "dog" / "000.png", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert {one["label"] for one in told} <= {"cat", "dog"}


def test_architectures_are_named_by_text_or_json(capsys: pytest.CaptureFixture[str]) -> None:
    cell = NASBench201Space().decode([3, 0, 1, 4, 2, 1])
    chain = ChainSpace().decode([1, 0, 2, 2, 0, 1])
    for text in (str(cell), cell.to_json(), chain.to_json()):
        assert call("cost", text, "--channels", 4, "--layers", 3) == 0
    told = capsys.readouterr().out
    assert told.count("cifar10, 3 cells of 4 channels") == 2
    assert "cifar10, 6 blocks in 3 stages" in told
    assert call("cost", "|none~0|") == 2
    assert "architecture: expected a text such as |nor_conv_3x3~0|+" in capsys.readouterr().err
