"""The network of one genotype as an ordinary ``nn.Module``, built from a genotype and a NetworkConfig."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from functools import partial
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from carsmoo.config.network import CellShape, NetworkConfig
from carsmoo.cost.memory import BYTES, require_fits
from carsmoo.nets.models.auxiliary import AuxiliaryHead
from carsmoo.nets.models.base import (
    ArchitectureNetwork,
    Inherited,
    SharedWeights,
    copy_weights,
    drop_paths,
)
from carsmoo.nets.models.batch_norm import BatchNorm, NormBuilder
from carsmoo.nets.models.cells import Entry, Stem, aggregate, zeros_of
from carsmoo.nets.models.init import drawn
from carsmoo.nets.models.ops import Identity, module_of
from carsmoo.nets.models.supernet import Supernet
from carsmoo.space.architecture import Architecture
from carsmoo.space.darts_graph import cell_of, edge_layer, reachable_parts, used_states
from carsmoo.space.genotype import Genotype


class NetworkCell(nn.Module):
    """One cell with the operations of its genotype alone."""

    def __init__(self, cell: CellShape, network: NetworkConfig, genotype: Genotype, norm: NormBuilder) -> None:
        super().__init__()
        self.shape = cell
        edges, self.concat = cell_of(genotype, cell.reduction)
        self.used = used_states(edges, self.concat)
        self.entry = Entry(cell, network, norm)
        present = [(position, op, i) for position, (op, i) in enumerate(edges) if op != "none"]
        self.ops = nn.ModuleList(module_of(edge_layer(op, i, cell), norm) for _, op, i in present)
        self.nodes: list[list[tuple[int, int]]] = [[] for _ in range(len(edges) // 2)]  # (index in ops, input)
        for k, (position, _, i) in enumerate(present):
            if 2 + position // 2 in self.used:
                self.nodes[position // 2].append((k, i))

    def forward(
        self,
        before: Tensor | None,
        last: Tensor | None,
        images: Tensor,
        drop_path: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return the cell's output, (n, len(concat) * channels, h, w), the size halved (ceil) in a reduction cell."""
        states = self.entry(before, last, self.used)
        nodes = [[(self.ops[k], i) for k, i in edges] for edges in self.nodes]
        path = partial(_drop, drop_path, generator) if self.training and drop_path > 0 else None
        return aggregate(states, nodes, self.concat, partial(zeros_of, images, self.shape), path=path)


class Network(ArchitectureNetwork):
    """The network of one genotype, an ``nn.Module``.

    Args:
        genotype: its cells.
        network: widths, depth, stem, image shape, classes, auxiliary head.

    Attributes:
        drop_path: probability with which an edge that computes something is dropped per image, in training only;
            a schedule sets it between epochs.
        path_generator: draws the paths that are dropped; it lives on the CPU. None: torch's global one.

    Raises:
        TypeError: for anything but a Genotype and a NetworkConfig.
        ValueError: if the genotype names an operation that does not exist, or the weights do not fit in the memory.

    Example:
        >>> import torch
        >>> from carsmoo import Network, NetworkConfig
        >>> from carsmoo.zoo import GENOTYPES
        >>> network = Network(GENOTYPES["CARS-I"], NetworkConfig.cifar(channels=4, layers=3))
        >>> network(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 10])
    """

    genotype: Genotype

    def __init__(self, genotype: Genotype, network: NetworkConfig) -> None:
        super().__init__(genotype, network)
        norm: NormBuilder = partial(BatchNorm, affine=network.bn_affine)
        shapes = list(network.cells(len(genotype.normal_concat), len(genotype.reduce_concat)))
        self.stem = Stem(network, norm)
        self.cells = nn.ModuleList(NetworkCell(cell, network, genotype, norm) for cell in shapes)
        widths = [cell.channels * len(cell_of(genotype, cell.reduction)[1]) for cell in shapes]
        self.auxiliary = AuxiliaryHead(widths[network.auxiliary_cell], network) if network.auxiliary_head else None
        self.classifier = nn.Linear(widths[-1], network.output_classes)

    def forward_both(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits and those of the auxiliary head, which is run in training only and None otherwise."""
        auxiliary = None
        head = self.auxiliary if self.training else None
        live = reachable_parts(self.genotype, self.config, auxiliary=head is not None)
        paths = self.drop_path, self.path_generator
        before, last = self.stem(x, live.stem)
        for k, (cell, runs) in enumerate(zip(self.cells, live.cells, strict=True)):
            before, last = last, cell(before, last, x, *paths) if runs else None
            if head is not None and k == self.config.auxiliary_cell:
                auxiliary = head(last)
        return self.classifier(last.mean(dim=(2, 3))), auxiliary

    def _copy_from(self, supernet: SharedWeights) -> None:
        assert isinstance(supernet, Supernet)  # whose space has genotypes
        copy_weights(supernet.stem, self.stem)
        copy_weights(supernet.classifier, self.classifier)
        for cell, other in zip(self.cells, supernet.each_cell(), strict=True):
            own = cast(NetworkCell, cell)
            copy_weights(other.entry, own.entry)
            _, nodes = other.chosen(self.genotype)
            for source, target in zip((op for edges in nodes for op, _ in edges), own.ops, strict=True):
                copy_weights(source, target)

    def frame(self) -> list[nn.Module]:
        """Return the parts that all genotypes have: stem, classifier, the input layers of each cell."""
        return [self.stem, self.classifier, *(cast(NetworkCell, cell).entry for cell in self.cells)]

    def operations(self) -> Mapping[Hashable, Inherited]:
        """Return the operations with weights whose results are read, by cell, node, operation, input and stride."""
        found: dict[Hashable, Inherited] = {}
        for position, cell in enumerate(cast(Iterable[NetworkCell], self.cells)):
            edges, _ = cell_of(self.genotype, cell.shape.reduction)
            for node, chosen in enumerate(cell.nodes):
                for k, i in chosen:
                    op = next(op for op, at in edges[2 * node : 2 * node + 2] if at == i and op != "none")
                    stride = 2 if cell.shape.reduction and i < 2 else 1
                    if any(True for _ in cell.ops[k].parameters()):
                        found[position, node, op, i, stride] = Inherited(cell.ops[k], (position, op, stride))
        return found


def _drop(probability: float, generator: torch.Generator | None, op: nn.Module, y: Tensor) -> Tensor:
    """Drop path: zero an edge's result for some images, scaling the others up; an identity is never dropped."""
    if isinstance(op, Identity):
        return y
    return drop_paths(probability, generator, y)


def untrained(genotype: Architecture, network: NetworkConfig, seed: int = 0) -> ArchitectureNetwork:
    """Return a network with torch's initial weights, drawn from ``seed`` alone, in training mode."""
    return build(genotype, network, torch.Generator().manual_seed(seed))


def build(genotype: Architecture, network: NetworkConfig, generator: torch.Generator) -> ArchitectureNetwork:
    """Return a network with weights from ``generator``, drawn by torch's rules; the global generator is not touched."""
    made: ArchitectureNetwork = drawn(lambda: genotype.build(network), generator)
    return made


def measure_noise(network: ArchitectureNetwork, seed: int = 0, n: int = 16) -> None:
    """Let a network's batch norm measure its statistics on ``n`` images of noise, without which its logits vanish.

    Raises:
        ValueError: if they do not fit in the memory.
    """
    colours, height, width = network.config.input_shape
    require_fits("images", BYTES * n * colours * height * width, f"{n} of {colours}x{height}x{width}")
    generator = torch.Generator().manual_seed(seed)
    update_bn([torch.randn(n, *network.config.input_shape, generator=generator, dtype=torch.float32)], network)
