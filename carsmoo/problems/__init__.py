"""Problems that need no torch: the protocol of moving problems."""

from carsmoo.problems.moving import MovingProblem

__all__ = ["MovingProblem"]
