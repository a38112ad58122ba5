"""What a search, and :func:`carsmoo.testing.check_space`, check of a space's vectors and its architectures' graphs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import Layer, Vertex, reaching_the_end, text_of
from carsmoo.space.operation import Operation
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import one_line, shown

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig


def require_searchable(space: SearchSpace, network: NetworkConfig) -> None:
    """Check what a search takes for granted of a space: its bounds, graphs within them, and slots of one layer each.

    Raises:
        ValueError: naming what was expected, and what was got.
    """
    if (fault := bounds_fault(space)) is not None:
        raise ValueError(f"space: {fault}")
    try:
        graphs = [(one, one.graph(network)) for one in space.covering()]
    except Exception as error:
        got = f"{type(error).__name__}: {one_line(error, 200)}"
        raise ValueError(f"space: expected a graph for each vector up to xu, got {got}") from error
    for one, vertices in graphs:
        if (fault := slot_fault(one, vertices)) is not None:
            raise ValueError(f"space: {fault}")


def bounds_fault(space: SearchSpace) -> str | None:
    """Return what is wrong with a space's upper bounds, if anything is."""
    xu: Any = space.xu
    whole = isinstance(xu, np.ndarray) and xu.ndim == 1 and np.issubdtype(xu.dtype, np.integer)
    fits = whole and len(xu) > 0 and bool((xu >= 0).all())
    return None if fits else f"xu: expected an array (n_var,) of whole numbers, got {shown(xu)}"


def slot_fault(architecture: Architecture, vertices: Sequence[Vertex]) -> str | None:
    """Return which slot a graph has twice, if any: two layers would have the same weights."""
    slots = Counter(vertex.slot for vertex in vertices if vertex.slot)
    twice = [slot for slot, times in slots.items() if times > 1]
    return f"slot {twice[0]}: expected it once in an architecture, got it twice in {architecture}" if twice else None


def check_bounds(space: SearchSpace) -> None:
    """Check a space's bounds, operations and plain data.

    Raises:
        AssertionError: naming the first rule that is broken.
    """
    fault = bounds_fault(space)
    assert fault is None, fault
    genes, n_var = space.genes_per_choice, space.n_var
    assert n_var % genes == 0, f"genes_per_choice: expected a divisor of the {n_var} variables, got {genes}"
    plain = space.to_plain()
    try:
        text = json.dumps(plain)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"to_plain: expected what JSON holds, got other values ({error})") from None
    assert text == json.dumps(space.to_plain()), "to_plain: expected the same each time, got others"


def check_graphs(space: SearchSpace, network: NetworkConfig, genotypes: Sequence[Architecture]) -> None:
    """Check that graphs are what costs, times and networks take them for.

    Raises:
        AssertionError: naming the first rule that is broken.
    """
    places, needed = space.places(network), set(space.layers_needed(network))
    for genotype in genotypes:
        vertices = genotype.graph(network)
        for place in range(len(vertices)):
            _check_vertex(vertices, place, network)
        _check_end(vertices, network)
        fault = slot_fault(genotype, vertices)
        assert fault is None, fault
        for vertex in vertices:
            layer, slot = vertex.layer, vertex.slot
            if slot:
                assert slot in places, f"places: expected the slot {slot} of {genotype}, got none of that name"
                held = places[slot]
                assert held == layer, f"slot {slot}: expected one layer, got {text_of(held)} and {text_of(layer)}"
            told = layer in needed or not vertex.runs
            assert told, f"layers_needed: expected {text_of(layer)} of {genotype}, got no such layer"
            own = isinstance(layer.kind, Operation)
            assert not own or layer.kind in space.ops, f"ops: expected {layer.kind} among them, got {space.ops}"


def _check_end(vertices: Sequence[Vertex], network: NetworkConfig) -> None:
    last = vertices[-1]
    right = (last.slot, last.layer.kind, last.layer.c_out) == ("classifier", "classifier", network.output_classes)
    told = f"{text_of(last.layer)} in the slot {last.slot!r}"
    assert right, f"graph: expected a classifier of {network.output_classes} classes as the last layer, got {told}"
    expected = [vertex.runs for vertex in reaching_the_end(vertices)]
    got = [vertex.runs for vertex in vertices]
    assert got == expected, "runs: expected what the last layer depends on (reaching_the_end), got others"


def _check_vertex(vertices: Sequence[Vertex], place: int, network: NetworkConfig) -> None:
    """Check that a layer reads what comes before it, with the channels and the size that this has."""
    vertex, layer = vertices[place], vertices[place].layer
    what = f"{vertex.slot or 'layer'} ({text_of(layer)})"
    assert all(0 <= i < place for i in vertex.inputs), f"{what}: expected inputs before it, got {vertex.inputs}"
    colours, *size = network.input_shape
    images = [] if layer.kind == "zeros" else [Layer("images", colours, colours, *size)]
    read = [vertices[i].layer for i in vertex.inputs] or images
    counts = {"add": 2, "concat": len(vertex.inputs), "zeros": len(vertex.inputs)}
    n = len(vertex.inputs)
    if vertex.slot:
        assert n <= 1, f"{what}: expected one input, got {n}"
    else:
        assert layer.kind in counts, f"{what}: expected a slot, or add, concat or zeros, got none"
        assert n == counts[layer.kind], f"{what}: expected {counts[layer.kind]} inputs, got {n}"
    for one in read:
        height, width = one.after
        assert (height, width) == (layer.height, layer.width), f"{what}: expected to read {height}x{width}, got another"
        fits = layer.kind == "concat" or one.c_out == layer.c_in
        assert fits, f"{what}: expected to read {one.c_out} channels, got another number"
    if layer.kind in counts:
        c_out = sum(one.c_out for one in read) if layer.kind == "concat" else layer.c_in
        assert layer.c_out == c_out, f"{what}: expected to give {c_out} channels, got another number"
        assert layer.stride == 1, f"{what}: expected stride 1, got {layer.stride}"
