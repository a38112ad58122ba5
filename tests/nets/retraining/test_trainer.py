import dataclasses

import numpy as np
import pytest
import torch

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import Augment, Augmentation, ImageData, load
from carsmoo.nets.models.network import build
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.retraining.trainer import NetworkTrainer, error_of, inherited, loss_of, split_for
from carsmoo.space.darts import DARTSSpace
from carsmoo.zoo import GENOTYPES
from tests.support.networks import generator

GENOTYPE = GENOTYPES["CARS-E"]
TINY = TrainingRecipe(channels=2, layers=3, epochs=3, batch=128, auxiliary_weight=0.4, drop_path_prob=0.3, cutout=2)


def few(n: int = 300) -> ImageData:
    digits = load("digits")
    images = torch.cat([digits.train.images, digits.validation.images])[:n]
    labels = torch.cat([digits.train.labels, digits.validation.labels])[:n]
    return ImageData.from_arrays(images.numpy(), labels.numpy(), name="few")


@pytest.fixture(scope="module")
def data() -> ImageData:
    return few()


def equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


def test_the_loss_is_that_of_smoothed_labels_and_the_weighted_head() -> None:
    logits, auxiliary = torch.randn(2, 5, 10, generator=generator(1), dtype=torch.float64)
    labels = torch.tensor([0, 3, 9, 9, 1])
    smooth = 0.9 * np.eye(10)[labels] + 0.1 / 10

    def by_hand(x: torch.Tensor) -> float:
        e = np.exp(x.numpy())
        return float(-(smooth * np.log(e / e.sum(axis=1, keepdims=True))).sum(axis=1).mean())

    recipe = TrainingRecipe(label_smoothing=0.1, auxiliary_weight=0.4)
    assert float(loss_of(logits, None, labels, recipe)) == pytest.approx(by_hand(logits))
    both = by_hand(logits) + 0.4 * by_hand(auxiliary)
    assert float(loss_of(logits, auxiliary, labels, recipe)) == pytest.approx(both)


def test_images_held_out_are_never_trained_on_and_the_test_split_is_in_neither(data: ImageData) -> None:
    train, held_out = split_for(data, TrainingRecipe(holdout_fraction=0.2))
    assert held_out is not None
    total = len(data.train) + len(data.validation)
    assert (len(held_out), len(train)) == (round(0.2 * total), total - round(0.2 * total))
    seen, held, test = ({i.numpy().tobytes() for i in split.images} for split in (train, held_out, data.test))
    assert not seen & held
    assert not (seen | held) & test
    counts = torch.bincount(torch.cat([data.train.labels, data.validation.labels]))
    assert (torch.bincount(held_out.labels) - 0.2 * counts).abs().max() <= 1
    assert split_for(data, TrainingRecipe(holdout_fraction=0.0))[1] is None
    assert len(split_for(data, TrainingRecipe(holdout_fraction=0.0))[0]) == total


def test_one_step_is_sgd_by_hand(data: ImageData) -> None:
    recipe = dataclasses.replace(TINY, drop_path_prob=0.0, clip=0.5, learning_rate=0.1, weight_decay=0.01)
    trainer = NetworkTrainer(GENOTYPE, recipe, data)
    x, y = data.normalise(data.train.images[:64]), data.train.labels[:64]
    before = [p.detach().clone() for p in trainer.network.parameters()]
    other = build(GENOTYPE, recipe.network(data.image_shape, data.classes), generator())
    other.load_state_dict(trainer.network.state_dict())
    loss = loss_of(*other.forward_both(x), y, recipe)
    torch.autograd.backward([loss])
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in other.parameters()]
    live = [p.grad is not None for p in other.parameters()]
    scale = min(1.0, 0.5 / float(torch.sqrt(sum((g**2).sum() for g in grads))))
    assert scale < 1
    assert float(trainer.step(x, y)) == pytest.approx(float(loss.detach()), rel=1e-5)
    for old, new, grad, moves in zip(before, trainer.network.parameters(), grads, live, strict=True):
        expected = old - 0.1 * (scale * grad + 0.01 * old) * moves
        assert torch.allclose(new, expected, atol=1e-5)


def test_one_cycle_sets_the_rate_of_each_step_in_its_middle(data: ImageData) -> None:
    recipe = dataclasses.replace(TINY, schedule="one-cycle")
    trainer = NetworkTrainer(GENOTYPE, recipe, data)
    rates: list[float] = []
    groups = trainer.optimizer.param_groups
    trainer.step = lambda images, labels: rates.append(groups[0]["lr"]) or torch.zeros(())  # type: ignore[method-assign]
    for _ in range(recipe.epochs):
        trainer.epoch()
    n = len(rates)
    assert n == recipe.epochs * trainer.steps_per_epoch
    peak = recipe.learning_rate
    expected = [peak * min((k + 0.5) / (0.15 * n), (n - k - 0.5) / (0.85 * n)) for k in range(n)]
    assert rates == pytest.approx(expected)


def test_an_epoch_meets_every_image_once_at_the_rate_of_the_recipe(data: ImageData) -> None:
    trainer = NetworkTrainer(GENOTYPE, TINY, data)
    met: list[int] = []
    trainer.step = lambda images, labels: met.append(len(labels)) or torch.zeros(())  # type: ignore[method-assign]
    for epoch in range(3):
        trainer.epoch()
        assert trainer.optimizer.param_groups[0]["lr"] == TINY.learning_rate_in(epoch)
        assert trainer.network.drop_path == pytest.approx(0.3 * epoch / 3)
    steps = -(-len(trainer.train) // 128)
    assert len(met) == 3 * steps
    assert sum(met) == 3 * len(trainer.train)
    assert max(met) - min(met) <= 1


def test_no_step_has_a_single_image() -> None:
    for batch, left in ((2, 11), (2, 12), (3, 7), (64, 1)):
        trainer = NetworkTrainer(GENOTYPE, TINY.updated({"batch": batch}), few())
        trainer.train = trainer.train.at(torch.arange(left))
        sizes = [len(part) for part in torch.arange(left).tensor_split(trainer.steps_per_epoch)]
        assert min(sizes) > 1 or left == 1
        assert max(sizes) <= batch + (batch == 2 and left % 2)


def test_a_training_goes_on_bit_for_bit_and_touches_no_global_generator(data: ImageData) -> None:
    before = torch.get_rng_state()
    whole = NetworkTrainer(GENOTYPE, TINY, data)
    first = [whole.epoch()]
    saved = whole.state()
    frozen = {name: value.copy() for name, value in saved.items()}
    first += [whole.epoch(), whole.epoch()]
    assert equal(saved, frozen)
    other = NetworkTrainer(GENOTYPE, dataclasses.replace(TINY, seed=5), data)
    other.recipe, other.train = TINY, whole.train
    other.load_state(saved)
    assert [other.epoch(), other.epoch()] == first[1:]
    assert equal(other.state(), whole.state())
    assert torch.equal(torch.get_rng_state(), before)
    assert not equal(NetworkTrainer(GENOTYPE, dataclasses.replace(TINY, seed=5), data).state(), saved)


def test_crops_and_colours_are_those_of_the_recipe(data: ImageData) -> None:
    recipe = dataclasses.replace(
        TINY, resized_crop=True, pad=0, brightness=0.4, contrast=0.3, cutout=0, holdout_fraction=0.0
    )
    trainer = NetworkTrainer(GENOTYPE, recipe, data)
    met: list[torch.Tensor] = []
    trainer.step = lambda images, labels: met.append(images) or torch.zeros(())  # type: ignore[method-assign]
    source = generator()
    source.set_state(trainer.generator.get_state())
    trainer.epoch()
    augment = Augment(size=(8, 8), resized_crop=True, shift=Augmentation(), jitter=(0.4, 0.3, 0.0, 0.0))
    images = data.trained_on.images[torch.randperm(len(trainer.train), generator=source)]
    assert torch.equal(torch.cat(met), data.normalise(augment(images, source)))


def test_each_epoch_shows_the_images_in_an_order_of_its_own_and_each_with_its_square_cut_out(data: ImageData) -> None:
    recipe = dataclasses.replace(TINY, pad=0, flip=False, cutout=2, holdout_fraction=0.0)
    trainer = NetworkTrainer(GENOTYPE, recipe, data)
    met: list[tuple[torch.Tensor, torch.Tensor]] = []
    trainer.step = lambda images, labels: met.append((images, labels)) or torch.zeros(())  # type: ignore[method-assign]
    plain = data.normalise(data.trained_on.images)
    assert not (plain == 0).any()
    orders = []
    for _ in range(3):
        trainer.epoch()
        images, labels = (torch.cat(parts) for parts in zip(*met, strict=True))
        met.clear()
        cut = images == 0
        assert ((cut.flatten(1).sum(dim=1) >= 1) & (cut.flatten(1).sum(dim=1) <= 4)).all()
        differ = ((images[:, None] != plain) & ~cut[:, None]).flatten(2).sum(dim=2)  # (shown, images)
        assert (differ.min(dim=1).values == 0).all()
        orders.append(differ.argmin(dim=1))
        assert torch.equal(labels, data.trained_on.labels[orders[-1]])
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[1], orders[2])


def test_an_error_is_that_of_evaluation_mode_and_the_mode_stays(data: ImageData) -> None:
    trainer = NetworkTrainer(GENOTYPE, dataclasses.replace(TINY, holdout_fraction=0.0), data)
    trainer.epoch()
    network, split = trainer.network, data.test
    found = {}
    for training in (True, False):
        network.train(training)
        found[training] = error_of(network, split, data.normalise)
        assert network.training is training
    with torch.no_grad():
        wrong = sum(
            int(network(data.normalise(x[None])).argmax() != y) for x, y in zip(split.images, split.labels, strict=True)
        )
    assert found == dict.fromkeys((True, False), wrong / len(split))


def test_dropped_paths_come_from_the_generator_alone(data: ImageData) -> None:
    def outcome(seed: int, drop_path: float) -> torch.Tensor:
        trainer = NetworkTrainer(GENOTYPE, TINY, data)
        trainer.network.drop_path = drop_path
        trainer.network.path_generator = generator(seed)
        torch.randn(seed + 1)
        y: torch.Tensor = trainer.network(data.normalise(data.train.images[:32]))
        return y.detach()

    assert torch.equal(outcome(1, 0.5), outcome(1, 0.5))
    assert not torch.equal(outcome(1, 0.5), outcome(2, 0.5))
    assert torch.equal(outcome(1, 0.0), outcome(2, 0.0))


def test_a_network_inherits_the_weights_of_its_subnet(data: ImageData) -> None:
    config = TINY.network(data.image_shape, data.classes)
    supernet = Supernet(DARTSSpace(), dataclasses.replace(config, bn_affine=False, auxiliary_head=False), generator(3))
    initial = inherited(GENOTYPE, config, supernet)
    trainer = NetworkTrainer(GENOTYPE, TINY, data, initial)
    x = data.normalise(data.train.images[:64])
    trainer.network.drop_path = 0.0
    assert torch.allclose(trainer.network(x), supernet(x, GENOTYPE), atol=1e-5)  # each normalised by the batch
    fresh = NetworkTrainer(GENOTYPE, TINY, data)
    assert not torch.allclose(fresh.network(x), supernet(x, GENOTYPE), atol=1e-2)
    wider = dataclasses.replace(config, channels=4)
    with pytest.raises(ValueError, match=r"^channels: expected 4 as in the network, got 2 in the supernet"):
        inherited(GENOTYPE, wider, supernet)


def test_weights_of_another_network_are_refused(data: ImageData) -> None:
    trainer = NetworkTrainer(GENOTYPE, TINY, data)
    state = trainer.state()
    with pytest.raises(ValueError, match=r"^state: expected what state\(\) returned, got no 'epochs'"):
        trainer.load_state({k: v for k, v in state.items() if k != "epochs"})
    with pytest.raises(ValueError, match="expected no such weights as in the network"):
        trainer.load_weights({**trainer.weights(), "more": np.zeros(3)})
    with pytest.raises(ValueError, match=r"classifier.bias: expected \(10,\) as in the network, got \(3,\)"):
        trainer.load_weights({**trainer.weights(), "classifier.bias": np.zeros(3)})


def test_a_class_too_small_to_hold_out_is_said() -> None:
    with pytest.raises(ValueError, match=r"^holdout_fraction: expected enough of each class to hold 3 out"):
        split_for(few(70), TrainingRecipe(holdout_fraction=0.05))
