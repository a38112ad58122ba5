"""Scores that follow from measured ones without another training: main effects fitted to them, and two ways joined.

- ``own_effects``: of own weights, main effects fitted to the very networks that are scored, as the first generation of
  a search with ``SupernetTraining(weights="own", main_effects="population")`` has them, when all have the same age;
  scores far out are cut;
- ``both``: the mean of those and a supernet's main effects of the same seed on their scale, as ``supernet_epochs`` has
  it, at the compute of both together; the supernet's networks are scored on 500 images here, the others on 1,000;
- ``both_refitted``: the same with classifiers of their own in the supernet, ``classifier_images``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import zscore

from benchmarks.truth.levers import TOLD
from benchmarks.truth.sets import architectures
from carsmoo.nets.supernet.main_effects import fit, tamed
from carsmoo.nets.supernet.second_opinion import alike
from carsmoo.space.darts import DARTSSpace


def derived(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the measurements that follow from some, in their form; those that belong to others are not repeated."""
    own = {(r["data"], r["epochs"], r["seed"]): own_effects(r) for r in records if r["lever"] == "own"}
    joined = []
    for lever, second in (("both", "effects"), ("both_refitted", "refitted_effects")):
        said = {(r["data"], r["seed"]): r for r in records if (r["lever"], r["epochs"]) == (second, TOLD[second])}
        pairs = [(one, said[data, seed]) for (data, _, seed), one in own.items() if (data, seed) in said]
        joined += [both(one, other, lever) for one, other in pairs]
    return [*own.values(), *joined]


def own_effects(record: dict[str, Any]) -> dict[str, Any]:
    """Return a measurement whose losses are what main effects fitted to them all expect."""
    space = DARTSSpace()
    genotypes = {one.name: one.genotype for one in architectures()}
    names = list(record["loss"])
    features = space.features(space.encode([genotypes[name] for name in names]))
    means = np.array([record["loss"][name] for name in names])  # of the even and of the odd images
    tallies = np.stack([means, np.ones_like(means)], axis=1)
    return {**record, "lever": "own_effects", "loss": _doubled(names, fit(features, tamed(tallies), features))}


def both(one: dict[str, Any], other: dict[str, Any], lever: str = "both") -> dict[str, Any]:
    """Return a measurement, of a lever of that name, whose losses are the mean of two on the scale of the first."""
    names = list(one["loss"])
    own, second = (np.array([np.mean(record["loss"][name]) for name in names]) for record in (one, other))
    seconds = one["core_seconds"] + other["core_seconds"]
    mean = (own + alike(second, second, own)) / 2
    return {**one, "lever": lever, "core_seconds": seconds, "loss": _doubled(names, mean)}


def with_size(score: ArrayLike, params: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of a score and of "more parameters first", both (n,), each in units of its standard deviation."""
    mean: NDArray[np.float64] = (zscore(np.asarray(score, dtype=np.float64)) - zscore(np.log(params))) / 2
    return mean


def _doubled(names: Sequence[str], scores: ArrayLike) -> dict[str, list[float]]:
    """Return scores that have no halves in the form of those that have."""
    return {name: [score, score] for name, score in zip(names, np.asarray(scores).tolist(), strict=True)}
