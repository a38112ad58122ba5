"""Ways to score architectures, which :mod:`benchmarks.bench_fidelity` holds against the truth sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.truth.kinds import Fair, FewShot, FromSupernet, Nested, Present, Sandwich, StrictlyFair
from carsmoo.config.supernet import SupernetTraining

Kind = Callable[..., Any]
"""Makes weights of a space, a network's shape, a plan, images and a seed; see :mod:`benchmarks.truth.kinds`."""


@dataclass(frozen=True, kw_only=True)
class Lever:
    """A way to score architectures.

    Args:
        label: in the picture.
        plan: settings of the supernet's training that differ from the defaults.
        epochs_each: epochs of each supernet of an ensemble; None where their number does not follow from the epochs.
        supernets: their number then.
        images: of search-validation, of each class its share, that networks are scored on, an equal part by each
            supernet.
        flip: whether images are mirrored in training where the data's are.
        kind: of weights, if of none that a search has.
        follows: whether its scores follow from those of others, see :mod:`benchmarks.truth.derived`.
    """

    label: str
    plan: dict[str, Any]
    epochs_each: int | None = None
    supernets: int = 1
    images: int = 1000
    flip: bool = True
    kind: Kind | None = None
    follows: bool = False

    @property
    def fitted(self) -> bool:
        """Whether networks are scored by what their operations add in others."""
        return "main_effects" in self.plan

    @property
    def classified(self) -> bool:
        """Whether networks are scored by classifiers of their own."""
        return "classifier_images" in self.plan


OWN: dict[str, Any] = {"weights": "own"}

QUICK = {"batch_size": 32, "learning_rate": 0.1, "learning_rate_min": 0.001, "weight_decay": 5e-4}
"""What trains a network alone fast."""


CLASSIFIERS: dict[str, Any] = {"classifier_images": 1000}


def rated(subnets: int) -> dict[str, Any]:
    """Return settings with so many subnets a step, whose gradients are as if added up instead of averaged."""
    usual = SupernetTraining()
    rates = {name: subnets * getattr(usual, name) for name in ("learning_rate", "learning_rate_min")}
    return {"subnets_per_step": subnets, **rates}


LEVERS = {
    "default": Lever(label="one supernet", plan={}),
    "ensemble": Lever(label="supernets of 2 epochs each", plan={}, epochs_each=2),
    "own": Lever(label="own weights", plan={**QUICK, **OWN}),
    "widening": Lever(label="one supernet, widening", plan={"warmup_widening": 0.8}),
    "effects": Lever(label="one supernet, main effects", plan={"main_effects": 384}, images=500),
    "refitted": Lever(label="one supernet, own classifiers", plan=CLASSIFIERS),
    "refitted_effects": Lever(
        label="one supernet, own classifiers, main effects", plan={**CLASSIFIERS, "main_effects": 384}, images=500
    ),
    "untrained": Lever(label="four untrained supernets, own classifiers", plan=CLASSIFIERS, supernets=4),
    "fair": Lever(label="one supernet, fair", plan={}, kind=Fair),
    "strict": Lever(label="one supernet, strictly fair", plan=rated(8), kind=StrictlyFair),
    "strict_effects": Lever(
        label="one supernet, strictly fair, main effects",
        plan={**rated(8), "main_effects": 384},
        images=500,
        kind=StrictlyFair,
    ),
    "several": Lever(label="one supernet, 4 subnets a step", plan=rated(4)),
    "sandwich": Lever(label="one supernet, taught by large subnets", plan=rated(4), kind=Sandwich),
    "present": Lever(label="one supernet, no edge absent", plan={}, kind=Present),
    "nested": Lever(label="one supernet, nested kernels", plan={}, kind=Nested),
    "plain": Lever(label="one supernet, no decay, no flips", plan={"weight_decay": 0.0}, flip=False),
    "calibrated": Lever(label="one supernet, calibrated on 1,024 images", plan={"bn_calibration_images": 1024}),
    "few_shot": Lever(label="four supernets from one", plan={}, kind=FewShot),
    "adapted": Lever(label="one supernet, adapted", plan=OWN, kind=partial(FromSupernet, share=0.75)),
    "grown": Lever(label="own weights from a supernet", plan={**QUICK, **OWN}, kind=partial(FromSupernet, share=0.5)),
    "own_effects": Lever(label="own weights, main effects", plan={}, follows=True),
    "both": Lever(label="own weights, main effects, and a supernet's", plan={}, follows=True),
    "both_refitted": Lever(label="the same, own classifiers in the supernet", plan={}, follows=True),
}
"""By name. All fall to their least learning rate at the end of their epochs."""

TRIED = (
    *("fair", "strict", "strict_effects", "several", "sandwich", "present"),
    *("nested", "plain", "calibrated", "few_shot", "adapted", "grown"),
)
"""Those that were measured at about one budget, to see whether they are worth having; none is a default."""

OFFERED = tuple(name for name in LEVERS if name not in TRIED)

EPOCHS = {
    "default": (1, 2, 4, 9, 18),
    "ensemble": (4, 8, 16),
    "own": (4, 9, 18, 36),
    "widening": (4, 9, 18),
    "effects": (9, 18, 36),
    "refitted": (0, 2, 9),
    "refitted_effects": (9,),
    "untrained": (0,),
    "fair": (9,),
    "strict": (1,),
    "strict_effects": (1,),
    "several": (2,),
    "sandwich": (2,),
    "present": (9,),
    "nested": (9,),
    "plain": (9,),
    "calibrated": (9,),
    "few_shot": (9,),
    "adapted": (12,),
    "grown": (18,),
    "own_effects": (4, 9, 18, 36),
    "both": (4, 9, 18, 36),
    "both_refitted": (4, 9, 18, 36),
}
"""Epochs of search-train that all architectures share, by lever; of both, those with own weights."""

TOLD = {
    **{"ensemble": 8, "default": 9, "own": 18, "effects": 9, "own_effects": 18, "both": 18, "both_refitted": 18},
    **{"refitted": 9, "refitted_effects": 9, "untrained": 0},
    **{name: max(EPOCHS[name]) for name in TRIED},
}
"""Of these, those at which figures are told."""
