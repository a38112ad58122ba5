"""Zero-cost proxies: what an untrained network tells of itself, as objectives of a search.

Sources: synflow, Tanaka et al. 2020 (arXiv:2006.05467); naswot, Mellor et al. 2021 (arXiv:2006.04647); grad_norm, and
all three as proxies of accuracy, Abdelfattah et al. 2021 (arXiv:2101.08134).
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from carsmoo.nets.data.splits import at_random
from carsmoo.nets.models.batch_norm import BatchNorm, Statistics
from carsmoo.nets.models.network import untrained
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.architecture import Architecture
from carsmoo.utils.validation import choice, instance, integer


class _Unchanged(nn.Module):
    """Stands in the place of a batch norm."""

    def forward(self, x: Tensor, statistics: Statistics | None = None) -> Tensor:
        return x


class _Positive(TorchFunctionMode):
    """Collects which inputs of ReLUs are positive, (n, -1) each, while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.codes: list[Tensor] = []

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if function in (F.relu, torch.relu, torch.relu_):
            self.codes.append((args[0] > 0).flatten(1))
        return function(*args, **(kwargs or {}))


@torch.inference_mode(False)
def synflow(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the synaptic flow, the sum of ``|theta * dR/dtheta|`` over all weights; higher is better.

    R is the sum of the outputs for an image of ones where each weight is taken by its absolute value; batch norms
    are left out and biases are 0. In float64, since it spans many orders of magnitude; neither images nor labels
    matter but for the images' shape.
    """
    made = copy.deepcopy(network).double()
    for part in list(made.modules()):
        for name, layer in part.named_children():
            if isinstance(layer, (BatchNorm, nn.BatchNorm2d)):
                setattr(part, name, _Unchanged())
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            parameter.copy_(torch.zeros_like(parameter) if name.endswith("bias") else parameter.abs())
    ones = torch.ones(1, *images.shape[1:], dtype=torch.float64, device=images.device)
    weights = [parameter for parameter in made.parameters() if parameter.requires_grad]
    gradients = torch.autograd.grad(made(ones).sum(), weights, allow_unused=True)
    flows = [(w.detach() * g).abs().sum() for w, g in zip(weights, gradients, strict=True) if g is not None]
    return float(sum(flows))


@torch.inference_mode(False)
@torch.no_grad()
def naswot(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return ``log |det K|``, K_ij the ReLUs that images i and j have in the same state, (n, n); higher is better.

    It is minus infinity where two images are told apart by no ReLU.
    """
    with _Positive() as seen:
        network(images)
    codes = torch.cat(seen.codes, dim=1).double() if seen.codes else torch.zeros(len(images), 1, dtype=torch.float64)
    same = codes @ codes.T + (1 - codes) @ (1 - codes).T
    return float(torch.linalg.slogdet(same).logabsdet)


@torch.inference_mode(False)
def grad_norm(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return the sum over parameters of the Euclidean norm of the gradient of the images' cross entropy."""
    weights = [parameter for parameter in network.parameters() if parameter.requires_grad]
    loss = F.cross_entropy(network(images), labels)
    gradients = torch.autograd.grad(loss, weights, allow_unused=True)
    return float(sum(g.norm() for g in gradients if g is not None))


PROXIES: Mapping[str, Callable[[nn.Module, Tensor, Tensor], float]] = MappingProxyType(
    {"synflow": synflow, "naswot": naswot, "grad_norm": grad_norm}
)
"""The proxies by their names."""


def proxy(name: str, problem: CARSProblem, *, images: int = 64, seed: int = 0) -> Callable[[Architecture], float]:
    """Return an objective, minimised: a proxy's negative, of a genotype's untrained network at the search's widths.

    Args:
        name: ``"synflow"`` (its logarithm), ``"naswot"`` or ``"grad_norm"``.
        problem: whose networks and search-train images are taken.
        images: how many, of each class its share.
        seed: draws them, and the initial weights of each network.

    Raises:
        ValueError: for another name.

    Example:
        >>> from carsmoo import CARSProblem, zoo
        >>> from carsmoo.nets.supernet.proxies import proxy
        >>> naswot = proxy("naswot", CARSProblem())
        >>> naswot.__name__, naswot(zoo.GENOTYPES["CARS-A"]) < 0
        ('naswot', True)
    """
    measure = PROXIES[choice("proxy", name, PROXIES)]
    instance("problem", problem, CARSProblem)
    integer("images", images, 2)
    data, network = problem.images, problem.network
    some = at_random(data.train, images, seed)
    plain = dataclasses.replace(network, drop_path_prob=0.0, auxiliary_head=False)

    def objective(genotype: Architecture) -> float:
        with torch.inference_mode(False):
            made = untrained(genotype, plain, seed).to(some.labels.device)
            value = measure(made, data.normalise(some.images.clone()), some.labels.clone())
        if name == "synflow":
            value = float(torch.tensor(value, dtype=torch.float64).log())
        return -max(value, -1e9)  # no flow, or images that are not told apart

    objective.__name__ = name
    return objective
