"""Scores that follow from measured ones without another training: main effects fitted to them, and two ways joined.

- ``fitted``: of own weights, main effects fitted to the very networks that are scored, as a search with
  ``SupernetTraining(weights="own", main_effects="population")`` has them;
- ``both``: the mean of the ranks that those and a supernet's main effects of the same seed give, at the compute of both
  together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from benchmarks.truth.levers import TOLD
from benchmarks.truth.sets import architectures
from carsmoo.nets.supernet.main_effects import fit
from carsmoo.space.darts import DARTSSpace


def derived(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the measurements that follow from some, in their form; those that belong to others are not repeated."""
    own = {(r["data"], r["epochs"], r["seed"]): fitted(r) for r in records if r["lever"] == "own"}
    effects = {(r["data"], r["seed"]): r for r in records if r["lever"] == "effects" and r["epochs"] == TOLD["effects"]}
    pairs = [(one, effects[data, seed]) for (data, _, seed), one in own.items() if (data, seed) in effects]
    return [*own.values(), *(both(one, other) for one, other in pairs)]


def fitted(record: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement whose losses are what main effects fitted to all of them expect of each network."""
    space = DARTSSpace()
    genotypes = {one.name: one.genotype for one in architectures()}
    names = list(record["loss"])
    features = space.features(space.encode([genotypes[name] for name in names]))
    means = np.array([record["loss"][name] for name in names])  # of the even and of the odd images
    tallies = np.stack([means, np.ones_like(means)], axis=1)
    return {**record, "lever": "fitted", "loss": _alike(names, fit(features, tallies, features))}


def both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement whose losses are the mean ranks of the networks in two."""
    names = [name for name in one["loss"] if name in other["loss"]]
    ranks = [rankdata([np.mean(record["loss"][name]) for name in names]) for record in (one, other)]
    seconds = one["core_seconds"] + other["core_seconds"]
    return {**one, "lever": "both", "core_seconds": seconds, "loss": _alike(names, np.mean(ranks, axis=0))}


def _alike(names: Sequence[str], scores: ArrayLike) -> dict[str, list[float]]:
    """Return scores that have no halves in the form of those that have."""
    return {name: [score, score] for name, score in zip(names, np.asarray(scores).tolist(), strict=True)}
