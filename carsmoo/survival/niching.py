"""NSGA-III's niches: which reference direction a candidate is nearest to, and who is chosen from which.

Everything here gives what pymoo gives, bit for bit and in its ties, without the full matrix of distances where that is
large.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from pymoo.functions import load_function
from scipy.spatial import cKDTree

Indices = NDArray[np.int64]
Points = NDArray[np.float64]

SMALL = 50_000
"""Pairs of a point and a direction up to which pymoo's full matrix of distances is the fastest way."""

LARGE = 1_000_000
"""Pairs above which a search tree is faster than a matrix product."""


def fill_niches(
    room: int,
    counts: NDArray[np.int64],
    niche: Indices,
    distance: NDArray[np.float64],
    random_state: np.random.Generator,
) -> Indices:
    """Choose candidates niche by niche, the emptiest niches first (Deb and Jain 2014, algorithm 4).

    An empty niche takes its nearest candidate, another one any. The random numbers are drawn in pymoo's order.

    Args:
        room: how many to choose, at most n; their indices, (room,), are returned in the order of choice.
        counts: how many each niche holds already, (d,).
        niche: niche of each candidate, (n,).
        distance: distance of each candidate to its niche's direction, (n,).
        random_state: breaks ties among niches and among candidates.
    """
    held: list[int] = counts.tolist()
    far: list[float] = distance.tolist()
    chosen: list[int] = []
    members: dict[int, list[int]] = {}
    for k, direction in enumerate(niche.tolist()):
        members.setdefault(direction, []).append(k)
    while len(chosen) < room:
        fewest = min(held[direction] for direction in members)
        emptiest = np.array(sorted(d for d in members if held[d] == fewest))
        for direction in emptiest[random_state.permutation(len(emptiest))[: room - len(chosen)]].tolist():
            candidates = members[direction]
            if len(candidates) > 1:
                shuffled = np.array(candidates)
                random_state.shuffle(shuffled)
                candidates = shuffled.tolist()
            pick = min(candidates, key=far.__getitem__) if held[direction] == 0 else candidates[0]
            members[direction].remove(pick)
            if not members[direction]:
                del members[direction]
            held[direction] += 1
            chosen.append(pick)
    return np.array(chosen, dtype=np.int64)


def nearest_directions(N: Points, ref_dirs: Points) -> tuple[Indices, NDArray[np.float64]]:
    """Return for each point N (n, m) the nearest direction (d, m), (n,), and its perpendicular distance to it, (n,).

    Equal, bit for bit and in its ties, to the first minimum of pymoo's full matrix of distances. A large one is not
    formed: a matrix product or a search tree finds the directions that can be nearest, and only those are measured.
    """
    pairs = len(N) * len(ref_dirs)
    if pairs <= SMALL:
        distances = _perpendicular(N, ref_dirs)
        niche = distances.argmin(axis=1)
        return niche, distances[np.arange(len(N)), niche]
    units = ref_dirs / np.linalg.norm(ref_dirs, axis=1, keepdims=True)
    if pairs > LARGE and _in_open_orthant(N):
        chords, found = cKDTree(units).query(N / np.linalg.norm(N, axis=1, keepdims=True), k=2)
        niche = found[:, 0].astype(np.int64)
        for k in np.flatnonzero(chords[:, 1] ** 2 - chords[:, 0] ** 2 < 1e-8):
            niche[k] = _perpendicular(N[k : k + 1], ref_dirs).argmin()
    else:
        niche = _by_product(N, ref_dirs, units)
    return niche, _own_distances(N, ref_dirs, niche)


def nearest_candidates(N: Points, ref_dirs: Points, niche: Indices, distance: NDArray[np.float64]) -> Indices:
    """Return the points N (n, m) that are nearest to a direction that has points, ascending, ties to the first of them.

    A point may be nearest to a direction that is not its own, ``niche`` (n,), which it has a ``distance`` (n,) to.
    """
    used = np.unique(niche)
    units = ref_dirs[used] / np.linalg.norm(ref_dirs[used], axis=1, keepdims=True)
    if len(used) * len(N) <= LARGE or not _in_open_orthant(N):
        return np.unique(_nearest_by_product(N, ref_dirs[used], units))
    bound = np.full(len(ref_dirs), np.inf)
    np.minimum.at(bound, niche, distance)
    length = np.linalg.norm(N, axis=1)
    sine = (bound[used] * (1 + 1e-6) + 1e-9) / length.min()  # of the widest angle that a nearer point can have
    wide = sine > 0.2
    found = []
    if wide.any():
        found.append(_nearest_by_product(N, ref_dirs[used[wide]], units[wide]))
    if not wide.all():
        radius = 2 * np.sin(np.arcsin(sine[~wide]) / 2) * (1 + 1e-6)
        around = cKDTree(N / length[:, None]).query_ball_point(units[~wide], radius, return_sorted=True)
        found.append(_nearest_among(N, ref_dirs[used[~wide]], units[~wide], list(around)))
    return np.unique(np.concatenate(found))


def _in_open_orthant(N: Points) -> bool:
    """Return whether all points have an angle that tells their distance: none at the origin, none on a far side."""
    return bool((N >= 0).all() and N.any(axis=1).all())


def _by_product(N: Points, ref_dirs: Points, units: Points) -> Indices:
    niche = np.empty(len(N), dtype=np.int64)
    for rows in _blocks(len(N), len(units)):
        along = np.abs(N[rows] @ units.T)  # the longer, the nearer
        niche[rows] = along.argmax(axis=1)
        longest = along[np.arange(len(along)), niche[rows]]
        close = along >= (longest - 1e-9 * (1 + longest))[:, None]
        for k in np.flatnonzero(np.count_nonzero(close, axis=1) > 1):
            few = np.flatnonzero(close[k])
            niche[rows.start + k] = few[_perpendicular(N[rows][k : k + 1], ref_dirs[few]).argmin()]
    return niche


def _own_distances(N: Points, ref_dirs: Points, niche: Indices) -> NDArray[np.float64]:
    """Return the distance of each point to its own direction, (n,), some directions with their points at a time."""
    distance = np.empty(len(N))
    order = np.argsort(niche, kind="stable")
    used, starts = np.unique(niche[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    for some in _blocks(len(used), 1, cells=16):
        points = order[starts[some.start] : ends[some.stop - 1]]
        matrix = _perpendicular(N[points], ref_dirs[used[some]])
        distance[points] = matrix[np.arange(len(points)), np.searchsorted(used[some], niche[points])]
    return distance


def _nearest_by_product(N: Points, ref_dirs: Points, units: Points) -> Indices:
    """Return for each direction the point that is nearest to it, (d,)."""
    square = (N**2).sum(axis=1)
    margin = 1e-9 * (1 + square.max())
    nearest = np.empty(len(units), dtype=np.int64)
    for rows in _blocks(len(units), len(N)):
        apart = units[rows] @ N.T
        np.subtract(square, np.square(apart, out=apart), out=apart)  # squared distances, up to rounding
        nearest[rows] = apart.argmin(axis=1)
        close = apart <= apart[np.arange(len(apart)), nearest[rows]][:, None] + margin
        for k in np.flatnonzero(np.count_nonzero(close, axis=1) > 1):
            few = np.flatnonzero(close[k])
            nearest[rows.start + k] = few[_perpendicular(N[few], ref_dirs[rows][k : k + 1]).argmin()]
    return nearest


def _nearest_among(N: Points, ref_dirs: Points, units: Points, around: list[list[int]]) -> Indices:
    """Return for each direction the nearest of the points around it, (d,); each has at least one, ascending."""
    sizes = np.array([len(few) for few in around])
    flat = np.concatenate([np.asarray(few, dtype=np.int64) for few in around])
    of = np.repeat(np.arange(len(around)), sizes)
    starts = np.cumsum(sizes) - sizes
    apart = (N[flat] ** 2).sum(axis=1) - (units[of] * N[flat]).sum(axis=1) ** 2
    close = apart <= np.minimum.reduceat(apart, starts)[of] + 1e-9 * (1 + (N**2).sum(axis=1).max())
    nearest = np.empty(len(around), dtype=np.int64)
    nearest[of[close]] = flat[close]
    for k in np.flatnonzero(np.add.reduceat(close, starts, dtype=np.int64) > 1):
        few = flat[starts[k] : starts[k] + sizes[k]][close[starts[k] : starts[k] + sizes[k]]]
        nearest[k] = few[_perpendicular(N[few], ref_dirs[k : k + 1]).argmin()]
    return nearest


def _perpendicular(N: Points, ref_dirs: Points) -> NDArray[np.float64]:
    """Return pymoo's distances of points to directions, (n, d)."""
    return np.asarray(load_function("calc_perpendicular_distance")(N, ref_dirs))


def _blocks(n: int, width: int, cells: int = 1 << 17) -> Iterator[slice]:
    """Yield slices of 0..n-1, so that a matrix of a slice's rows by ``width`` has about ``cells`` entries."""
    step = max(cells // max(width, 1), 1)
    return (slice(start, min(start + step, n)) for start in range(0, n, step))
