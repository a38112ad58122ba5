"""Standstill: an algorithm comes to its next generation, and a moving problem's time has not passed since its last."""

from __future__ import annotations

import warnings
from typing import Any


class Standstill:
    """What a problem has seen of an algorithm's generations, to warn once when they pass while its time stands still.

    Args:
        problem: the name of the problem's class, for the warning.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        self._seen = (0, 0)  # the last iteration of an algorithm that evaluated, and the problem's time then
        self._told = False

    def watch(self, algorithm: Any, time: int) -> None:
        """Warn of an algorithm, as pymoo's evaluator names it, that evaluates while the problem is at a time.

        One that advances the problem by itself is not watched, nor is one that counts no iterations.
        """
        iteration = getattr(algorithm, "n_iter", None)
        if iteration is None or getattr(algorithm, "advances_problem", False):
            return
        before, self._seen = self._seen, (iteration, time)
        if not self._told and before == (iteration - 1, time) and iteration > 1:
            self._told = True
            name = type(algorithm).__name__
            warnings.warn(
                f"{self.problem} has not advanced since the last generation of {name}: derive from Continuous "
                f"and {name}, or pass callback=TimeSimulation()",
                RuntimeWarning,
                stacklevel=3,
            )
