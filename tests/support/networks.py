"""Small networks and drawings for the tests of this folder."""

import numpy as np
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import Genotype

SPACE = DARTSSpace()
SMALL = NetworkConfig(channels=4, layers=3, image_shape=(1, 8, 8), n_classes=10)
EMPTY = SPACE.decode(np.zeros(24, dtype=int))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def images(network: NetworkConfig = SMALL, n: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, *network.input_shape, generator=generator(seed))


def genotypes(n: int, seed: int = 0, space: DARTSSpace = SPACE) -> list[Genotype]:
    rng = np.random.default_rng(seed)
    drawn: list[Genotype] = space.decode(rng.integers(space.xl, space.xu + 1, size=(n, space.n_var)))
    return drawn


class Passing(torch.nn.Module):
    """A norm that does nothing."""

    def forward(self, x: torch.Tensor, statistics: object = None) -> torch.Tensor:
        return x
