"""The folders of the networks of a front that are trained alone, each named by its place and its network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from carsmoo.space.architecture import Architecture
from carsmoo.zoo import GENOTYPES

NETWORKS = "networks"
"""The folder in a run's directory that holds them."""


def short_name(genotype: Architecture) -> str:
    """Return a genotype's published name, or else eight letters that tell it from others."""
    known: dict[Architecture, str] = {published: name for name, published in GENOTYPES.items()}
    return known.get(genotype) or genotype.short_hash


def folders_of(folder: Path, genotypes: Sequence[Architecture]) -> list[Path]:
    """Return the folders within ``folder`` of the networks of a front, each of its own.

    They are named ``K-NAME`` by the network's place, from 1, and :func:`short_name`. One that has been made keeps its
    name, though the network has moved to another place of the front since, as in a search that went on.
    """
    names = [f"{k}-{short_name(genotype)}" for k, genotype in enumerate(genotypes, 1)]
    there = {path.name for path in folder.glob("*-*") if path.is_dir()}
    left, found = there - set(names), []
    for name in names:
        earlier = [other for other in sorted(left, key=by_number) if other.partition("-")[2] == name.partition("-")[2]]
        chosen = earlier[0] if earlier and name not in there else name
        left.discard(chosen)
        found.append(folder / chosen)
    return found


def by_number(name: str) -> tuple[int, str]:
    """Return what sorts the names of folders by the numbers that they begin with."""
    number = name.partition("-")[0]
    return (int(number) if number.isdecimal() else 0, name)
