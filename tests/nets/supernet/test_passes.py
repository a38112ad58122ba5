import numpy as np
import pytest
import torch

from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet import passes
from carsmoo.nets.supernet.evaluation import errors
from carsmoo.nets.supernet.passes import fitting_graphs
from carsmoo.nets.supernet.shared_graph import SharedGraph
from carsmoo.utils.progress import Step
from tests.nets.supernet.test_evaluation import score, split
from tests.support.networks import SMALL, SPACE, generator, genotypes, images


def test_large_images_are_taken_as_many_at_a_time_as_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(130), genotypes(3)
    together, taken = score(shared, pool, part), []

    def counted(x: torch.Tensor) -> torch.Tensor:
        taken.append(len(x))
        return x

    widest = max(cell.in_last * cell.height * cell.width for cell in shared.network.cells())
    calibration = [images(n=16, seed=k) for k in (7, 8)]
    for near, sizes in ((45, [44, 43, 43]), (1, [26] * 5)):
        monkeypatch.setattr(passes, "NEAR", near * widest / torch.get_num_threads())
        taken.clear()
        assert np.array_equal(errors(shared, pool, part, counted, batch=500, calibration=calibration), together)
        assert taken == sizes
    taken.clear()
    errors(shared, pool, part, counted, batch=65, calibration=None)  # whose statistics are those of the batch
    assert taken == [65, 65]


def test_a_population_too_large_for_the_memory_is_scored_in_groups() -> None:
    shared, pool = Supernet(SPACE, SMALL, generator()), genotypes(7)
    whole = SharedGraph(shared, pool).peak_size()
    alone = max(SharedGraph(shared, [genotype]).peak_size() for genotype in pool)
    for size, least in ((whole, 1), (whole - 1, 2), (alone, 2), (1, 7)):
        groups = list(fitting_graphs(shared, pool, size))
        assert sorted(k for group, _ in groups for k in group) == list(range(7))
        assert all(graph.peak_size() <= size or len(group) == 1 for group, graph in groups)
        assert len(groups) >= least
    heard: list[Step] = []
    calibration = [images(n=16, seed=7)]
    errors(shared, pool, split(), lambda x: x, batch=9, calibration=calibration, memory=1, listener=heard.append)
    assert [(step.done, step.total) for step in heard] == [(k, 7) for k in range(1, 8)]
