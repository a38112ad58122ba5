"""Curves of tau over compute: what one needs for the best of another, and where it would reach a level."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FOREVER = 20.0
"""Logarithm of the core-seconds, 15 years, from which on a crossing is called never."""


def gain(before: Sequence[tuple[float, float]], after: Sequence[tuple[float, float]]) -> float | None:
    """Return the compute of the best tau of one curve over the least with which another has it; None if it has not."""
    seconds, best = max(before, key=lambda point: (point[1], -point[0]))
    enough = [s for s, reached in after if reached >= best]
    return seconds / min(enough) if enough else None


def crossing(points: Sequence[tuple[float, float]], level: float) -> float | None:
    """Return the compute at which a line through (compute, tau), over its logarithm, rises to a tau.

    The shortest where that has it already; None if the line does not rise to it, or of one length.
    """
    seconds, taus = np.array(points).reshape(-1, 2).T
    if len(points) < 2 or np.ptp(seconds) == 0:
        return None
    if taus[seconds.argmin()] >= level:
        return float(seconds.min())
    slope, start = np.polyfit(np.log(seconds), taus, 1)
    reached = (level - start) / slope if slope > 0 else np.inf
    return float(np.exp(reached)) if reached < FOREVER else None
