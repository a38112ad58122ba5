from pathlib import Path
from typing import Any

import numpy as np
import pytest

from carsmoo import plots
from carsmoo.cli.tables import trained_table
from carsmoo.cli.train import _best
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.nets.distributed.group import ALONE
from carsmoo.plots.retrained import plot_final_front, plot_ranks
from carsmoo.runs import rank_correlation
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.network_folders import folders_of, short_name
from carsmoo.runs.retrained_front import jobs_for, require_results, train_jobs, trained_folder
from carsmoo.space.front import Front
from carsmoo.utils.progress import unheard
from carsmoo.zoo import GENOTYPES


@pytest.mark.parametrize("n", [5, 6])
def test_a_picture_of_ranks_tells_tau_of_six_networks_or_more(
    n: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(plots, "save_both", lambda ax, path: drawn.append(ax))
    errors = np.linspace(0.1, 0.2, n)
    found = {"batch": errors, rank_correlation.SCORE: 2 * errors}  # which need not be errors, and are not drawn
    rank_correlation._draw(RunDirectory(tmp_path), found, errors, {"source": "front"})
    (text,) = drawn[0].get_legend().get_texts()
    tau = ": tau 1.00 (p = 0.0028, n = 6)" if n == 6 else ""
    assert text.get_text() == f"batch norm of each batch{tau}"


def test_short_names() -> None:
    names = {short_name(genotype) for genotype in GENOTYPES.values()}
    assert names == set(GENOTYPES)
    other = GENOTYPES["CARS-A"]
    changed = type(other)(other.reduce, other.reduce_concat, other.normal, other.normal_concat)
    assert len(short_name(changed)) == 8


def test_a_folder_keeps_its_name_where_its_network_moves_in_the_front(tmp_path: Path) -> None:
    names = ["CARS-A", "CARS-B", "CARS-C", "CARS-D"]
    genotypes = [GENOTYPES[name] for name in names]
    assert [path.name for path in folders_of(tmp_path, genotypes)] == [f"{k}-{name}" for k, name in enumerate(names, 1)]
    for made in ("4-CARS-B", "7-CARS-B", "2-CARS-C", "3-CARS-C", "4-CARS-D", "1-CARS-E"):
        (tmp_path / made).mkdir()
    (tmp_path / "9-CARS-A").touch()  # no folder
    found = [path.name for path in folders_of(tmp_path, genotypes)]
    assert found == ["1-CARS-A", "4-CARS-B", "3-CARS-C", "4-CARS-D"]
    (tmp_path / "10-CARS-B").mkdir()
    again = [path.name for path in folders_of(tmp_path, genotypes[1:2] * 4)]  # each a folder of its own
    assert again == ["7-CARS-B", "10-CARS-B", "3-CARS-B", "4-CARS-B"]


def test_a_number_is_that_of_the_front_of_now(tmp_path: Path) -> None:
    run = RunDirectory.create(tmp_path / "run", SearchConfig())
    a, c, d = (GENOTYPES[name] for name in ("CARS-A", "CARS-C", "CARS-D"))
    columns, units = ("error", "held_out_error"), ("", "")
    about = {"places": [1, 2]}  # of a front of then, whose second network is today's first
    run.write_front(Front.from_objectives([d, a], [[0.1, 0.3], [0.2, 0.2]], columns, units, about), "final-front")
    run.write_front(Front.from_objectives([a, c], [[0.1, 2.0], [0.2, 1.0]], ("error", "params"), units))
    for name in ("1-CARS-D", "2-CARS-A"):
        (run.path / "networks" / name).mkdir(parents=True)
    found = [trained_folder(run, number) for number in (1, 2, 3, 0)]
    assert [path and path.name for path in found] == ["2-CARS-A", None, None, None]
    best = trained_folder(run)
    assert best is not None
    assert best.name == "2-CARS-A"


def test_the_pictures_show_what_they_are_given() -> None:
    searched, trained = np.array([[2.0, 0.1], [1.0, 0.2]]), np.array([[2.0, 0.05]])
    ax = plot_final_front(searched, trained, "params (M)", title="tau")
    assert [c.get_offsets().tolist() for c in ax.collections] == [searched.tolist(), trained.tolist()]
    assert [drawn.get_drawstyle() for drawn in ax.lines] == ["steps-post", "steps-post"]
    assert np.asarray(ax.lines[0].get_xydata()).tolist() == [[1.0, 0.2], [2.0, 0.1]]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("params (M)", "error (%)", "tau")
    beaten = plot_final_front([*searched, [3.0, 0.3]], trained, "params (M)")
    assert np.asarray(beaten.lines[0].get_xydata()).tolist() == [[1.0, 0.2], [2.0, 0.1]]
    ax = plot_ranks({"a": [0.1, 0.2], "b": [0.3, 0.4]}, [0.01, 0.02])
    assert [c.get_offsets().tolist() for c in ax.collections] == [
        [[0.1, 0.01], [0.2, 0.02]],
        [[0.3, 0.01], [0.4, 0.02]],
    ]
    with pytest.raises(ValueError, match=r"^trained: expected \(n, 2\), got \(3,\)"):
        plot_final_front(searched, np.zeros(3), "params")
    with pytest.raises(ValueError, match=r"^a: expected \(2,\) errors as trained alone, got \(3,\)"):
        plot_ranks({"a": [1, 2, 3]}, [0.1, 0.2])


@pytest.mark.parametrize("places", [None, "12", [1], [1, 0], [1, 2.0], [1, True], {}])
def test_a_trained_front_without_fitting_places_is_named(places: Any, tmp_path: Path) -> None:
    about = {} if places is None else {"places": places}
    genotypes = [GENOTYPES["CARS-A"], GENOTYPES["CARS-D"]]
    Front.from_objectives(genotypes, [[0.1, 0.2], [0.2, 0.1]], ("error", "search_error"), ("", ""), about).to_json(
        tmp_path / "final-front.json"
    )
    with pytest.raises(ValueError, match=r"final-front\.json: places: expected an integer from 1 for each network"):
        trained_folder(RunDirectory(tmp_path))


def test_a_trained_front_without_an_error_to_choose_by_is_named(tmp_path: Path) -> None:
    front = Front.from_objectives([GENOTYPES["CARS-A"]], [[0.1]], ("error",), ("",), {"places": [1]})
    front.to_json(tmp_path / "final-front.json")
    with pytest.raises(
        ValueError, match=r"final-front\.json: expected a column held_out_error or .* or search_loss, got error"
    ):
        trained_folder(RunDirectory(tmp_path))


@pytest.mark.parametrize("places", [None, "12", [1], [1, 0]])
def test_what_tells_of_a_trained_front_asks_for_its_places(places: Any) -> None:
    about = {} if places is None else {"places": places}
    genotypes = [GENOTYPES["CARS-A"], GENOTYPES["CARS-D"]]
    front = Front.from_objectives(genotypes, [[0.1, 0.2], [0.2, 0.1]], ("error", "search_error"), ("", ""), about)
    for tell in (trained_table, _best):
        with pytest.raises(ValueError, match=r"^final front: places: expected an integer from 1 for each network"):
            tell(front)


def test_a_network_is_not_trained_through_a_link(tmp_path: Path) -> None:
    genotypes, recipe = [GENOTYPES["CARS-A"], GENOTYPES["CARS-D"]], TrainingRecipe(channels=2, layers=2, epochs=1)
    jobs = jobs_for(genotypes, tmp_path / "networks", recipe, "digits")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "networks").mkdir()
    jobs[1].folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError, match="2-CARS-D: expected a directory, got a symbolic link"):
        train_jobs(jobs, 1, unheard, ALONE)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert list((tmp_path / "networks").iterdir()) == [jobs[1].folder]


@pytest.mark.parametrize(("link", "names"), [("networks", ()), ("fidelity", ("fidelity",))])
def test_networks_are_not_written_through_a_link(link: str, names: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / link).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError, match=f"{link}: expected a directory, got a symbolic link"):
        require_results(RunDirectory(tmp_path), *names)
