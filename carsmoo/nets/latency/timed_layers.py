"""Networks and single layers, ready to be timed at batch 1."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.latency.timing import TimedLayer, nothing
from carsmoo.nets.models.batch_norm import BatchNorm, NormBuilder
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.device import FORMATS
from carsmoo.nets.models.graph_layers import module_at
from carsmoo.nets.models.init import drawn
from carsmoo.nets.models.network import measure_noise, untrained
from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import Layer
from carsmoo.utils.validation import choice, integer

M = TypeVar("M", bound=nn.Module)


def device_name(device: torch.device) -> str:
    """Return the name of a device."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type != "cpu":
        return device.type
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.processor() or platform.machine() or "cpu"


def format_named(name: str) -> torch.memory_format:
    """Return the memory format of a name, checked to be one."""
    return FORMATS[choice("memory_format", name, FORMATS)]


def waiting(device: torch.device) -> Callable[[], object]:
    """Return the function that synchronizes with an asynchronous device; one that does nothing for any other."""
    return partial(torch.cuda.synchronize, device) if device.type == "cuda" else nothing


@contextmanager
def computing(threads: int) -> Iterator[None]:
    """Compute without gradients and with a number of threads; both are restored afterwards."""
    integer("threads", threads, 1)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)


def timed_network(
    genotype: Architecture, network: NetworkConfig, device: torch.device, layout: torch.memory_format
) -> TimedLayer:
    """Return a network to be timed, right after another run of its own."""
    made = untrained(genotype, replace(network, auxiliary_head=False, drop_path_prob=0.0)).eval()
    measure_noise(made)  # numbers next to zero take longer on many processors
    made.to(device)
    set_memory_format(made, layout)
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(1, *network.input_shape, generator=generator, dtype=torch.float32).to(device)
    image = image.contiguous(memory_format=layout)
    return TimedLayer(lambda: made(image), lambda: made(image))


def timed_layer(layer: Layer, network: NetworkConfig, device: torch.device, layout: torch.memory_format) -> TimedLayer:
    """Return a layer to be timed: its inputs just written, as a network would, and its weights and code at hand.

    A first run brings them there, so that what is timed does not hang on who else uses the processor's cache.
    """
    generator = torch.Generator().manual_seed(0)
    copies = {"add": 2, "concat": layer.c_out // layer.c_in}.get(layer.kind, 1)
    shape = 1, layer.c_in, layer.height, layer.width
    inputs = [
        torch.randn(shape, generator=generator, dtype=torch.float32).to(device).contiguous(memory_format=layout)
        for _ in range(copies)
    ]
    run = _layer_run(layer, network, layout, inputs, generator)

    def ready() -> None:
        for k in range(2):
            for x in inputs:
                x.mul_(1.0)
            if k == 0:
                run()

    return TimedLayer(ready, run)


def _layer_run(
    layer: Layer,
    network: NetworkConfig,
    layout: torch.memory_format,
    inputs: list[Tensor],
    generator: torch.Generator,
) -> Callable[[], object]:
    norm: NormBuilder = partial(BatchNorm, affine=network.bn_affine)
    x = inputs[0]

    def made(make: Callable[[], M]) -> M:
        module = drawn(make, generator).to(x.device).eval()
        set_memory_format(module, layout)
        return module

    match layer.kind:
        case "add":
            return lambda: inputs[0] + inputs[1]
        case "zeros":
            size = layer.c_out, *layer.after
            return lambda: x.new_zeros(1, *size)
        case "concat":
            return lambda: torch.cat(inputs, dim=1)
        case _:
            return partial(made(lambda: module_at(layer, norm)), x)
