"""The demo's benchmark: its figures are those of the fronts that it is told."""

import numpy as np
import pytest

from benchmarks.bench_demo import figures, judged, nearest
from carsmoo.space.front import Front
from tests.support.networks import genotypes


def final(searched: list[float], error: list[float], params: list[float]) -> Front:
    F = np.column_stack([error, params, searched])
    return Front(
        tuple(genotypes(len(F))), F, ("error", "params", "search_error"), ("fraction", "millions", "fraction"), {}
    )


def test_a_front_is_judged_by_its_order_after_training_alone() -> None:
    told = judged(final([0.5, 0.4, 0.3, 0.2], [0.3, 0.1, 0.2, 0.05], [0.002, 0.003, 0.004, 0.006]))
    assert told["networks"] == 4
    assert told["span"] == pytest.approx(3)
    assert told["tau"] == told["tau_params"] == pytest.approx(4 / 6)  # one of six pairs the other way round
    assert judged(final([0.2, 0.3], [0.1, 0.2], [0.001, 0.002]))["tau_params"] == pytest.approx(-1)


def test_figures_are_over_seeds_and_an_order_of_one_network_counts_as_none() -> None:
    two = judged(final([0.5, 0.4], [0.3, 0.1], [0.002, 0.003]))
    one = judged(final([0.5], [0.3], [0.002]))
    records = [
        {
            **told,
            "seed": k,
            "seconds": 100.0 * k,
            "threads": 1,
            "uniform_error": [0.9, 0.8],
            "matched_error": [error + 0.1 * k for error in told["error"]],
            "matched_params": [size * (1 + 0.01 * k) for size in told["params"]],
        }
        for k, told in enumerate((two, two, one))
    ]
    found = figures(records)
    assert (found["n"], found["tau"], found["least_tau"], found["most_tau"]) == (3, 1, 0, 1)
    assert (found["networks"], found["span"]) == (1, 1)
    assert (found["seconds"], found["most_seconds"]) == (100, 200)
    assert (found["best_error"], found["best_error_uniform"]) == (0.4, 0.8)
    assert (found["ahead"], found["gain"], found["least_gain"], found["most_gain"]) == (0.667, 0.1, 0, 0.2)
    assert found["mismatch"] == 0.02
    assert figures([]) == {}


def test_each_network_is_matched_with_another_one_of_its_size() -> None:
    chosen = nearest(np.array([1000.0, 1010.0, 4000.0]), np.array([3900.0, 1005.0, 500.0, 950.0, 9000.0]))
    assert chosen.tolist() == [3, 1, 0]
