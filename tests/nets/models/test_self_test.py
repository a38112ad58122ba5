from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from carsmoo.nets.models import ops
from carsmoo.nets.models.device import FORMATS
from carsmoo.nets.models.self_test import TOLERANCE, Checked, check_operations
from carsmoo.space.genotype import PRIMITIVES

CPU = torch.device("cpu")


def test_every_operation_passes_in_every_format_far_below_the_tolerance() -> None:
    drawn = torch.random.get_rng_state()
    found = list(check_operations(CPU))
    assert [(one.operation, one.memory_format) for one in found] == [
        (name, layout) for name in PRIMITIVES if name != "none" for layout in FORMATS
    ]
    assert all(one.passed and one.difference < TOLERANCE / 50 for one in found)
    assert torch.equal(torch.random.get_rng_state(), drawn)


def wrong_output(pool: ops.Pool, x: Tensor) -> Tensor:
    return 1.01 * pool.true(x)


def wrong_gradient(pool: ops.Pool, x: Tensor) -> Tensor:
    y = pool.true(x)
    return y + 0.01 * (y - y.detach())


def no_number(pool: ops.Pool, x: Tensor) -> Tensor:
    y = pool.true(x)
    return torch.where(y == y.max(), torch.nan, y)


def no_kernel(pool: ops.Pool, x: Tensor) -> Tensor:
    raise RuntimeError("no kernel\n  for this")


@pytest.mark.parametrize("wrong", [wrong_output, wrong_gradient, no_number, no_kernel])
@pytest.mark.parametrize("layout", FORMATS)
def test_a_kernel_that_is_wrong_in_one_format_fails_there_alone(
    wrong: Callable[[ops.Pool, Tensor], Tensor], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    true = ops.Pool.forward

    def forward(pool: ops.Pool, x: Tensor, statistics: None = None) -> Tensor:
        is_bad = x.dtype == torch.float32 and pool.stride == 2 and x.is_contiguous(memory_format=FORMATS[layout])
        return wrong(pool, x) if is_bad else true(pool, x)

    monkeypatch.setattr(ops.Pool, "true", true, raising=False)
    monkeypatch.setattr(ops.Pool, "forward", forward)
    found = list(check_operations(CPU))
    failed = {(one.operation, one.memory_format) for one in found if not one.passed}
    assert failed == {("max_pool_3x3", layout), ("avg_pool_3x3", layout)}
    said = {one.failure for one in found if not one.passed}
    assert said == ({"no kernel for this"} if wrong is no_kernel else {""})


def test_no_relu_is_given_what_rounding_may_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    least: list[float] = []
    relu = ops.F.relu

    def watched(x: Tensor) -> Tensor:
        if x.dtype == torch.float64:
            least.append(float(x.detach().abs().min()))
        return relu(x)

    monkeypatch.setattr(ops.F, "relu", watched)
    assert all(one.passed for one in check_operations(CPU))
    assert min(least) > 1e-5


def test_what_is_no_number_does_not_pass() -> None:
    assert not Checked("max_pool_3x3", "contiguous", float("nan")).passed
