from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from carsmoo.plots.cells import plot_cell, plot_genotype
from carsmoo.plots.fronts import plot_attainment, plot_convergence, plot_front, plot_generations
from carsmoo.plots.objectives import plot_parallel
from carsmoo.plots.retrained import plot_final_front, plot_ranks
from carsmoo.plots.style import new_axes, save
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES

LABELS = ["error (fraction)", "params (millions)", "flops"]
F = np.array([[0.1, 4.0, 1.0], [0.2, 3.0, 1.0], [0.3, 2.0, 1.0]])


def line(ax: Axes, k: int = 0) -> list[list[float]]:
    return np.asarray(ax.lines[k].get_xydata()).tolist()


def test_a_front_is_a_staircase_from_left_to_right() -> None:
    ax = plot_front(F, LABELS, population=F + 0.2, axes=(1, 0))
    assert line(ax) == [[2.0, 0.3], [3.0, 0.2], [4.0, 0.1]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == (LABELS[1], LABELS[0])
    assert sorted(len(c.get_offsets()) for c in ax.collections) == [3, 3]
    legend = ax.get_legend()
    assert legend is not None
    assert {text.get_text() for text in legend.get_texts()} == {"population", "Pareto front"}
    assert line(plot_front(F, LABELS, axes=(0, 1))) == [[0.1, 4.0], [0.2, 3.0], [0.3, 2.0]]


def found(names: tuple[str, ...], units: tuple[str, ...]) -> Front:
    values = np.array([[0.07, 0.024, 12000.0], [0.2, 0.016, 12000.0]])[:, : len(names)]
    return Front.from_objectives([GENOTYPES["CARS-A"], GENOTYPES["CARS-B"]], values, names, units)


def test_a_front_brings_its_labels_and_its_axes_count_in_engineering_units() -> None:
    ax = plot_front(found(("error", "params"), ("fraction", "millions")), population=[[0.1, 0.03]])
    assert line(ax) == [[0.016, 0.2], [0.024, 0.07]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("parameters (k)", "error (%)")
    assert ax.xaxis.get_major_formatter()(0.016) == "16"
    assert ax.yaxis.get_major_formatter()(0.07) == "7"
    front = found(("speed", "error", "size"), ("", "fraction", ""))
    drawn = plot_front(front, ax=new_axes())
    assert (drawn.get_xlabel(), drawn.get_ylabel()) == ("speed", "error (%)")
    assert plot_front(front, axes=(2, 1)).xaxis.get_major_formatter()(12000) == ""  # matplotlib's own, not yet drawn
    named = plot_front(front, LABELS, ax=new_axes())
    assert (named.get_xlabel(), named.get_ylabel()) == (LABELS[0], LABELS[1])
    ax = plot_generations(
        [[[0.07, 0.024]], [[0.05, 0.016]]], found(("error", "params"), ("fraction", "millions")).columns
    )
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("parameters (k)", "error (%)")


def test_outliers_of_the_population_are_arrows_at_the_edge_and_leave_the_front_its_room() -> None:
    front = np.array([[0.1, 4.0], [0.2, 3.0], [0.3, 2.0]])
    others = np.array([[0.25, 5.0], [0.9, 3.0], [0.2, 70.0], [0.95, 80.0]])
    ax = plot_front(front, LABELS[:2], population=others)
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    assert 2 / (right - left) > 0.5
    assert 0.2 / (top - bottom) > 0.5
    assert left < 2 < 5 < right < 10
    points = {str(c.get_label()): c.get_offsets().tolist() for c in ax.collections}
    assert points["population"] == [[5.0, 0.25]]
    assert points["population, beyond the axes"] == [[right, 0.2]]
    assert points["_"] == [[3.0, top], [right, top]]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [  # type: ignore[union-attr]
        "Pareto front",
        "population",
        "population, beyond the axes",
    ]
    alone = plot_front(front[:1], LABELS[:2], population=others)
    assert len(alone.collections) == 2
    assert alone.get_xlim()[1] > 80


def test_a_front_that_cannot_be_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="F: expected a front of two objectives or more, got one of error alone"):
        plot_front(found(("error",), ("",)))
    with pytest.raises(ValueError, match=r"F: expected \(n, 2\) as there are labels, n > 0, got \(0, 2\)"):
        plot_front(Front.from_objectives([], [], ("error", "params"), ("", "")))
    with pytest.raises(ValueError, match="axes: expected two different indices"):
        plot_front(found(("error", "params"), ("", "")), axes=())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="labels: expected a list of names, got None"):
        plot_front(F)


def test_later_generations_are_darker_and_dominated_points_are_left_out() -> None:
    fronts = [np.vstack([F - 0.01 * k, F + 1]) for k in range(4)]
    ax = plot_generations(fronts, LABELS, generations=[1, 2, 3, 9])
    greys = [sum(drawn.get_color()) for drawn in ax.lines]
    assert greys == sorted(greys, reverse=True)
    assert len(set(greys)) == 4
    assert all(len(line(ax, k)) == 3 for k in range(4))
    assert len(plot_generations([F], LABELS).lines) == 1
    ax = plot_generations([F - 0.001 * k for k in range(51)], LABELS, at_most=5)
    assert [min(y for _, y in line(ax, k)) for k in range(5)] == pytest.approx([0.1, 0.088, 0.075, 0.062, 0.05])


def test_a_cell_shows_its_operations_and_not_the_absent_ones() -> None:
    edges = (("sep_conv_3x3", 0), ("none", 1), ("max_pool_3x3", 2), ("skip_connect", 0))
    ax = plot_cell(edges, (2, 3), title="a cell")
    texts = [text.get_text() for text in ax.texts]
    assert {"sep conv 3x3", "max pool 3x3", "skip connect", "c(k-2)", "c(k-1)", "c(k)", "0", "1"} <= set(texts)
    assert "none" not in texts
    assert ax.get_title(loc="left") == "a cell"


def test_drawings_go_to_files_and_leave_pyplot_alone(tmp_path: Path) -> None:
    before = plt.get_fignums()
    for name, drawn in (("front", plot_front(F, LABELS)), ("cells", plot_genotype(GENOTYPES["CARS-H"]))):
        for ending, start in (("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")):
            path = tmp_path / f"{name}.{ending}"
            save(drawn, path)
            assert path.read_bytes().startswith(start)
    assert plt.get_fignums() == before


def test_a_figure_is_a_sharp_picture_in_a_notebook_and_opens_a_window_when_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = plot_front(F[:, :2], LABELS[:2])
    picture, size = drawn._repr_png_()
    assert picture.startswith(b"\x89PNG")
    assert size == {"width": 528, "height": 374}  # 4.8 by 3.4 inches
    assert drawn.figure._repr_png_()[1] == size
    shown: list[list[int]] = []
    monkeypatch.setattr(plt, "show", lambda: shown.append([plt.fignum_exists(drawn.figure.number)]))
    drawn.figure.show()
    assert shown == [[True]]
    plt.close(drawn.figure)
    monkeypatch.setattr(plt, "figure", lambda figure: (_ for _ in ()).throw(ValueError("not managed by pyplot")))
    with pytest.raises(RuntimeError, match=r"show: expected matplotlib 3.11 or newer \(not managed by pyplot\)"):
        plot_front(F[:, :2], LABELS[:2]).figure.show()


def test_given_axes_are_drawn_on_and_arrays_not_written_to() -> None:
    frozen = F.copy()
    frozen.setflags(write=False)
    figure, ax = plt.subplots()
    assert plot_front(frozen, LABELS, population=frozen, ax=ax) is ax
    assert plot_parallel(frozen, LABELS, ax=ax) is ax
    assert plot_generations([frozen], LABELS, ax=ax) is ax
    assert plot_cell(GENOTYPES["DARTS-V1"].normal, (2, 3, 4, 5), ax=ax) is ax
    plt.close(figure)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 2)), np.zeros((0, 3))])
def test_wrong_arrays_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"F: expected \(n, 3\)"):
        plot_front(wrong, LABELS)
    with pytest.raises(ValueError, match="fronts: expected at least one, got none"):
        plot_generations([], LABELS)


def test_convergence_is_a_median_in_a_band_of_quartiles() -> None:
    values = np.arange(20.0).reshape(5, 4)
    ax = plot_convergence({"a": ([1, 2, 3, 4], values), "b": ([1, 2, 3, 4], values + 1)})
    assert line(ax) == [[k + 1, value] for k, value in enumerate(np.median(values, axis=0).tolist())]
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == np.quantile(values, 0.25, axis=0).min()
    assert {drawn.get_linestyle() for drawn in ax.lines} == {"-", "--"}
    with pytest.raises(ValueError, match=r"curves\['a'\]: expected \(runs, 3\) values, got \(5, 4\)"):
        plot_convergence({"a": ([1, 2, 3], values)})
    with pytest.raises(ValueError, match="curves: expected at least one"):
        plot_convergence({})


def test_the_median_surface_is_attained_by_half_of_the_runs() -> None:
    runs = [[[0.1, 4.0], [0.3, 2.0]], [[0.2, 4.0], [0.4, 2.0]], [[0.3, 4.0], [0.5, 2.0]]]
    ax = plot_attainment({"a": runs}, LABELS[:2])
    assert line(ax) == [[2.0, 0.4], [4.0, 0.2]]
    best = plot_attainment({"a": runs}, LABELS[:2], percentile=1)
    assert line(best) == [[2.0, 0.3], [4.0, 0.1]]
    with pytest.raises(ValueError, match="fronts: expected at least one"):
        plot_attainment({}, LABELS[:2])
    with pytest.raises(ValueError, match=r"^F: expected \(n, 2\) as there are labels"):
        plot_attainment({"a": [[[1, 2, 3]]]}, LABELS[:2])


def test_a_run_that_found_nothing_attains_nothing_and_counts() -> None:
    some = [[[0.1, 4.0], [0.3, 2.0]], [[0.2, 4.0], [0.4, 2.0]]]
    ax = plot_attainment({"a": [[], *some, np.empty((0, 2))], "b": [[], some[0], []]}, LABELS[:2])
    assert line(ax) == [[2.0, 0.4], [4.0, 0.2]]  # by both of four
    assert line(ax, 1) == []  # one of three is no half
    assert line(plot_attainment({"a": [[], *some]}, LABELS[:2], percentile=200 / 3)) == line(ax)


NAMES = ["_a $x", "b $y^{$"]


def draw_attainment() -> Axes:
    return plot_attainment({name: [F[:, :2]] for name in NAMES}, NAMES)


def draw_convergence() -> Axes:
    return plot_convergence({name: ([1, 2], [[1, 2]]) for name in NAMES}, ylabel=NAMES[1])


def draw_front() -> Axes:
    return plot_front(F[:, :2], NAMES, population=F[:, :2] + 1, label=NAMES[0])


def draw_parallel() -> Axes:
    return plot_parallel(F[:, :2], NAMES)


def draw_cell() -> Axes:
    return plot_cell(GENOTYPES["DARTS-V1"].normal, (2, 3, 4, 5), title=NAMES[1])


def draw_final_front() -> Axes:
    return plot_final_front(F[:, :2], F[:, :2], NAMES[1], score=NAMES[0], title=NAMES[1])


def draw_ranks() -> Axes:
    return plot_ranks({name: [0.1, 0.2] for name in NAMES}, [0.1, 0.2], title=NAMES[1])


@pytest.mark.parametrize(
    ("draw", "entries"),
    [
        (draw_attainment, NAMES),
        (draw_convergence, NAMES),
        (draw_front, NAMES[:1]),
        (draw_parallel, []),
        (draw_cell, []),
        (draw_final_front, NAMES[:1]),
        (draw_ranks, NAMES),
    ],
)
def test_names_are_plain_text_and_all_of_them_in_the_legend(draw: Callable[[], Axes], entries: list[str]) -> None:
    ax = draw()
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    legend = ax.get_legend()
    told = [] if legend is None else [text.get_text().replace(r"\$", "$").strip() for text in legend.get_texts()]
    assert all(any(text.startswith(name) for text in told) for name in entries)


def test_mathematics_in_a_label_stays_what_it_is() -> None:
    ax = plot_front(F[:, :2], ["$f_1$", "US$"])
    ax.figure.draw_without_rendering()  # type: ignore[union-attr]
    assert (ax.get_ylabel(), ax.get_xlabel()) == ("$f_1$", r"US\$")
