"""The device that is computed on, and what of it decides the last bits of a result."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch


def pick(device: str | torch.device | None) -> torch.device:
    """Return a device, by default a CUDA device if there is one, else the CPU.

    Raises:
        ValueError: if torch cannot compute on it.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        made = torch.device(device)
        torch.zeros(1, device=made).item()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"device: expected one that torch can compute on, got {device!r} ({reason})") from None
    return made


def memory_of(device: torch.device) -> int | None:
    """Return the bytes of a device's own memory; None where it has that of the machine, or does not tell."""
    return int(torch.cuda.get_device_properties(device).total_memory) if device.type == "cuda" else None


def precision(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context that computes as precisely as is fast there: bfloat16 where a CUDA device has it, else float32.

    It keeps float32's range, so that gradients need no scaling.
    """
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    return nullcontext()


def environment(device: torch.device) -> dict[str, Any]:
    """Return version, device and threads, on which the last bits of a result depend."""
    return {
        "torch": str(torch.__version__),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "threads": torch.get_num_threads(),
        "cpu": torch.backends.cpu.get_cpu_capability(),
    }


FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
"""Memory formats by name, the usual choice first."""
