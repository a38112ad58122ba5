import copy
import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import chisquare

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import cost
from carsmoo.nets.models.fvcore_count import count
from carsmoo.nets.models.network import Network
from carsmoo.nets.models.supernet import Supernet
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import Genotype
from carsmoo.zoo import GENOTYPES
from tests.support import darts
from tests.support.networks import EMPTY, SMALL, SPACE, generator, genotypes, images

NETWORKS = {
    "search": NetworkConfig(channels=8, layers=5, image_shape=(1, 9, 7)),
    "cifar": NetworkConfig.cifar(channels=6, layers=7),
    "imagenet": NetworkConfig.imagenet(channels=8, layers=5, image_shape=(3, 45, 50), n_classes=10),
}


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_closed_form_built_network_and_fvcore_agree(network: NetworkConfig) -> None:
    without_none = DARTSSpace(ops=SPACE.ops[1:])
    for genotype in [EMPTY, *genotypes(4, seed=1), *genotypes(2, seed=2, space=without_none)]:
        assert cost(genotype, network) == count(genotype, network)


def test_the_full_networks_of_the_paper_agree_too() -> None:
    for network in (NetworkConfig.cifar(), NetworkConfig.imagenet()):
        assert cost(GENOTYPES["CARS-I"], network) == count(GENOTYPES["CARS-I"], network)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_network_is_that_of_darts_its_stem_cells_edges_and_classifier(network: NetworkConfig) -> None:
    plain = dataclasses.replace(network, bn_affine=False)
    for genotype in genotypes(2, seed=3, space=DARTSSpace(ops=SPACE.ops[1:])):
        darts.assert_alike(Network(genotype, plain), darts.Network(genotype, plain), images(plain, 2))


def test_the_auxiliary_head_is_read_in_training_and_counts_nowhere() -> None:
    for base in NETWORKS.values():
        plain = Network(GENOTYPES["CARS-A"], base)
        network = NetworkConfig(**{**base.__dict__, "auxiliary_head": True})
        alone = Network(GENOTYPES["CARS-A"], network)
        x = images(network, 4)
        logits, auxiliary = alone.forward_both(x)
        assert auxiliary is not None
        assert auxiliary.shape == logits.shape == (4, 10)
        assert alone.eval().forward_both(x)[1] is None
        assert count(GENOTYPES["CARS-A"], network)[0] == sum(p.numel() for p in plain.parameters())


def test_the_auxiliary_head_of_darts_at_its_own_size() -> None:
    alone = Network(GENOTYPES["CARS-A"], NetworkConfig.cifar(channels=4, layers=6, auxiliary_head=True))
    head = alone.auxiliary
    assert head is not None
    x = torch.randn(2, head.features[0].in_channels, 8, 8, generator=generator())
    head.eval()
    pooled = torch.nn.functional.avg_pool2d(x.relu(), 5, 3, count_include_pad=False)
    assert pooled.shape[2:] == (2, 2)
    assert torch.allclose(head(x), head.classifier(head.features(pooled).flatten(1)))


def test_drop_path_is_off_in_evaluation_and_keeps_the_mean_in_training() -> None:
    genotype = Genotype((("sep_conv_3x3", 0), ("skip_connect", 1)), (2,), (("max_pool_3x3", 0), ("none", 1)), (2,))
    network = NetworkConfig(channels=4, layers=2, image_shape=(1, 8, 8))
    alone = Network(genotype, network).eval()
    dropped = copy.deepcopy(alone)
    dropped.drop_path = 0.5
    x = images(network, 64)
    assert torch.equal(alone(x), dropped(x))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        cell = dropped.train().cells[0]
        states = torch.randn(4000, 12, 2, 2, generator=generator())
        kept = cell(states, states, states, 0.5)
        whole = cell(states, states, states, 0.0)
    zero = (kept == 0).flatten(1).all(dim=1)
    assert abs(zero.float().mean() - 0.5) < 0.03
    assert torch.allclose(kept[~zero], 2 * whole[~zero])


def test_an_identity_is_never_dropped_and_other_edges_are_each_by_itself_for_each_image() -> None:
    normal = ("skip_connect", 0), ("none", 1), ("avg_pool_3x3", 0), ("max_pool_3x3", 1)
    genotype = Genotype(normal, (2, 3), normal, (2, 3))
    cell = Network(genotype, NetworkConfig(channels=2, layers=3, image_shape=(1, 2, 2))).cells[0]
    before, last = torch.randn(2, 2000, 6, 2, 2, generator=generator())
    kept = cell(before, last, before, 0.25, generator(1))
    inputs = cell.entry(before, last, {0, 1})
    mean, most = (op(x) for op, x in zip(cell.ops[1:], inputs, strict=True))
    assert torch.equal(kept[:, :2], inputs[0])
    cases = torch.stack([torch.zeros_like(mean), mean, most, mean + most]) / 0.75
    matches = torch.isclose(kept[None, :, 2:], cases, atol=1e-5).flatten(2).all(dim=2)
    assert (matches.sum(dim=0) == 1).all()
    shares = np.array([1, 3, 3, 9]) / 16
    assert chisquare(matches.sum(dim=1).numpy(), 2000 * shares).pvalue > 1e-3


def test_inherited_weights_and_measured_statistics_make_a_usable_network() -> None:
    shared = Supernet(SPACE, SMALL, generator())
    (genotype,) = genotypes(1)
    alone = Network(genotype, SMALL).inherit(shared)
    before = shared.stem.convs[0].weight.clone()
    with torch.no_grad():
        alone.stem.convs[0].weight.zero_()
    assert torch.equal(shared.stem.convs[0].weight, before)
    affine = Network(genotype, NetworkConfig(**{**SMALL.__dict__, "bn_affine": True})).inherit(shared)
    torch.optim.swa_utils.update_bn([images(n=32)], affine)
    assert affine.eval()(images(n=1)).shape == (1, 10)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"channels": 8}, "channels: expected 8 as in the network, got 4 in the supernet"),
        ({"layers": 4}, "layers: expected 4"),
        ({"n_classes": 3}, "n_classes: expected 3"),
        ({"image_shape": (3, 8, 8)}, "images: expected 3 channels as in the network, got 1 in the supernet"),
    ],
)
def test_other_widths_cannot_inherit(change: dict, says: str) -> None:
    shared = Supernet(SPACE, SMALL, generator())
    network = NetworkConfig(**{**SMALL.__dict__, **change})
    with pytest.raises(ValueError, match=says):
        Network(genotypes(1)[0], network).inherit(shared)


def test_an_unknown_operation_is_refused() -> None:
    odd = Genotype((("sep_conv_7x7", 0), ("none", 1)), (2,), (("none", 0), ("none", 1)), (2,))
    with pytest.raises(ValueError, match="expected operations among"):
        Network(odd, SMALL)
