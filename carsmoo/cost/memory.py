"""What networks, a step of training and a population take of the memory, told before it is taken.

The figures are lower bounds in closed form: what is refused would not fit, what is not refused may still be too much.
"""

from __future__ import annotations

import os
import sys

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import supernet_params
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import counted

BYTES = 4
"""Of a weight, a gradient, a number in a layer's output: float32."""

INDIVIDUAL = 1500
"""Bytes of one of pymoo's individuals, or of a genotype."""


def physical_memory() -> int | None:
    """Return the bytes of this machine's memory, None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def peak_memory() -> int | None:
    """Return the most bytes of memory that this process has held, None where the system does not tell."""
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


def require_fits(name: str, needed: int, what: str, memory: int | None = None) -> None:
    """Refuse with a ValueError ``what`` needs more bytes than the memory has; it is this machine's if not given."""
    memory = physical_memory() if memory is None else memory
    if memory is not None and needed > memory:
        there, wanted = (
            f"{size / 1e9:,.1f} GB" if size < 1e18 else f"{size / 1e9:.3g} GB" for size in (memory, needed)
        )
        raise ValueError(f"{name}: expected what fits in the memory, {there}, got {what}: at least {wanted}")


def require_weights(network: NetworkConfig, params: int) -> None:
    """Refuse a network whose weights, ``params`` of them, do not fit in the memory, with a ValueError."""
    require_fits("network", BYTES * params, text_of(network))


def require_step(network: NetworkConfig, params: int, batch: int, kept: int, memory: int | None = None) -> None:
    """Refuse to train ``params`` weights on ``batch`` images at once where that does not fit in the memory.

    What is needed are weights, gradients, momentum, and the ``kept`` numbers that a step keeps of an image.
    """
    needed = BYTES * (3 * params + batch * kept)
    require_fits("network", needed, f"{text_of(network)}, {batch} of them at once", memory)


def require_search(
    space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, images: int, memory: int | None = None
) -> None:
    """Refuse a supernet, its training on so many images, or a population that does not fit in the memory.

    So it does of a supernet whose opinion networks with weights of their own ask for, and of probes, a step of which
    counts as one of a supernet.
    """
    require_count("pop_size", plan.pop_size, space.n_var)
    require_count("subnets_per_step", plan.subnets_per_step * plan.flops_grouping_window, space.n_var)
    weights, kept = supernet_params(space, network), space.kept(network)
    for trained in (plan, plan.of_supernet, plan.of_probes):
        if trained is not None:
            batch = -(-min(trained.batch_size, images) // trained.ghost_batches)
            require_step(network, trained.n_supernets * weights, batch, kept, memory)


def require_count(name: str, count: int, n_var: int) -> None:
    """Refuse more individuals, or genotypes, of ``n_var`` variables than fit in the memory, with a ValueError."""
    require_fits(name, count * (INDIVIDUAL + 8 * n_var), f"{count} of {n_var} variables")


def text_of(network: NetworkConfig) -> str:
    """Return a network's size in words."""
    size = "x".join(map(str, network.input_shape))
    return f"{counted(network.layers, 'cell')} of {counted(network.channels, 'channel')} for images of {size}"
