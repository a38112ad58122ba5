"""Batch norm for shared weights: each subnet is normalised with statistics of its own."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn


class Moments(NamedTuple):
    """Mean and variance of one norm layer's input, (channels,) each, averaged over ``batches`` batches."""

    mean: Tensor
    var: Tensor
    batches: int


class Statistics:
    """The batch-norm statistics of one subnet: recorded over training batches, then applied.

    While it records, a layer normalises by its batch and keeps a running mean of the batches' moments (each batch
    counts alike, the variance unbiased); afterwards it normalises by those.
    """

    def __init__(self) -> None:
        self.recording = True
        self._moments: dict[int, Moments] = {}

    def normalise(self, layer: SubnetNorm, x: Tensor) -> Tensor:
        """Return ``x`` (n, c, h, w), normalised for ``layer``.

        Raises:
            KeyError: if ``layer`` was not met while recording.
        """
        if not self.recording:
            moments = self._moments[id(layer)]
            return F.batch_norm(x, moments.mean, moments.var, eps=layer.eps)
        moments = self._moments.get(id(layer)) or Moments(x.new_zeros(x.shape[1]), x.new_zeros(x.shape[1]), 0)
        batches = moments.batches + 1
        y = F.batch_norm(x, moments.mean, moments.var, training=True, momentum=1 / batches, eps=layer.eps)
        self._moments[id(layer)] = moments._replace(batches=batches)
        return y


class SubnetNorm(nn.Module):
    """Batch norm without affine parameters and without memory: statistics come from the batch or from the caller.

    Args:
        channels: channels of the input; kept for printing only.
        eps: added to the variance.
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
