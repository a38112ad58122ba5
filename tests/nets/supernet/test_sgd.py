import pytest
import torch
from torch import nn

from carsmoo.nets.supernet.sgd import step_unless


@pytest.mark.parametrize("skipped", [set(), {0}, {1}, {0, 2}, {0, 1, 2}])
@pytest.mark.parametrize("momentum", [0.9, 0.0])
def test_it_is_sgd_without_the_steps_that_are_skipped(skipped: set[int], momentum: float) -> None:
    generator = torch.Generator().manual_seed(0)
    start = [torch.randn(3, 2, generator=generator), torch.randn(4, generator=generator)]
    ours, theirs = ([nn.Parameter(p.clone()) for p in start] for _ in range(2))
    settings = {"lr": 0.1, "momentum": momentum, "weight_decay": 0.01, "nesterov": momentum > 0}
    made, usual = torch.optim.SGD(ours, fused=True, **settings), torch.optim.SGD(theirs, **settings)
    for k in range(3):
        gradients = [torch.randn(p.shape, generator=generator) for p in start]
        for p, gradient in zip(ours, gradients, strict=True):
            p.grad = gradient * torch.inf if k in skipped else gradient.clone()
        step_unless(made, ours, torch.tensor(k in skipped))
        if k not in skipped:
            for p, gradient in zip(theirs, gradients, strict=True):
                p.grad = gradient.clone()
            usual.step()
    for p, expected in zip(ours, theirs, strict=True):
        assert torch.allclose(p, expected, rtol=1e-6, atol=1e-7)
