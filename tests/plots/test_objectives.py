import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from carsmoo.plots.fronts import plot_front
from carsmoo.plots.objectives import plot_pairs, plot_parallel
from carsmoo.space.front import Front
from carsmoo.zoo import GENOTYPES

NAMES, UNITS = ("params", "error", "latency"), ("millions", "fraction", "ms")
# the second is beaten by the first in parameters and error, and is on the front for its latency; the last is on none
F = np.array([[0.016, 0.1, 3.0], [0.020, 0.2, 1.0], [0.024, 0.05, 4.0], [0.030, 0.3, 5.0]])
LABELS = ["params", "error", "latency"]


def points(ax: Axes) -> dict[str, list[list[float]]]:
    return {str(drawn.get_label()): drawn.get_offsets().tolist() for drawn in ax.collections}


def test_each_two_of_three_objectives_tell_who_is_on_the_front_of_all() -> None:
    front = Front.from_objectives(
        [GENOTYPES[name] for name in ("CARS-A", "CARS-B", "CARS-C", "CARS-D")], F, NAMES, UNITS
    )
    figure = front.plot(population=F)
    assert isinstance(figure, Figure)
    assert isinstance(plot_front(front), Figure)
    panels = [ax for ax in figure.axes if ax.axison]
    assert [(ax.get_xlabel(), ax.get_ylabel()) for ax in panels] == [
        ("parameters (k)", "error (%)"),
        ("", ""),
        ("latency (ms)", "parameters (k)"),
    ]
    size_and_error = points(panels[0])
    assert sorted(size_and_error["on the front of all 3 objectives"]) == [[0.016, 0.1], [0.024, 0.05]]
    assert size_and_error["on it, beaten in the two drawn"] == [[0.020, 0.2]]
    assert [0.030, 0.3] in size_and_error["population"]
    assert sorted(points(panels[1])["on the front of all 3 objectives"]) == [[1.0, 0.2], [3.0, 0.1], [4.0, 0.05]]
    steps = panels[0].lines[0]
    assert steps.get_drawstyle() == "steps-post"
    assert np.asarray(steps.get_xydata()).tolist() == [[0.016, 0.1], [0.024, 0.05]]
    (corner,) = (ax for ax in figure.axes if not ax.axison)
    assert [text.get_text() for text in corner.get_legend().get_texts()] == [  # type: ignore[union-attr]
        "on the front of all 3 objectives",
        "on it, beaten in the two drawn",
        "population",
    ]


def test_what_of_an_array_is_dominated_is_told_from_its_front() -> None:
    (first, *_) = plot_pairs(F, LABELS).axes
    assert points(first)["dominated"] == [[0.3, 0.030]]
    assert len([ax for ax in plot_pairs(F[:, :2], LABELS[:2]).axes if ax.axison]) == 1


def test_parallel_coordinates_have_an_axis_for_each_objective_and_a_line_for_each_network() -> None:
    front = Front.from_objectives([GENOTYPES["CARS-A"], GENOTYPES["CARS-B"], GENOTYPES["CARS-C"]], F[:3], NAMES, UNITS)
    ax = plot_parallel(front)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["error (%)", "parameters (k)", "latency (ms)"]
    heights = [np.asarray(line.get_ydata()).tolist() for line in ax.lines]
    assert heights == [  # the lowest error last, and darkest
        pytest.approx([1.0, 0.5, 0.0]),
        pytest.approx([1 / 3, 0.0, 2 / 3]),
        pytest.approx([0.0, 1.0, 1.0]),
    ]
    shades = [sum(line.get_color()) for line in ax.lines]
    assert shades == sorted(shades, reverse=True)
    assert {text.get_text() for text in ax.texts} == {"5.00", "20.00", "16.00", "24.00", "1.000", "4.000"}
    assert [line.get_linestyle() for line in plot_parallel(F, LABELS).lines].count("--") == 1
    assert [text.get_text() for text in plot_parallel(F[:1], LABELS).texts] == ["0.016", "0.1", "3"]


def test_what_cannot_be_drawn_is_refused() -> None:
    for draw in (plot_pairs, plot_parallel):
        with pytest.raises(ValueError, match=r"F: expected \(n, 3\)"):
            draw(F[:, :2], LABELS)
        with pytest.raises(TypeError, match="labels: expected a list of names, got None"):
            draw(F)
