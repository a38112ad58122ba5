import pytest
import torch

from carsmoo.nets.models.batch_norm import BatchNorm, Statistics, SubnetNorm
from tests.support.networks import generator


def test_without_statistics_the_batch_normalises_itself() -> None:
    x = 3 + 2 * torch.randn(16, 4, 5, 5, generator=generator())
    layer = SubnetNorm(4)
    y = layer(x)
    mean, var = x.mean(dim=(0, 2, 3)), x.var(dim=(0, 2, 3), unbiased=False)
    expected = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
    assert torch.allclose(y, expected, atol=1e-5)
    assert list(layer.parameters()) == list(layer.buffers()) == []


def test_statistics_are_the_mean_over_batches_and_then_stay() -> None:
    batches = [k + torch.randn(8, 3, 4, 4, generator=generator(k)) for k in range(4)]
    layer, other, statistics = SubnetNorm(3), SubnetNorm(3), Statistics()
    with torch.no_grad():
        for x in batches:
            statistics.recorded = [len(x)]
            assert torch.allclose(layer(x, statistics), layer(x))
        statistics.recorded = ()
        mean = torch.stack([x.mean(dim=(0, 2, 3)) for x in batches]).mean(dim=0)
        var = torch.stack([x.var(dim=(0, 2, 3)) for x in batches]).mean(dim=0)
        x = batches[0][:2]
        expected = (x - mean[:, None, None]) / (var[:, None, None] + 1e-5).sqrt()
        assert torch.allclose(layer(x, statistics), expected, atol=1e-5)
        assert torch.equal(layer(x[:1], statistics), layer(x, statistics)[:1])
        with pytest.raises(KeyError):
            other(x, statistics)


def test_batches_behind_each_other_are_recorded_one_by_one_and_applied_to_the_rest() -> None:
    parts = [k + torch.randn(n, 3, 4, 4, generator=generator(k)) for k, n in enumerate((8, 5, 9))]
    layer, apart = SubnetNorm(3), Statistics()
    expected = []
    for x in parts[:2]:
        apart.recorded = [len(x)]
        expected.append(layer(x, apart))
    apart.recorded = ()
    expected.append(layer(parts[2], apart))
    assert torch.equal(layer(torch.cat(parts), Statistics([8, 5])), torch.cat(expected))
    only = Statistics([8, 5])
    assert torch.equal(layer(torch.cat(parts[:2]), only), torch.cat(expected[:2]))
    only.recorded = ()
    assert torch.equal(layer(parts[2], only), expected[2])


def test_moments_are_float32_where_the_input_is_less_precise() -> None:
    x = torch.randn(24, 3, 4, 4, generator=generator())
    layer, fine, rough = SubnetNorm(3), Statistics([16]), Statistics([16])
    y = layer(x.bfloat16(), rough)
    assert y.dtype == torch.bfloat16
    assert torch.allclose(y.float(), layer(x, fine), atol=0.05)
    assert all(moment.dtype == torch.float32 for moments in rough._moments.values() for moment in moments[:2])


def test_a_stand_alone_layer_is_torchs_and_takes_no_statistics() -> None:
    layer, reference = BatchNorm(3), torch.nn.BatchNorm2d(3)
    x = torch.randn(8, 3, 4, 4, generator=generator())
    assert torch.equal(layer(x), reference(x))
    assert torch.equal(layer.running_mean, reference.running_mean)
    with pytest.raises(ValueError, match="statistics: expected None"):
        layer(x, Statistics())
