"""Tensors as one flat array: their values one after the other, as they lie in memory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def flat(tensor: Tensor) -> Tensor:
    """Return the values of a dense tensor as they lie in memory, (n,), without a copy."""
    return tensor.detach().as_strided((tensor.numel(),), (1,))


def layout_of(tensors: Mapping[str, Tensor]) -> NDArray[np.uint8]:
    """Return the SHA-256 of the names, shapes and strides of some tensors, in their order, (32,)."""
    shapes = {name: [list(tensor.shape), tensor.stride()] for name, tensor in tensors.items()}
    return np.frombuffer(hashlib.sha256(json.dumps(shapes).encode()).digest(), dtype=np.uint8)


def digest_of(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return the SHA-256 of the values of some arrays, one after the other."""
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array.tobytes())
    return digest.digest()


def joined(tensors: Sequence[Tensor]) -> NDArray[np.float32]:
    """Return the values of some flat tensors one after the other."""
    return torch.cat(list(tensors)).cpu().numpy() if tensors else np.empty(0, dtype=np.float32)


def put_back(tensors: Sequence[Tensor], values: NDArray[np.float32]) -> None:
    """Write the values that :func:`joined` put together into flat tensors, as many as they have.

    Raises:
        ValueError: if there are more or fewer, or they are not float32.
    """
    sizes = [len(tensor) for tensor in tensors]
    if values.shape != (sum(sizes),) or values.dtype != np.float32:
        raise ValueError(f"state: expected {sum(sizes)} float32 values, got {values.dtype} {values.shape}")
    for tensor, part in zip(tensors, torch.split(torch.from_numpy(values), sizes) if sizes else (), strict=True):
        tensor.copy_(part)
