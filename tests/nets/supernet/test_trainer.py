import itertools
import math
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.stats import chisquare

from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import Augmentation, ImageData
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.space.genotype import Genotype
from tests.support.networks import SMALL, SPACE, generator, genotypes

PLAN = SupernetTraining(
    warmup_epochs=2, n_generations=2, epochs_per_generation=1, batch_size=8, learning_rate=0.1, grad_clip=1.0
)


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
    made = trainer(SupernetTraining(batch_size=8, learning_rate=0.1, momentum=0.0, weight_decay=0.0, grad_clip=1e9))
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
    plan = {"batch_size": 8, "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0, "grad_clip": 1e9}
    made = trainer(SupernetTraining(**plan, ghost_batches=3))
    (x, y), pair = batch(made), genotypes(2, seed=5)
    pieces = [slice(0, 2), slice(2, 5), slice(5, 8)]
    shares = [sum(F.cross_entropy(made.supernet(x[p], g), y[p]) * len(y[p]) for p in pieces) / 8 for g in pair]
    mean = torch.stack(shares).mean()
    gradients = torch.autograd.grad(mean, list(made.supernet.parameters()), allow_unused=True)
    before = [p.detach().clone() for p in made.supernet.parameters()]
    assert float(made.step(x, y, pair)) == pytest.approx(mean.item(), rel=1e-5)
    for p, q, gradient in zip(made.supernet.parameters(), before, gradients, strict=True):
        assert torch.allclose(p, q if gradient is None else q - 0.1 * gradient, atol=1e-6)


def test_steps_are_counted_on_what_they_trained() -> None:
    made, (one, other) = trainer(), genotypes(2)
    assert made.median_updates == 0
    for pool in ([one], [one], [other, one], [other, other]):
        made.step(*batch(made), pool)
    used = [{id(p) for p in made.supernet.chosen_parameters(genotype)} for genotype in (one, other)]
    assert made.updates is not None
    for parameter, count in zip(made.supernet.parameters(), made.updates, strict=True):
        in_one, in_other = (id(parameter) in those for those in used)
        assert count == {(True, True): 4, (True, False): 3, (False, True): 2, (False, False): 0}[in_one, in_other]
    names = [tuple(name.split(".")[:6]) for name, _ in made.supernet.named_parameters()]
    steps = {name: k**2 for k, name in enumerate(sorted(set(names)))}
    made.updates[:] = [steps[name] for name in names]
    edges = [count for name, count in steps.items() if name[2:3] == ("edges",)]
    assert made.median_updates == np.median(edges) != np.median(list(steps.values()))
    made.updates = None
    made.step(*batch(made), [one])
    assert made.median_updates is None


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


def shown(made: SupernetTrainer, epochs: int) -> list[list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return the images and labels of the steps of some epochs, which then train nothing."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    made.step = lambda x, y, _: seen.append((x, y)) or torch.zeros(())  # type: ignore[method-assign]
    per_epoch = [len(list(made.epoch(forever(genotypes(1))))) for _ in range(epochs)]
    return [[seen.pop(0) for _ in range(steps)] for steps in per_epoch]


def test_each_epoch_shows_the_images_in_an_order_of_its_own_each_with_its_label() -> None:
    made = trainer()
    train = made.data.train
    place = {x.numpy().tobytes(): k for k, x in enumerate(made.data.normalise(train.images))}
    orders = []
    for steps in shown(made, 6):
        order = [place[x.numpy().tobytes()] for images, _ in steps for x in images]
        assert torch.equal(torch.cat([labels for _, labels in steps]), train.labels[order])
        assert sorted(order) == list(range(40))
        orders.append(tuple(order))
    assert len({*orders, tuple(range(40))}) == 7


def test_images_that_do_not_fill_a_batch_wait_for_the_next_epoch() -> None:
    made, left = trainer(SupernetTraining(batch_size=16)), Counter[bytes]()
    everything = {x.numpy().tobytes() for x in made.data.normalise(made.data.train.images)}
    for steps in shown(made, 30):
        assert [len(images) for images, _ in steps] == [16, 16]
        left.update(everything - {x.numpy().tobytes() for images, _ in steps for x in images})
    assert sum(left.values()) == 30 * 8
    assert max(left.values()) < 20  # none waits for ever


def test_training_images_are_shifted_and_mirrored_anew_in_each_epoch_before_they_are_normalised() -> None:
    rng = np.random.default_rng(0)
    augmentation = Augmentation(pad=1, flip=True)
    images = ImageData.from_arrays(rng.random((100, 4, 4)), np.arange(100) % 10, augmentation=augmentation)
    made = SupernetTrainer(Supernet(SPACE, SMALL, generator(1)), images, PLAN, generator(2))
    padded = F.pad(images.train.images, (1, 1, 1, 1))
    versions: dict[bytes, tuple[int, tuple[int, int, bool]]] = {}
    for version in itertools.product(range(3), range(3), (False, True)):
        top, left, mirrored = version
        crops = padded[:, :, top : top + 4, left : left + 4]
        for k, x in enumerate(images.normalise(crops.flip(3) if mirrored else crops)):
            versions[x.contiguous().numpy().tobytes()] = k, version
    found = [[versions[x.numpy().tobytes()] for x, _ in steps for x in x] for steps in shown(made, 20)]
    counts = Counter(version for epoch in found for _, version in epoch)
    assert len(counts) == 18
    assert chisquare(list(counts.values())).pvalue > 1e-3
    for k in range(40):
        assert len({dict(epoch)[k] for epoch in found}) > 5


def test_the_rate_falls_by_a_cosine_step_by_step_and_stays_at_its_floor_beyond_the_planned_end() -> None:
    plan = SupernetTraining(
        warmup_epochs=1,
        n_generations=2,
        epochs_per_generation=1,
        batch_size=8,
        learning_rate=0.1,
        learning_rate_min=0.02,
    )
    made = trainer(plan)
    (x, y), rates = batch(made), []
    for _ in range(19):
        made.step(x[:2], y[:2], genotypes(1))
        rates.append(made.optimizer.param_groups[0]["lr"])
    planned = 3 * (40 // 8)
    assert rates == pytest.approx([0.06 + 0.04 * math.cos(math.pi * min(k / planned, 1)) for k in range(19)])


def test_the_gradient_is_clipped_by_the_norm_over_all_that_a_step_uses() -> None:
    plan = {"batch_size": 8, "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0}
    for clip in (0.01, 1e9):
        made = trainer(SupernetTraining(**plan, grad_clip=clip))
        (x, y), pair = batch(made), genotypes(2, seed=5)
        used = list({id(p): p for g in pair for p in made.supernet.chosen_parameters(g)}.values())
        loss = sum(F.cross_entropy(made.supernet(x, genotype), y) for genotype in pair) / 2
        gradients = torch.autograd.grad(loss, used)
        norm = float(torch.cat([g.flatten() for g in gradients]).norm())
        assert 0.01 < norm < 1e9
        before = [p.detach().clone() for p in used]
        made.step(x, y, pair)
        for p, q, g in zip(used, before, gradients, strict=True):
            assert torch.allclose(q - p, 0.1 * min(1, clip / norm) * g, atol=1e-7)


def test_fewer_images_than_a_batch_make_one_step() -> None:
    made = trainer(SupernetTraining(batch_size=500))
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
    labels = np.arange(200) % 10
    patterns = rng.random((10, 8, 8))
    images = ImageData.from_arrays(patterns[labels] + 0.1 * rng.random((200, 8, 8)), labels)
    made = SupernetTrainer(
        Supernet(SPACE, SMALL, generator()), images, SupernetTraining(batch_size=16, learning_rate=0.05), generator()
    )
    architectures = forever(genotypes(4, seed=8))
    means = [float(torch.stack(list(made.epoch(architectures))).mean()) for _ in range(12)]
    assert means[0] > 2.0
    assert means[-1] < 0.6 * means[0]


def forever(pool: list[Genotype]) -> Iterator[list[Genotype]]:
    return ([genotype] for genotype in itertools.cycle(pool))


def test_momentum_may_be_off() -> None:
    made = trainer(SupernetTraining(batch_size=8, momentum=0.0))
    x, y = batch(made)
    for genotype in genotypes(3):
        assert float(made.step(x, y, [genotype])) == pytest.approx(2.3, abs=1.0)
