"""Chains of searchable blocks, as in MobileNets: ProxylessNAS, Once-for-all, NAS-Bench-Macro."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.space.frame import classifier_vertex, stem_vertices
from carsmoo.space.graph import MB_CONV, NOR_CONV, Layer, Vertex, reaching_the_end
from carsmoo.space.operation import Operation
from carsmoo.space.picture import Arrow, Box, Picture, boxed, plain_words
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import counted
from carsmoo.utils.validation import integer, number, short, shown

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

SKIP = "skip"


@dataclass(frozen=True)
class Stage:
    """Blocks of one width, the first of which may halve the image.

    Args:
        width: channels of its blocks, in units of the network's ``channels``.
        blocks: how many, at most 1000: each may be ``skip``.
        stride: of the first block, 1 or 2.
        ops: what each block chooses among: ``skip`` (nothing, or where channels or size change a 1x1 convolution with a
            norm), ``mb_conv_KxK_eE`` (inverted bottleneck of kernel K and expansion E, with a residual where it keeps
            channels and size), ``nor_conv_KxK`` (ReLU, convolution, norm), and operations of one's own
            (:class:`~carsmoo.Operation`), which stand after such a 1x1 convolution where channels or size change.
            Kernels are odd.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.

    Example:
        >>> from carsmoo import Stage
        >>> from carsmoo.space import mb_convs
        >>> Stage(width=2, blocks=3, stride=2, ops=("skip", *mb_convs(kernels=(3,), expansions=(3, 6)))).ops
        ('skip', 'mb_conv_3x3_e3', 'mb_conv_3x3_e6')
    """

    width: float = field(default=1, metadata={"range": (0, None, True, False)})
    blocks: int = field(default=2, metadata={"range": (1, None, False, False)})
    stride: int = field(default=1, metadata={"range": (1, 2, False, False)})
    ops: tuple[str, ...] = (SKIP, "mb_conv_3x3_e3", "mb_conv_5x5_e6")

    def __post_init__(self) -> None:
        number("width", self.width, 0, open_low=True)
        integer("blocks", self.blocks, 1, 1000)
        integer("stride", self.stride, 1, 2)
        if isinstance(self.ops, str) or not isinstance(self.ops, Sequence) or not self.ops:
            raise TypeError(f"ops: expected a list of operations, got {shown(self.ops)}")
        object.__setattr__(self, "ops", tuple(self.ops))
        for op in self.ops:
            known = isinstance(op, str) and (op == SKIP or _odd_kernel(op))
            if not known and not isinstance(op, Operation):
                expected = "skip, mb_conv_KxK_eE, nor_conv_KxK (K odd) or an Operation"
                raise ValueError(f"ops: expected {expected}, got {shown(op)}")
            if isinstance(op, Operation) and (op == SKIP or MB_CONV.fullmatch(op) or NOR_CONV.fullmatch(op)):
                raise ValueError(f"ops: expected operations of one's own under other names than ours, got {op}")
        if len(set(self.ops)) < len(self.ops):
            raise ValueError(f"ops: expected each once, got {shown(self.ops)}")


def mb_convs(kernels: Iterable[int] = (3, 5), expansions: Iterable[int] = (3, 6)) -> tuple[str, ...]:
    """Return the names of inverted bottlenecks of all these kernels and expansions.

    Example:
        >>> from carsmoo.space import mb_convs
        >>> mb_convs(kernels=(3, 5), expansions=(6,))
        ('mb_conv_3x3_e6', 'mb_conv_5x5_e6')
    """
    expansions = tuple(expansions)
    return tuple(f"mb_conv_{kernel}x{kernel}_e{expansion}" for kernel in kernels for expansion in expansions)


@dataclass(frozen=True)
class ChainSpace(SearchSpace):
    """A chain of stages of blocks, each of which chooses an operation; depth varies by ``skip``.

    A network is a stem (3x3 convolution, norm, ReLU; of a NetworkConfig's ``stem`` for large images three of stride 2)
    of ``channels`` channels, the blocks, a last 1x1 convolution with norm and ReLU, the mean over the image, a linear
    classifier. A vector holds the operation of each block. The depth is the stages': a NetworkConfig's ``layers`` and
    ``stem_multiplier`` say nothing here.

    Args:
        stages: one after the other.
        head: channels of the last convolution, in units of the network's ``channels``; 0: there is none.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.

    Example:
        >>> from carsmoo import ChainSpace, Stage
        >>> space = ChainSpace(stages=(Stage(width=1, blocks=2), Stage(width=2, blocks=1, stride=2)))
        >>> space.n_var, space.n_vectors
        (3, 27)
        >>> str(space.decode([1, 0, 2]))
        'mb_conv_3x3_e3, skip | mb_conv_5x5_e6'
    """

    stages: tuple[Stage, ...] = field(
        default_factory=lambda: (Stage(), Stage(width=2, stride=2), Stage(width=4, stride=2))
    )
    head: float = 8

    def __post_init__(self) -> None:
        if isinstance(self.stages, Stage) or not isinstance(self.stages, Sequence) or not self.stages:
            raise TypeError(f"stages: expected a list of stages, got {shown(self.stages)}")
        for stage in self.stages:
            if not isinstance(stage, Stage):
                raise TypeError(f"stages: expected a Stage, got {shown(stage)}")
        built = {str(op): op.build for stage in self.stages for op in stage.ops if isinstance(op, Operation)}
        for op in (op for stage in self.stages for op in stage.ops if isinstance(op, Operation)):
            if op.build != built[op]:
                raise ValueError(f"stages: expected one operation of the name {op}, got two that are built otherwise")
        object.__setattr__(self, "stages", tuple(self.stages))
        number("head", self.head, 0)

    @classmethod
    def nas_bench_macro(cls) -> ChainSpace:
        """Return the space of NAS-Bench-Macro (Su et al., CVPR 2021): 3^8 networks.

        Its networks are those of ``NetworkConfig(channels=32, bn_affine=True)`` on 3x32x32 images, ten classes.

        Example:
            >>> from carsmoo import ChainSpace
            >>> ChainSpace.nas_bench_macro().n_vectors
            6561
        """
        return cls(stages=(Stage(2, 2, 2), Stage(4, 3, 2), Stage(8, 3, 2)), head=40)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], ops: Sequence[str] = ()) -> ChainSpace:
        """Return the space of plain data, :meth:`carsmoo.SearchSpace.to_plain`; own operations are among ``ops``."""
        known = {str(op): op for op in ops}
        stages = [Stage(**{**stage, "ops": [known.get(op, op) for op in stage["ops"]]}) for stage in plain["stages"]]
        return cls(**{**plain, "stages": stages})

    @property
    def ops(self) -> tuple[str, ...]:
        """The operations of all stages."""
        return tuple(dict.fromkeys(op for stage in self.stages for op in stage.ops))

    @property
    def xu(self) -> NDArray[np.int64]:
        """Upper bounds, (n_var,), inclusive: one variable a block."""
        return np.array([len(stage.ops) - 1 for stage in self.stages for _ in range(stage.blocks)], dtype=np.int64)

    def text(self, genes: tuple[int, ...]) -> str:
        """Return the operations, those of a stage separated by commas, stages by bars."""
        left = iter(genes)
        return " | ".join(", ".join(stage.ops[next(left)] for _ in range(stage.blocks)) for stage in self.stages)

    def genes(self, text: str) -> Iterable[int]:
        """Return the vector of a text.

        Raises:
            ValueError: if it has other stages or blocks, or an operation that its stage does not have.
        """
        parts = [re.split(r"\s*,\s*", part.strip()) for part in text.split("|")]
        if [len(part) for part in parts] != [stage.blocks for stage in self.stages]:
            raise ValueError(f"architecture: expected a text such as {self.text((0,) * self.n_var)}, got {short(text)}")
        found = []
        for part, stage in zip(parts, self.stages, strict=True):
            for op in part:
                if op not in stage.ops:
                    raise ValueError(f"architecture: expected operations among {', '.join(stage.ops)}, got {op!r}")
                found.append(stage.ops.index(op))
        return found

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        """Return an architecture's layers."""
        vertices = stem_vertices(network, relu=True)
        for block, (gene, (stage, stride)) in enumerate(zip(architecture.genes, self._blocks(), strict=True)):
            _block(vertices, f"block{block}", stage.ops[gene], self._channels(stage.width, network), stride)
        if self.head:
            last = vertices[-1].layer
            head = Layer("head", last.c_out, self._channels(self.head, network), *last.after)
            vertices.append(Vertex(head, (len(vertices) - 1,), "head"))
        vertices.append(classifier_vertex(vertices, network))
        return reaching_the_end(vertices)

    def drawn(self, architecture: Any, network: NetworkConfig | None = None) -> list[Picture]:
        """Return the picture of the chain; a block that is nothing is there, as such."""
        boxes, left, said, width = [Box("stem", 0, kind="frame")], iter(architecture.genes), [], 1.0
        for n, stage in enumerate(self.stages, 1):
            ops = [stage.ops[next(left)] for _ in range(stage.blocks)]
            group = f"stage {n}" + (f", stride {stage.stride}" if stage.stride > 1 else "")
            for k, op in enumerate(ops):
                changes = k == 0 and (stage.stride > 1 or stage.width != width)
                name = "skip, 1×1" if op == SKIP and changes else plain_words(op)
                kind = "absent" if op == SKIP and not changes else "choice"
                words = f"{plain_words(op)} at block {k + 1} of stage {n}"
                boxes.append(Box(boxed(name), len(boxes), 0, kind, words, group))
            said.append(f"stage {n}: {', '.join(map(plain_words, ops))}")
            width = stage.width
        for name in (["head"] if self.head else []) + ["classifier"]:
            boxes.append(Box(name, len(boxes), kind="frame"))
        arrows = tuple(Arrow(k, k + 1) for k in range(len(boxes) - 1))
        return [Picture("chain", tuple(boxes), arrows, f"chain. {'; '.join(said)}.", row=True)]

    def depth_in_words(self, network: NetworkConfig) -> str:
        """Return how deep and wide its networks are."""
        channels = ", ".join(str(self._channels(stage.width, network)) for stage in self.stages)
        return f"{counted(self.n_var, 'block')} in {counted(len(self.stages), 'stage')} of {channels} channels"

    def _blocks(self) -> Iterator[tuple[Stage, int]]:
        for stage in self.stages:
            for block in range(stage.blocks):
                yield stage, stage.stride if block == 0 else 1

    @staticmethod
    def _channels(width: float, network: NetworkConfig) -> int:
        return max(round(width * network.channels), 1)


def _block(vertices: list[Vertex], slot: str, op: str, channels: int, stride: int) -> None:
    """Add a block's layers to those before it."""
    last, before = vertices[-1].layer, len(vertices) - 1
    changes = last.c_out != channels or stride > 1
    layer = Layer(op, last.c_out, channels, *last.after, stride)
    if changes and (op == SKIP or isinstance(op, Operation)):
        layer = layer._replace(kind="project")
        vertices.append(Vertex(layer, (before,), f"{slot}_{'' if op == SKIP else f'{op}_'}project"))
        if op == SKIP:
            return
        layer, before = Layer(op, channels, channels, *layer.after), len(vertices) - 1
    elif op == SKIP:
        return
    vertices.append(Vertex(layer, (before,), f"{slot}_{op}"))
    if MB_CONV.fullmatch(op) and not changes:
        vertices.append(Vertex(layer._replace(kind="add"), (before, len(vertices) - 1)))


def _odd_kernel(op: str) -> bool:
    found = MB_CONV.fullmatch(op) or NOR_CONV.fullmatch(op)
    return found is not None and int(found[1]) % 2 == 1
