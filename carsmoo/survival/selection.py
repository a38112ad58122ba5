"""pNSGA-III as pure steps, and the pymoo survival that calls them.

NSGA-III is Deb and Jain (2014), as pymoo computes it. pNSGA-III is Yang et al. (CARS, CVPR 2020), sec. 3.3: a second
non-dominated sort protects what still grows fast, and the two lists of Pareto stages are merged stage by stage.
Departs: the last stage is cut by NSGA-III's niching (the paper does not say how it is cut).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymoo.algorithms.moo.nsga3 import HyperplaneNormalization
from pymoo.core.population import Population
from pymoo.core.survival import Survival
from pymoo.util.nds.non_dominated_sorting import NonDominatedSorting

from carsmoo.survival.niching import fill_niches, nearest_candidates, nearest_directions
from carsmoo.utils.validation import array, instance, numbers, shown

Indices: TypeAlias = NDArray[np.int64]
Protection: TypeAlias = Literal["growth", "size"] | None


class Selection(NamedTuple):
    """Who survives, and what NSGA-III knows of every candidate.

    Attributes:
        survivors: indices of the survivors, (n_survive,), in the order of their stages.
        rank: stage of each candidate, (n,).
        niche: reference direction that each candidate is nearest to, (n,).
        distance: perpendicular distance to it after normalisation, (n,).
        optimum: indices of the first stage of F that are nearest to a reference direction that has candidates; the
            whole first stage where there are none.
    """

    survivors: Indices
    rank: Indices
    niche: Indices
    distance: NDArray[np.float64]
    optimum: Indices


def pareto_stages(F: ArrayLike) -> list[Indices]:
    """Sort into Pareto stages: the non-dominated, those non-dominated without them, and so on.

    Args:
        F: objectives, (n, m), minimised.

    Returns:
        For each stage the ascending indices of its members; together they hold each of 0..n-1 once.

    Raises:
        ValueError: if ``F`` is not two-dimensional or not finite.

    Example:
        >>> from carsmoo.survival import pareto_stages
        >>> [stage.tolist() for stage in pareto_stages([[1, 2], [2, 1], [2, 3], [3, 3]])]
        [[0, 1], [2], [3]]
    """
    return [np.asarray(stage, dtype=np.int64) for stage in NonDominatedSorting().do(_objectives("F", F))]


def merge_stages(R: Sequence[Indices], Q: Sequence[Indices]) -> list[Indices]:
    """Merge two lists of Pareto stages, U_i = R_i with Q_i (CARS sec. 3.3).

    Args:
        R: stages by the objectives.
        Q: stages by the protected objectives, of the same candidates.

    Returns:
        The merged stages, ascending within each; a candidate is only in the first stage that has it, and stages that
        this leaves empty are left out.

    Raises:
        ValueError: for a stage that is no array of indices.

    Example:
        >>> import numpy as np
        >>> from carsmoo.survival import merge_stages
        >>> by_objectives, by_growth = [np.array([0]), np.array([1, 2])], [np.array([2]), np.array([0, 1])]
        >>> [stage.tolist() for stage in merge_stages(by_objectives, by_growth)]
        [[0, 2], [1]]
    """
    for name, stages in (("R", R), ("Q", Q)):
        if not isinstance(stages, Sequence) or not all(_are_indices(stage) for stage in stages):
            raise ValueError(f"{name}: expected stages of indices, got {shown(stages)}")
    merged: list[Indices] = []
    seen: set[int] = set()
    for i in range(max(len(R), len(Q))):
        members = {int(k) for stages in (R, Q) if i < len(stages) for k in stages[i]} - seen
        seen |= members
        if members:
            merged.append(np.array(sorted(members), dtype=np.int64))
    return merged


def select(
    F: ArrayLike,
    F_protected: ArrayLike | None,
    n_survive: int,
    ref_dirs: ArrayLike,
    random_state: np.random.Generator,
    norm: HyperplaneNormalization | None = None,
) -> Indices:
    """Choose the survivors by pNSGA-III, or by NSGA-III where nothing is protected.

    Whole stages are kept in ascending order; of the last one, NSGA-III's niching on ``F`` keeps as many as there is
    room for, counting over those already kept.

    Args:
        F: objectives, (n, m), minimised.
        F_protected: what the second sort minimises, (n, k); None for NSGA-III.
        n_survive: how many to keep, 1..n.
        ref_dirs: reference directions, (d, m).
        random_state: breaks ties among directions and candidates, as in pymoo.
        norm: carries ideal point, extreme points and nadir point from one call to the next, and is updated. None starts
            afresh.

    Returns:
        Indices of the survivors, (n_survive,).

    Raises:
        TypeError: for a ``random_state`` that is no generator.
        ValueError: for arrays that do not fit each other or are not finite, or an ``n_survive`` out of range.

    Example:
        >>> import numpy as np
        >>> from carsmoo.survival import select
        >>> F = [[1, 2], [2, 1], [2, 3], [3, 3]]
        >>> select(F, None, 2, [[0, 1], [1, 0]], np.random.default_rng(0)).tolist()
        [0, 1]
    """
    return selection(F, F_protected, n_survive, ref_dirs, random_state, norm).survivors


def selection(
    F: ArrayLike,
    F_protected: ArrayLike | None,
    n_survive: int,
    ref_dirs: ArrayLike,
    random_state: np.random.Generator,
    norm: HyperplaneNormalization | None = None,
) -> Selection:
    """Choose the survivors as :func:`select` does, and tell what was found on the way."""
    F, ref_dirs = _objectives("F", F), _objectives("ref_dirs", ref_dirs)
    n, m = F.shape
    if ref_dirs.shape[1] != m or len(ref_dirs) == 0:
        raise ValueError(f"ref_dirs: expected (d, {m}) as F has {m} objectives, got {ref_dirs.shape}")
    if not ref_dirs.any(axis=1).all():
        raise ValueError("ref_dirs: expected directions, got a row of zeros")
    if isinstance(n_survive, bool) or not isinstance(n_survive, (int, np.integer)) or not 1 <= n_survive <= n:
        raise ValueError(f"n_survive: expected 1..{n}, got {n_survive!r}")
    R = stages = pareto_stages(F)
    if F_protected is not None:
        F_protected = _objectives("F_protected", F_protected)
        if len(F_protected) != n:
            raise ValueError(f"F_protected: expected {n} rows as in F, got {len(F_protected)}")
        stages = merge_stages(R, pareto_stages(F_protected))
    instance("random_state", random_state, np.random.Generator)

    normalised = _normalised(F, R[0], norm)
    niche, distance = nearest_directions(normalised, ref_dirs)
    *whole, last = _needed(stages, n_survive)
    kept = np.concatenate([np.empty(0, dtype=np.int64), *whole])
    if (room := n_survive - len(kept)) < len(last):
        counts = np.bincount(niche[kept], minlength=len(ref_dirs))
        last = last[fill_niches(room, counts, niche[last], distance[last], random_state)]
    survivors = np.concatenate([kept, last])

    rank = np.empty(n, dtype=np.int64)
    for k, stage in enumerate(stages):
        rank[stage] = k
    considered = np.concatenate(_needed(R, n_survive))
    members = normalised[considered], ref_dirs, niche[considered], distance[considered]
    nearest = considered[nearest_candidates(*members)]
    optimum = R[0][np.isin(R[0], nearest)]
    optimum = optimum if len(optimum) else R[0]
    return Selection(survivors, rank, niche, distance, optimum)


def _needed(stages: Sequence[Indices], n_survive: int) -> list[Indices]:
    """Return the stages up to the one that fills ``n_survive`` places."""
    ends = np.cumsum([len(stage) for stage in stages])
    return list(stages[: int(np.searchsorted(ends, n_survive)) + 1])


def _normalised(F: NDArray[np.float64], first: Indices, norm: HyperplaneNormalization | None) -> NDArray[np.float64]:
    """Return F in units of the box from the ideal to the nadir point, found with ``first`` as the front."""
    norm = HyperplaneNormalization(F.shape[1]) if norm is None else norm
    with warnings.catch_warnings():  # pymoo sets a filter for the whole process in there
        norm.update(F, nds=first)
    span = norm.nadir_point - norm.ideal_point
    return np.asarray((F - norm.ideal_point) / np.where(span == 0, 1e-12, span))


def _are_indices(stage: Any) -> bool:
    A = array("stage", stage)
    return A.ndim == 1 and (A.size == 0 or (A.dtype.kind in "iu" and bool((A >= 0).all())))


def _objectives(name: str, value: ArrayLike) -> NDArray[np.float64]:
    A = numbers(name, value)
    if A.ndim != 2:
        raise ValueError(f"{name}: expected two dimensions, got shape {A.shape}")
    if not np.isfinite(A).all():
        row, column = np.argwhere(~np.isfinite(A))[0]
        raise ValueError(f"{name}: expected finite numbers, got {A[row, column]} in row {row}")
    return A


def protected_objectives(
    F: NDArray[np.float64], growth: NDArray[np.float64], moving: Sequence[int], protection: Protection
) -> NDArray[np.float64] | None:
    """Return what the second sort minimises, (n, m), or None for none.

    Args:
        F: objectives, (n, m), minimised.
        growth: how much each moving objective improved over the last interval, (n, len(moving)), positive = better.
        moving: indices of the moving objectives.
        protection: ``"growth"``, the paper's: each moving objective is replaced by minus its growth. ``"size"``: the
            fixed objectives are reversed, as in the released code, all at once; that code sorts by each of several by
            itself. None: nothing is protected.
    """
    if protection is None or not moving:
        return None
    protected = F.copy()
    if protection == "growth":
        protected[:, list(moving)] = -growth
    else:
        fixed = [k for k in range(F.shape[1]) if k not in moving]
        protected[:, fixed] *= -1
    return protected


class PNSGA3Survival(Survival):  # type: ignore[misc]
    """pNSGA-III's survival for pymoo; on a problem that does not move it is NSGA-III's.

    Args:
        ref_dirs: reference directions, (d, m).
        moving: indices of the objectives that move; empty for a static problem.
        protection: see :func:`protected_objectives`.

    Attributes:
        opt: the optimum after the last call, as pymoo's NSGA-III defines it.
        norm: the normalisation that a static problem keeps over generations; None on a moving one, where an old ideal
            point may be one that nothing reaches any more.
    """

    def __init__(
        self, ref_dirs: NDArray[np.float64], moving: Sequence[int] = (), protection: Protection = "growth"
    ) -> None:
        super().__init__(filter_infeasible=True)
        self.ref_dirs = ref_dirs
        self.moving = tuple(moving)
        self.protection = protection
        self.opt: Any = Population.empty()
        self.norm = None if self.moving else HyperplaneNormalization(ref_dirs.shape[1])

    @property
    def needs_growth(self) -> bool:
        """Whether :class:`~carsmoo.Continuous` has to measure growth for it."""
        return bool(self.moving) and self.protection == "growth"

    def _do(
        self, problem: Any, pop: Any, *args: Any, n_survive: int = 0, random_state: Any = None, **kwargs: Any
    ) -> Any:
        F = np.array([individual.F for individual in pop])
        grown = [individual.get("growth") if self.needs_growth else () for individual in pop]
        protected = None
        if len(pop) > n_survive and all(growth is not None for growth in grown):  # not at the start, where all stay
            protected = protected_objectives(F, np.array(grown), self.moving, self.protection)
        found = selection(F, protected, n_survive, self.ref_dirs, random_state, self.norm)
        columns = zip(found.rank.tolist(), found.niche.tolist(), found.distance.tolist(), strict=True)
        for individual, (rank, niche, distance) in zip(pop, columns, strict=True):
            individual.data.update(rank=rank, niche=niche, dist_to_niche=distance)
        self.opt = pop[found.optimum]
        return pop[found.survivors]
