import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import FancyArrowPatch

from carsmoo import ChainSpace, NASBench201Space
from carsmoo.plots import plot_genotype


def overlapping(figure: plt.Figure) -> list[tuple[str, str]]:
    """Return which texts of a figure lie over each other."""
    figure.draw_without_rendering()
    (ax,) = figure.axes
    boxes = [(text.get_text(), text.get_window_extent()) for text in ax.texts if text.get_text()]
    return [(a, b) for k, (a, one) in enumerate(boxes) for b, other in boxes[:k] if one.overlaps(other)]


@pytest.mark.parametrize("width", [8.4, 3.3])
def test_labels_of_nas_bench_201s_cell_keep_clear_of_each_other(width: float) -> None:
    figure = plot_genotype(NASBench201Space().decode(np.full(6, 4)), width=width)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts.count("avg pool 3x3") == 6
    assert overlapping(figure) == []


@pytest.mark.parametrize(("width", "rows"), [(8.4, 2), (3.3, 4)])
def test_a_chain_goes_on_below_within_the_width(width: float, rows: int) -> None:
    figure = plot_genotype(ChainSpace.nas_bench_macro().decode([1, 2, 0, 1, 0, 0, 1, 2]), width=width)
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.texts]
    assert {"stem", "skip", "skip, 1×1", "mb 5×5 e6", "stage 3, stride 2", "head", "classifier"} <= set(names)
    assert (
        len({round(text.get_position()[1], 3) for text in ax.texts if not text.get_text().startswith("stage")}) == rows
    )
    assert sum(isinstance(patch, FancyArrowPatch) for patch in ax.patches) == 10
    assert figure.get_size_inches()[0] <= width
    assert overlapping(figure) == []


def test_a_width_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="width: expected at least 2"):
        plot_genotype(NASBench201Space().decode(np.zeros(6, dtype=int)), width=1)
