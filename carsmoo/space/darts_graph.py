"""The layers of a network of DARTS's cells, each with its shape and whether it runs.

A network holds the layers of all its cells, as DARTS builds it, but runs and counts (as multiply-adds) only those whose
results reach the classifier; absent edges can leave others without a reader.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from carsmoo.space.graph import Layer, Vertex, halved, reaching_the_end

if TYPE_CHECKING:
    from carsmoo.config.network import CellShape, NetworkConfig
    from carsmoo.space.darts import DARTSSpace
    from carsmoo.space.genotype import Edge, Genotype

Uses: TypeAlias = tuple[tuple[bool, bool], tuple[bool, bool]]
"""Whether a normal cell uses its inputs 0 and 1, and whether a reduction cell does."""


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


def uses_of(genotype: Genotype) -> Uses:
    """Return which of their inputs a genotype's cells use."""
    normal, reduce = (used_states(*cell_of(genotype, reduction)) for reduction in (False, True))
    return (0 in normal, 1 in normal), (0 in reduce, 1 in reduce)


def reachable_parts(genotype: Genotype, network: NetworkConfig, *, auxiliary: bool = False) -> Reachable:
    """Return what runs in ``Network(genotype, network)``; with ``auxiliary``, while the auxiliary head is read too."""
    return reachable_cells(network, uses_of(genotype), auxiliary=auxiliary)


def reachable_cells(network: NetworkConfig, uses: Uses, *, auxiliary: bool = False) -> Reachable:
    """Return what runs, given which of their inputs the cells use."""
    needed = [False] * (network.layers + 2)  # the stem's two outputs, then the cells
    needed[-1] = True
    if auxiliary:
        needed[2 + network.auxiliary_cell] = True
    for k in range(network.layers - 1, -1, -1):
        before, last = uses[network.reduces(k)]
        needed[k] |= needed[k + 2] and before
        needed[k + 1] |= needed[k + 2] and last
    convolutions = 3 if network.stem == "imagenet" else 1
    stem = convolutions if needed[1] or (needed[0] and convolutions == 1) else 2 if needed[0] else 0
    return Reachable(stem, tuple(needed[2:]))


def layers(genotype: Genotype, network: NetworkConfig) -> Iterator[tuple[Layer, bool]]:
    """Yield each layer that ``Network(genotype, network)`` holds, and whether it runs.

    The edges of a node that nothing reads do not run, zeros do in its place.
    """
    widths = len(genotype.normal_concat), len(genotype.reduce_concat)
    uses = uses_of(genotype)
    yield from frame_layers(network, widths, uses)
    used = [used_states(*cell_of(genotype, reduction)) for reduction in (False, True)]
    for cell, runs in zip(network.cells(*widths), reachable_cells(network, uses).cells, strict=True):
        edges = cell_of(genotype, cell.reduction)[0]
        for node in range(len(edges) // 2):
            read = 2 + node in used[cell.reduction]
            present = [edge_layer(op, i, cell) for op, i in edges[2 * node : 2 * node + 2] if op != "none"]
            for layer in present:
                yield layer, runs and read
            for layer in node_layers(len(present) if read else 0, cell):
                yield layer, runs


def layers_needed(space: DARTSSpace, network: NetworkConfig) -> list[Layer]:
    """Return the layers that networks of a space can run, each once."""
    widths = space.nodes, space.nodes
    found = [layer for layer, _ in frame_layers(network, widths)]
    for cell in network.cells(*widths):
        for i in (0, 2) if cell.reduction and space.nodes > 1 else (0,):  # a first node reads the cell's inputs alone
            found += [edge_layer(op, i, cell) for op in space.ops if op != "none"]
        for edges in (0, 2) if "none" in space.ops else (2,):
            found += node_layers(edges, cell)
    return list(dict.fromkeys(found))


def frame_layers(
    network: NetworkConfig, widths: tuple[int, int], uses: Uses = ((True, True), (True, True))
) -> Iterator[tuple[Layer, bool]]:
    """Yield the layers that are there whatever the operations are, and whether each runs.

    They are those of the stem, the input layers and outputs of the cells, which concatenate ``widths`` states (normal,
    reduction) and use their inputs as ``uses`` tells, and the classifier.
    """
    live = reachable_cells(network, uses)
    for k, layer in enumerate(stem_layers(network)):
        yield layer, k < live.stem
    for cell, runs in zip(network.cells(*widths), live.cells, strict=True):
        for layer, used in zip(entry_layers(cell, network), uses[cell.reduction], strict=True):
            yield layer, runs and used
        size = node_size(cell)
        output = widths[cell.reduction] * cell.channels
        yield Layer("concat", cell.channels, output, *size), runs
    yield Layer("classifier", output, network.output_classes, *size), True


def stem_layers(network: NetworkConfig) -> list[Layer]:
    """Return the convolutions of a network's stem."""
    colours, height, width = network.input_shape
    c = network.channels
    if network.stem == "cifar":
        return [Layer("stem", colours, network.stem_multiplier * c, height, width)]
    return [
        Layer("stem_next" if k else "stem", *channels, halved(height, k), halved(width, k), 2)
        for k, channels in enumerate([(colours, c // 2), (c // 2, c), (c, c)])
    ]


def entry_layers(cell: CellShape, network: NetworkConfig) -> tuple[Layer, Layer]:
    """Return the two input layers of a cell; the first halves the image where the second's input is smaller."""
    last = Layer("entry", cell.in_last, cell.channels, cell.height, cell.width)
    if not cell.halved_before:
        return last._replace(c_in=cell.in_before), last
    height, width = (halved(size, cell.halvings - 1) for size in network.input_shape[1:])
    return Layer("entry", cell.in_before, cell.channels, height, width, 2), last


def edge_layer(op: str, i: int, cell: CellShape) -> Layer:
    """Return the layer of an edge from state ``i``, which halves the image if it is an input of a reduction cell."""
    strided = cell.reduction and i < 2
    size = (cell.height, cell.width) if strided else node_size(cell)
    return Layer(op, cell.channels, cell.channels, *size, 2 if strided else 1)


def node_layers(edges: int, cell: CellShape) -> list[Layer]:
    """Return what a node with so many edges (0, 1, 2) has besides them."""
    if edges == 1:
        return []
    return [Layer("add" if edges else "zeros", cell.channels, cell.channels, *node_size(cell))]


def node_size(cell: CellShape) -> tuple[int, int]:
    """Return height and width of a cell's nodes."""
    return halved(cell.height, cell.reduction), halved(cell.width, cell.reduction)


def graph(genotype: Genotype, network: NetworkConfig) -> tuple[Vertex, ...]:
    """Return the layers of a network with what they read; slots are names of modules of a supernet."""
    vertices: list[Vertex] = []

    def add(layer: Layer, inputs: tuple[int, ...], slot: str = "") -> int:
        vertices.append(Vertex(layer, inputs, slot))
        return len(vertices) - 1

    stem = [add(layer, (k - 1,) if k else (), f"stem.{k}") for k, layer in enumerate(stem_layers(network))]
    before, last = stem[max(len(stem) - 2, 0)], stem[-1]
    for cell in network.cells(len(genotype.normal_concat), len(genotype.reduce_concat)):
        edges, concat = cell_of(genotype, cell.reduction)
        name, entries = f"cells.{cell.position}", entry_layers(cell, network)
        states = [
            add(layer, (i,), f"{name}.entry.{side}")
            for layer, i, side in zip(entries, (before, last), ("before", "last"), strict=True)
        ]
        for node in range(len(edges) // 2):
            present = [(op, i) for op, i in edges[2 * node : 2 * node + 2] if op != "none"]
            ends = [add(edge_layer(op, i, cell), (states[i],), f"{name}.edges.{node}.{i}.{op}") for op, i in present]
            joined = [add(layer, tuple(ends)) for layer in node_layers(len(ends), cell)]
            states.append([*ends, *joined][-1])
        size = node_size(cell)
        parts = tuple(states[i] for i in concat)
        before, last = last, add(Layer("concat", cell.channels, len(parts) * cell.channels, *size), parts)
    add(Layer("classifier", vertices[last].layer.c_out, network.output_classes, *size), (last,), "classifier")
    return reaching_the_end(vertices)


def places(space: DARTSSpace, network: NetworkConfig) -> dict[str, Layer]:
    """Return the layers that a supernet holds, by their slots."""
    widths = space.nodes, space.nodes
    found = {f"stem.{k}": layer for k, layer in enumerate(stem_layers(network))}
    for cell in network.cells(*widths):
        name = f"cells.{cell.position}"
        before, last = entry_layers(cell, network)
        found |= {f"{name}.entry.before": before, f"{name}.entry.last": last}
        for node in range(space.nodes):
            for i in range(2 + node):
                found |= {f"{name}.edges.{node}.{i}.{op}": edge_layer(op, i, cell) for op in space.ops if op != "none"}
    output = widths[cell.reduction] * cell.channels
    classifier = Layer("classifier", output, network.output_classes, *node_size(cell))
    return {**found, "classifier": classifier}


def kept_by_step(network: NetworkConfig, widths: tuple[int, int]) -> int:
    """Return how many numbers, for an image, a step of training keeps for the way back, at least.

    Of each cell these are its states and their concatenation, as wide as ``widths`` tell of normal and reduction cells;
    what operations keep on the inside comes on top.
    """
    numbers = 0
    for cell in network.cells(*widths):
        inner = halved(cell.height, cell.reduction) * halved(cell.width, cell.reduction)
        numbers += cell.channels * (2 * cell.height * cell.width + 2 * widths[cell.reduction] * inner)
    return numbers
