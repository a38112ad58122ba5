"""Plans that fit in a time, and plans that follow the images."""

import dataclasses

import numpy as np
import pytest

from carsmoo import DARTSSpace, NetworkConfig, SupernetTraining
from carsmoo.config.budget import (
    Images,
    Rates,
    ladder,
    least_seconds,
    probed_at_most,
    steps_for,
    timed,
    untimed,
    updates_of,
)
from carsmoo.config.search import SearchConfig
from carsmoo.nets.supernet.sampling import Drawn, uniform, widening

SPACE, GIVEN = DARTSSpace(), SupernetTraining(budget="1m")
RATES = Rates(step=0.03, network=0.02, image=1e-4)


def photos(train: int, validation: int) -> Images:
    return Images(train=train, validation=validation, shape=(3, 32, 32), classes=3)


def seconds(plan: SupernetTraining, images: Images, rates: Rates) -> float:
    """What a plan takes where every step takes the same: the warm-up, the first scores, then three scorings each."""
    per_epoch = max(images.train // plan.batch_size, 1)
    scored = images.validation if plan.score_images is None else plan.score_images
    each = rates.network + (scored + min(plan.bn_calibration_images, images.train)) * rates.image
    scorings = plan.pop_size * (1 + 3 * plan.n_generations)
    if plan.main_effects:  # the networks that are fitted, once at the start and once after each training
        scorings = plan.main_effects * (1 + plan.n_generations)
    return plan.planned_epochs * per_epoch * rates.step + scorings * each


def test_a_plan_fills_its_time_and_no_more() -> None:
    random_state = np.random.default_rng(0)
    planned = 0
    for _ in range(200):
        images = photos(int(10 ** random_state.uniform(1.5, 5)), int(10 ** random_state.uniform(1.5, 5)))
        step, network, image = (float(10 ** random_state.uniform(low, low + 1.5)) for low in (-2.5, -3, -5))
        rates, budget = Rates(step=step, network=network, image=image), float(10 ** random_state.uniform(1.5, 4))
        found = timed(budget, images, rates, GIVEN, SPACE)
        if found is None:
            continue
        planned += 1
        assert found.training.budget is None
        assert seconds(found.training, images, rates) <= 1.2 * budget  # in generations steps take less than here
        assert found.seconds <= budget
        if found.training.warmup_epochs > 20:
            assert found.seconds >= 0.85 * budget
    assert planned > 100


def test_a_plan_leaves_time_for_probes_of_two_populations() -> None:
    images, budget = photos(5000, 5000), 900.0
    given = dataclasses.replace(GIVEN, pop_size=32)
    plain, probed = (
        timed(budget, images, RATES, dataclasses.replace(given, probes=probes), SPACE) for probes in (0, 32)
    )
    assert plain is not None
    assert probed is not None
    alone = 2 * 32 * 60 * RATES.step
    assert 0.1 * budget < alone < 0.5 * budget
    took = seconds(probed.training, images, RATES) + alone
    assert took == pytest.approx(seconds(plain.training, images, RATES), rel=0.1)
    assert probed.seconds == pytest.approx(plain.seconds, rel=0.05)
    assert probed.training.probes == 32
    few = dataclasses.replace(GIVEN, pop_size=10, probes=32)
    assert probed_at_most(few) == 10 + 20  # a population, and one with its newborns
    assert probed_at_most(GIVEN) == 0


def test_a_plan_by_main_effects_scores_their_networks_on_few_images_in_few_generations() -> None:
    images = photos(5000, 5000)
    given = SupernetTraining(budget="10m", main_effects=384, pop_size=64)
    for budget in (300, 600, 2400):
        found = timed(budget, images, RATES, given, SPACE)
        assert found is not None
        plan = found.training
        assert 0.85 * budget <= seconds(plan, images, RATES) <= 1.1 * budget
        assert (plan.score_images, plan.main_effects, plan.pop_size) == (120, 384, 64)
        assert plan.n_generations <= 10
        larger = timed(budget, images, RATES, dataclasses.replace(given, pop_size=640), SPACE)
        assert larger is not None
        assert larger.training == dataclasses.replace(plan, pop_size=640)  # scoring the population costs nothing
    free = untimed(images, dataclasses.replace(given, budget="auto"))
    assert (free.score_images, free.main_effects) == (120, 384)
    assert free.n_generations <= 10
    assert timed(600, photos(5000, 40), RATES, given, SPACE) is not None  # all images of a small search-validation
    assert timed(60, images, RATES, dataclasses.replace(given, main_effects=10**6), SPACE) is None
    asked = timed(600, images, RATES, dataclasses.replace(given, score_images=500), SPACE)
    assert asked is not None
    assert asked.training.score_images == 500


def test_more_time_trains_more_and_the_least_time_is_the_least() -> None:
    images = photos(4000, 4000)
    updates = [found.updates for s in (60, 120, 600, 3600) if (found := timed(s, images, RATES, GIVEN, SPACE))]
    assert updates == sorted(updates)
    assert len(updates) == 4
    least = least_seconds(images, RATES, GIVEN, SPACE, 100)
    below, above = (timed(factor * least, images, RATES, GIVEN, SPACE) for factor in (0.9, 1.05))
    assert below is None or below.updates < 100
    assert above is not None
    assert above.updates >= 95


def test_no_plan_where_an_epoch_alone_takes_the_time() -> None:
    assert timed(60, photos(64_000, 64_000), RATES, GIVEN, SPACE) is None


def test_a_generation_trains_about_as_long_as_it_scores() -> None:
    images = photos(40, 40)  # an epoch is one step
    found = timed(300, images, Rates(step=0.1, network=0.02, image=1e-4), GIVEN, SPACE)
    assert found is not None
    plan = found.training
    scoring = 3 * plan.pop_size * (0.02 + 80e-4)
    assert 0.8 * scoring < 0.1 * plan.epochs_per_generation
    assert plan.batch_size == 32


def test_what_is_given_is_kept() -> None:
    given = SupernetTraining(budget="5m", pop_size=8, batch_size=16, score_images=77)
    found = timed(300, photos(4000, 4000), RATES, given, SPACE)
    assert found is not None
    assert (found.training.pop_size, found.training.batch_size, found.training.score_images) == (8, 16, 77)


def test_a_warm_up_that_widens_is_planned_at_what_its_steps_take() -> None:
    width = np.minimum(np.linspace(0, 1, 10_001) / 0.8, 1)
    steps = width * 0.03 + (1 - width) * 0.05  # from the first architecture's to those of one drawn uniformly
    rates, images = dataclasses.replace(RATES, first=0.05), photos(4000, 4000)
    assert rates.warm_up(0.8) == pytest.approx(steps.mean(), rel=1e-3)
    assert rates.scaled(2).warm_up(0.8) == pytest.approx(2 * steps.mean(), rel=1e-3)
    widening = dataclasses.replace(GIVEN, warmup_widening=0.8)
    plain, found = (timed(3600, images, *given, SPACE) for given in ((RATES, GIVEN), (rates, widening)))
    assert plain is not None
    assert found is not None
    assert found.training.warmup_epochs * steps.mean() == pytest.approx(plain.training.warmup_epochs * 0.03, rel=0.02)
    assert found.seconds == pytest.approx(plain.seconds, rel=0.01)


def test_updates_are_those_of_architectures_drawn_uniformly() -> None:
    met = median_steps(uniform(SPACE, 1, np.random.default_rng(0)))
    assert met == pytest.approx(4000 / steps_for(SPACE, GIVEN, 1), rel=0.08)
    plan = SupernetTraining(warmup_epochs=3, n_generations=2)
    assert updates_of(SPACE, plan, 10) == pytest.approx(50 / steps_for(SPACE, plan, 1))


def test_updates_of_a_warm_up_that_widens_are_fewer() -> None:
    random_state, widths = np.random.default_rng(0), iter(np.minimum(np.linspace(0, 1, 4000) / 0.8, 1).tolist())
    first = random_state.integers(SPACE.xl, SPACE.xu + 1)
    met = median_steps(widening(SPACE, 1, first, lambda: next(widths), random_state))
    plan = SupernetTraining(warmup_epochs=4, n_generations=0, warmup_widening=0.8)
    told = updates_of(SPACE, plan, 1000)
    assert told <= met <= 1.25 * told
    assert updates_of(SPACE, dataclasses.replace(plan, n_generations=4), 1000) > 2.5 * told  # those are drawn as ever


def median_steps(draws: Drawn) -> float:
    """How often the median operation on an edge is met in 4,000 steps of one architecture each."""
    met: dict[tuple[str, int, int, str], int] = {}
    for _ in range(4000):
        (genotype,) = next(draws)
        for cell, pairs in (("normal", genotype.normal), ("reduce", genotype.reduce)):
            for k, (name, source) in enumerate(pairs):
                met[cell, k // 2, source, name] = met.get((cell, k // 2, source, name), 0) + 1
    return float(np.median([*met.values()]))


def test_without_a_time_the_digits_get_the_demo_and_others_as_many_steps() -> None:
    given = SupernetTraining(budget="auto")
    digits = Images(train=960, validation=477, shape=(1, 8, 8), classes=10)
    assert untimed(digits, given) == SupernetTraining()
    for train, batch in ((48, 32), (4000, 64), (12_000, 64)):
        plan = untimed(photos(train, train), given)
        steps = max(train // batch, 1) * plan.planned_epochs
        assert (plan.batch_size, plan.score_images) == (batch, None if train < 1000 else 1000)
        assert 2300 < steps < 3800
    assert untimed(photos(10**6, 10**6), given).n_generations == 10
    partly = untimed(photos(4000, 4000), SupernetTraining(budget="auto", n_generations=2))
    assert (partly.n_generations, partly.warmup_epochs) == (2, untimed(photos(4000, 4000), given).warmup_epochs)


def test_a_ladder_ascends_and_scales_images_down_where_they_are_large_or_time_is_short() -> None:
    for size in ((8, 8), (24, 24), (32, 32), (60, 80), (200, 300), (1000, 400)):
        rungs = ladder(size, None, resizable=True)
        work = [rung.work for rung in rungs]
        assert work == sorted(work)
        assert len(set(rungs)) == len(rungs) >= 6
        assert {rung.stem for rung in rungs} == {"imagenet" if min(size) >= 96 else "cifar"}
        assert all(min(rung.size) <= min(size) for rung in rungs)
    assert [rung.size for rung in ladder((32, 32), None, resizable=True)][:3] == [(16, 16), (16, 16), (32, 32)]
    assert {rung.size for rung in ladder((8, 8), None, resizable=True)} == {(8, 8)}
    assert ladder((200, 300), None, resizable=True)[0].size == (64, 96)
    assert ladder((1000, 400), None, resizable=True)[1].size == (192, 96)
    assert {rung.size for rung in ladder((200, 300), None, resizable=False)} == {(200, 300)}
    kept = ladder((32, 32), NetworkConfig(channels=12, layers=4), resizable=True)
    assert [(rung.channels, rung.layers, rung.size[0]) for rung in kept] == [(12, 4, 16), (12, 4, 32)]


@pytest.mark.parametrize("fields", [{"warmup_epochs": 3}, {"n_generations": 2}, {"epochs_per_generation": 2}])
def test_what_a_budget_plans_is_refused_beside_it(fields: dict[str, int]) -> None:
    (name,) = fields
    with pytest.raises(ValueError, match=f"budget: expected no {name} beside it"):
        SupernetTraining(budget="10m", **fields)  # type: ignore[arg-type]
    for name, usual, other in (("weights", "'shared'", "own"), ("n_supernets", "1", 2)):
        with pytest.raises(ValueError, match=f"^budget: expected {name}={usual} beside it, got {other!r}$"):
            SupernetTraining(budget="10m", **{name: other})  # type: ignore[arg-type]


def test_a_preset_takes_a_budget_in_the_place_of_its_own_plan() -> None:
    plan = SearchConfig.preset("cifar10-paper").with_budget("2h")
    assert (plan.training.budget, plan.training.pop_size, plan.network.channels) == ("2h", 128, 16)
    assert SearchConfig.from_toml(plan.to_toml()) == plan
