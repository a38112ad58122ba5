"""The table that a run prints, a row a generation: size of the front, its best values, its hypervolume."""

from __future__ import annotations

from typing import Any

import numpy as np
from moocore import hypervolume, is_nondominated
from numpy.typing import ArrayLike, NDArray
from pymoo.util.display.column import Column
from pymoo.util.display.output import Output

from carsmoo.space.words import Column as Told


class FrontOutput(Output):  # type: ignore[misc]
    """The verbose table's columns: generation, evaluations, front size, best value of each objective, hypervolume.

    The hypervolume is that of the front's objectives in units of the first generation's worst values, with the worst as
    reference point: 0 is no better than the first generation's worst, 1 is everything at zero. Where a problem has a
    ``trust`` (:class:`~carsmoo.Trust`), its ceiling is a column, and so is its agreement with probes where it has any.
    """

    def __init__(self) -> None:
        super().__init__()
        self.front = Column("front", width=6)
        self.hv = Column("hypervolume", width=11)
        self.trust, self.probes = Column("trust", width=5), Column("probes", width=6)
        self.best: list[Column] = []
        self.worst: NDArray[np.float64] | None = None

    def state(self) -> list[float] | None:
        """Return what later rows refer to: the first generation's worst values."""
        return None if self.worst is None else self.worst.tolist()

    def load_state(self, state: list[float] | None) -> None:
        """Refer to what :meth:`state` returned."""
        self.worst = None if state is None else np.array(state)

    def initialize(self, algorithm: Any) -> None:
        """Make a column for each objective, by its name where the problem tells it."""
        names = getattr(algorithm.problem, "objective_names", None)
        names = names or [f"f{k + 1}" for k in range(algorithm.problem.n_obj)]
        self.best = [Column(f"best {name}", width=max(11, 5 + len(name))) for name in names]
        self.columns = [self.n_gen, self.n_eval, self.front, *self.best, self.hv]
        if hasattr(algorithm.problem, "trust"):
            self.columns.append(self.trust)
        if getattr(getattr(algorithm.problem, "training", None), "probes", 0):
            self.columns.append(self.probes)

    def update(self, algorithm: Any) -> None:
        """Read the row from an algorithm."""
        super().update(algorithm)
        trust = getattr(algorithm.problem, "trust", None)
        ceiling = getattr(trust, "ceiling", None)
        bound = "" if getattr(trust, "members", None) is not None else "≤"  # of images alone
        self.trust.set(None if ceiling is None else f"{bound}{ceiling:.2f}")
        probes = getattr(trust, "probes", None)
        self.probes.set(None if probes is None else f"{probes:.2f}")
        feasible = algorithm.pop[algorithm.pop.get("feas")]
        if len(feasible) == 0:
            self.front.set(0)
            for column in (*self.best, self.hv):
                column.set(None)
            return
        F = feasible.get("F")
        if self.worst is None:
            self.worst = F.max(axis=0)
        self.front.set(int(is_nondominated(F, keep_weakly=True).sum()))
        units = getattr(algorithm.problem, "objective_units", [""] * len(self.best))
        for column, value, unit in zip(self.best, F.min(axis=0).tolist(), units, strict=True):
            column.set(Told.of("", unit, [value]).text(value) if unit else f"{value:.4g}")
        self.hv.set(f"{relative_hypervolume(F, self.worst):.4f}")


def relative_hypervolume(F: ArrayLike, worst: ArrayLike) -> float:
    """Return the hypervolume of ``F`` (n, m), minimised, in units of the box between zero and ``worst`` (m,).

    Of an objective whose worst value is not above zero, such as one that is maximised, the unit is 1, and of one that
    falls below zero there is more than the box holds: it then tells progress, but no share.
    """
    F, worst = np.asarray(F, dtype=np.float64), np.asarray(worst, dtype=np.float64)
    scale = np.where(worst > 0, worst, 1.0)
    return float(hypervolume(F / scale, ref=worst / scale))
