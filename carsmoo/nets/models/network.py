"""The network of one genotype as an ordinary ``nn.Module``, built from a genotype and a NetworkConfig."""

from __future__ import annotations

from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from carsmoo.config.network import CellShape, NetworkConfig
from carsmoo.cost.closed_form import params
from carsmoo.cost.memory import BYTES, require_fits, require_weights
from carsmoo.cost.structure import cell_of, edge_layer, reachable_parts, used_states
from carsmoo.nets.models.batch_norm import BatchNorm, NormBuilder, SubnetNorm
from carsmoo.nets.models.cells import Entry, Stem, aggregate, zeros_of
from carsmoo.nets.models.init import drawn
from carsmoo.nets.models.ops import Identity, module_of
from carsmoo.nets.models.supernet import Supernet
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


class AuxiliaryHead(nn.Module):
    """The second classifier of DARTS, which reads a cell at two thirds of the network while it trains.

    Departs: where the image is smaller than 5 px, or not of the size that DARTS assumes, it is pooled to 2x2.
    """

    def __init__(self, channels: int, network: NetworkConfig) -> None:
        super().__init__()
        self.stride = 2 if network.stem == "imagenet" else 3
        self.features = nn.Sequential(
            nn.Conv2d(channels, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.Conv2d(128, 768, 2, bias=False),
            nn.Identity() if network.stem == "imagenet" else nn.BatchNorm2d(768),
            nn.ReLU(),
        )
        self.classifier = nn.Linear(768, network.output_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, (n, classes), for a cell's output (n, c, h, w)."""
        x = F.relu(x)
        if min(x.shape[2:]) >= 5:
            x = F.avg_pool2d(x, 5, self.stride, count_include_pad=False)
        y: Tensor = self.classifier(self.features(F.adaptive_avg_pool2d(x, 2)).flatten(1))
        return y


class Network(nn.Module):
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

    def __init__(self, genotype: Genotype, network: NetworkConfig) -> None:
        super().__init__()
        require_weights(network, params(genotype, network))
        self.genotype = genotype
        self.config = network
        self.drop_path = network.drop_path_prob
        self.path_generator: torch.Generator | None = None
        norm: NormBuilder = partial(BatchNorm, affine=network.bn_affine)
        shapes = list(network.cells(len(genotype.normal_concat), len(genotype.reduce_concat)))
        self.stem = Stem(network, norm)
        self.cells = nn.ModuleList(NetworkCell(cell, network, genotype, norm) for cell in shapes)
        widths = [cell.channels * len(cell_of(genotype, cell.reduction)[1]) for cell in shapes]
        self.auxiliary = AuxiliaryHead(widths[network.auxiliary_cell], network) if network.auxiliary_head else None
        self.classifier = nn.Linear(widths[-1], network.output_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, (n, classes), for images ``x`` (n, c, h, w)."""
        return self.forward_both(x)[0]

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

    @torch.no_grad()
    def inherit(self, supernet: Supernet) -> Network:
        """Copy the weights that this network's genotype uses from a supernet, and return the network.

        Running statistics do not come with them: a supernet has none. Let ``torch.optim.swa_utils.update_bn`` measure
        them on training images before the network is used without further training.

        Raises:
            ValueError: if the two differ in anything that shapes the weights.
        """
        for field in ("channels", "layers", "stem", "stem_multiplier", "n_classes"):
            own, other = getattr(self.config, field), getattr(supernet.network, field)
            if own != other:
                raise ValueError(f"{field}: expected {own} as in the network, got {other} in the supernet")
        if self.config.input_shape[0] != supernet.network.input_shape[0]:
            raise ValueError(
                f"images: expected {self.config.input_shape[0]} channels as in the network, "
                f"got {supernet.network.input_shape[0]} in the supernet"
            )
        supernet.space.encode(self.genotype)
        _copy(supernet.stem, self.stem)
        _copy(supernet.classifier, self.classifier)
        for cell, other in zip(self.cells, supernet.each_cell(), strict=True):
            own = cast(NetworkCell, cell)
            _copy(other.entry, own.entry)
            _, nodes = other.chosen(self.genotype)
            for source, target in zip((op for edges in nodes for op, _ in edges), own.ops, strict=True):
                _copy(source, target)
        return self


def _copy(source: nn.Module, target: nn.Module) -> None:
    """Copy the weights of ``source``; what ``target`` has besides are the parts of batch norm."""
    result = target.load_state_dict(source.state_dict(), strict=False)
    norms = [name for name, layer in target.named_modules() if isinstance(layer, (BatchNorm, SubnetNorm))]
    assert not result.unexpected_keys
    assert all(any(key.startswith(name) for name in norms) for key in result.missing_keys)


def _drop(probability: float, generator: torch.Generator | None, op: nn.Module, y: Tensor) -> Tensor:
    """Drop path: zero an edge's result for some images, scaling the others up; an identity is never dropped."""
    if isinstance(op, Identity):
        return y
    keep = torch.empty(y.shape[0], 1, 1, 1, dtype=torch.float32).bernoulli_(1 - probability, generator=generator)
    return y * keep.to(y) / (1 - probability)


def untrained(genotype: Genotype, network: NetworkConfig, seed: int = 0) -> Network:
    """Return a network with torch's initial weights, drawn from ``seed`` alone, in training mode."""
    return build(genotype, network, torch.Generator().manual_seed(seed))


def build(genotype: Genotype, network: NetworkConfig, generator: torch.Generator) -> Network:
    """Return a network with weights from ``generator``, drawn by torch's rules; the global generator is not touched."""
    return drawn(lambda: Network(genotype, network), generator)


def measure_noise(network: Network, seed: int = 0, n: int = 16) -> None:
    """Let a network's batch norm measure its statistics on ``n`` images of noise, without which its logits vanish.

    Raises:
        ValueError: if they do not fit in the memory.
    """
    colours, height, width = network.config.input_shape
    require_fits("images", BYTES * n * colours * height * width, f"{n} of {colours}x{height}x{width}")
    generator = torch.Generator().manual_seed(seed)
    update_bn([torch.randn(n, *network.config.input_shape, generator=generator, dtype=torch.float32)], network)
