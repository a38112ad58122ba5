"""Batch norm for shared weights: each subnet is normalised with statistics of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

NormBuilder = Callable[[int], nn.Module]
"""Makes the norm of so many channels."""


class Moments(NamedTuple):
    """Mean and variance of one norm layer's input, (channels,) each, averaged over ``batches`` batches."""

    mean: Tensor
    var: Tensor
    batches: int


class Statistics:
    """The batch-norm statistics of one subnet, or of one part of it: recorded over training batches, then applied.

    A layer's input may be several batches behind each other. Those that ``recorded`` counts are normalised each by
    itself, and a running mean of their moments is kept (each batch counts alike, the variance unbiased); what comes
    after them is normalised by those.

    Args:
        recorded: sizes of the batches that lead the next inputs and are recorded.
    """

    def __init__(self, recorded: Sequence[int] = ()) -> None:
        self.recorded = recorded
        self._moments: dict[int, Moments] = {}

    def normalise(self, layer: SubnetNorm, x: Tensor) -> Tensor:
        """Return ``x`` (n, c, h, w), normalised for ``layer``; a KeyError where nothing was or is recorded."""
        if not self.recorded:
            mean, var, _ = self._moments[id(layer)]
            return F.batch_norm(x, mean, var, eps=layer.eps)
        mean, var, batches = self._moments.get(id(layer)) or _nothing(x)
        y = torch.empty_like(x)
        rest = len(x) - sum(self.recorded)
        sizes = [*self.recorded, rest]
        parts = zip(torch.split(x, sizes), torch.split(y, sizes), strict=True)
        moments = torch.empty_like(mean), torch.empty_like(var)
        for k, (part, result) in enumerate(parts):
            records = k < len(self.recorded)
            if len(part):
                out = (result, *(moments if records else (mean.new_empty(0), mean.new_empty(0))))
                torch.native_batch_norm(part, None, None, mean, var, records, 1 / (batches + k + 1), layer.eps, out=out)
        self._moments[id(layer)] = Moments(mean, var, batches + len(self.recorded))
        return y


def _nothing(x: Tensor) -> Moments:
    mean, var = torch.zeros(2, x.shape[1], dtype=torch.float32, device=x.device)  # float32, whatever x is
    return Moments(mean, var, 0)


class SubnetNorm(nn.Module):
    """Batch norm without affine parameters and without memory: statistics come from the batch or from the caller.

    The number of channels is kept for printing only.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels = channels
        self.eps = eps

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return ``x`` (n, c, h, w), normalised by its own batch, or as ``statistics`` says."""
        if statistics is None:
            return F.batch_norm(x, None, None, training=True, eps=self.eps)
        return statistics.normalise(self, x)

    def extra_repr(self) -> str:
        """Show the layer's settings in its printed form."""
        return f"{self.channels}, eps={self.eps}"


class BatchNorm(nn.BatchNorm2d):
    """Torch's batch norm under the signature of :class:`SubnetNorm`, for networks that stand alone."""

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        """Return ``x`` (n, c, h, w), normalised by the batch in training, by the layer's running statistics otherwise.

        Raises:
            ValueError: if statistics are given, which the layer would ignore.
        """
        if statistics is not None:
            raise ValueError("statistics: expected None, since a stand-alone network keeps its own, got Statistics")
        return super().forward(x)
