import functools
import itertools

import pytest
import torch
import torch.nn.functional as F

from carsmoo.nets.models.batch_norm import SubnetNorm
from carsmoo.nets.models.ops import Convolution, Depthwise, FactorizedReduce, Pool, ReLUConvNorm, Separable, operation
from carsmoo.space.genotype import PRIMITIVES
from tests.support import darts
from tests.support.networks import Passing, generator


@pytest.mark.parametrize("size", [(8, 8), (7, 9), (1, 5), (2, 3)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", PRIMITIVES[1:])
def test_every_operation_keeps_channels_and_halves_rounding_up(name: str, stride: int, size: tuple[int, int]) -> None:
    x = torch.randn(3, 4, *size, generator=generator())
    y = operation(name, 4, stride, SubnetNorm)(x)
    assert y.shape == (3, 4, *(-(-n // stride) for n in size))


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (4, 4), (5, 5), (7, 8), (8, 8)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", PRIMITIVES[1:])
def test_every_operation_is_that_of_darts_dilated_where_it_says_so(
    name: str, stride: int, size: tuple[int, int]
) -> None:
    x = torch.randn(3, 4, *size, generator=generator())
    darts.assert_alike(operation(name, 4, stride, SubnetNorm), darts.operation(name, 4, stride), x)


@pytest.mark.parametrize("size", [(2, 3), (5, 5), (8, 8)])
@pytest.mark.parametrize("c_out", [2, 3, 6])
def test_input_layers_are_those_of_darts(c_out: int, size: tuple[int, int]) -> None:
    x = torch.randn(3, 4, *size, generator=generator())
    darts.assert_alike(ReLUConvNorm(4, c_out, SubnetNorm), darts.relu_conv(4, c_out), x)
    darts.assert_alike(FactorizedReduce(4, c_out, SubnetNorm), darts.Reduce(4, c_out), x)


def test_the_mean_pool_leaves_the_padding_out() -> None:
    x = torch.ones(1, 2, 5, 5)
    assert torch.equal(Pool("avg", 2)(x), torch.ones(1, 2, 3, 3))
    x[0, 0, 0, 0] = 9
    assert Pool("max", 1)(x)[0, 0, 0, 0] == 9


def test_factorized_reduce_sees_even_and_odd_pixels() -> None:
    layer = FactorizedReduce(1, 2, lambda channels: Passing())
    with torch.no_grad():
        layer.even.weight.fill_(1.0)
        layer.odd.weight.fill_(1.0)
    x = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    y = layer(x)
    assert torch.equal(y[0, 0], x[0, 0, ::2, ::2])
    assert torch.equal(y[0, 1], F.pad(x[0, 0, 1::2, 1::2], (0, 1, 0, 1)))
    even = torch.arange(1.0, 17.0).reshape(1, 1, 4, 4)
    assert torch.equal(layer(even)[0, 1], even[0, 0, 1::2, 1::2])


def test_separable_is_depthwise_then_pointwise_after_a_relu() -> None:
    layer = Separable(3, 5, 2, lambda channels: Passing(), dilation=2)
    x = torch.randn(2, 3, 9, 9, generator=generator())
    depthwise = F.conv2d(x.relu(), layer.depthwise[0].weight, stride=2, padding=4, dilation=2, groups=3)
    assert torch.allclose(layer(x), F.conv2d(depthwise, layer.pointwise[0].weight), atol=1e-6)
    assert len(operation("sep_conv_3x3", 4, 1, SubnetNorm).depthwise) == 2


def test_none_is_no_operation() -> None:
    for name in ("none", "sep_conv_7x7"):
        with pytest.raises(ValueError, match="operation: expected one that computes something"):
            operation(name, 4, 1, SubnetNorm)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 2), (4, 4), (5, 9), (8, 8), (16, 3)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), list(itertools.product((3, 5), (1, 2), (1, 2))))
def test_a_depthwise_convolution_is_torchs(size: tuple[int, int], kernel: int, stride: int, dilation: int) -> None:
    layer = Depthwise(6, kernel, stride, dilation).to(memory_format=torch.channels_last)
    x = torch.randn(3, 6, *size, generator=generator()).to(memory_format=torch.channels_last)
    results = []
    for forward in (layer.forward, functools.partial(torch.nn.Conv2d.forward, layer)):
        mine = x.clone().requires_grad_()
        y = forward(mine)
        y.square().sum().backward()
        results.append((y.detach(), mine.grad, layer.weight.grad))
        layer.weight.grad = None
    (y, gradient, of_weight), expected = results
    assert torch.allclose(y, expected[0], atol=1e-6)
    assert torch.allclose(gradient, expected[1], atol=1e-5)
    assert torch.allclose(of_weight, expected[2], atol=1e-4, rtol=1e-5)


def test_a_convolution_draws_as_torch_does_but_nothing_without_memory() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        expected = torch.nn.Conv2d(2, 4, 3).weight
        torch.manual_seed(3)
        assert torch.equal(Convolution(2, 4, 3).weight, expected)
        state = torch.random.get_rng_state()
        with torch.device("meta"):
            assert Convolution(2, 4, 3).weight.is_meta
        assert torch.equal(torch.random.get_rng_state(), state)
