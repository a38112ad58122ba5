"""The second route to a network's costs: build it, count its parameters, let fvcore count what runs."""

from __future__ import annotations

import logging
import warnings

import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.space.architecture import Architecture

with warnings.catch_warnings():  # fvcore scripts a function with torch.jit when it is imported
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated")
    from fvcore.nn import FlopCountAnalysis


def count(genotype: Architecture, network: NetworkConfig) -> tuple[int, int]:
    """Return the parameters of the built network without its auxiliary head, and its multiply-adds by fvcore.

    The multiply-adds are those of convolutions and linear layers for one image.
    """
    built = genotype.build(network).float().eval()
    auxiliary = 0 if built.auxiliary is None else sum(p.numel() for p in built.auxiliary.parameters())
    analysis = FlopCountAnalysis(built, torch.zeros(1, *network.input_shape, dtype=torch.float32))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    logger = logging.getLogger("fvcore")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        by_operator = analysis.by_operator()
    finally:
        logger.setLevel(level)
    params = sum(p.numel() for p in built.parameters()) - auxiliary
    return params, int(by_operator["conv"] + by_operator["linear"])
