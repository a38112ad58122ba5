"""Kinds of weights that the package does not have, to be measured beside those that it has.

Each has the four things of a search's weights that a measurement asks for: ``begin`` trains what all networks share,
``join`` what each has of its own, ``scores`` tells, and ``updates`` is how many steps they were trained for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.ops import Depthwise, Separable
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.nets.supernet.sampling import Drawn, uniform
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from carsmoo.space.darts import GENES_PER_NODE, DARTSSpace
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, unheard


class Fair(SupernetState):
    """A supernet whose architectures use each value of a gene once before one comes again, within an epoch."""

    def warming(self, n: int) -> Drawn:
        """Yield ``n`` architectures again and again, for the warm-up."""
        bounds = list(zip(self.space.xl.tolist(), self.space.xu.tolist(), strict=True))
        genes = [_in_turn(low, high, self.random_state) for low, high in bounds]
        while True:
            yield self.space.decode(np.array([[next(gene) for gene in genes] for _ in range(n)]))


class StrictlyFair(SupernetState):
    """A supernet in each of whose steps every operation of an edge has one turn (FairNAS, Chu et al. 2021).

    A step has as many subnets as there are operations, all wired alike: an edge that they have takes its operations in
    random order. Other steps are wired otherwise.
    """

    def warming(self, n: int) -> Drawn:
        """Yield ``n`` architectures again and again, for the warm-up; ``n`` is the number of operations."""
        space = _of_cells(self.space)
        operations = np.arange(space.n_var) % GENES_PER_NODE > 0
        while True:
            wired = self.random_state.integers(space.xl, space.xu + 1)
            turns = [self.random_state.permutation(len(space.ops))[:n] for _ in range(space.n_var)]
            yield space.decode(np.where(operations, np.transpose(turns), wired))


def _in_turn(low: int, high: int, random_state: np.random.Generator) -> Iterator[int]:
    """Yield whole numbers without end, each of low..high once before one comes again, in random order."""
    while True:
        yield from (low + random_state.permutation(high - low + 1)).tolist()


class Present(SupernetState):
    """A supernet that is trained on architectures without absent edges, though it scores others, too."""

    def warming(self, n: int) -> Drawn:
        """Return what yields ``n`` architectures again and again, for the warm-up."""
        space = _of_cells(self.space)
        return uniform(
            dataclasses.replace(space, ops=tuple(op for op in space.ops if op != "none")), n, self.random_state
        )


class Nested(SupernetState):
    """A supernet whose kernels of 3x3 are the middle of those of 5x5, with the same 1x1 convolutions after them.

    After OFA (Cai et al. 2020), which has a matrix between the two besides.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, small in list(self.supernet.named_modules()):
            large = self.supernet.get_submodule(name.replace("3x3", "5x5")) if name.endswith("conv_3x3") else None
            if isinstance(small, Separable) and isinstance(large, Separable):
                small.depthwise = nn.ModuleList(Middle(cast(Depthwise, kernel)) for kernel in large.depthwise)
                small.pointwise = large.pointwise


class Middle(nn.Module):
    """The middle 3x3 of a depthwise convolution of 5x5.

    Args:
        outer: the convolution, whose weights these are.
    """

    def __init__(self, outer: Depthwise) -> None:
        super().__init__()
        self.outer = outer

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, ceil(h / stride), ceil(w / stride)) of ``x`` (n, c, h, w)."""
        weight, (dilation, _) = self.outer.weight[:, :, 1:-1, 1:-1], self.outer.dilation
        return F.conv2d(x, weight, None, self.outer.stride, dilation, dilation, self.outer.groups)


class Sandwich(SupernetState):
    """A supernet whose largest subnet of a step teaches the step's others (BigNAS, Yu et al. 2020).

    BigNAS's smallest subnet, of absent edges alone here, is left out. The space has no largest one, since a node takes
    two inputs of several: the teacher has separable convolutions of 5x5 on all edges, and takes other inputs in every
    step.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        made = self.trainer
        self.trainer = Distilling(self.supernet, self.data, made.plan, made.generator)

    def warming(self, n: int) -> Drawn:
        """Yield a teacher and ``n`` - 1 others again and again, for the warm-up."""
        space = _of_cells(self.space)
        largest = np.arange(space.n_var) % GENES_PER_NODE > 0
        while True:
            X = self.random_state.integers(space.xl, space.xu + 1, size=(n, space.n_var))
            X[0, largest] = space.ops.index("sep_conv_5x5")
            yield space.decode(X)


class Distilling(SupernetTrainer):
    """Training in which the first architecture of a step learns the labels, and the others what it says."""

    def _passes(
        self, images: Tensor, labels: Tensor, architectures: Sequence[Architecture], parameters: Sequence[nn.Parameter]
    ) -> Tensor:
        losses, target = [], labels
        for one in architectures:
            logits = self.supernet(images, one)
            loss = F.cross_entropy(logits, target) / len(architectures)
            torch.autograd.backward([loss])
            losses.append(loss.detach())
            if target is labels:
                target = logits.detach().softmax(dim=1)
        return torch.stack(losses)


class Part(SupernetState):
    """A supernet of those architectures whose first node, in the normal cell, has operations of given halves.

    Attributes:
        halves: of the operations, for either edge: 0 the first of them, which have no weights, 1 the others.
    """

    halves = (0, 0)

    def warming(self, n: int) -> Drawn:
        """Yield ``n`` architectures again and again, for the warm-up."""
        half = len(_of_cells(self.space).ops) // 2
        while True:
            X = self.random_state.integers(self.space.xl, self.space.xu + 1, size=(n, self.space.n_var))
            X[:, 1:GENES_PER_NODE] = X[:, 1:GENES_PER_NODE] % half + half * np.array(self.halves)
            yield self.space.decode(X)


class FewShot:
    """Four supernets, each of a quarter of the space (few-shot NAS, Zhao et al. 2021).

    They go on from one that all architectures have trained for half of the epochs or more, and share the rest.
    """

    def __init__(
        self, space: SearchSpace, network: NetworkConfig, plan: SupernetTraining, data: ImageData, seed: int
    ) -> None:
        self.space = space
        places = [(one, other) for one in (0, 1) for other in (0, 1)]
        each = max(plan.warmup_epochs // 2 // len(places), 1)
        self.shared = plan.warmup_epochs - each * len(places)
        plan = dataclasses.replace(plan, warmup_epochs=self.shared + each)
        made = space, network, plan, data, seed
        self.parent, self.parts = SupernetState(*made), {halves: Part(*made) for halves in places}

    @property
    def updates(self) -> float | None:
        """Return the mean over the parts of the median steps of an operation."""
        return float(np.mean([part.updates for part in self.parts.values() if part.updates is not None]))

    def begin(self, listener: Listener = unheard) -> None:
        """Train the first supernet, then all parts."""
        self.parent.train("warm-up", range(self.shared), self.shared, self.parent.warming, listener)
        for halves, part in self.parts.items():
            part.load_state_dict(self.parent.state_dict())
            part.halves = halves
            part.warm_up(listener)

    def join(self, X: NDArray[np.int64], listener: Listener = unheard) -> bool:
        """Return that no weights changed: a supernet's do not depend on who is scored."""
        return False

    def scores(self, genotypes: Sequence[Architecture], score: str = "error") -> NDArray[Any]:
        """Return the tallies of the scored images, (n, 2, 2), of each architecture by its part."""
        half = len(_of_cells(self.space).ops) // 2
        X = np.array([self.space.encode(one) for one in genotypes])
        places = [tuple(row) for row in (X[:, 1:GENES_PER_NODE] // half).tolist()]
        return np.concatenate([self.parts[at].scores([one], score) for at, one in zip(places, genotypes, strict=True)])


class FromSupernet(OwnWeights):
    """Networks with weights of their own, of which those of the first generation copy a supernet's.

    A network's steps are those of the supernet's median operation and its own.

    Args:
        share: of the epochs that are the supernet's, which has the usual settings of one; the networks share the rest.
    """

    def __init__(
        self,
        space: SearchSpace,
        network: NetworkConfig,
        plan: SupernetTraining,
        data: ImageData,
        seed: int,
        share: float,
    ) -> None:
        epochs = round(share * plan.warmup_epochs)
        super().__init__(
            space, network, dataclasses.replace(plan, warmup_epochs=plan.warmup_epochs - epochs), data, seed
        )
        shape = dataclasses.replace(network, bn_affine=False)
        usual = SupernetTraining(warmup_epochs=epochs, n_generations=0, score_images=plan.score_images)
        self.shared = SupernetState(space, shape, usual, data, seed)

    @property
    def updates(self) -> float | None:
        """The median number of steps that the living networks' weights were trained for, those in the supernet too."""
        return (super().updates or 0) + (self.shared.updates or 0)

    def begin(self, listener: Listener = unheard) -> None:
        """Train the supernet."""
        self.shared.warm_up(listener)

    def _made(self, genotype: Architecture) -> ArchitectureNetwork:
        return super()._made(genotype).inherit(self.shared.supernet)


def _of_cells(space: SearchSpace) -> DARTSSpace:
    if not isinstance(space, DARTSSpace):
        raise TypeError(f"space: expected a DARTSSpace, got {type(space).__name__}")
    return space
