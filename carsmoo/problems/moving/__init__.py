"""Moving problems: the objectives of the same x change over time, because something behind them keeps learning."""

from carsmoo.problems.moving.clock import ClockProblem
from carsmoo.problems.moving.protocol import MovingProblem

__all__ = ["ClockProblem", "MovingProblem"]
