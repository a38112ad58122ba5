import dataclasses

import pytest
import torch
import torch.nn.functional as F

from carsmoo import SearchSpace
from carsmoo.cost.closed_form import supernet_params
from carsmoo.nets.models.graph_supernet import GraphSupernet
from carsmoo.nets.models.network import untrained
from tests.support.networks import generator, images
from tests.support.spaces import CELL, CHAIN, NETWORK, SPACES, drawn

EACH = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
NETWORKS = {
    "odd": NETWORK,
    "one pixel": dataclasses.replace(NETWORK, image_shape=(1, 1, 1)),
    "imagenet": dataclasses.replace(NETWORK, stem="imagenet", layers=4, image_shape=(3, 33, 40)),
}


def supernet(space: SearchSpace, seed: int = 0) -> GraphSupernet:
    found = space.build_supernet(NETWORK, generator(seed))
    assert isinstance(found, GraphSupernet)
    return found


@EACH
@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_subnet_is_the_network_of_its_architecture(space: SearchSpace, network: object) -> None:
    shared, x = space.build_supernet(network, generator()), images(network)  # type: ignore[arg-type]
    for one in [space.decode(space.xl), *drawn(space, 4)]:
        assert torch.equal(shared(x, one), untrained(one, shared.network).inherit(shared)(x))


@EACH
def test_weights_are_drawn_from_the_seed_and_each_counted_once(space: SearchSpace) -> None:
    state = torch.get_rng_state()
    one, same, other = (supernet(space, seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    assert sum(p.numel() for p in supernet(space).parameters()) == supernet_params(space, NETWORK)
    assert not [name for name, _ in supernet(space).named_buffers()]


@EACH
def test_only_what_is_chosen_gets_a_gradient(space: SearchSpace) -> None:
    shared, x = supernet(space), images(NETWORK)
    for one in [space.decode(space.xl), space.decode(space.xu), *drawn(space, 6)]:
        shared.zero_grad(set_to_none=True)
        F.cross_entropy(shared(x, one), torch.arange(6) % 3).backward()
        reached = {id(p) for p in shared.parameters() if p.grad is not None}
        assert reached == {id(p) for p in shared.chosen_parameters(one)}


def test_a_cell_of_nothing_trains_what_comes_after_it() -> None:
    shared = supernet(CELL)
    chosen = shared.chosen_parameters(CELL.decode(CELL.xl))
    after = [p for slot in ("cell1", "cell2", "last", "classifier") for p in shared.layers[slot].parameters()]
    assert {id(p) for p in chosen} == {id(p) for p in after}


def test_operations_are_what_not_all_architectures_have() -> None:
    for space, always in (
        (CHAIN, {"stem0", "head", "classifier"}),
        (CELL, {"stem0", "cell1", "cell2", "last", "classifier"}),
    ):
        shared = supernet(space)
        operations = {id(op) for op in shared.each_operation()}
        assert {slot for slot, layer in shared.layers.items() if id(layer) not in operations} == always
