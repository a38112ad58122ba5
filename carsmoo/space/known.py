"""Spaces and architectures of files, which name the kind of the space."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.chain import ChainSpace
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.space.nas_bench_201 import NASBench201Space
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import choice, shown

KINDS: Mapping[str, Callable[[], SearchSpace]] = MappingProxyType(
    {
        **{made.__name__: made for made in (DARTSSpace, NASBench201Space, ChainSpace)},
        "ChainSpace.nas_bench_macro": ChainSpace.nas_bench_macro,
    }
)
"""What makes our spaces, by the kinds that settings name: with their defaults, and a ready one."""


def is_known(space: SearchSpace) -> bool:
    """Return whether plain data say all of a space: it is one of ours, without operations of one's own."""
    return type(space) in KINDS.values() and not space.own_operations


def of_kind(space: SearchSpace, kind: Any) -> SearchSpace:
    """Return a space if it is of a kind of :data:`KINDS`, else the one of that kind.

    Raises:
        ValueError: for another kind.
    """
    made = KINDS[choice("kind", kind, KINDS)]
    return space if type(space) is made else made()


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


def architecture_of_json(text: str) -> Architecture:
    """Return the architecture of its JSON, of one of our spaces.

    Raises:
        ValueError: if it is none.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    has_space = isinstance(document, dict) and "space" in document
    return architecture_of(document) if has_space else Genotype.from_json(text)


def architecture_of_text(text: str, ops: Vocabulary = PRIMITIVES) -> Architecture:
    """Return the architecture of its text: a genotype, or one of the space that is given.

    Raises:
        ValueError: if it is none.
    """
    found: Architecture = ops.parse(text) if isinstance(ops, SearchSpace) else Genotype.parse(text, ops)
    return found
