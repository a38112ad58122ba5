"""A step of SGD that is skipped on the device where gradients are not finite: nobody waits to know."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def step_unless(optimizer: torch.optim.SGD, parameters: Iterable[nn.Parameter], skip: Tensor) -> None:
    """Make a step of fused SGD, unless ``skip``, a truth value on the device, says to leave all alone.

    Parameters that meet their first step get a momentum of zero. That is what SGD gives them by itself, but its fused
    form can neither mix first with later steps, nor skip a first one.
    """
    if optimizer.defaults["momentum"] > 0:
        for parameter in parameters:
            if "momentum_buffer" not in optimizer.state[parameter]:
                optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    setattr(optimizer, "found_inf", skip.to(torch.float32))  # noqa: B010  what the fused form looks at
    optimizer.step()
