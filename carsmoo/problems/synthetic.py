"""A moving problem in closed form: the small model trap of CARS (sec. 3.3, Figure 3), with its final front known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.sampling.rnd import FloatRandomSampling
from scipy.stats import norm

from carsmoo.operators import RowDuplicates, cars_operators
from carsmoo.problems.moving import ClockProblem
from carsmoo.utils.validation import integer, number, numbers


class SmallModelTrap(ClockProblem):
    """Networks of which the larger end better but learn slower, so that early on the small ones look best.

    A network is x in [0, 1]^n_var. Its size is s = x_1; the other variables are choices, each best at 1/2, whose mean
    squared distance from there, d(x), costs error. At generation t (Departs from a real supernet: the same world
    whatever population trains on it):

    ``error(x, t) = final(x) + (start - final(x)) exp(-t rate(s)) + noise(t, s) z(x, t)``

    - ``final(x) = 0.05 + 0.30 (1 - s)^2 + d(x)``: larger networks end better;
    - ``rate(s) = speed exp(-strength s)``: larger networks learn slower, the more the greater the trap's strength;
    - ``noise(t, s) = noise (1 - s / 2) exp(-t / generations)``: small networks fluctuate more, all less with time; z is
      a standard normal number that depends on x, t and the seed alone.

    The second objective is ``size(s) = 1 + 9 s``.

    Args:
        n_var: variables, at least 2.
        strength: of the trap, at least 0; 0 is none.
        noise: standard deviation of the error at the start, at least 0.
        speed: learning rate of the smallest network, above 0.
        generations: planned length of a run; where the search stops.
        population: default population size.
        seed: of the noise, and of an algorithm that is given none.

    Raises:
        TypeError, ValueError: for an argument that is no number, or out of its range.
    """

    start = 0.9

    def __init__(
        self,
        n_var: int = 6,
        *,
        strength: float = 3.0,
        noise: float = 0.005,
        speed: float = 0.5,
        generations: int = 20,
        population: int = 32,
        seed: int = 0,
    ) -> None:
        integer("n_var", n_var, 2)
        for name, value in (("strength", strength), ("noise", noise), ("speed", speed)):
            number(name, value, 0)
        if speed == 0:
            raise ValueError(f"speed: expected a number above 0, got {speed}")
        plan = {"generations": generations, "population": population, "seed": seed}
        super().__init__(**plan, n_var=n_var, n_obj=2, xl=0.0, xu=1.0, vtype=float)
        self.objective_names = ("error", "size")
        self.strength, self.noise, self.speed = strength, noise, speed

    def default_operators(self) -> dict[str, Any]:
        """CARS's mix with SBX and polynomial mutation in the place of the node-wise operators."""
        return cars_operators(FloatRandomSampling(), SBX(eta=15, prob=0.9), PM(eta=20), RowDuplicates())

    def check(self, X: Any) -> NDArray[np.float64]:
        """Return ``X`` as numbers, (n, n_var).

        Raises:
            ValueError: for another shape, or values that are no numbers in 0..1.
        """
        A = numbers("X", super().check(X))
        outside = ~((A >= 0) & (A <= 1))
        if outside.any():
            raise ValueError(f"X: expected numbers in 0..1, got {A[outside][0]}")
        return A

    def final_error(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the error that each network reaches in the end, (n,)."""
        distance = ((X[:, 1:] - 0.5) ** 2).mean(axis=1)
        return np.asarray(0.05 + 0.30 * (1 - X[:, 0]) ** 2 + distance)

    def final_values(self, X: Any) -> NDArray[np.float64]:
        """Return the objectives at the end of all learning, without noise, (n, 2)."""
        X = self.check(X)
        return np.column_stack([self.final_error(X), self._fixed_values(X)])

    def _moving_values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        size, final = X[:, 0], self.final_error(X)
        left = np.exp(-self.time * self.speed * np.exp(-self.strength * size))
        deviation = self.noise * (1 - size / 2) * np.exp(-self.time / self.generations)
        return np.asarray(final + (self.start - final) * left + deviation * self._normal(X))

    def _normal(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a standard normal number for each row, (n,), a function of row, time and seed."""
        weights = np.random.default_rng([self.seed or 0, self.time]).uniform(1e3, 1e4, self.n_var)
        uniform = np.modf(np.abs(np.sin((X + 0.1) * weights).sum(axis=1)) * 1e4)[0]
        return np.asarray(norm.ppf(np.clip(uniform, 1e-6, 1 - 1e-6)))

    def _fixed_values(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(1 + 9 * X[:, 0])

    def _calc_pareto_front(self, n_points: int = 200) -> NDArray[np.float64]:
        """Final front in closed form: all choices at their best, sizes from the smallest to the largest."""
        X = np.full((n_points, self.n_var), 0.5)
        X[:, 0] = np.linspace(0, 1, n_points)
        return self.final_values(X)
