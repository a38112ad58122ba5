import itertools
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from carsmoo.config import SupernetTraining
from carsmoo.genotype import Genotype
from carsmoo.nets.data import ImageData
from carsmoo.nets.supernet import Supernet
from carsmoo.nets.training import SupernetTrainer
from tests.nets.helpers import SMALL, SPACE, generator, genotypes

PLAN = SupernetTraining(warmup=2, generations=2, epochs=1, batch=8, learning_rate=0.1, clip=1.0)


def data() -> ImageData:
    rng = np.random.default_rng(0)
    return ImageData.from_arrays(rng.random((100, 8, 8)), np.arange(100) % 10)


def trainer(plan: SupernetTraining = PLAN) -> SupernetTrainer:
    return SupernetTrainer(Supernet(SPACE, SMALL, generator(1)), data(), plan, generator(2))


def batch(made: SupernetTrainer) -> tuple[torch.Tensor, torch.Tensor]:
    return made.data.normalise(made.data.train.images[:8]), made.data.train.labels[:8]


def test_a_step_is_torchs_sgd_on_the_chosen_and_nothing_on_the_rest() -> None:
    ours, reference = trainer(), Supernet(SPACE, SMALL, generator(1))
    optimizers: dict[int, torch.optim.SGD] = {}
    x, y = batch(ours)
    for genotype in genotypes(4, seed=3) * 2:
        before = {name: p.detach().clone() for name, p in ours.supernet.named_parameters()}
        ours.step(x, y, [genotype])
        chosen = reference.chosen_parameters(genotype)
        for p in chosen:
            optimizers.setdefault(id(p), torch.optim.SGD([p], 0.1, 0.9, weight_decay=3e-4))
            optimizers[id(p)].param_groups[0]["lr"] = PLAN.learning_rate_at((ours.steps - 1) / ours.steps_per_epoch)
            p.grad = None
        F.cross_entropy(reference(x, genotype), y).backward()
        torch.nn.utils.clip_grad_norm_(chosen, 1.0)
        for p in chosen:
            optimizers[id(p)].step()
        used = {id(p) for p in ours.supernet.chosen_parameters(genotype)}
        for (name, p), q in zip(ours.supernet.named_parameters(), reference.parameters(), strict=True):
            assert torch.allclose(p, q, atol=1e-6), name
            assert p.grad is None
            if id(p) not in used:
                assert torch.equal(p, before[name])


def test_a_step_on_several_architectures_takes_the_mean_of_their_gradients() -> None:
    made = trainer(SupernetTraining(batch=8, learning_rate=0.1, momentum=0.0, weight_decay=0.0, clip=1e9))
    x, y = batch(made)
    pair = genotypes(2, seed=5)
    gradients: dict[str, torch.Tensor] = {}
    for genotype in pair:
        F.cross_entropy(made.supernet(x, genotype), y).backward()
        for name, p in made.supernet.named_parameters():
            if p.grad is not None:
                gradients[name] = gradients.get(name, torch.zeros_like(p)) + p.grad / 2
                p.grad = None
    before = {name: p.detach().clone() for name, p in made.supernet.named_parameters()}
    with torch.no_grad():
        losses = [float(F.cross_entropy(made.supernet(x, genotype), y)) for genotype in pair]
    loss = made.step(x, y, pair)
    for name, p in made.supernet.named_parameters():
        expected = before[name] - 0.1 * gradients[name] if name in gradients else before[name]
        assert torch.allclose(p, expected, atol=1e-6), name
    assert float(loss) == pytest.approx(sum(losses) / 2, rel=1e-5)


def test_each_part_of_a_batch_is_normalised_by_itself_and_counts_by_its_images() -> None:
    plan = {"batch": 8, "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0, "clip": 1e9}
    made = trainer(SupernetTraining(**plan, parts=3))
    (x, y), pair = batch(made), genotypes(2, seed=5)
    pieces = [slice(0, 2), slice(2, 5), slice(5, 8)]
    shares = [sum(F.cross_entropy(made.supernet(x[p], g), y[p]) * len(y[p]) for p in pieces) / 8 for g in pair]
    mean = torch.stack(shares).mean()
    gradients = torch.autograd.grad(mean, list(made.supernet.parameters()), allow_unused=True)
    before = [p.detach().clone() for p in made.supernet.parameters()]
    assert float(made.step(x, y, pair)) == pytest.approx(mean.item(), rel=1e-5)
    for p, q, gradient in zip(made.supernet.parameters(), before, gradients, strict=True):
        assert torch.allclose(p, q if gradient is None else q - 0.1 * gradient, atol=1e-6)


def test_an_epoch_shows_each_image_once() -> None:
    made, seen = trainer(), []
    normalise = made.data.normalise

    def watched(images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return normalise(images)

    object.__setattr__(made.data, "normalise", watched)
    losses = list(made.epoch(forever(genotypes(3))))
    assert len(losses) == made.steps_per_epoch == 40 // 8
    assert made.epochs == 1
    shown = {image.numpy().tobytes() for images in seen for image in images}
    assert shown == {image.numpy().tobytes() for image in made.data.train.images}


def test_fewer_images_than_a_batch_make_one_step() -> None:
    made = trainer(SupernetTraining(batch=500))
    assert len(list(made.epoch(forever(genotypes(2))))) == 1


def test_one_seed_one_result() -> None:
    runs = [trainer() for _ in range(2)]
    for made in runs:
        for _ in range(2):
            list(made.epoch(forever(genotypes(5))))
    states = [made.supernet.state_dict().values() for made in runs]
    assert all(torch.equal(p, q) for p, q in zip(*states, strict=True))


def test_training_learns_a_pattern() -> None:
    rng = np.random.default_rng(1)
    labels = np.arange(400) % 10
    patterns = rng.random((10, 8, 8))
    images = ImageData.from_arrays(patterns[labels] + 0.1 * rng.random((400, 8, 8)), labels)
    made = SupernetTrainer(
        Supernet(SPACE, SMALL, generator()), images, SupernetTraining(batch=16, learning_rate=0.05), generator()
    )
    architectures = forever(genotypes(4, seed=8))
    means = [float(torch.stack(list(made.epoch(architectures))).mean()) for _ in range(12)]
    assert means[0] > 2.0
    assert means[-1] < 0.6 * means[0]


def forever(pool: list[Genotype]) -> Iterator[list[Genotype]]:
    return ([genotype] for genotype in itertools.cycle(pool))


def test_momentum_may_be_off() -> None:
    made = trainer(SupernetTraining(batch=8, momentum=0.0))
    x, y = batch(made)
    for genotype in genotypes(3):
        assert float(made.step(x, y, [genotype])) == pytest.approx(2.3, abs=1.0)
