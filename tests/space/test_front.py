import sys
from pathlib import Path

import numpy as np
import pytest

from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES

NAMES = list(GENOTYPES)
NETWORKS = [GENOTYPES[name] for name in NAMES[:5]]
F = np.array([[0.2, 3.0], [0.1, 4.0], [0.3, 2.0], [0.2, 5.0], [0.1, 4.0]])


def front() -> Front:
    return Front.from_objectives(
        NETWORKS, F, ("error", "params"), ("fraction", "millions"), {"split": "search-validation"}
    )


def test_it_keeps_the_non_dominated_sorted_by_the_first_objective() -> None:
    made = front()
    assert set(made.genotypes) == {NETWORKS[k] for k in (0, 1, 2, 4)}
    assert made.F.tolist() == [[0.1, 4.0], [0.1, 4.0], [0.2, 3.0], [0.3, 2.0]]
    assert made.column("params").tolist() == [4.0, 4.0, 3.0, 2.0]
    assert list(made)[2] == (NETWORKS[0], {"error": 0.2, "params": 3.0})
    assert len(made) == 4


def test_the_order_given_does_not_matter_and_equal_genotypes_are_one() -> None:
    order = [4, 2, 0, 3, 1]
    shuffled = Front.from_objectives([NETWORKS[k] for k in order], F[order], ("error", "params"), ("", ""))
    assert shuffled.genotypes == front().genotypes
    twice = Front.from_objectives(NETWORKS * 2, np.tile(F, (2, 1)), ("error", "params"), ("", ""))
    assert twice.genotypes == front().genotypes
    assert len(Front.from_objectives([], [], ("error",), ("",))) == 0
    assert len(Front.from_objectives([], np.empty((0, 2)), ("error", "params"), ("", ""))) == 0
    measured_twice = Front.from_objectives(NETWORKS[:1] * 2, [[0.2, 3.0], [0.1, 4.0]], ("error", "params"), ("", ""))
    assert measured_twice.F.tolist() == [[0.1, 4.0]]


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_files_give_the_front_back(tmp_path: Path, ending: str) -> None:
    made, path = front(), tmp_path / f"front.{ending}"
    getattr(made, f"to_{ending}")(path)
    read = Front.load(path)
    assert read.genotypes == made.genotypes
    assert np.array_equal(read.F, made.F)
    assert read.names == made.names
    if ending == "json":
        assert (read.units, read.about) == (made.units, made.about)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("front.json", "{"),
        ("front.json", "[]"),
        ("front.json", '{"objectives": {"error": ""}, "about": {}, "networks": [{}]}'),
        ("front.csv", "error,params\n0.1,2\n"),
        ("front.csv", "error,genotype\nmany,Genotype()\n"),
        ("front.csv", ""),
    ],
)
def test_damaged_files_are_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=name) as caught:
        Front.load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_wrong_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="units: expected 2"):
        Front.from_objectives(NETWORKS, F, ("error", "params"), ("",))
    for wrong in (F.T, F.ravel(), F[:4]):
        with pytest.raises(ValueError, match=r"^F: expected \(5, 2\), got \("):
            Front.from_objectives(NETWORKS, wrong, ("error", "params"), ("", ""))
    with pytest.raises(ValueError, match="F: expected numbers, got NaN"):
        Front.from_objectives(NETWORKS[:1], [[np.nan, 1.0]], ("error", "params"), ("", ""))
    with pytest.raises(ValueError, match="objective: expected one of error, params, got 'flops'"):
        front().column("flops")


def test_its_best_network_and_the_labels_of_its_objectives() -> None:
    made = front()
    assert (made.best(), made.best("params")) == (0, 3)
    assert made.labels == ("error (fraction)", "params (millions)")
    assert Front.from_objectives(NETWORKS, F, ("error", "params"), ("", "s")).labels == ("error", "params (s)")
    with pytest.raises(ValueError, match="objective: expected one of error, params, got 'latency'"):
        made.best("latency")
    with pytest.raises(ValueError, match="front: expected a network or more, got none"):
        Front.from_objectives([], [], ("error",), ("",)).best()


ABOUT = {"split": "search-validation", "weights": "supernet", "epoch": 4}


def small() -> Front:
    values = [[0.07, 0.0241], [0.2, 0.0163]]
    return Front.from_objectives(NETWORKS[:2], values, ("error", "params"), ("fraction", "millions"), ABOUT)


def test_its_repr_is_a_line_that_tells_ranges_and_provenance() -> None:
    assert repr(small()) == (
        "Front(2 networks; error 7.00 to 20.00 %, parameters 16.30 to 24.10 k; "
        "search-validation split, weights of the supernet, epoch 4)"
    )
    none = Front.from_objectives([], [], ("error", "a\nb"), ("", ""))
    assert repr(none) == "Front(no network; error, a b; split, weights and epoch not recorded)"
    assert repr(Front.from_objectives(NETWORKS[:1], [[0.5]], ("error",), ("fraction",), ABOUT)).startswith(
        "Front(1 network; error 50.00 %; "
    )


def test_its_frame_has_objectives_networks_and_provenance() -> None:
    pandas = pytest.importorskip("pandas", reason="needs pandas: pip install 'carsmoo[frame]'")
    made = small()
    frame = made.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.columns) == ["error", "params", "genotype"]
    assert np.array_equal(frame[["error", "params"]].to_numpy(), made.F)
    assert tuple(frame["genotype"]) == made.genotypes
    assert frame.attrs == {"units": {"error": "fraction", "params": "millions"}, "about": ABOUT}
    frame.loc[0, "error"] = 9.0
    assert made.F[0, 0] == 0.07
    assert len(Front.from_objectives([], [], ("error",), ("",)).to_frame()) == 0


def test_a_frame_without_pandas_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"^to_frame: expected the package pandas, .* 'carsmoo\[frame\]'$"):
        small().to_frame()


def test_a_place_gives_what_iterating_yields_and_a_slice_a_front() -> None:
    made = front()
    assert [made[k] for k in range(len(made))] == list(made)
    assert (made[-1], made[np.int64(2)]) == (list(made)[3], (NETWORKS[0], {"error": 0.2, "params": 3.0}))
    part = made[1:3]
    assert isinstance(part, Front)
    assert list(part) == list(made)[1:3]
    assert (part.names, part.units, part.about) == (made.names, made.units, made.about)
    part.F[0, 0] = 9.0
    assert made.F[1, 0] == 0.1
    assert len(made[4:]) == 0
    assert made[made.best("params")][1]["params"] == 2.0
    for k in (4, -5):
        with pytest.raises(IndexError, match=f"front: expected the place of one of 4 networks, got {k}"):
            made[k]
    with pytest.raises(TypeError, match="front: expected a place as an integer, or a slice, got 'error'"):
        made["error"]  # type: ignore[call-overload]
