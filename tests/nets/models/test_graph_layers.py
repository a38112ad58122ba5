from typing import Any

import pytest
import torch
import torch.nn.functional as F

from carsmoo.nets.models.batch_norm import BatchNorm, SubnetNorm
from carsmoo.nets.models.graph_layers import compute, joined, module_at
from carsmoo.space.graph import Layer, Vertex
from tests.support.networks import Passing, generator


def passing(channels: int) -> Any:
    return Passing()


def batch(channels: int, height: int, width: int) -> torch.Tensor:
    return torch.randn(2, channels, height, width, generator=generator())


@pytest.mark.parametrize("size", [(9, 10), (2, 1), (1, 1)])
@pytest.mark.parametrize(
    ("kind", "c_in", "c_out", "stride"),
    [
        ("stem", 3, 5, 1),
        ("stem", 3, 5, 2),
        ("stem_next", 3, 5, 2),
        ("stem_relu", 3, 5, 1),
        ("stem_relu_next", 4, 5, 2),
        ("project", 4, 6, 2),
        ("head", 4, 6, 1),
        ("mb_conv_3x3_e1", 4, 6, 2),
        ("mb_conv_7x7_e3", 4, 4, 1),
        ("nor_conv_1x1", 4, 6, 2),
        ("nor_conv_5x5", 4, 4, 1),
        ("reduce_block", 4, 8, 2),
        ("last_norm", 4, 4, 1),
        ("entry", 4, 6, 2),
        ("avg_pool_3x3", 4, 4, 2),
        ("classifier", 4, 3, 1),
    ],
)
def test_a_layer_gives_what_it_says_at_any_size(
    kind: str, c_in: int, c_out: int, stride: int, size: tuple[int, int]
) -> None:
    layer = Layer(kind, c_in, c_out, *size, stride)
    x = batch(c_in, *size)
    before = x.clone()
    y = module_at(layer, SubnetNorm)(x)
    assert y.numel() == 2 * layer.size
    assert y.shape == ((2, c_out) if kind == "classifier" else (2, c_out, *layer.after))
    assert torch.equal(x, before)


def test_a_bottleneck_expands_filters_and_projects() -> None:
    layer = module_at(Layer("mb_conv_5x5_e3", 4, 6, 9, 10, 2), passing)
    expand, depthwise, project = (layer.get_parameter(f"{name}.weight") for name in ("expand", "depthwise", "project"))
    x = batch(4, 9, 10)
    y = F.relu(F.conv2d(F.relu(F.conv2d(x, expand)), depthwise, stride=2, padding=2, groups=12))
    torch.testing.assert_close(layer(x), F.conv2d(y, project))
    narrow = module_at(Layer("mb_conv_3x3_e1", 4, 4, 9, 10), passing)
    assert {name.split(".")[0] for name, _ in narrow.named_parameters()} == {"depthwise", "project"}


def test_a_reduce_block_is_two_convolutions_beside_a_mean() -> None:
    layer = module_at(Layer("reduce_block", 2, 4, 6, 4, 2), passing)
    first, second, shortcut = (
        layer.get_parameter(f"{name}.weight") for name in ("first.block.conv", "second.block.conv", "shortcut")
    )
    x = batch(2, 6, 4)
    y = F.conv2d(F.relu(F.conv2d(F.relu(x), first, stride=2, padding=1)), second, padding=1)
    mean = x.reshape(2, 2, 3, 2, 2, 2).mean(dim=(3, 5))
    torch.testing.assert_close(layer(x), y + F.conv2d(mean, shortcut))
    corner = batch(2, 1, 1)  # of an odd image's border what is there is averaged
    torch.testing.assert_close(F.avg_pool2d(corner, 2, 2, ceil_mode=True, count_include_pad=False), corner)


def test_relus_stand_where_their_kinds_say() -> None:
    x = batch(4, 5, 5)
    for kind, before, after in [
        ("stem", False, False), ("stem_next", True, False), ("stem_relu", False, True), ("stem_relu_next", False, True),
        ("project", False, False), ("head", False, True), ("nor_conv_3x3", True, False), ("last_norm", False, True),
    ]:  # fmt: skip
        layer = module_at(Layer(kind, 4, 4, 5, 5), passing)
        y = layer(x)
        assert torch.equal(layer(F.relu(x)), y) == before or kind == "last_norm", kind
        assert bool((y >= 0).all()) == after, kind


def test_unknown_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="operation: expected one that computes something, got 'none'"):
        module_at(Layer("none", 4, 4, 5, 5), BatchNorm)
    with pytest.raises(ValueError, match="layer: expected add, concat or zeros without a slot, got 'mean'"):
        joined(Vertex(Layer("mean", 4, 4, 5, 5), (0,)), [batch(4, 5, 5)])


def test_values_are_those_of_the_graph_and_what_does_not_run_has_none() -> None:
    small = Layer("b", 3, 2, 5, 3, 2)
    vertices = [
        Vertex(Layer("a", 3, 3, 5, 3), (), "a"),
        Vertex(small, (0,), "b"),
        Vertex(small, (0,), "dead", runs=False),
        Vertex(Layer("zeros", 2, 2, 3, 2), (2,)),  # as large as what does not run
        Vertex(Layer("add", 2, 2, 3, 2), (1, 3)),
        Vertex(Layer("concat", 2, 4, 3, 2), (1, 4)),
    ]
    x = batch(3, 7, 9)  # other images than the graph is for

    def layer_at(slot: str) -> Any:
        return lambda y, statistics: y + 1 if slot == "a" else y[:, :2, ::2, ::2]

    _, b, dead, zeros, total, both = compute(vertices, layer_at, x)
    assert dead is None
    assert zeros is not None
    assert torch.equal(zeros, torch.zeros(2, 2, 4, 5))
    assert torch.equal(total, b)  # type: ignore[arg-type]
    assert torch.equal(both, torch.cat([(x + 1)[:, :2, ::2, ::2]] * 2, dim=1))  # type: ignore[arg-type]


def test_terms_of_sums_alone_are_what_a_path_is_applied_to() -> None:
    layer = Layer("a", 3, 3, 5, 5)
    vertices = [Vertex(layer, (), "a"), Vertex(layer, (0,), "b"), Vertex(layer._replace(kind="add"), (0, 1))]
    met: list[tuple[int, int]] = []

    def path(place: int, term: int, y: torch.Tensor) -> torch.Tensor:
        met.append((place, term))
        return 10 * y

    values = compute(vertices, lambda slot: lambda y, statistics: y, batch(3, 5, 5), path=path)
    assert met == [(2, 0), (2, 1)]
    torch.testing.assert_close(values[2], 20 * batch(3, 5, 5))
