from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from carsmoo.nets.data import Split
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet import evaluation
from carsmoo.nets.supernet.classifiers import STRENGTH
from carsmoo.nets.supernet.evaluation import MEMORY, errors, features_held, own_classifier, recalibrate, tally
from carsmoo.nets.supernet.passes import BYTES, HELD, Passes, fitting_graphs
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.shared_graph import SharedGraph
from carsmoo.problems.trust import scores_of
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Step
from tests.support.networks import SMALL, SPACE, generator, genotypes, images

FITTED = Split(images(n=70, seed=5), torch.arange(70) % 10)


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


def test_with_the_statistics_of_a_batch_the_whole_of_it_has_to_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, pool, sizes = Supernet(SPACE, SMALL, generator()), genotypes(3), []

    def fitting(
        supernet: Supernet, chosen: list[Genotype], size: int, **settings: Any
    ) -> Iterator[tuple[list[int], SharedGraph]]:
        sizes.append(size)
        return fitting_graphs(supernet, chosen, size, **settings)

    monkeypatch.setattr(evaluation, "fitting_graphs", fitting)
    for batch, part in ((20, split()), (500, split())):
        errors(shared, pool, part, lambda x: x, batch=batch, calibration=None, memory=1 << 20)
    errors(shared, pool, split(20), lambda x: x, batch=60, calibration=None, memory=1 << 20, fitted_to=FITTED)
    assert sizes == [(1 << 20) // (HELD * BYTES * images_at_once) for images_at_once in (20, 50, 60)]


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


# ---------------------------------------------------------------------- classifiers of their own


def own(pool: list[Genotype], shared: Supernet | None = None, **settings: Any) -> np.ndarray:
    """Return the tallies of losses by classifiers that are fitted to seventy images."""
    shared = Supernet(SPACE, SMALL, generator()) if shared is None else shared
    usual = {"batch": 500, "calibration": [images(n=16, seed=k) for k in (7, 8)], "score": "loss", "fitted_to": FITTED}
    return tally(shared, pool, split(51), lambda x: 2 * x, **{**usual, **settings})


def test_a_score_is_that_of_a_classifier_fitted_to_what_the_subnet_makes_of_other_images() -> None:
    shared, pool, part = Supernet(SPACE, SMALL, generator()), genotypes(4), split(51)
    calibration = [images(n=16, seed=k) for k in (7, 8)]
    found, wrong = own(pool, shared), own(pool, shared, score="error")
    for k, genotype in enumerate(pool):
        statistics = recalibrate(shared, genotype, calibration)
        seen: list[torch.Tensor] = []
        hook = shared.classifier.register_forward_pre_hook(lambda _, read, seen=seen: seen.append(read[0]))
        with torch.no_grad():
            for x in (FITTED.images, part.images):
                shared(2 * x, genotype, statistics)
        hook.remove()
        X, Z = (one.double().numpy() for one in seen)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=1000))
        told = model.fit(X, FITTED.labels.numpy()).predict_proba(Z)
        losses = -np.log(told[np.arange(51), part.labels.numpy()])
        assert found[k, 0] == pytest.approx([losses[::2].sum(), losses[1::2].sum()], rel=1e-2)
        assert found[k, 1].tolist() == wrong[k, 1].tolist() == [26, 25]
        assert wrong[k, 0].sum() == pytest.approx((told.argmax(axis=1) != part.labels.numpy()).sum(), abs=2)
    assert len(np.unique(scores_of(found))) == 4


def test_scores_by_own_classifiers_depend_neither_on_company_nor_on_how_many_images_are_taken_at_a_time() -> None:
    pool = genotypes(5)
    together = own(pool)
    assert np.array_equal(own(pool[::-1]), together[::-1])
    for genotype, found in zip(pool, together, strict=True):
        assert np.array_equal(own([genotype])[0], found)
    assert np.array_equal(own(pool, batch=23), together)
    for memory in (5 * 10**6, 10**7):  # in groups, and some images at a time
        assert np.array_equal(own(pool, memory=memory), together)


def test_a_network_with_the_own_classifier_scores_as_it_was_scored() -> None:
    shared, (genotype,) = Supernet(SPACE, SMALL, generator()), genotypes(1)
    calibration = [images(n=16, seed=k) for k in (7, 8)]
    found = own_classifier(shared, genotype, FITTED, lambda x: 2 * x, batch=500, calibration=calibration)
    score = scores_of(own([genotype], shared))[0]
    found.put_into(shared.classifier)
    assert scores_of(own([genotype], shared, fitted_to=None))[0] == pytest.approx(score, abs=2e-6)


def test_a_batch_of_images_to_fit_to_has_statistics_of_its_own_where_those_of_others_have() -> None:
    pool = genotypes(3)
    apart = own(pool, calibration=None, batch=35)
    assert not np.array_equal(apart, own(pool, calibration=None, batch=70))
    assert np.array_equal(apart[1], own(pool[1:2], calibration=None, batch=35)[0])


def test_progress_counts_what_is_fitted_to_as_well_and_memory_what_is_held_of_it() -> None:
    heard: list[Step] = []
    own(genotypes(3), batch=20, listener=heard.append)
    assert [(step.done, step.total) for step in heard] == [(1, 3), (2, 3), (3, 3)]
    shared, pool = Supernet(SPACE, SMALL, generator()), genotypes(6)
    assert features_held(shared, pool, FITTED) == 70 * shared.classifier.in_features
    peak = SharedGraph(shared, pool, classified=False).peak_size()
    settings = {"classified": False, "held": 10}
    assert len(list(fitting_graphs(shared, pool, peak + 60, **settings))) == 1
    assert len(list(fitting_graphs(shared, pool, peak + 59, **settings))) == 2


def test_what_is_held_of_images_leaves_passes_half_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[int] = []

    def passes(*made: Any) -> Passes:
        left.append(made[-1])
        return Passes(*made)

    monkeypatch.setattr(evaluation, "Passes", passes)
    held = BYTES * features_held(Supernet(SPACE, SMALL, generator()), genotypes(1), FITTED)
    for memory in (held, 10**8):
        own(genotypes(1), memory=memory)
    assert left[0] == held // 2
    assert 10**8 - 2 * held < left[1] <= 10**8 - held


def test_where_nobody_loses_a_race_own_classifiers_score_as_without_one() -> None:
    pool = genotypes(4)
    race = Race(np.zeros((4, 1)), keep=4)
    assert np.array_equal(own(pool, score="error", race=race), own(pool, score="error"))
