"""Operations of one's own, as a user writes them."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from carsmoo import Operation

Norm = Callable[[int], nn.Module]


class Ghost(nn.Module):
    """Half of the channels by a 1x1 convolution, the others from those, depthwise (Han et al. 2020)."""

    def __init__(self, channels: int, stride: int, norm: Norm) -> None:
        super().__init__()
        half = channels // 2
        self.primary = nn.Sequential(nn.ReLU(), nn.Conv2d(channels, half, 1, stride, bias=False), norm(half))
        self.cheap = nn.Sequential(
            nn.Conv2d(half, channels - half, 3, padding=1, groups=half, bias=False), norm(channels - half)
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.primary(x)
        return torch.cat([y, self.cheap(y)], dim=1)


class Scaled(nn.Module):
    """A scale for each channel, a parameter of a module of one's own."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.empty(channels, 1, 1))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.scale, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale


def ghost(channels: int, stride: int, norm: Norm) -> nn.Module:
    return Ghost(channels, stride, norm)


def squeeze(channels: int, stride: int, norm: Norm) -> nn.Module:
    pool = nn.AvgPool2d(1, stride) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, nn.Conv2d(channels, channels, 1), Scaled(channels), norm(channels))


def inverted(channels: int, stride: int, norm: Norm) -> nn.Module:
    wide = nn.Sequential(nn.Conv2d(channels, 2 * channels, 1, bias=False), norm(2 * channels), nn.ReLU())
    return nn.Sequential(*wide, nn.Conv2d(2 * channels, channels, 3, stride, padding=1, bias=False), norm(channels))


INVERTED = Operation("inverted_3x3", inverted)
GHOST, SQUEEZE = Operation("ghost_3x3", ghost), Operation("squeeze", squeeze)
OPS = ("none", "skip_connect", "sep_conv_3x3", GHOST, SQUEEZE)
