"""Schedules of the learning rate that trainings of different kinds share."""

from __future__ import annotations

RISE = 0.15
"""Share of a one-cycle schedule over which the learning rate rises."""


def one_cycle(done: float) -> float:
    """Return the learning rate over its highest when a share ``done`` of all steps, 0 to 1, is done.

    It rises from 0 and falls to 0, linearly (Smith and Topin 2018).
    """
    return max(min(done / RISE, (1 - done) / (1 - RISE)), 0.0)
