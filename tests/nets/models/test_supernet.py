from typing import Literal

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import supernet_params
from carsmoo.nets.models.network import Network
from carsmoo.nets.models.supernet import Supernet
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES
from tests.support.networks import EMPTY, SMALL, SPACE, generator, genotypes, images

NETWORKS = {
    "small": SMALL,
    "odd": NetworkConfig(channels=4, layers=5, image_shape=(3, 9, 7), n_classes=3),
    "one pixel": NetworkConfig(channels=2, layers=3, image_shape=(1, 1, 1), n_classes=2),
    "imagenet": NetworkConfig(channels=4, layers=4, stem="imagenet", image_shape=(3, 33, 40), n_classes=5),
}


def supernet(network: NetworkConfig = SMALL, seed: int = 0) -> Supernet:
    return Supernet(SPACE, network, generator(seed))


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_subnet_is_the_network_of_its_genotype(network: NetworkConfig) -> None:
    shared, x = supernet(network), images(network)
    for genotype in [EMPTY, *genotypes(25)]:
        alone = Network(genotype, network).inherit(shared)
        assert torch.equal(shared(x, genotype), alone(x))


def test_a_forward_pass_remembers_nothing() -> None:
    shared, x = supernet(), images()
    before = {name: t.clone() for name, t in shared.state_dict().items()}
    a, b = genotypes(2)
    first = shared(x, a)
    shared(x, b)
    assert torch.equal(shared(x, a), first)
    assert all(torch.equal(t, before[name]) for name, t in shared.state_dict().items())
    assert not [name for name, _ in shared.named_buffers()]


def test_only_what_is_chosen_gets_a_gradient() -> None:
    shared, x = supernet(), images()
    labels = torch.arange(6)
    for genotype in [EMPTY, *genotypes(25, seed=1)]:
        F.cross_entropy(shared(x, genotype), labels).backward()
        chosen = {id(p) for p in shared.chosen_parameters(genotype)}
        with_gradient = {id(p) for p in shared.parameters() if p.grad is not None}
        assert with_gradient == chosen
        for p in shared.parameters():
            p.grad = None
    assert len({id(p) for p in shared.chosen_parameters(EMPTY)}) == 2  # the classifier's weight and bias


def test_only_what_is_chosen_runs() -> None:
    shared, ran = supernet(), []
    for name, module in shared.named_modules():
        if isinstance(module, torch.nn.Conv2d):
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    (genotype,) = genotypes(1, seed=2)
    shared(images(), genotype)
    names = {id(p): name for name, p in shared.named_parameters()}
    chosen = {names[id(p)].removesuffix(".weight") for p in shared.chosen_parameters(genotype)}
    assert set(ran) == chosen - {"classifier", "classifier.bias"}
    assert len(ran) == len(set(ran))


def test_initial_weights_come_from_the_generator_alone() -> None:
    state = torch.get_rng_state()
    a, b, c = supernet(seed=1), supernet(seed=1), supernet(seed=2)
    pairs = list(zip(a.state_dict().values(), b.state_dict().values(), strict=True))
    assert all(torch.equal(p, q) for p, q in pairs)
    assert not torch.equal(a.classifier.weight, c.classifier.weight)
    weight = a.cells[0].edges[0][0]["sep_conv_5x5"].depthwise[0].weight
    assert weight.abs().max() <= 1 / 5
    assert weight.abs().max() > 0.15
    assert torch.equal(torch.get_rng_state(), state)


def test_a_smaller_space_has_smaller_weights() -> None:
    space = DARTSSpace(2, ("none", "skip_connect", "sep_conv_3x3"))
    shared = Supernet(space, SMALL, generator())
    (genotype,) = genotypes(1, space=space)
    assert shared(images(), genotype).shape == (6, 10)
    with pytest.raises(KeyError):
        shared(images(), genotypes(1, space=DARTSSpace(2, ("max_pool_3x3",)))[0])


def test_a_subnet_learns() -> None:
    shared, x = supernet(), images(n=32)
    labels = torch.from_numpy(np.arange(32) % 10)
    genotype = SPACE.decode(np.tile([0, PRIMITIVES.index("sep_conv_3x3"), PRIMITIVES.index("skip_connect")], 8))
    optimizer = torch.optim.SGD(shared.chosen_parameters(genotype), 0.1, 0.9)
    losses = []
    for _ in range(30):
        loss = F.cross_entropy(shared(x, genotype), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_the_closed_form_counts_the_parameters_that_are_built(stem: Literal["cifar", "imagenet"], nodes: int) -> None:
    space = DARTSSpace(nodes, ("none", "skip_connect", "sep_conv_3x3", "dil_conv_5x5", "max_pool_3x3"))
    network = NetworkConfig(channels=4, layers=5, stem=stem, image_shape=(3, 32, 32), n_classes=7, bn_affine=True)
    built = Supernet(space, network, torch.Generator().manual_seed(0))
    assert supernet_params(space, network) == sum(p.numel() for p in built.parameters())
