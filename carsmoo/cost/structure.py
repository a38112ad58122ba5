"""Which parts of a network its output depends on; absent edges can leave others without a reader.

A network holds the layers of all its cells, as DARTS builds it, but runs and counts (as multiply-adds) only those whose
results reach the classifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from carsmoo.config.network import CellShape, NetworkConfig, halved
from carsmoo.space.genotype import PRIMITIVES, DARTSSpace, Edge, Genotype


class Reachable(NamedTuple):
    """What runs in a network.

    Attributes:
        stem: how many of the stem's convolutions run, counted from the image.
        cells: for each cell whether it runs.
    """

    stem: int
    cells: tuple[bool, ...]


def cell_of(genotype: Genotype, reduction: bool) -> tuple[tuple[Edge, ...], tuple[int, ...]]:
    """Return the edges and the concatenation of a genotype's normal or reduction cell."""
    if reduction:
        return genotype.reduce, genotype.reduce_concat
    return genotype.normal, genotype.normal_concat


def used_states(edges: Sequence[Edge], concat: Sequence[int]) -> frozenset[int]:
    """Return the states of a cell that its output depends on."""
    used = set(concat)
    for position in range(len(edges) - 1, -1, -1):
        op, i = edges[position]
        if op != "none" and 2 + position // 2 in used:
            used.add(i)
    return frozenset(used)


def reachable_parts(genotype: Genotype, network: NetworkConfig, *, auxiliary: bool = False) -> Reachable:
    """Return what runs in ``Network(genotype, network)``; with ``auxiliary``, while the auxiliary head is read too."""
    normal, reduce = (used_states(*cell_of(genotype, reduction)) for reduction in (False, True))
    return reachable_cells(network, (0 in normal, 1 in normal), (0 in reduce, 1 in reduce), auxiliary=auxiliary)


def reachable_cells(
    network: NetworkConfig, normal: tuple[bool, bool], reduce: tuple[bool, bool], *, auxiliary: bool = False
) -> Reachable:
    """Return what runs, given whether each kind of cell uses its inputs 0 and 1."""
    needed = [False] * (network.layers + 2)  # the stem's two outputs, then the cells
    needed[-1] = True
    if auxiliary:
        needed[2 + network.auxiliary_cell] = True
    for k in range(network.layers - 1, -1, -1):
        before, last = reduce if network.reduces(k) else normal
        needed[k] |= needed[k + 2] and before
        needed[k + 1] |= needed[k + 2] and last
    convolutions = 3 if network.stem == "imagenet" else 1
    stem = convolutions if needed[1] or (needed[0] and convolutions == 1) else 2 if needed[0] else 0
    return Reachable(stem, tuple(needed[2:]))


KINDS = ("stem", "stem_next", "entry", *PRIMITIVES[1:], "add", "zeros", "concat", "classifier")
"""The kinds of layers: a stem's first and further convolutions, an input layer of a cell, the operations, the sum of
two edges, a node without edges, the concatenation of a cell's output, the mean over the image with the classifier."""


class Layer(NamedTuple):
    """A layer with all that its time depends on, apart from the memory format.

    Attributes:
        kind: one of :data:`KINDS`.
        c_in: channels of its input, of one of them where it has several.
        c_out: channels, or classes, that it gives.
        height: rows of its input.
        width: columns of its input.
        stride: 1 or 2.
    """

    kind: str
    c_in: int
    c_out: int
    height: int
    width: int
    stride: int = 1


def layers_of(genotype: Genotype, network: NetworkConfig) -> Iterator[Layer]:
    """Yield the layers that run in ``Network(genotype, network)``, as often as they do."""
    widths = len(genotype.normal_concat), len(genotype.reduce_concat)
    used = {kind: used_states(*cell_of(genotype, kind)) for kind in (False, True)}
    live = reachable_parts(genotype, network)
    yield from frame_layers(network, widths, live, {kind: (0 in u, 1 in u) for kind, u in used.items()})
    for cell, runs in zip(network.cells(*widths), live.cells, strict=True):
        edges = cell_of(genotype, cell.reduction)[0]
        for node in range(len(edges) // 2 if runs else 0):
            read = 2 + node in used[cell.reduction]
            present = [(op, i) for op, i in edges[2 * node : 2 * node + 2] if op != "none" and read]
            for op, i in present:
                yield edge_layer(op, cell, cell.reduction and i < 2)
            yield from node_layers(len(present), cell)


def layers_needed(space: DARTSSpace, network: NetworkConfig) -> list[Layer]:
    """Return the layers that networks of a space can run, each once."""
    widths = space.nodes, space.nodes
    all_run = Reachable(3 if network.stem == "imagenet" else 1, (True,) * network.layers)
    found = frame_layers(network, widths, all_run, dict.fromkeys((False, True), (True, True)))
    for cell in network.cells(*widths):
        for strided in (True, False) if cell.reduction else (False,):
            if cell.reduction and not strided and space.nodes == 1:
                continue  # its only node reads the cell's inputs
            found += [edge_layer(op, cell, strided) for op in space.ops if op != "none"]
        for edges in (0, 2) if "none" in space.ops else (2,):
            found += node_layers(edges, cell)
    return list(dict.fromkeys(found))


def frame_layers(
    network: NetworkConfig, widths: tuple[int, int], live: Reachable, uses: Mapping[bool, tuple[bool, bool]]
) -> list[Layer]:
    """Return the layers that run whatever the operations are: stem, input layers and outputs of cells, classifier.

    Args:
        network: the network.
        widths: states that a normal and a reduction cell concatenate.
        live: what runs.
        uses: whether each kind of cell (reduction or not) uses its inputs 0 and 1.
    """
    colours, height, width = network.input_shape
    c = network.channels
    if network.stem == "imagenet":
        shapes = [(colours, c // 2), (c // 2, c), (c, c)]
        stem = [
            Layer("stem_next" if k else "stem", *shape, halved(height, k), halved(width, k), 2)
            for k, shape in enumerate(shapes)
        ]
    else:
        stem = [Layer("stem", colours, network.stem_multiplier * c, height, width)]
    layers = stem[: live.stem]
    for cell, runs in zip(network.cells(*widths), live.cells, strict=True):
        if not runs:
            continue
        before, last = uses[cell.reduction]
        if before:
            h, w = cell.height, cell.width
            if cell.halved_before:
                h, w = (halved(size, cell.halvings - 1) for size in (height, width))
            layers.append(Layer("entry", cell.in_before, cell.channels, h, w, 2 if cell.halved_before else 1))
        if last:
            layers.append(Layer("entry", cell.in_last, cell.channels, cell.height, cell.width))
        h, w = _inner(cell)
        layers.append(Layer("concat", cell.channels, widths[cell.reduction] * cell.channels, h, w))
    h, w = _inner(cell)
    return [*layers, Layer("classifier", widths[cell.reduction] * cell.channels, network.output_classes, h, w)]


def edge_layer(op: str, cell: CellShape, strided: bool) -> Layer:
    """Return the layer of an edge of a cell; ``strided`` where it halves the image."""
    h, w = (cell.height, cell.width) if strided else _inner(cell)
    return Layer(op, cell.channels, cell.channels, h, w, 2 if strided else 1)


def node_layers(edges: int, cell: CellShape) -> list[Layer]:
    """Return what a node with so many edges (0, 1, 2) runs besides them."""
    if edges == 1:
        return []
    return [Layer("add" if edges else "zeros", cell.channels, cell.channels, *_inner(cell))]


def text_of(layer: Layer) -> str:
    """Return a layer as a few words."""
    return f"{layer.kind} {layer.c_in}->{layer.c_out} at {layer.height}x{layer.width}, stride {layer.stride}"


def _inner(cell: CellShape) -> tuple[int, int]:
    """Return height and width of a cell's nodes."""
    return halved(cell.height, cell.reduction), halved(cell.width, cell.reduction)
