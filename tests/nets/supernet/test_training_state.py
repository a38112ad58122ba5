import dataclasses
import json
from itertools import islice

import numpy as np
import pytest
import torch
from pymoo.optimize import minimize

from carsmoo import PNSGA3, CARSProblem, NetworkConfig, SupernetTraining
from carsmoo.cost.closed_form import flops
from carsmoo.nets.data import Augmentation, ImageData, Split, load
from carsmoo.nets.supernet.evaluation import recalibrate
from carsmoo.nets.supernet.training_state import SLOWDOWN, SupernetState
from carsmoo.problems.trust import scores_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.utils.progress import Step
from carsmoo.utils.validation import DivergenceError
from tests.support.networks import genotypes
from tests.support.runs import DATA

SMALL = NetworkConfig(channels=2, layers=3)


def world(seed: int = 0, **plan: float) -> SupernetState:
    data = load(DATA)
    shape = SMALL.for_data(data.image_shape, data.classes)
    settings = {"batch_size": 50, "bn_calibration_images": 64, **plan}
    return SupernetState(DARTSSpace(), shape, SupernetTraining(**settings), data, seed)  # type: ignore[arg-type]


def tiny(seed: int = 0, poisoned: bool = False) -> SupernetState:
    """Return a world of 45 search-train and 15 search-validation images, which training shifts and mirrors."""
    rng = np.random.default_rng(0)
    data = ImageData.from_arrays(
        rng.random((75, 4, 4)),
        np.arange(75) % 5,
        validation_share=0.25,
        augmentation=Augmentation(pad=2, flip=True),
    )
    if poisoned:
        test = Split(torch.full_like(data.test.images, torch.nan), torch.full_like(data.test.labels, 99))
        train = Split(data.train.images, torch.full_like(data.train.labels, 99))
        data = dataclasses.replace(data, train=train, test=test)
    plan = SupernetTraining(batch_size=5, bn_calibration_images=32, warmup_epochs=1, n_generations=1)
    return SupernetState(DARTSSpace(), SMALL.for_data((1, 4, 4), 5), plan, data, seed)


def test_scores_are_errors_on_search_validation_whatever_the_other_splits_hold() -> None:
    made = tiny(poisoned=True)
    split, pool = made.data.validation, genotypes(6)
    assert (len(made.data.train), len(split)) == (45, 15)
    found = scores_of(made.scores(pool))
    with torch.no_grad():
        for genotype, error in zip(pool, found, strict=True):
            statistics = recalibrate(made.supernet, genotype, made.calibration)
            guesses = made.supernet(made.data.normalise(split.images), genotype, statistics).argmax(dim=1)
            assert error == int((guesses != split.labels).sum()) / 15
    assert 0 < found.min() < 1
    assert np.array_equal(found, made.errors(pool, split, "recalibrated"))


def test_recalibration_takes_one_fixed_part_of_search_train_without_augmentation() -> None:
    made, again, other = tiny(), tiny(), tiny(seed=1)

    def chosen(world: SupernetState) -> list[bytes]:
        return [image.numpy().tobytes() for part in world.calibration for image in part]

    before = chosen(made)
    plain = [image.numpy().tobytes() for image in made.data.normalise(made.data.train.images)]
    assert [len(part) for part in made.calibration] == [6, 6, 5, 5, 5, 5]
    assert len(set(before)) == 32
    assert set(before) <= set(plain)
    assert set(before) != set(plain[:32])
    made.scores(genotypes(2))
    made.train("training", range(1), 1, made.uniform)
    made.scores(genotypes(2))
    assert chosen(made) == chosen(again) == before
    assert set(chosen(other)) != set(before)


def test_weights_images_and_architectures_follow_the_seed() -> None:
    made, again, other = tiny(), tiny(), tiny(seed=1)
    for name in ("weights", "random/images", "random/architectures"):
        assert np.array_equal(made.state_dict()[name], again.state_dict()[name])
        assert not np.array_equal(made.state_dict()[name], other.state_dict()[name])
    X = np.array([made.space.encode(genotype) for genotype in genotypes(6)])
    for draw in (lambda world: world.uniform(2), lambda world: world.drawn_from(X, 2)):
        (first, further), same, (others, _) = (
            [list(islice(draw(world), 9)) for _ in range(2)] for world in (made, again, other)
        )
        assert same == [first, further]
        assert first != others
        assert first != further  # a stream goes on where the last one stopped


def test_a_step_without_a_finite_gradient_changes_nothing_and_is_counted() -> None:
    made = world()
    trainer = made.trainer
    images, labels = made.data.train.images[:64], made.data.train.labels[:64]
    (genotype,) = genotypes(1)
    trainer.step(made.data.normalise(images), labels, [genotype])
    before = made.state_dict()
    made._state = None
    loss = trainer.step(torch.full((64, 1, 8, 8), torch.nan), labels, [genotype])
    after = made.state_dict()
    assert float(loss) == 0
    assert trainer.take_skipped() == 1
    assert trainer.take_skipped() == 0
    assert trainer.steps == 2
    for name in ("weights", "momentum", "moved"):
        assert np.array_equal(before[name], after[name])
    assert float(trainer.step(made.data.normalise(images), labels, [genotype])) > 0
    assert trainer.take_skipped() == 0


def poison(made: SupernetState, steps: set[int]) -> None:
    """Make the gradient of some steps, counted from now, infinite."""
    count, original = 0, made.supernet.forward

    def forward(*args: object) -> torch.Tensor:
        nonlocal count
        count += 1
        logits = original(*args)  # type: ignore[arg-type]
        return logits * torch.inf if count - 1 in steps else logits

    made.supernet.forward = forward  # type: ignore[method-assign, assignment]


def train(made: SupernetState) -> list[tuple[str, dict[str, float]]]:
    heard: list[Step] = []
    made.train("training", range(2), 2, made.uniform, heard.append)
    return [(step.phase, dict(step.figures)) for step in heard if step.figures]


def test_a_skipped_step_is_told_and_the_mean_loss_is_that_of_the_others() -> None:
    made = world()
    poison(made, {1})
    (_, first), (_, second) = train(made)
    assert first["skipped"] == 1
    assert 1 < first["loss"] < 4
    assert "skipped" not in second
    assert made.trainer.slowdown == 1


@pytest.mark.end_to_end
def test_divergence_rolls_back_once_at_a_lower_learning_rate() -> None:
    made, twin = world(), world()
    poison(made, {3, 4, 5})  # all of the second epoch, once
    told = train(made)
    assert [phase for phase, _ in told] == ["training", "rollback", "training", "training"]
    assert told[1][1] == {"slowdown": SLOWDOWN}
    twin.trainer.slowdown = SLOWDOWN
    train(twin)
    assert all(np.array_equal(a, twin.state_dict()[name]) for name, a in made.state_dict().items())
    poison(made, {0, 1, 2})
    with pytest.raises(
        DivergenceError, match=r"expected finite gradients, got none in 3 of 3 steps of epoch 3 at"
    ) as e:
        train(made)
    assert "\n" not in str(e.value)


def test_a_warm_up_that_widens_is_as_wide_after_a_rollback_as_before() -> None:
    made, twin = (world(warmup_epochs=2, warmup_widening=1.0) for _ in range(2))
    poison(made, {3, 4, 5})
    made.warm_up()
    poison(twin, set())
    twin.train("warm-up", range(1), 2, twin.warming)
    twin.trainer.slowdown = SLOWDOWN
    twin.warm_up()
    assert made.trainer.slowdown == SLOWDOWN
    assert all(np.array_equal(a, twin.state_dict()[name]) for name, a in made.state_dict().items())


def test_a_search_that_diverges_ends_with_its_reason() -> None:
    plan = SupernetTraining(
        warmup_epochs=1,
        n_generations=2,
        pop_size=4,
        batch_size=64,
        learning_rate=1e30,
        learning_rate_min=1e30,
        grad_clip=1e30,
    )
    problem = CARSProblem(DATA, network=SMALL, training=plan)
    heard: list[Step] = []
    problem.listeners.append(heard.append)
    with pytest.raises(DivergenceError, match="training: expected finite gradients"):
        minimize(problem, PNSGA3())
    assert [step.phase for step in heard].count("rollback") == 1


def test_a_state_says_where_the_random_streams_and_the_learning_rate_are() -> None:
    made, twin = world(), world(seed=1)
    train(made)
    made.trainer.slowdown = 0.5
    made._state = None
    state = made.state_dict()
    assert all(a.dtype != object for a in state.values())
    twin.load_state_dict(state)
    assert twin.trainer.slowdown == 0.5
    train(made)
    train(twin)
    assert all(np.array_equal(a, twin.state_dict()[name]) for name, a in made.state_dict().items())


def test_a_state_of_before_steps_were_counted_goes_on_without_their_number() -> None:
    made, older = world(), world(seed=1)
    train(made)
    state = made.state_dict()
    assert made.updates is not None
    older.load_state_dict({name: a for name, a in state.items() if name != "updates"})
    train(made)
    train(older)
    assert older.updates is None
    left = made.state_dict()
    del left["updates"]
    assert left.keys() == older.state_dict().keys()
    assert all(np.array_equal(a, older.state_dict()[name]) for name, a in left.items())


def test_a_state_that_was_asked_for_in_an_epoch_is_not_that_of_its_end() -> None:
    asking, quiet = tiny(), tiny()
    heard = [asking.state_dict()]
    asking.warm_up(lambda step: heard.append(asking.state_dict()))
    quiet.warm_up()
    assert asking.digest() == quiet.digest()
    assert [int(state["steps"]) for state in heard[-3:]] == [asking.trainer.steps - k for k in (2, 1, 0)]


def test_a_subnet_is_that_of_the_score_whatever_a_network_trained_alone_would_have() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    shape = dataclasses.replace(SMALL, drop_path_prob=0.5, auxiliary_head=True)
    plan = SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4, batch_size=64, bn_calibration_images=64)
    made = [CARSProblem(DATA, network=network, training=plan) for network in (shape, SMALL)]
    (genotype,) = genotypes(1)
    one, other = (problem.subnet(genotype) for problem in made)
    assert one.auxiliary is None
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)


def test_another_layout_or_a_missing_part_is_refused() -> None:
    state = world().state_dict()
    wider = SupernetState(
        DARTSSpace(), NetworkConfig(channels=4, layers=3, image_shape=(1, 8, 8)), SupernetTraining(), load("digits"), 0
    )
    with pytest.raises(ValueError, match="expected the weights of a problem made with the same arguments, got others"):
        wider.load_state_dict(state)
    with pytest.raises(ValueError, match=r"expected what state_dict\(\) returned, got no 'momentum'"):
        world().load_state_dict({name: a for name, a in state.items() if name != "momentum"})
    short = {**state, "weights": state["weights"][:-1]}
    with pytest.raises(ValueError, match=r"expected \d+ float32 values, got float32 "):
        world().load_state_dict(short)
    assert json.loads(state["random/architectures"].tobytes())["bit_generator"] == "PCG64"


def test_training_deals_architectures_as_the_plan_says(monkeypatch: pytest.MonkeyPatch) -> None:
    made, seen = world(flops_grouping_window=2, subnets_per_step=4), []
    step = made.trainer.step
    monkeypatch.setattr(made.trainer, "step", lambda x, y, chosen: (seen.append(chosen), step(x, y, chosen))[1])
    made.train("training", range(1), 1, made.uniform)
    sizes = [sorted(flops(genotype, made.supernet.network) for genotype in chosen) for chosen in seen]
    first, second = sorted(sizes[:2])
    assert len(seen) == made.trainer.steps_per_epoch
    assert first[-1] <= second[0]
