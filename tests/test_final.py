import numpy as np
import pytest

from carsmoo.final import short_name
from carsmoo.plots_trained import plot_final_front, plot_ranks
from carsmoo.zoo import GENOTYPES


def test_short_names() -> None:
    names = {short_name(genotype) for genotype in GENOTYPES.values()}
    assert names == set(GENOTYPES)
    other = GENOTYPES["CARS-A"]
    changed = type(other)(other.reduce, other.reduce_concat, other.normal, other.normal_concat)
    assert len(short_name(changed)) == 8


def test_the_pictures_show_what_they_are_given() -> None:
    searched, trained = np.array([[2.0, 0.1], [1.0, 0.2]]), np.array([[2.0, 0.05]])
    ax = plot_final_front(searched, trained, "params (M)", title="tau")
    assert [c.get_offsets().tolist() for c in ax.collections] == [[[1.0, 0.2], [2.0, 0.1]], trained.tolist()]
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_title()) == ("params (M)", "error", "tau")
    ax = plot_ranks({"a": [0.1, 0.2], "b": [0.3, 0.4]}, [0.01, 0.02])
    assert [c.get_offsets().tolist() for c in ax.collections] == [
        [[0.1, 0.01], [0.2, 0.02]],
        [[0.3, 0.01], [0.4, 0.02]],
    ]
    with pytest.raises(ValueError, match=r"^trained: expected \(n, 2\), got \(3,\)"):
        plot_final_front(searched, np.zeros(3), "params")
    with pytest.raises(ValueError, match=r"^a: expected \(2,\) errors as trained alone, got \(3,\)"):
        plot_ranks({"a": [1, 2, 3]}, [0.1, 0.2])
