from collections.abc import Iterator

import numpy as np
import pytest
import torch

from carsmoo.nets.data import Split
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet import evaluation
from carsmoo.nets.supernet.evaluation import BYTES, HELD, MEMORY, errors, fitting_graphs, recalibrate, tally
from carsmoo.nets.supernet.shared_graph import SharedGraph
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Step
from tests.support.networks import SMALL, SPACE, generator, genotypes, images


def split(n: int = 50) -> Split:
    return Split(images(n=n, seed=3), torch.arange(n) % 10)


def score(
    shared: Supernet, pool: list, part: Split, batch: int = 500, calibrate: bool = True, memory: int = MEMORY
) -> np.ndarray:
    calibration = [images(n=16, seed=k) for k in (7, 8)] if calibrate else None
    return errors(shared, pool, part, lambda x: x, batch=batch, calibration=calibration, memory=memory)


def test_an_error_is_the_fraction_wrong_with_the_subnets_own_statistics() -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(20), genotypes(4)
    found = score(shared, pool, part)
    for genotype, error in zip(pool, found, strict=True):
        statistics = recalibrate(shared, genotype, [images(n=16, seed=k) for k in (7, 8)])
        wrong = sum(
            int(shared(x[None], genotype, statistics).argmax() != y)
            for x, y in zip(part.images, part.labels, strict=True)
        )
        assert error == wrong / 20
    assert len(set(found.tolist())) > 1


def test_a_score_depends_neither_on_company_nor_on_the_batch_size() -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(), genotypes(6)
    together = score(shared, pool, part)
    assert np.array_equal(together, [score(shared, [genotype], part)[0] for genotype in pool])
    assert np.array_equal(together[::-1], score(shared, pool[::-1], part))
    assert np.array_equal(together, score(shared, pool, part, batch=7))
    for memory in (1, 3 * 10**6, 9 * 10**6):  # an image at a time, some at a time, some with the calibration images
        assert np.array_equal(together, score(shared, pool, part, memory=memory))
    assert score(shared, [], part).shape == (0,)


def test_losses_depend_neither_on_company_nor_on_how_many_images_are_taken_at_a_time() -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(51), genotypes(5)
    calibration = [images(n=16, seed=k) for k in (7, 8)]

    def losses(some: list[Genotype], batch: int = 500, memory: int = MEMORY) -> np.ndarray:
        settings = {"batch": batch, "calibration": calibration, "memory": memory}
        return tally(shared, some, part, lambda x: x, score="loss", **settings)

    together = losses(pool)
    for genotype, found in zip(pool, together, strict=True):
        with torch.no_grad():
            logits = shared(part.images, genotype, recalibrate(shared, genotype, calibration)).double()
        own = -logits.log_softmax(dim=1)[range(51), part.labels]
        assert found[0] == pytest.approx([float(own[::2].sum()), float(own[1::2].sum())], rel=1e-5)
        assert found[1].tolist() == [26, 25]
        assert np.array_equal(losses([genotype])[0], found)
    assert np.array_equal(losses(pool, batch=20), together)
    assert np.array_equal(losses(pool, memory=3 * 10**6), together)


def test_even_and_odd_images_are_counted_apart_however_they_are_taken() -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(21), genotypes(3)
    calibration = [images(n=16, seed=k) for k in (7, 8)]
    expected = []
    for genotype in pool:
        statistics = recalibrate(shared, genotype, calibration)
        with torch.no_grad():
            guesses = [shared(x[None], genotype, statistics).argmax() for x in part.images]
        wrong = [int(guess != label) for guess, label in zip(guesses, part.labels, strict=True)]
        expected.append([[sum(wrong[::2]), sum(wrong[1::2])], [11, 10]])
    for batch, memory in ((500, MEMORY), (7, MEMORY), (500, 3 * 10**6), (500, 1)):
        settings = {"batch": batch, "calibration": calibration, "memory": memory}
        assert tally(shared, pool, part, lambda x: x, **settings).tolist() == expected


def test_large_images_are_taken_as_many_at_a_time_as_are_near(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(130), genotypes(3)
    together, taken = score(shared, pool, part), []

    def counted(x: torch.Tensor) -> torch.Tensor:
        taken.append(len(x))
        return x

    widest = max(cell.in_last * cell.height * cell.width for cell in shared.network.cells())
    calibration = [images(n=16, seed=k) for k in (7, 8)]
    for near, sizes in ((45, [44, 43, 43]), (1, [26] * 5)):
        monkeypatch.setattr(evaluation, "NEAR", near * widest / torch.get_num_threads())
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


def test_with_the_statistics_of_a_batch_the_whole_of_it_has_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, pool, sizes = Supernet(SPACE, SMALL, generator()), genotypes(3), []

    def fitting(supernet: Supernet, chosen: list[Genotype], size: int) -> Iterator[tuple[list[int], SharedGraph]]:
        sizes.append(size)
        return fitting_graphs(supernet, chosen, size)

    monkeypatch.setattr(evaluation, "fitting_graphs", fitting)
    for batch, part in ((20, split()), (500, split())):
        errors(shared, pool, part, lambda x: x, batch=batch, calibration=None, memory=1 << 20)
    assert sizes == [(1 << 20) // (HELD * BYTES * images_at_once) for images_at_once in (20, 50)]


def test_the_option_takes_the_statistics_of_the_validation_batch() -> None:
    shared, part, pool = Supernet(SPACE, SMALL, generator()), split(), genotypes(4)
    found = score(shared, pool, part, batch=25, calibrate=False)
    with torch.no_grad():
        for genotype, error in zip(pool, found, strict=True):
            wrong = sum(
                int((shared(x, genotype).argmax(dim=1) != y).sum())
                for x, y in zip(part.images.split(25), part.labels.split(25), strict=True)
            )
            assert error == wrong / 50


def test_nothing_is_trained_and_progress_is_told() -> None:
    shared = Supernet(SPACE, SMALL, generator())
    heard: list[Step] = []
    before = [p.clone() for p in shared.parameters()]
    errors(shared, genotypes(3), split(), lambda x: x, batch=50, calibration=None, listener=heard.append)
    assert heard == [Step(phase="scoring", done=k, total=3, unit="networks") for k in (1, 2, 3)]
    assert all(torch.equal(p, q) for p, q in zip(before, shared.parameters(), strict=True))
    assert all(p.grad is None for p in shared.parameters())
