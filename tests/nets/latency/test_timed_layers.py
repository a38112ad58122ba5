"""Layers and networks that are ready to be timed."""

import pytest
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.latency.timed_layers import format_named, timed_layer, timed_network
from carsmoo.nets.models.ops import Separable
from carsmoo.space.graph import Layer
from carsmoo.space.search_space import SearchSpace
from tests.support.networks import SMALL, SPACE, genotypes
from tests.support.spaces import SPACES

CPU = torch.device("cpu")


@pytest.mark.parametrize("network", [SMALL, NetworkConfig.imagenet(channels=8, layers=5, image_shape=(3, 45, 50))])
@pytest.mark.parametrize("space", [SPACE, *SPACES.values()])
def test_every_layer_runs_at_its_size_and_draws_from_no_global_generator(
    space: SearchSpace, network: NetworkConfig
) -> None:
    state = torch.get_rng_state()
    with torch.no_grad():
        for layer in space.layers_needed(network):
            work = timed_layer(layer, network, CPU, torch.channels_last)
            work.prepare()
            found = work.run()
            assert isinstance(found, torch.Tensor)
            height, width = (-(-size // layer.stride) for size in (layer.height, layer.width))
            expected = (1, layer.c_out) if layer.kind == "classifier" else (1, layer.c_out, height, width)
            assert tuple(found.shape) == expected, layer
            work.prepare()
            assert torch.equal(work.run(), found)  # type: ignore[arg-type]
    assert torch.equal(torch.get_rng_state(), state)


def test_a_layer_has_run_and_its_inputs_were_written_since(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    forward = Separable.forward

    def watched(self: Separable, x: torch.Tensor) -> torch.Tensor:
        seen.append(x._version)
        return forward(self, x)

    monkeypatch.setattr(Separable, "forward", watched)
    work = timed_layer(Layer("sep_conv_3x3", 4, 4, 6, 5), SMALL, CPU, torch.contiguous_format)
    assert seen == []
    with torch.no_grad():
        work.prepare()
        assert len(seen) == 1
        work.run()
    assert seen[1] > seen[0]


def test_a_network_has_run() -> None:
    (genotype,) = genotypes(1)
    with torch.no_grad():
        work = timed_network(genotype, SMALL, CPU, torch.channels_last)
        assert torch.equal(work.prepare(), work.run())  # type: ignore[arg-type]


def test_a_memory_format_has_a_name() -> None:
    assert format_named("channels_last") is torch.channels_last
    with pytest.raises(ValueError, match="memory_format: expected one of channels_last, contiguous, got 'spiral'"):
        format_named("spiral")
