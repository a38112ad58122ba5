"""Problems whose world is its clock: objectives that change with time alone, as those of tables and formulas do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.problems.moving.protocol import MovingProblem
from carsmoo.utils.trees import Arrays
from carsmoo.utils.validation import integer


class ClockProblem(MovingProblem):
    """A moving problem that changes with time alone, whatever population advances it.

    Args:
        generations: planned length of a run, at least 1.
        population: default population size, at least 1.
        **kwargs: as for :class:`MovingProblem`.

    Raises:
        TypeError, ValueError: for a number that is no integer or below 1.
    """

    def __init__(self, *, generations: int, population: int, **kwargs: Any) -> None:
        for name, value in (("generations", generations), ("population", population)):
            integer(name, value, 1)
        super().__init__(**kwargs)
        self.generations, self.population = generations, population
        self.default_pop_size = population
        self.default_termination = MaximumGenerationTermination(generations + 1)  # the first one only scores

    def _advance(self, X: NDArray[Any]) -> None:
        """The clock that the base class keeps is all that moves."""

    def _restart(self) -> None:
        """There is nothing to undo but the clock."""

    def _state(self) -> Arrays:
        """The clock that the base class keeps is all there is."""
        return {}

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """There is nothing to take over but the clock."""
