"""Zero-cost proxies: what an untrained network tells of itself, as objectives of a search.

Sources: synflow, Tanaka et al. 2020 (arXiv:2006.05467); naswot, Mellor et al. 2021 (arXiv:2006.04647); grad_norm, and
all three as proxies of accuracy, Abdelfattah et al. 2021 (arXiv:2101.08134); random_features: Saxe et al. (ICML 2011)
chose architectures by what a linear classifier makes of untrained features.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from carsmoo.nets.data.splits import at_random
from carsmoo.nets.models.batch_norm import BatchNorm, Statistics
from carsmoo.nets.models.network import untrained
from carsmoo.nets.supernet.classifiers import fitted, pooled
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.nets.supernet.scores import UNIT, of_images
from carsmoo.space.architecture import Architecture
from carsmoo.utils.validation import choice, instance, integer

FEW, MANY = 64, 2000
"""Images that a proxy takes where nothing else is said: random_features, which has to fit a classifier, many."""

TOGETHER = 500
"""Images of a batch of random_features, at most."""


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


@torch.inference_mode(False)
@torch.no_grad()
def random_features(network: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Return minus the mean cross entropy, nats, of a classifier fitted to the network's features; higher is better.

    Every other image of a class is one half: either is told by the logistic regression that is fitted to the other
    (as ``nets.supernet.classifiers`` does). Batch norm normalises by batches of at most ``TOGETHER`` images.

    Args:
        network: in training mode, with a linear ``classifier``, whose inputs are the features.
        images: normalised, (n, c, h, w).
        labels: (n,).
    """
    seen: list[Tensor] = []
    last = cast(nn.Linear, network.classifier)
    hook = last.register_forward_pre_hook(lambda layer, read: seen.append(pooled(read[0])))
    order = torch.argsort(labels, stable=True)
    halves = [order[half::2] for half in (0, 1)]
    with hook:
        for part in images.tensor_split(-(-len(images) // TOGETHER)):
            network(part)
    features, losses = torch.cat(seen), []
    for told, other in (halves, halves[::-1]):
        own = fitted(features[other], labels[other], last.out_features)
        losses.append(of_images("loss", F.linear(features[told], own.weight, own.bias), labels[told]))
    return -float(torch.cat(losses).double().mean()) * UNIT


PROXIES: Mapping[str, Callable[[nn.Module, Tensor, Tensor], float]] = MappingProxyType(
    {"synflow": synflow, "naswot": naswot, "grad_norm": grad_norm, "random_features": random_features}
)
"""The proxies by their names."""


def proxy(
    name: str, problem: CARSProblem, *, images: int | None = None, seed: int = 0
) -> Callable[[Architecture], float]:
    """Return an objective, minimised: a proxy's negative, of a genotype's untrained network at the search's widths.

    Args:
        name: ``"synflow"`` (its logarithm), ``"naswot"``, ``"grad_norm"`` or ``"random_features"``.
        problem: whose networks and search-train images are taken.
        images: how many, of each class its share; if not given 64, or 2,000 for random_features, which has to fit.
        seed: draws them, and the initial weights of each network.

    Raises:
        ValueError: for another name, or fewer images than it needs.

    Example:
        >>> from carsmoo import CARSProblem, zoo
        >>> from carsmoo.nets.supernet.proxies import proxy
        >>> naswot = proxy("naswot", CARSProblem())
        >>> naswot.__name__, naswot(zoo.GENOTYPES["CARS-A"]) < 0
        ('naswot', True)
    """
    measure = PROXIES[choice("proxy", name, PROXIES)]
    instance("problem", problem, CARSProblem)
    usual = MANY if name == "random_features" else FEW
    images = usual if images is None else integer("images", images, 2)
    data, network = problem.images, problem.network
    some = at_random(data.train, images, seed)
    if name == "random_features" and (least := int(torch.bincount(some.labels).min())) < 2:
        raise ValueError(f"images: expected two or more of each class for {name}, got {least} in {len(some)}")
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
