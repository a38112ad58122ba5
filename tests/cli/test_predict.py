import json
from pathlib import Path

import pytest

from carsmoo import load
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.retraining.job import Job, train
from carsmoo.zoo import GENOTYPES
from tests.support.commands import call
from tests.support.images import draw_folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    """Return the folder of a network and two of its images; a class is called as markup."""
    root = tmp_path_factory.mktemp("predict")
    images = draw_folder(root / "images", {"[bold]": 15, "plain": 15}, size=(8, 8))
    recipe = TrainingRecipe(channels=2, layers=3, epochs=1, batch=12)
    train(Job(folder=root / "net", genotype=GENOTYPES["CARS-A"], recipe=recipe, data=f"folder:{images}", threads=1))
    return root / "net", [images / "[bold]" / "000.png", images / "plain" / "001.png"]


def test_a_row_an_image(
    trained: tuple[Path, list[Path]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, images = trained
    monkeypatch.setenv("COLUMNS", "300")
    assert call("predict", model, *images) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["file", "class", "probability", "next", "best"]
    for row, path, one in zip(rows, images, load(model).predict([*images]), strict=True):
        (name, following) = one.ranked()[1]
        assert row.split() == [str(path), one.label, f"{one.probability:.1%}", name, f"{following:.1%}"]


def test_a_long_name_is_told_whole_where_there_is_no_terminal(
    trained: tuple[Path, list[Path]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, images = trained
    long = [tmp_path / ("long" * 30) / f"{k}.png" for k in range(2)]
    long[0].parent.mkdir()
    for path, image in zip(long, images, strict=True):
        path.write_bytes(image.read_bytes())
    assert call("predict", model, *long) == 0
    assert [row.split()[0] for row in capsys.readouterr().out.splitlines()[1:]] == [str(path) for path in long]


def test_json_has_all_classes(trained: tuple[Path, list[Path]], capsys: pytest.CaptureFixture[str]) -> None:
    model, images = trained
    assert call("predict", model / "best.safetensors", images[0], "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    one = load(model).predict(images[0])
    assert row == {
        "file": str(images[0]),
        "label": one.label,
        "probability": one.probability,
        "probabilities": one.probabilities,
    }
    assert set(row["probabilities"]) == {"[bold]", "plain"}


def test_what_is_wrong_is_one_line(trained: tuple[Path, list[Path]], capsys: pytest.CaptureFixture[str]) -> None:
    model, images = trained
    for argv, says in (
        ((model, images[0], model / "network.json"), "images[1]: expected an image, got"),
        ((model, images[0].parent), "images: expected an image, got one that cannot be read"),
        ((images[0].parent, images[0]), "network: expected a folder with network.json"),
    ):
        assert call("predict", *argv) == 2
        said = capsys.readouterr()
        assert says in said.err
        assert said.err.count("\n") == 1
        assert said.out == ""
