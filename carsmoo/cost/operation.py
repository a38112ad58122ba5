"""Parameters and multiply-adds of an operation of one's own, counted once a shape from the module that it builds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from carsmoo.space.graph import halved
from carsmoo.space.operation import Operation
from carsmoo.utils.validation import one_line


class Counted(NamedTuple):
    """What an operation has at a shape.

    Attributes:
        weights: parameters, without those of its norms.
        norms: channels of its norms together.
        flops: multiply-adds of one image.
    """

    weights: int
    norms: int
    flops: int


def count(operation: Operation, channels: int, stride: int, height: int, width: int) -> Counted:
    """Return what an operation has for images (channels, height, width).

    It is built without memory; torch counts the multiply-adds of its convolutions and matrix products.

    Raises:
        TypeError: if it builds no module.
        ValueError: if the module is not as :class:`~carsmoo.Operation` says, naming what was expected, or if its own
            code raises.
    """
    key = channels, stride, height, width
    if key not in operation.counted:
        operation.counted[key] = _count(operation, *key)
    found: Counted = operation.counted[key]
    return found


def _count(operation: Operation, channels: int, stride: int, height: int, width: int) -> Counted:
    import torch
    from torch import nn
    from torch.utils.flop_counter import FlopCounterMode

    norms: list[tuple[nn.Module, int]] = []

    def norm(size: int) -> nn.Module:
        made = nn.Identity()
        made.register_forward_pre_hook(lambda _, inputs: require_channels(operation, inputs[0], size))
        norms.append((made, size))
        return made

    where = f"{channels}x{height}x{width} at stride {stride}"
    with _naming(operation, where), torch.device("meta"):
        module = operation.build(channels, stride, norm)
    require_shareable(operation, module)
    counter = FlopCounterMode(display=False)
    x = torch.empty(1, channels, height, width, device="meta", dtype=torch.float32)
    with _naming(operation, where), nothing_random(operation), counter, torch.no_grad():
        y = module(x)
    if x._version:
        raise ValueError(f"{operation}: expected its input left as it is, which others read, got it changed (inplace)")
    expected = (1, channels, halved(height, stride - 1), halved(width, stride - 1))
    if not isinstance(y, torch.Tensor) or tuple(y.shape) != expected:
        got = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
        raise ValueError(f"{operation}: expected {expected} of {where}, got {got}")
    if not {id(one) for one, _ in norms} <= {id(part) for part in module.modules()}:
        raise ValueError(f"{operation}: expected a module that has the norms it makes, got one without")
    weights = sum(parameter.numel() for parameter in module.parameters())
    return Counted(weights, sum(size for _, size in norms), counter.get_total_flops() // 2)


class UnshareableError(ValueError):
    """What was found while an operation computed; told as it is."""


@contextmanager
def _naming(operation: Operation, where: str) -> Iterator[None]:
    """Name the operation whose own code raises, and for what it was built."""
    try:
        yield
    except UnshareableError as error:
        raise ValueError(str(error)) from None
    except Exception as error:
        got = f"{type(error).__name__}: {one_line(error, 200)}"
        raise ValueError(f"{operation}: expected a module that computes with {where}, got {got}") from error


def require_channels(operation: Operation, x: Any, size: int) -> None:
    """Check that a norm is of as many channels as what it is given, (n, c, h, w).

    Raises:
        UnshareableError: if it is not.
    """
    if x.dim() != 4 or x.shape[1] != size:
        raise UnshareableError(f"{operation}: expected norm({size}) of (n, {size}, h, w), got {tuple(x.shape)}")


def nothing_random(operation: Operation) -> Any:
    """Return a context in which whatever draws random numbers is refused, by torch's own tags.

    Raises:
        UnshareableError: within it, naming what drew.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Undrawn(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if torch.Tag.nondeterministic_seeded in func.tags:
                raise UnshareableError(f"{operation}: expected nothing random, got {func}")
            return func(*args, **(kwargs or {}))

    return Undrawn()  # type: ignore[no-untyped-call]


def require_shareable(operation: Operation, module: Any) -> None:
    """Check that a module has nothing that shared weights cannot have.

    Raises:
        TypeError: for anything but a module.
        ValueError: for buffers, a batch norm that is not the builder's, parameters that cannot be drawn anew or are
            shared, or dropout.
    """
    from torch import nn

    if not isinstance(module, nn.Module):
        raise TypeError(f"{operation}: expected build to return a torch.nn.Module, got {type(module).__name__}")
    met: set[int] = set()
    for part in module.modules():
        kind = type(part).__name__
        own = [id(parameter) for parameter in part.parameters(recurse=False)]
        if not met.isdisjoint(own):
            raise ValueError(f"{operation}: expected each parameter in one module, got one of {kind} in another too")
        met.update(own)
        if isinstance(part, nn.modules.dropout._DropoutNd):
            raise ValueError(f"{operation}: expected nothing random, got {kind}")  # noqa: TRY004
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            raise ValueError(f"{operation}: expected norms made by norm(channels), got {kind}")  # noqa: TRY004
        if next(part.buffers(recurse=False), None) is not None:
            raise ValueError(f"{operation}: expected no buffers, got some in {kind}")
        if own and not hasattr(part, "reset_parameters"):
            raise ValueError(f"{operation}: expected parameters in modules with reset_parameters, got some in {kind}")
