"""Exchange of networks between ranks: all have what each has trained, and the bits are those that it had there."""

import torch
from torch import Tensor

from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.network import build
from carsmoo.nets.supernet.exchange import exchange, tensors_of
from tests.nets.supernet.test_own_weights import SMALL, SPACE, vectors
from tests.support.groups import together

OWNER = (0, 1, 1)
"""The rank that trains each of three networks."""


def test_all_ranks_have_what_each_trained_with_the_signs_of_its_zeros() -> None:
    genotypes = SPACE.decode(vectors(len(OWNER)))

    def work(group: Group) -> tuple[list[list[Tensor]], list[list[Tensor]], list[float]]:
        networks = [build(g, SMALL, torch.Generator().manual_seed(group.rank)) for g in genotypes]
        for network in networks:
            with torch.no_grad():
                tensors_of(network)[0].view(-1)[:2] = torch.tensor([0.0, -0.0])
        before = [[tensor.clone() for tensor in tensors_of(network)] for network in networks]
        mine = [k for k, rank in enumerate(OWNER) if rank == group.rank]
        losses = torch.tensor([group.rank + k / 4 for k in range(len(OWNER))])
        exchange(networks, losses, mine, group)
        return before, [tensors_of(network) for network in networks], losses.tolist()

    ranks = together(2, work)
    for _, after, losses in ranks:
        assert losses == [0.0, 1.25, 1.5]
        for k, owner in enumerate(OWNER):
            for found, trained in zip(after[k], ranks[owner][0][k], strict=True):
                assert torch.equal(found.view(torch.int32), trained.view(torch.int32))
