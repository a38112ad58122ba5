"""The published genotypes of CARS and DARTS, with the figures their papers report.

Example:
    >>> from carsmoo.zoo import GENOTYPES
    >>> GENOTYPES["CARS-I"].normal[:2]
    (('sep_conv_3x3', 0), ('sep_conv_3x3', 1))
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import Any

from carsmoo.config.network import NetworkConfig
from carsmoo.space.genotype import PRIMITIVES, Edge, Genotype
from carsmoo.utils.validation import choice, instance, integer

MAX, AVG, SKIP, SEP3, SEP5, DIL3, DIL5 = PRIMITIVES[1:]


@dataclass(frozen=True)
class Published:
    """Figures as printed in a paper; None where it prints none.

    Attributes:
        source: the paper and table.
        cifar10_error: test error on CIFAR-10, percent.
        cifar10_params: parameters of the CIFAR-10 network, millions, without the auxiliary head.
        imagenet_top1: top-1 accuracy on ImageNet, percent.
        imagenet_top5: top-5 accuracy on ImageNet, percent.
        imagenet_params: parameters of the ImageNet network, millions, without the auxiliary head.
        imagenet_flops: multiply-adds of the ImageNet network at 224 px, millions.
        latency_ms: time of one ImageNet image on a Huawei P30 Pro, milliseconds.
    """

    source: str
    cifar10_error: float | None = None
    cifar10_params: float | None = None
    imagenet_top1: float | None = None
    imagenet_top5: float | None = None
    imagenet_params: float | None = None
    imagenet_flops: float | None = None
    latency_ms: float | None = None


def _genotype(normal: tuple[Edge, ...], reduce: tuple[Edge, ...]) -> Genotype:
    return Genotype(normal=normal, normal_concat=(2, 3, 4, 5), reduce=reduce, reduce_concat=(2, 3, 4, 5))


# fmt: off
GENOTYPES: MappingProxyType[str, Genotype] = MappingProxyType({
    "CARS-A": _genotype(
        ((SKIP, 0), (SEP5, 1), (MAX, 0), (AVG, 1), (MAX, 0), (MAX, 1), (SEP3, 0), (DIL5, 2)),
        ((AVG, 0), (MAX, 1), (MAX, 0), (SKIP, 1), (MAX, 0), (DIL5, 1), (DIL5, 0), (SKIP, 2))),
    "CARS-B": _genotype(
        ((SEP5, 0), (DIL3, 1), (SEP3, 0), (AVG, 2), (DIL3, 0), (MAX, 1), (AVG, 0), (SKIP, 1)),
        ((SEP5, 0), (SKIP, 1), (SEP3, 0), (MAX, 1), (AVG, 0), (AVG, 1), (DIL3, 3), (MAX, 0))),
    "CARS-C": _genotype(
        ((SEP5, 0), (SKIP, 1), (SKIP, 0), (SKIP, 1), (SKIP, 0), (MAX, 1), (SEP5, 0), (SEP3, 1)),
        ((MAX, 1), (MAX, 0), (SEP5, 0), (SEP5, 1), (DIL5, 0), (MAX, 1), (SEP5, 0), (DIL3, 1))),
    "CARS-D": _genotype(
        ((SEP5, 0), (DIL3, 1), (SKIP, 0), (AVG, 1), (SKIP, 0), (MAX, 1), (SEP5, 0), (SEP3, 1)),
        ((MAX, 1), (MAX, 0), (MAX, 0), (SEP3, 1), (DIL5, 0), (MAX, 1), (SEP5, 0), (DIL3, 1))),
    "CARS-E": _genotype(
        ((SEP3, 0), (SEP3, 1), (SKIP, 0), (SEP3, 2), (AVG, 1), (SEP3, 2), (SKIP, 3), (SKIP, 4)),
        ((SKIP, 0), (DIL3, 1), (AVG, 0), (SKIP, 2), (SEP3, 2), (MAX, 0), (AVG, 0), (SEP3, 4))),
    "CARS-F": _genotype(
        ((SKIP, 0), (SEP5, 1), (SEP5, 0), (SKIP, 2), (SEP5, 3), (MAX, 0), (SKIP, 0), (SEP3, 1)),
        ((AVG, 0), (SEP5, 1), (DIL3, 0), (DIL5, 1), (SEP5, 1), (SKIP, 2), (MAX, 0), (MAX, 1))),
    "CARS-G": _genotype(
        ((MAX, 0), (DIL5, 1), (SEP3, 0), (SKIP, 1), (DIL5, 0), (SEP5, 1), (AVG, 0), (SEP3, 1)),
        ((MAX, 0), (SEP3, 1), (SEP3, 0), (SEP5, 1), (SEP3, 0), (SKIP, 1), (AVG, 0), (DIL3, 1))),
    "CARS-H": _genotype(
        ((SEP5, 0), (SEP3, 1), (SEP3, 0), (DIL5, 2), (AVG, 0), (SKIP, 1), (SEP5, 2), (MAX, 0)),
        ((SEP5, 0), (MAX, 1), (SEP3, 0), (SKIP, 1), (DIL3, 2), (MAX, 0), (SEP5, 0), (AVG, 3))),
    "CARS-I": _genotype(
        ((SEP3, 0), (SEP3, 1), (SKIP, 0), (SEP5, 1), (SKIP, 2), (SEP3, 3), (SEP3, 0), (DIL5, 4)),
        ((DIL3, 0), (SKIP, 1), (MAX, 0), (MAX, 2), (SKIP, 1), (SEP5, 3), (DIL3, 1), (MAX, 4))),
    "CARS-Lat-A": _genotype(
        ((SKIP, 0), (MAX, 1), (AVG, 0), (MAX, 1), (SKIP, 2), (SKIP, 3), (SKIP, 2), (SKIP, 3)),
        ((SKIP, 0), (SEP5, 1), (DIL5, 0), (MAX, 2), (SKIP, 0), (MAX, 1), (SKIP, 1), (AVG, 4))),
    "CARS-Lat-B": _genotype(
        ((SKIP, 0), (SKIP, 1), (SKIP, 1), (DIL3, 2), (SKIP, 2), (SKIP, 3), (MAX, 0), (MAX, 2)),
        ((MAX, 0), (MAX, 1), (SKIP, 1), (MAX, 0), (SEP3, 0), (MAX, 1), (DIL5, 0), (AVG, 2))),
    "CARS-Lat-C": _genotype(
        ((SKIP, 0), (AVG, 1), (SKIP, 0), (SKIP, 1), (MAX, 1), (SKIP, 3), (DIL3, 2), (SKIP, 4)),
        ((SKIP, 0), (SEP5, 1), (AVG, 1), (SEP5, 2), (MAX, 0), (MAX, 1), (DIL5, 2), (SKIP, 4))),
    "CARS-Lat-D": _genotype(
        ((SEP3, 0), (SKIP, 1), (SKIP, 0), (SKIP, 1), (SKIP, 1), (AVG, 3), (DIL3, 2), (SKIP, 4)),
        ((DIL5, 0), (SEP5, 1), (AVG, 1), (SEP5, 2), (MAX, 0), (MAX, 1), (DIL5, 2), (SKIP, 4))),
    "CARS-Lat-E": _genotype(
        ((DIL5, 0), (SKIP, 1), (SKIP, 1), (AVG, 2), (SKIP, 1), (AVG, 2), (SKIP, 0), (MAX, 1)),
        ((SKIP, 0), (DIL3, 1), (SEP3, 0), (SEP3, 2), (DIL3, 0), (AVG, 3), (SEP3, 1), (SEP5, 2))),
    "CARS-Lat-F": _genotype(
        ((SEP5, 0), (SKIP, 1), (SKIP, 0), (AVG, 1), (DIL3, 1), (MAX, 0), (SKIP, 0), (SKIP, 1)),
        ((SEP5, 0), (MAX, 1), (SEP5, 1), (SKIP, 2), (SEP5, 0), (SEP5, 1), (SEP5, 3), (DIL3, 4))),
    "CARS-Lat-G": _genotype(
        ((SEP5, 0), (SKIP, 1), (SEP3, 0), (SEP5, 2), (DIL3, 1), (MAX, 0), (SKIP, 0), (SKIP, 1)),
        ((SEP5, 0), (MAX, 1), (SEP3, 0), (AVG, 2), (SEP5, 0), (SEP5, 1), (SEP5, 3), (DIL3, 4))),
    "DARTS-V1": _genotype(
        ((SEP3, 1), (SEP3, 0), (SKIP, 0), (SEP3, 1), (SKIP, 0), (SEP3, 1), (SEP3, 0), (SKIP, 2)),
        ((MAX, 0), (MAX, 1), (SKIP, 2), (MAX, 0), (MAX, 0), (SKIP, 2), (SKIP, 2), (AVG, 0))),
    "DARTS-V2": _genotype(
        ((SEP3, 0), (SEP3, 1), (SEP3, 0), (SEP3, 1), (SEP3, 1), (SKIP, 0), (SKIP, 0), (DIL3, 2)),
        ((MAX, 0), (MAX, 1), (SKIP, 2), (MAX, 1), (MAX, 0), (SKIP, 2), (SKIP, 2), (MAX, 1))),
})
"""Genotypes by name: CARS-A to -I, CARS-Lat-A to -G (Yang et al., CVPR 2020), DARTS-V1 and -V2 (Liu et al., 2019)."""
# fmt: on

_CARS = "Yang et al., CVPR 2020, tables 1 and 2"
_DARTS = "Liu et al., ICLR 2019, tables 1 and 3"

# fmt: off
PUBLISHED: MappingProxyType[str, Published] = MappingProxyType({
    # source; CIFAR-10: error, params; ImageNet: top-1, top-5, params, multiply-adds; latency
    "CARS-A": Published(_CARS, 3.0, 2.4, 72.8, 90.8, 3.7, 430),
    "CARS-B": Published(_CARS, 2.87, 2.7, 73.1, 91.3, 4.0, 463),
    "CARS-C": Published(_CARS, 2.84, 2.8, 73.3, 91.4, 4.2, 480),
    "CARS-D": Published(_CARS, 2.95, 2.9, 73.3, 91.5, 4.3, 496),
    "CARS-E": Published(_CARS, 2.86, 3.0, 73.7, 91.6, 4.4, 510),
    "CARS-F": Published(_CARS, 2.79, 3.1, 74.1, 91.8, 4.5, 530),
    "CARS-G": Published(_CARS, 2.74, 3.2, 74.2, 91.9, 4.7, 537),
    "CARS-H": Published(_CARS, 2.66, 3.3, 74.7, 92.2, 4.8, 559),
    "CARS-I": Published(_CARS, 2.62, 3.6, 75.2, 92.5, 5.1, 591),
    "CARS-Lat-A": Published(_CARS, imagenet_top1=62.6, latency_ms=41.9),
    "CARS-Lat-B": Published(_CARS, imagenet_top1=67.4, latency_ms=44.9),
    "CARS-Lat-C": Published(_CARS, imagenet_top1=69.5, latency_ms=45.6),
    "CARS-Lat-D": Published(_CARS, imagenet_top1=71.9, latency_ms=57.6),
    "CARS-Lat-E": Published(_CARS, imagenet_top1=72.2, latency_ms=64.5),
    "CARS-Lat-F": Published(_CARS, imagenet_top1=74.0, latency_ms=89.3),
    "CARS-Lat-G": Published(_CARS),
    "DARTS-V1": Published(_DARTS, 3.0, 3.3),
    "DARTS-V2": Published(_DARTS, 2.76, 3.3, 73.3, 91.3, 4.7, 574),
})
"""Published figures by name. CARS-Lat-G has none; DARTS-V1 was not run on ImageNet."""
# fmt: on


def network(name: str, config: NetworkConfig | None = None, seed: int = 0) -> Any:
    """Return an untrained network of a published genotype, with weights drawn from ``seed``.

    A genotype found on CIFAR-10 is transferred to ImageNet by building it with :meth:`NetworkConfig.imagenet`: the same
    cells, another stem, width and depth.

    Args:
        name: one of :data:`GENOTYPES`.
        config: its shape; that of CIFAR-10, 36 channels and 20 cells, if not given.
        seed: of the weights, at least 0.

    Raises:
        TypeError: for another kind of ``config`` or ``seed``.
        ValueError: for another name, or a seed of more than 63 bits.

    Example:
        >>> from carsmoo import NetworkConfig, zoo
        >>> network = zoo.network("CARS-I", NetworkConfig.cifar(channels=4, layers=3), seed=1)
        >>> network.config.layers
        3
    """
    choice("name", name, GENOTYPES)
    config = NetworkConfig.cifar() if config is None else instance("config", config, NetworkConfig)
    seed = integer("seed", seed, 0, (1 << 63) - 1)
    models = import_module("carsmoo.nets.models.network")  # when it is called: all else here needs no torch
    return models.untrained(GENOTYPES[name], config, seed)
