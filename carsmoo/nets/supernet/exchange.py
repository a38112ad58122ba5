"""Exchange of networks that processes trained apart: afterwards each process has the weights of all, bit for bit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.base import ArchitectureNetwork

NOTHING = -0.0
"""What a process adds for what others computed: x + -0.0 is x, and -0.0 for -0.0."""


def tensors_of(network: ArchitectureNetwork) -> list[Tensor]:
    """Return the weights of a network and the statistics of its batch norm."""
    return [value for value in network.state_dict().values() if value.is_floating_point()]


@torch.no_grad()
def exchange(networks: Sequence[ArchitectureNetwork], losses: Tensor, mine: Collection[int], group: Group) -> None:
    """Give all processes of a group the weights and losses that each has computed of its share of some networks.

    Args:
        networks: n of them, of the same architectures in all processes; written to.
        losses: (n,), written to.
        mine: indices of the networks that this process trained; each is of one process.
        group: the processes, all of which call this alike.
    """
    weights = [(k, tensor) for k, network in enumerate(networks) for tensor in tensors_of(network)]
    everything = [*weights, *enumerate(losses)]
    for k, tensor in everything:
        if k not in mine:
            tensor.fill_(NOTHING)
    device = weights[0][1].device  # of the networks; losses are counted on the CPU
    bucket = torch.cat([tensor.reshape(-1).to(device) for _, tensor in everything])
    group.add(bucket)
    parts = torch.split(bucket, [tensor.numel() for _, tensor in everything])
    for (_, tensor), values in zip(everything, parts, strict=True):
        tensor.copy_(values.view(tensor.shape))
