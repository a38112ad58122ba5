"""Spaces and architectures of files, which name the kind of the space."""

from __future__ import annotations

import json
from typing import Any

from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.chain import ChainSpace
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.space.nas_bench_201 import NASBench201Space
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import shown


def space_of(plain: Any, ops: Vocabulary = PRIMITIVES) -> SearchSpace:
    """Return the space of plain data, :meth:`carsmoo.SearchSpace.to_plain`, with its operations as in ``ops``.

    Where a space of the same plain data is given in their place, it is that one.

    Raises:
        ValueError: for another kind than ours, or arguments that it does not take.
    """
    if isinstance(ops, SearchSpace):
        if plain == json.loads(json.dumps(ops.to_plain())):
            return ops
        ops = ops.ops
    fields = dict(plain) if isinstance(plain, dict) else {}
    kind, known = fields.pop("kind", "DARTSSpace"), {str(op): op for op in ops}
    try:
        if kind == "DARTSSpace":
            return DARTSSpace(**{**fields, "ops": [known.get(op, op) for op in fields["ops"]]})
        if kind == "NASBench201Space":
            return NASBench201Space(**fields)
        if kind == "ChainSpace":
            return ChainSpace.from_plain(fields, ops)
    except (TypeError, KeyError) as error:
        raise ValueError(f"space: expected the arguments of {kind}, got {shown(plain)} ({error})") from None
    raise ValueError(
        f"space: expected DARTSSpace, NASBench201Space or ChainSpace, or the space given, got {shown(kind)}"
    )


def architecture_of(document: Any, ops: Vocabulary = PRIMITIVES) -> Architecture:
    """Return the architecture of its JSON's document, of the space that is given or else of one of ours.

    Raises:
        ValueError: if it is none.
    """
    text = json.dumps(document)
    if isinstance(ops, SearchSpace):
        found: Architecture = ops.from_json(text)
    elif isinstance(document, dict) and "space" in document:
        found = space_of(document["space"], ops).from_json(text)
    else:
        found = Genotype.from_json(text, ops)
    return found


def architecture_of_text(text: str, ops: Vocabulary = PRIMITIVES) -> Architecture:
    """Return the architecture of its text: a genotype, or one of the space that is given.

    Raises:
        ValueError: if it is none.
    """
    found: Architecture = ops.parse(text) if isinstance(ops, SearchSpace) else Genotype.parse(text, ops)
    return found
