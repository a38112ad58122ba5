"""The networks of a front with their weights: those of the search, or those of a full training."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from carsmoo.nets.models.carded import CardedNetwork
from carsmoo.nets.models.serialization import CARD, load, with_card
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.export import of_search
from carsmoo.runs.network_folders import NETWORKS, short_name
from carsmoo.runs.retrained_front import restored
from carsmoo.space.architecture import Architecture
from carsmoo.space.front import Front
from carsmoo.utils.validation import shown

SUPERNET = "supernet"


def network_of(front: Front, place: int, weights: str | Path = SUPERNET) -> CardedNetwork:
    """Return a network of a front with its weights; see :meth:`carsmoo.space.row.Row.network`.

    Args:
        front: the front.
        place: of the network in it, from 0.
        weights: ``"supernet"``, or the directory of a run in which the network was trained, or that network's folder.

    Raises:
        TypeError: for other ``weights``.
        ValueError: if there are no such weights.
        OSError: if a file cannot be read.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise TypeError(f"weights: expected {SUPERNET!r} or the directory of a run, got {shown(weights)}")
    if weights == SUPERNET:
        return _searched(front, front.genotypes[place])
    return _trained(Path(weights), front.genotypes[place], place + 1)


def _searched(front: Front, genotype: Architecture) -> CardedNetwork:
    """Return a network with the weights of the search that the front's errors belong to."""
    problem = front.origin
    if isinstance(problem, Path):
        problem = restored(RunDirectory(problem, front.ops))[0]
    if not isinstance(problem, CARSProblem):
        raise ValueError(  # noqa: TRY004
            f"weights: expected for {SUPERNET!r} a front that a CARSProblem made, or of a file in its run's directory, "
            f"got one of {'unknown origin' if problem is None else type(problem).__name__}"
        )
    _require_same(front.about.get("search", front.about), problem.provenance())
    source = of_search(problem, genotype)
    return with_card(source.network, source.told)


def _require_same(about: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that a search is where it was when it made a front."""
    for name in ("data", "seed", "weights", "epoch", "generation"):
        if name in about and about[name] != now[name]:
            told = f"{name} {about[name]}, got those of {name} {now[name]}"
            raise ValueError(f"weights: expected those of the front's errors, {told}")


def _trained(path: Path, genotype: Architecture, number: int) -> CardedNetwork:
    """Return the network of a genotype that was trained in a run's directory, or that a folder holds."""
    if not path.exists():
        raise FileNotFoundError(f"weights: expected {SUPERNET!r} or the directory of a run, got {path}, which is none")
    name = short_name(genotype)
    first = path / NETWORKS / f"{number}-{name}"
    for folder in (path, first, *sorted((path / NETWORKS).glob(f"*-{name}"))):
        if (folder / CARD).is_file():
            network = load(folder, genotype.vocabulary)
            if network.genotype == genotype:
                return network
    raise ValueError(f"weights: expected a trained network {name} in {path}, got none; carsmoo train {path} trains it")
