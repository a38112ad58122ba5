import json
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file

from carsmoo import plots
from carsmoo.compare.comparison import Score
from carsmoo.compare.tables import to_csv, to_latex
from carsmoo.config.search import SearchConfig
from carsmoo.plots.style import new_axes
from carsmoo.runs.directory import RunDirectory
from carsmoo.space.front import Front
from carsmoo.utils.owned import LATENCY, TABLE, is_own, require_own
from carsmoo.zoo import GENOTYPES
from tests.nets.models.test_serialization import CARD, trained


def written(folder: Path) -> list[Path]:
    """Write one file of each kind, and return them."""
    from carsmoo.nets.models.serialization import save

    front = Front.from_objectives([GENOTYPES["CARS-A"]], np.array([[0.5, 2.0]]), ("error", "params"), ("", "M"), {})
    front.to_csv(folder / "front.csv")
    front.to_json(folder / "front.json")
    for ending in ("png", "pdf"):
        plots.save(new_axes(), folder / f"front.{ending}")
    three = (0.1, 0.2, 0.3)
    sizes = {"size_low": 1.0, "size_high": 2.0}
    score = Score(
        problem="trap", algorithm="a", n=1, hv=three, igd=three, **sizes, evaluations=8, p=0.5, a12=0.5, p_size=0.5
    )
    (folder / "table.csv").write_text(to_csv([score]))
    (folder / "table.tex").write_text(to_latex([score]))
    run = RunDirectory.create(folder / "run", SearchConfig())
    save(trained(), folder, CARD)
    return [*(path for path in folder.iterdir() if path.is_file()), run.path / "log.jsonl"]


def test_what_is_written_is_known_again_and_may_be_replaced(tmp_path: Path) -> None:
    paths = written(tmp_path)
    assert len(paths) == 9
    assert [path.name for path in paths if not is_own(path)] == []
    require_own(*paths, tmp_path / "new.html")


def test_a_table_without_times_is_of_an_earlier_version(tmp_path: Path) -> None:
    csv, tex = tmp_path / "table.csv", tmp_path / "table.tex"
    csv.write_text(",".join(TABLE[:-1]) + "\n")
    tex.write_text("\\begin{tabular}{llrrrrrr}\n")
    require_own(csv, tex)
    csv.write_text(",".join(TABLE[:-2]) + "\n")
    assert not is_own(csv)


def foreign(folder: Path) -> list[Path]:
    """Write one file of each kind as other programs do, and return them."""
    for name, content in (
        ("front.csv", "error,params\n0.1,2\n"),
        ("front.json", '{"networks": []}'),
        ("table.json", "[1, 2]"),
        ("deep.json", "[" * 100_000),
        ("cut.json", '{"objectives": '),
        ("table.tex", "\\begin{tabular}{ll}\n"),
        ("log.jsonl", '{"event": "mine"}\n'),
        ("training.jsonl", '{"epoch": 1, "loss": 0.5, "learning_rate": 0.1}\n'),
        ("text.jsonl", "one\n"),
        ("report.html", "<!doctype html><p>carsmoo"),
        ("front", "text"),
    ):
        (folder / name).write_text(content)
    figure = Figure()
    figure.add_subplot().set_title("carsmoo")
    for ending in ("png", "pdf"):
        figure.savefig(folder / f"front.{ending}")
    save_file({"x": torch.zeros(3)}, folder / "best.safetensors", {"made by": "me"})
    (folder / "last.safetensors").write_bytes(b"\xff" * 9)
    (folder / "folder.png").mkdir()
    return list(folder.iterdir())


def test_what_others_wrote_is_not_taken_for_ours(tmp_path: Path) -> None:
    for path in foreign(tmp_path):
        with pytest.raises(FileExistsError, match=f"{path.name}: expected no file, or one of carsmoo to replace"):
            require_own(path)


def test_a_kind_may_be_named_where_the_ending_does_not_tell_it(tmp_path: Path) -> None:
    (tmp_path / "table").write_text(json.dumps({"carsmoo_latency": 2}))
    require_own(tmp_path / "table", kind=LATENCY)
    with pytest.raises(FileExistsError, match="table: expected no file"):
        require_own(tmp_path / "table")


def test_a_link_may_be_replaced_whatever_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "front.png").symlink_to("mine")
    require_own(tmp_path / "front.png")


def test_one_kind_is_not_taken_for_another(tmp_path: Path) -> None:
    front, table = tmp_path / "front.json", tmp_path / "table.csv"
    front.write_text('{"objectives": {}, "about": {}, "networks": []}')
    table.write_text("problem,algorithm,my notes\n")
    assert is_own(front)
    for path, kind in ((front, LATENCY), (table, None)):
        with pytest.raises(FileExistsError, match="expected no file, or one of carsmoo to replace"):
            require_own(path, kind=kind)
