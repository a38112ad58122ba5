"""Operations of one's own in the supernet, in networks, in every count and in files."""

import copy
import dataclasses
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from pymoo.optimize import minimize
from torch import Tensor, nn

from carsmoo import (
    PNSGA3,
    CARSProblem,
    ChainSpace,
    DARTSSpace,
    Front,
    Genotype,
    NetworkConfig,
    Operation,
    Stage,
    SupernetTraining,
    load,
)
from carsmoo.cost import cost, flops, params
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.latency.measure import build
from carsmoo.nets.models.batch_norm import BatchNorm
from carsmoo.nets.models.fvcore_count import count
from carsmoo.nets.models.network import untrained
from carsmoo.nets.models.own_operation import OwnOperation
from carsmoo.nets.models.serialization import save
from carsmoo.testing import check_space
from tests.support.operations import GHOST, OPS, SQUEEZE, Norm, ghost, squeeze

SPACE = DARTSSpace(nodes=2, ops=OPS)
NETWORK = NetworkConfig(channels=4, layers=3, image_shape=(3, 9, 10), n_classes=3)
PLAN = SupernetTraining(warmup_epochs=1, n_generations=1, pop_size=4, batch_size=16, bn_calibration_images=16)
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (90, 3, 9, 10), dtype=np.uint8), np.arange(90) % 3


def genotypes(n: int = 5) -> list[Genotype]:
    return SPACE.decode(np.random.default_rng(1).integers(SPACE.xl, SPACE.xu + 1, (n, SPACE.n_var)))


def problem(space: DARTSSpace = SPACE) -> CARSProblem:
    return CARSProblem(IMAGES, space, network=dataclasses.replace(NETWORK, image_shape=None), training=PLAN)


@pytest.mark.end_to_end
@pytest.mark.parametrize("space", [DARTSSpace(nodes=2), SPACE], ids=["DARTS", "own"])
def test_a_space_keeps_its_rules(space: DARTSSpace) -> None:
    check_space(space, n=4)


def test_an_operation_that_is_defined_again_is_built_and_counted_as_it_is_now() -> None:
    found = []
    for build_it in (ghost, squeeze):
        one = ChainSpace((Stage(ops=("skip", Operation("mine", build_it)), blocks=1),), head=0).decode([1])
        assert tuple(cost(one, NETWORK)) == tuple(count(one, NETWORK))
        found.append(params(one, NETWORK))
    assert found[0] != found[1]


@pytest.mark.parametrize("affine", [False, True])
def test_costs_are_those_of_built_networks(affine: bool) -> None:
    network = dataclasses.replace(NETWORK, bn_affine=affine)
    for genotype in genotypes():
        assert tuple(cost(genotype, network)) == tuple(count(genotype, network))


def test_genotypes_and_fronts_with_them_are_files_and_pickles(tmp_path: Path) -> None:
    genotype = genotypes(1)[0]
    assert any("ghost_3x3" in str(one) for one in genotypes(3))
    with pytest.raises(ValueError, match="expected operations among none, max_pool_3x3"):
        Genotype.parse(str(SPACE.decode(SPACE.xu)))
    read = Genotype.parse(str(SPACE.decode(SPACE.xu)), SPACE.ops)
    assert read == SPACE.decode(SPACE.xu)
    assert params(read, NETWORK) == params(SPACE.decode(SPACE.xu), NETWORK)
    for again in (pickle.loads(pickle.dumps(genotype)), copy.deepcopy(genotype)):
        assert again == genotype
        assert flops(again, NETWORK) == flops(genotype, NETWORK)
    front = Front.from_objectives(genotypes(4), RNG.random((4, 2)), ("error", "params"), ("", ""), {})
    for ending in ("json", "csv"):
        path = tmp_path / f"front.{ending}"
        (front.to_json if ending == "json" else front.to_csv)(path)
        with pytest.raises(ValueError, match="expected operations among"):
            Front.load(path)
        assert Front.load(path, ops=SPACE.ops).genotypes == front.genotypes


def test_a_trained_network_is_saved_and_read_with_its_operations(tmp_path: Path) -> None:
    genotype = SPACE.decode(SPACE.xu)
    network = untrained(genotype, NETWORK).eval()
    save(network, tmp_path, {"data": None, "recipe": {}, "accuracy": []})
    with pytest.raises(ValueError, match="expected operations among"):
        load(tmp_path)
    images = torch.randn(2, 3, 9, 10, generator=torch.Generator().manual_seed(0))
    assert torch.equal(load(tmp_path, ops=SPACE.ops)(images), network(images))


def test_a_search_among_them_ends_and_another_space_does_not_go_on_with_it() -> None:
    made = problem()
    front = made.front(minimize(made, PNSGA3(), seed=1))
    assert front.names == ("error", "params")
    assert made.to_config() is None
    assert made.fingerprint()["space"]["ops"] == ["none", "skip_connect", "sep_conv_3x3", "ghost_3x3", "squeeze"]
    assert all(type(op) is str for op in made.fingerprint()["space"]["ops"])


def test_latencies_of_them_are_measured_and_read_back() -> None:
    space = DARTSSpace(nodes=1, ops=("skip_connect", GHOST))
    table = build(space, NETWORK, rounds=2, network_rounds=2, fitted=3, checked=3)
    again = LatencyTable.from_json(table.to_json(), space.ops)
    assert again.layers == table.layers
    assert {str(layer.kind) for layer, _ in again.layers} >= {"ghost_3x3", "skip_connect"}
    assert again.space.own_operations[0].build is GHOST.build
    with pytest.raises(ValueError, match=r"ops: expected different operations among none, .*ghost_3x3"):
        LatencyTable.from_json(table.to_json())


def biased(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, channels, 1, stride), nn.BatchNorm2d(channels))


def shrinking(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Conv2d(channels, channels, 3, stride)


def keeping(channels: int, stride: int, norm: Norm) -> nn.Module:
    made = nn.Conv2d(channels, channels, 1, stride)
    made.register_buffer("kernel", torch.ones(3))
    return made


def losing(channels: int, stride: int, norm: Norm) -> nn.Module:
    norm(channels)
    return nn.Conv2d(channels, channels, 1, stride)


def inplace(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(channels, channels, 1, stride))


def random(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, channels, 1, stride), nn.Dropout2d(0.1))


class Noisy(nn.Module):
    """Dropout without a module of it."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.conv(nn.functional.dropout(x, 0.5, self.training))
        return y


def noisy(channels: int, stride: int, norm: Norm) -> nn.Module:
    return Noisy(channels, stride)


def wide(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, channels, 1, stride), norm(channels + 1))


def folding(channels: int, stride: int, norm: Norm) -> nn.Module:
    return nn.Sequential(nn.ReflectionPad2d(20), nn.Conv2d(channels, channels, 41, stride))


def failing(channels: int, stride: int, norm: Norm) -> nn.Module:
    raise ZeroDivisionError("one\ntwo")


def tied(channels: int, stride: int, norm: Norm) -> nn.Module:
    first, second = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1, stride)
    second.weight = first.weight
    return nn.Sequential(first, second)


@pytest.mark.parametrize(
    ("build", "error", "says"),
    [
        (biased, ValueError, r"odd: expected norms made by norm\(channels\), got BatchNorm2d"),
        (shrinking, ValueError, r"odd: expected \(1, 4, 9, 10\) of 4x9x10 at stride 1, got \(1, 4, 7, 8\)"),
        (keeping, ValueError, "odd: expected no buffers, got some in Conv2d"),
        (inplace, ValueError, "odd: expected its input left as it is"),
        (random, ValueError, "odd: expected nothing random, got Dropout2d"),
        (tied, ValueError, "odd: expected each parameter in one module, got one of Conv2d in another too"),
        (losing, ValueError, "odd: expected a module that has the norms it makes"),
        (noisy, ValueError, "odd: expected nothing random, got aten"),
        (wide, ValueError, r"odd: expected norm\(5\) of \(n, 5, h, w\), got \(1, 4, 9, 10\)"),
        (folding, ValueError, "odd: expected a module that computes with 4x9x10 at stride 1, got RuntimeError: .*pad"),
        (failing, ValueError, "odd: expected a module that computes with .*, got ZeroDivisionError: one two$"),
        (lambda c, s: None, ValueError, "odd: expected a module that computes with .*, got TypeError: .*2 positional"),
        (lambda c, s, norm: nn.Conv2d(c, c, 1, s).double(), ValueError, "odd: expected a module .*, got RuntimeError"),
        (lambda c, s, norm: None, TypeError, "odd: expected build to return a torch.nn.Module, got NoneType"),
    ],
)
def test_an_operation_that_shared_weights_cannot_have_is_refused(build: object, error: type, says: str) -> None:
    odd = Operation("odd", build)  # type: ignore[arg-type]
    with pytest.raises(error, match=says):
        problem(DARTSSpace(nodes=1, ops=("skip_connect", odd)))


@pytest.mark.parametrize("channels", [2, 5, 16])
def test_a_convolution_that_reads_some_pixels_takes_them_first(channels: int) -> None:
    def pointwise(channels: int, stride: int, norm: Norm) -> nn.Module:
        return nn.Conv2d(channels, channels, 1, stride)

    layer = OwnOperation(Operation("conv_1x1", pointwise), channels, 2, BatchNorm).to(memory_format=torch.channels_last)
    assert isinstance(layer.module, nn.Conv2d)
    x = torch.randn(2, channels, 7, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert layer.module.stride == (1, 1)  # given the stride, oneDNN's backward writes past its memory
    expected = torch.einsum("oi,nihw->nohw", layer.module.weight[:, :, 0, 0], x[:, :, ::2, ::2])
    assert torch.allclose(y, expected + layer.module.bias[:, None, None], atol=1e-5)
    assert copy.deepcopy(layer)(x).shape == y.shape == (2, channels, 4, 4)


def test_names_are_identifiers_of_their_own() -> None:
    with pytest.raises(ValueError, match="operation: expected a name such as ghost_3x3, got 'a b'"):
        Operation("a b", biased)
    with pytest.raises(TypeError, match="operation: expected a function that builds odd, got 3"):
        Operation("odd", 3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="under other names than DARTS's, got sep_conv_3x3"):
        DARTSSpace(ops=("skip_connect", Operation("sep_conv_3x3", biased)))
    with pytest.raises(ValueError, match="ops: expected different operations"):
        DARTSSpace(ops=(GHOST, SQUEEZE, GHOST))
