import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from carsmoo import ChainSpace, NetworkConfig, SearchSpace, Stage, load
from carsmoo.cost import cost
from carsmoo.nets.models.fvcore_count import count
from carsmoo.nets.models.graph_network import GraphNetwork
from carsmoo.nets.models.network import measure_noise, untrained
from carsmoo.nets.models.serialization import SavedGraphNetwork, save, with_card
from tests.support.networks import generator, images
from tests.support.spaces import CELL, CHAIN, FORKED, NETWORK, OWN, SPACES, drawn

TOLD = {"data": None, "recipe": {}, "accuracy": []}
AFFINE = dataclasses.replace(NETWORK, bn_affine=True)
NOTHING = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
EACH = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


def made(genotype: Any, network: NetworkConfig = AFFINE) -> GraphNetwork:
    """Return a network in evaluation mode, of whose norms each part does something."""
    found = untrained(genotype, network)
    assert isinstance(found, GraphNetwork)
    with torch.no_grad():
        for name, parameter in found.named_parameters():
            if "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator())
    measure_noise(found)
    return found.eval()


class ByHand:
    """Layers of a network's weights, in torch's own functions."""

    def __init__(self, network: GraphNetwork) -> None:
        self.state = network.state_dict()

    def conv(self, x: Tensor, name: str, **how: Any) -> Tensor:
        return F.conv2d(x, self.state[f"layers.{name}.weight"], **how)

    def norm(self, x: Tensor, name: str) -> Tensor:
        parts = (self.state[f"layers.{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    def conv_norm(self, x: Tensor, name: str, **how: Any) -> Tensor:
        return self.norm(self.conv(x, f"{name}.conv", **how), f"{name}.norm")

    def classify(self, x: Tensor) -> Tensor:
        return x.flatten(2).mean(2) @ self.state["classifier.weight"].T + self.state["classifier.bias"]

    def bottleneck(self, x: Tensor, name: str, **how: Any) -> Tensor:
        x = F.relu(self.norm(self.conv(x, f"{name}.expand"), f"{name}.norms.0"))
        x = F.relu(self.norm(self.conv(x, f"{name}.depthwise", groups=x.shape[1], **how), f"{name}.norms.1"))
        return self.norm(self.conv(x, f"{name}.project"), f"{name}.norms.2")


def test_a_chain_computes_what_is_computed_by_hand() -> None:
    network = made(CHAIN.parse("mb_conv_3x3_e2, nor_conv_3x3 | mb_conv_5x5_e6"))
    hand, x = ByHand(network), images(AFFINE)
    y = F.relu(hand.conv_norm(x, "stem0", padding=1))
    y = y + hand.bottleneck(y, "block0_mb_conv_3x3_e2", padding=1)
    y = hand.conv_norm(F.relu(y), "block1_nor_conv_3x3.block", padding=1)
    y = hand.bottleneck(y, "block2_mb_conv_5x5_e6", padding=2, stride=2)
    y = F.relu(hand.conv_norm(y, "head"))
    torch.testing.assert_close(network(x), hand.classify(y))


def test_a_chain_of_skips_is_its_frame() -> None:
    network = made(CHAIN.parse("skip, skip | skip"))
    hand, x = ByHand(network), images(AFFINE)
    y = F.relu(hand.conv_norm(x, "stem0", padding=1))
    y = hand.conv_norm(y, "block2_project", stride=2)
    torch.testing.assert_close(network(x), hand.classify(F.relu(hand.conv_norm(y, "head"))))


def test_a_cell_computes_what_is_computed_by_hand() -> None:
    text = "|nor_conv_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    network = made(CELL.parse(text))
    hand, x = ByHand(network), images(AFFINE)
    node0 = hand.conv_norm(x, "stem0", padding=1)
    node1 = hand.conv_norm(F.relu(node0), "cell0_node1_from0_nor_conv_3x3.block", padding=1)
    pooled = F.avg_pool2d(node0, 3, 1, 1, count_include_pad=False)
    node2 = pooled + hand.conv_norm(F.relu(node1), "cell0_node2_from1_nor_conv_1x1.block")
    y = node0 + hand.conv_norm(F.relu(node2), "cell0_node3_from2_nor_conv_3x3.block", padding=1)
    for cell in ("cell1", "cell2"):
        inner = hand.conv_norm(F.relu(y), f"{cell}.first.block", padding=1, stride=2)
        beside = F.avg_pool2d(y, 2, 2, ceil_mode=True, count_include_pad=False)
        y = hand.conv_norm(F.relu(inner), f"{cell}.second.block", padding=1) + hand.conv(beside, f"{cell}.shortcut")
    torch.testing.assert_close(network(x), hand.classify(F.relu(hand.norm(y, "last.norm"))))


def test_branches_of_a_space_of_ones_own_are_computed_by_hand() -> None:
    network = made(FORKED.parse("nor_conv_3x3+skip_connect"))
    hand, x = ByHand(network), images(AFFINE)
    y = hand.conv_norm(x, "stem0", padding=1)
    joined = torch.cat([hand.conv_norm(F.relu(y), "branch0_nor_conv_3x3.block", padding=1), y], dim=1)
    torch.testing.assert_close(network(x), hand.classify(joined))


@EACH
@pytest.mark.parametrize(
    "shape", [{"image_shape": (1, 1, 1)}, {"image_shape": (2, 33, 50), "stem": "imagenet"}], ids=["1 px", "imagenet"]
)
def test_costs_are_those_of_built_networks_of_any_size(space: SearchSpace, shape: dict[str, Any]) -> None:
    network = dataclasses.replace(AFFINE, **shape)
    for one in drawn(space, 2):
        assert tuple(cost(one, network)) == count(one, network)
        x = images(network, 3)
        assert made(one, network)(x).shape == (3, 3)


@EACH
@pytest.mark.parametrize("size", [(1, 1), (5, 13), (18, 17)])
def test_images_of_another_size_than_configured(space: SearchSpace, size: tuple[int, int]) -> None:
    other = dataclasses.replace(AFFINE, image_shape=(3, *size))
    for one in drawn(space, 2, seed=1):
        network, same = made(one), made(one, other)
        same.load_state_dict(network.state_dict())
        x = images(other)
        assert torch.equal(network(x), same(x))


@pytest.mark.parametrize("text", [NOTHING, "|none~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|"])
def test_nodes_of_nothing_have_the_size_of_the_images_at_hand(text: str) -> None:
    deep = dataclasses.replace(AFFINE, layers=8)
    network = made(CELL.parse(text), deep)
    x = torch.randn(2, 3, 21, 4, generator=generator())
    assert network(x).isfinite().all()
    assert network(x).shape == (2, 3)


def dropping_all(network: GraphNetwork) -> GraphNetwork:
    network.drop_path, network.path_generator = 1 - 1e-12, generator()
    return network.train()


@pytest.mark.parametrize(
    ("space", "whole", "left"),
    [
        (CHAIN, "mb_conv_3x3_e2, mb_conv_3x3_e2 | skip", "skip, skip | skip"),  # shortcuts stay
        (CHAIN, "nor_conv_3x3, mb_conv_3x3_e2 | skip", "nor_conv_3x3, skip | skip"),  # those of layers, too
        (CHAIN, "nor_conv_3x3, nor_conv_3x3 | mb_conv_3x3_e3", "nor_conv_3x3, nor_conv_3x3 | mb_conv_3x3_e3"),
        (
            CELL,
            "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|none~0|none~1|nor_conv_3x3~2|",
            "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|none~0|none~1|nor_conv_3x3~2|",
        ),
        (
            CELL,
            "|none~0|+|none~0|none~1|+|avg_pool_3x3~0|skip_connect~1|none~2|",
            "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        ),
    ],
)
def test_paths_are_dropped_in_sums_and_leave_what_they_add_to(space: SearchSpace, whole: str, left: str) -> None:
    supernet = space.build_supernet(NETWORK, generator())
    one, other = (untrained(space.parse(text), NETWORK).inherit(supernet) for text in (whole, left))
    x = images(NETWORK)
    torch.testing.assert_close(dropping_all(one)(x), other.train()(x))  # type: ignore[arg-type]
    assert torch.equal(one.eval()(x), one(x))
    if whole != left:
        assert not torch.allclose(one.train()(x), untrained(space.parse(whole), NETWORK).inherit(supernet).train()(x))


def test_a_dropped_path_is_one_of_some_images_and_the_others_are_scaled_up() -> None:
    network = untrained(CHAIN.parse("mb_conv_3x3_e2, skip | skip"), NETWORK)
    assert isinstance(network, GraphNetwork)
    network.drop_path, network.path_generator = 0.5, generator(3)
    y = torch.ones(64, 4, 2, 2)
    place = next(k for k, vertex in enumerate(network.vertices) if vertex.layer.kind == "add")
    dropped = network._dropped(place, network.vertices[place].inputs[1], y)
    assert {tuple(image.unique().tolist()) for image in dropped} == {(0.0,), (2.0,)}


@EACH
def test_an_auxiliary_head_reads_where_the_last_size_begins(space: SearchSpace) -> None:
    network = untrained(space.decode(space.xu), dataclasses.replace(NETWORK, auxiliary_head=True))
    assert isinstance(network, GraphNetwork)
    first = {"chain": "block2_mb_conv_5x5_e6", "cell": "cell2", "own operations": "block2_project"}
    slot = next((s for name, s in first.items() if SPACES[name] is space), "stem0")
    seen: list[Tensor] = []
    network.layers[slot].register_forward_hook(lambda module, inputs, y: seen.append(y))
    assert network.auxiliary is not None
    network.auxiliary.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    logits, beside = network.train().forward_both(images(NETWORK))
    assert torch.equal(seen[0], seen[1])
    assert beside is not None
    assert beside.shape == logits.shape
    assert network.eval().forward_both(images(NETWORK))[1] is None
    assert cost(network.genotype, network.config) == cost(network.genotype, NETWORK)


@EACH
def test_a_network_is_saved_loaded_copied_and_pickled(space: SearchSpace, tmp_path: Path) -> None:
    one = space.decode(space.xu)
    network, x = made(one, dataclasses.replace(AFFINE, auxiliary_head=True)), images(AFFINE)
    save(network, tmp_path, TOLD)
    again = load(tmp_path, ops=space)
    assert isinstance(again, SavedGraphNetwork)
    assert again.genotype == one
    for other in (again, copy.deepcopy(network), pickle.loads(pickle.dumps(network)), with_card(network, TOLD)):
        assert torch.equal(other(x), network(x))
    if space in (OWN, FORKED):
        with pytest.raises(ValueError, match=r"network\.json: (space|ops): expected"):
            load(tmp_path)
    else:
        assert torch.equal(load(tmp_path)(x), network(x))


def test_of_a_file_the_operations_of_ones_own_are_enough(tmp_path: Path) -> None:
    network = made(OWN.decode(OWN.xu))
    save(network, tmp_path, TOLD)
    assert torch.equal(load(tmp_path, ops=OWN.ops)(images(AFFINE)), network(images(AFFINE)))
    with pytest.raises(ValueError, match=r"network\.json: architecture: stages of its space: expected .*, got"):
        load(tmp_path, ops=CHAIN)


def test_weights_of_other_widths_are_not_taken_over() -> None:
    supernet = CHAIN.build_supernet(NETWORK, generator())
    one = CHAIN.decode(CHAIN.xu)
    with pytest.raises(ValueError, match="channels: expected 8 as in the network, got 4 in the supernet"):
        untrained(one, dataclasses.replace(NETWORK, channels=8)).inherit(supernet)
    with pytest.raises(ValueError, match="genotype: expected an architecture of ChainSpace"):
        untrained(CELL.decode(CELL.xu), NETWORK).inherit(supernet)


def test_what_does_not_fit_in_the_memory_is_refused() -> None:
    wide = ChainSpace((Stage(width=1e6, ops=("nor_conv_9x9",)),))
    for make in (lambda: untrained(wide.decode(wide.xu), NETWORK), lambda: wide.build_supernet(NETWORK, generator())):
        with pytest.raises(ValueError, match=r"^network: expected what fits in the memory"):
            make()
