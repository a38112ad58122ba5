"""Ways to score architectures, which :mod:`benchmarks.bench_fidelity` holds against the truth sets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Lever:
    """A way to score architectures.

    Args:
        label: in the picture.
        plan: settings of the supernet's training that differ from the defaults.
        epochs_each: epochs of each supernet of an ensemble; None for one supernet that has all.
        images: of search-validation, of each class its share, that networks are scored on, an equal part by each
            supernet.
        follows: whether its scores follow from those of others, see :mod:`benchmarks.truth.derived`.
    """

    label: str
    plan: dict[str, Any]
    epochs_each: int | None = None
    images: int = 1000
    follows: bool = False

    @property
    def fitted(self) -> bool:
        """Whether networks are scored by what their operations add in others."""
        return "main_effects" in self.plan


QUICK = {"batch_size": 32, "learning_rate": 0.1, "learning_rate_min": 0.001, "weight_decay": 5e-4}

LEVERS = {
    "default": Lever(label="one supernet", plan={}),
    "ensemble": Lever(label="supernets of 2 epochs each", plan={}, epochs_each=2),
    "own": Lever(label="own weights", plan={**QUICK, "weights": "own"}),
    "widening": Lever(label="one supernet, widening", plan={"warmup_widening": 0.8}),
    "effects": Lever(label="one supernet, main effects", plan={"main_effects": 384}, images=500),
    "own_effects": Lever(label="own weights, main effects", plan={}, follows=True),
    "both": Lever(label="own weights, main effects, and a supernet's", plan={}, follows=True),
}
"""By name. All fall to their least learning rate at the end of their epochs."""

EPOCHS = {
    "default": (1, 2, 4, 9, 18),
    "ensemble": (4, 8, 16),
    "own": (4, 9, 18, 36),
    "widening": (4, 9, 18),
    "effects": (9, 18, 36),
    "own_effects": (4, 9, 18, 36),
    "both": (4, 9, 18, 36),
}
"""Epochs of search-train that all architectures share, by lever; of both, those with own weights."""

TOLD = {"ensemble": 8, "default": 9, "own": 18, "effects": 9, "own_effects": 18, "both": 18}
"""Of these, those at which figures are told."""
