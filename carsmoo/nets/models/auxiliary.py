"""The second classifier that DARTS trains with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig


class AuxiliaryHead(nn.Module):
    """The second classifier of DARTS, which reads a cell at two thirds of the network while it trains.

    Departs: where the image is smaller than 5 px, or not of the size that DARTS assumes, it is pooled to 2x2.
    """

    def __init__(self, channels: int, network: NetworkConfig) -> None:
        super().__init__()
        self.stride = 2 if network.stem == "imagenet" else 3
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.Identity() if network.stem == "imagenet" else nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, network.output_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (n, classes), for a cell's output (n, c, h, w)."""
        x = F.relu(x)
        if min(x.shape[2:]) >= 5:
            x = F.avg_pool2d(x, 5, self.stride, count_include_pad=False)
        y: Tensor = self.classifier(self.features(F.adaptive_avg_pool2d(x, 2)).flatten(1))
        return y
