"""Networks for other programs: ONNX and torch.export, each compared with the network before it is handed out."""

from __future__ import annotations

import copy
import io
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from carsmoo.nets.models import model_card as cards
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.carded import normalisation
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.serialization import CARD
from carsmoo.utils.extras import missing
from carsmoo.utils.validation import StoppedError

TOLERANCE = 1e-4
"""How far logits may be from the network's, in units of the largest one, or of 1 if that is less."""


class Exported(NamedTuple):
    """A file's content and how it compares.

    Attributes:
        content: of the file.
        difference: largest difference of a logit from the network's, on all images compared.
    """

    content: bytes
    difference: float


class Raw(nn.Module):
    """A network that takes raw images, float32 with pixels as in its data, and normalises them itself.

    Args:
        network: the network.
        mean: of each colour, (c,).
        std: of each colour, (c,).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean[:, None, None])
        self.register_buffer("std", std[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits, (n, classes), for raw ``images`` (n, c, h, w)."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def ready(network: ArchitectureNetwork, card: Mapping[str, Any], *, raw: bool = False) -> nn.Module:
    """Return a copy of a network as it is exported: in evaluation mode, on the CPU, without gradients.

    Args:
        network: the network, left as it is.
        card: its card, see ``carsmoo.nets.models.model_card``.
        raw: whether the copy normalises its images itself.

    Raises:
        ValueError: if ``raw`` is asked for and the card tells of no data.
    """
    own = copy.deepcopy(network).cpu().eval().requires_grad_(False)
    set_memory_format(own, torch.contiguous_format)  # torch.export.save takes weights in no other
    own.auxiliary = None
    return Raw(own, *normalisation(card)).eval() if raw else own


def to_torch(network: nn.Module, card: Mapping[str, Any], images: Sequence[Tensor]) -> Exported:
    """Return a network as a file of ``torch.export`` (.pt2), for any batch size.

    Args:
        network: what :func:`ready` returned.
        card: its card, which becomes the file's extra ``network.json``.
        images: batches (n, c, h, w) to compare on.

    Raises:
        StoppedError: if the file gives other logits.
    """
    buffer = io.BytesIO()
    torch.export.save(_program(network, images), buffer, extra_files={CARD: cards.to_json(card)})
    buffer.seek(0)
    again = torch.export.load(buffer).module()
    return Exported(buffer.getvalue(), _compared("torch", network, again, images))


def to_onnx(network: nn.Module, card: Mapping[str, Any], images: Sequence[Tensor]) -> Exported:
    """Return a network as ONNX, input ``images`` and output ``logits``, for any batch size.

    Args:
        network: what :func:`ready` returned.
        card: its card, which becomes the model's property ``carsmoo``.
        images: batches (n, c, h, w) to compare on, with onnxruntime.

    Raises:
        ModuleNotFoundError: if a package of the extra ``export`` is missing.
        StoppedError: if the file gives other logits.
    """
    require_onnx()
    import onnxruntime

    program: Any = torch.onnx.export(
        _program(network, images), input_names=["images"], output_names=["logits"], dynamo=True, verbose=False
    )
    model = program.model_proto
    entry = model.metadata_props.add()
    entry.key, entry.value = "carsmoo", cards.to_json(card)
    content: bytes = model.SerializeToString()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])

    def run(x: Tensor) -> Tensor:
        return torch.from_numpy(np.asarray(session.run(["logits"], {"images": x.numpy()})[0]))

    return Exported(content, _compared("onnx", network, run, images))


def require_onnx() -> None:
    """Check that what ONNX needs is installed.

    Raises:
        ModuleNotFoundError: naming the first that is not, and the line that installs it.
    """
    for package in ("onnx", "onnxscript", "onnxruntime"):
        if find_spec(package) is None:
            raise missing("onnx", package, "export")


def _program(network: nn.Module, images: Sequence[Tensor]) -> torch.export.ExportedProgram:
    example = torch.zeros(2, *images[0].shape[1:], dtype=images[0].dtype)
    return torch.export.export(network, (example,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))


@torch.no_grad()
def _compared(name: str, network: nn.Module, other: Callable[[Tensor], Tensor], images: Sequence[Tensor]) -> float:
    """Return the largest difference of two networks' logits.

    Raises:
        StoppedError: if it is too large.
    """
    largest = 0.0
    for x in images:
        expected = network(x)
        difference = float((other(x) - expected).abs().max())
        allowed = TOLERANCE * max(1.0, float(expected.abs().max()))
        if not difference <= allowed:
            raise StoppedError(
                f"{name}: expected logits within {allowed:.1g} of the network's, got {difference:.3g} off"
            )
        largest = max(largest, difference)
    return largest
