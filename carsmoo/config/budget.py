"""What fits in a time: the plan of a search from the images, and from what a step and a score take of a machine.

Nothing here measures; see :mod:`carsmoo.nets.supernet.budget`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from carsmoo.config.network import NetworkConfig, Stem
from carsmoo.config.supernet import PROBE_STEPS, SupernetTraining
from carsmoo.space.search_space import SearchSpace

ENOUGH = 150
"""Steps that an operation should be trained for before a wider or deeper network is worth its time."""

STEPS = 1650, 750
"""Steps of warm-up and of all generations where no time is told: those of the demo."""

RESERVE = 12.0, 0.04
"""Seconds, and share of a budget, that are left to imports, pictures and noise."""

WARM = 0.55
"""Share of the time that the warm-up takes, the first scores included."""

SMALLER = 0.85
"""What a step of a generation takes of one in the warm-up: networks kept are smaller than those drawn uniformly."""

GENERATIONS = 3, 10, 50
"""Fewest, as many as are worth scoring on fewer images, and most."""

SCORED = (2000, 1000, 500, 250, 120)
"""Images of search-validation that networks may be scored on; the fewest for main effects (docs/weights.md)."""

SMALL = 48
"""Shorter side of images, in px, up to which they are taken as they are, or halved where time is short."""

LARGE = 96
"""Shorter side, in px, from which a network begins with three layers of stride 2."""


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of a search, as far as its plan depends on them.

    Attributes:
        train: how many train the shared weights.
        validation: how many there are to score networks on.
        shape: (channels, height, width) of one.
        classes: how many classes they have.
    """

    train: int
    validation: int
    shape: tuple[int, int, int]
    classes: int


@dataclass(frozen=True, kw_only=True)
class Rates:
    """What a machine needs.

    Attributes:
        step: seconds of a training step on one batch, a mean over architectures.
        network: seconds that a network of a population needs to be scored, however many images there are.
        image: seconds that it needs for each image that it is scored on or calibrated with.
        first: seconds of a step on the architecture with which a warm-up that widens begins; None where none does.
    """

    step: float
    network: float
    image: float
    first: float | None = None

    def scaled(self, factor: float) -> Rates:
        """Return what networks need that take so many times the time."""
        first = None if self.first is None else factor * self.first
        return Rates(step=factor * self.step, network=factor * self.network, image=factor * self.image, first=first)

    def warm_up(self, widening: float) -> float:
        """Return the mean seconds of a step of a warm-up, over a part of which it widens evenly from the first."""
        return self.step if self.first is None else self.step + widening / 2 * (self.first - self.step)

    def scoring(self, networks: int, images: int) -> float:
        """Return the seconds that scoring so many networks on so many images takes."""
        return networks * (self.network + images * self.image)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A size of networks and images; each of :func:`ladder` takes more time than the one before it.

    Attributes:
        channels: of the first cell.
        layers: cells.
        stem: of the network.
        size: (height, width) of images.
    """

    channels: int
    layers: int
    stem: Stem
    size: tuple[int, int]

    @property
    def work(self) -> float:
        """What a step takes, about, in arbitrary units; small networks wait for Python, not for numbers."""
        pixels = self.size[0] * self.size[1] / (64 if self.stem == "imagenet" else 1)
        return float(self.layers * (self.channels**1.5 * pixels + 1e4))

    def network(self, like: NetworkConfig) -> NetworkConfig:
        """Return the network of this size, in all else like another one."""
        return dataclasses.replace(like, channels=self.channels, layers=self.layers, stem=self.stem)


def ladder(size: tuple[int, int], given: NetworkConfig | None, *, resizable: bool) -> list[Rung]:
    """Return the sizes that a plan may take, the cheapest first.

    Args:
        size: (height, width) of the images as they are.
        given: a network whose width, depth and stem are kept; None where they are free.
        resizable: whether images may be scaled down.
    """
    short = min(size)
    stem: Stem = "imagenet" if short >= LARGE else "cifar"
    rungs = []
    for channels, layers, side in _sizes(short):
        scaled = _scaled(size, side) if resizable and side < short else size
        if given is None:
            rungs.append(Rung(channels=channels, layers=layers, stem=stem, size=scaled))
        else:
            rungs.append(Rung(channels=given.channels, layers=given.layers, stem=given.stem, size=scaled))
    return list(dict.fromkeys(rungs))


def _sizes(short: int) -> tuple[tuple[int, int, int], ...]:
    """Return channels, cells and the shorter side of images of each rung, where the images' own is ``short``."""
    if short >= LARGE:
        return (4, 3, 64), (8, 3, 96), (8, 5, 96), (16, 5, 128), (16, 8, 128), (24, 8, 160), (36, 8, 224)
    if short > SMALL:
        return (4, 3, 16), (8, 3, 32), (8, 5, 32), (16, 5, 48), (16, 8, 48), (24, 8, 64), (36, 8, 64)
    half = short // 2 if short >= SMALL // 2 else short
    larger = ((8, 3), (8, 5), (16, 5), (16, 8), (24, 8), (36, 8))
    return (4, 3, half), (8, 3, half), *((channels, layers, short) for channels, layers in larger)


def _scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return a size whose shorter side is ``side``, and whose longer one is at most twice that."""
    height, width = size
    ratio = min(max(height, width) / min(height, width), 2.0)
    longer = round(side * ratio)
    return (side, longer) if height <= width else (longer, side)


def batch_of(images: Images, given: SupernetTraining) -> int:
    """Return the images of a step: half the usual number where an epoch has fewer than ten steps."""
    usual = SupernetTraining.batch_size
    return usual // 2 if given.batch_size == usual and images.train < 10 * usual else given.batch_size


def untimed(images: Images, given: SupernetTraining) -> SupernetTraining:
    """Return the plan that has about as many steps as the demo, whatever the number of images.

    Warm-up, generations and epochs of each that differ from the usual ones are kept.
    """
    batch = batch_of(images, given)
    per_epoch = max(images.train // batch, 1)
    warm, later = (-(-steps // per_epoch) for steps in STEPS)
    fewest, most = GENERATIONS[:2] if given.networks_drawn else GENERATIONS[1:]
    count = SCORED[-1] if given.networks_drawn else SCORED[1]
    epochs = max(later // most, 1)
    planned: dict[str, Any] = {
        "warmup_epochs": max(warm, 1),
        "n_generations": min(max(later // epochs, fewest), most),
        "epochs_per_generation": epochs,
    }
    kept = {name for name in planned if getattr(given, name) != getattr(SupernetTraining, name)}
    return dataclasses.replace(
        given,
        budget=None,
        batch_size=batch,
        **{name: value for name, value in planned.items() if name not in kept},
        score_images=given.score_images if images.validation <= count else given.score_images or count,
    )


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A plan of a search, and what it takes.

    Attributes:
        training: the plan.
        seconds: that it is expected to take.
        updates: steps that the median operation is trained for.
    """

    training: SupernetTraining
    seconds: float
    updates: float


def timed(seconds: float, images: Images, rates: Rates, given: SupernetTraining, space: SearchSpace) -> Timed | None:
    """Return the plan that fills a time, None where no useful one fits in it.

    Args:
        seconds: that are left for all of the search.
        images: what it sees.
        rates: what the machine needs for the network.
        given: settings that are kept, but for warm-up, generations and epochs; and for the images of a step and of a
            score where they are the usual ones.
        space: the architectures.
    """
    batch = batch_of(images, given)
    per_epoch = max(images.train // batch, 1)
    epoch, calibration = per_epoch * rates.step, min(given.bn_calibration_images, images.train)
    alone = probed_at_most(given) * PROBE_STEPS * rates.step  # at most about the supernet's step
    usable = seconds * (1 - RESERVE[1]) - RESERVE[0] - alone
    share = (1 - WARM) * usable
    counts = [images.validation, *(n for n in SCORED if n < images.validation)]
    if given.score_images is not None:
        counts = [min(given.score_images, images.validation)]
    networks, times, most = given.pop_size, 3, GENERATIONS[2]
    if given.networks_drawn:  # many networks on few images, once a generation, whatever the population
        networks, times, most, counts = given.networks_drawn, 1, GENERATIONS[1], counts[-1:]
    found = None
    for count in counts:
        scoring = rates.scoring(networks, count + calibration)
        epochs, generations = _generations(share, SMALLER * epoch, times * scoring, most)
        if generations >= GENERATIONS[0]:
            found = count, scoring, epochs, generations
        if generations >= GENERATIONS[1]:
            break
    if found is None:
        return None
    count, scoring, epochs, generations = found
    later = generations * (epochs * SMALLER * epoch + times * scoring)
    warm_epoch = per_epoch * rates.warm_up(given.warmup_widening)
    warm = int((usable - later - scoring) / warm_epoch)
    if warm < 1:
        return None
    plan = dataclasses.replace(
        given,
        budget=None,
        batch_size=batch,
        warmup_epochs=warm,
        n_generations=generations,
        epochs_per_generation=epochs,
        score_images=None if count >= images.validation else count,
    )
    told = seconds * RESERVE[1] / 2 + RESERVE[0] + alone + warm * warm_epoch + scoring + later
    return Timed(training=plan, seconds=told, updates=updates_of(space, plan, per_epoch))


def _generations(seconds: float, epoch: float, scoring: float, most: int) -> tuple[int, int]:
    """Return epochs of a generation, and generations, that fit in a time; each trains no shorter than it scores."""
    epochs = max(round(scoring / epoch), 1)
    generations = min(int(seconds / (epochs * epoch + scoring)), most)
    if generations:
        epochs = max(int((seconds / generations - scoring) / epoch), epochs)
    return epochs, generations


def probed_at_most(plan: SupernetTraining) -> int:
    """Return how many networks a search trains as probes at most: of a population, and of one with its newborns."""
    return min(plan.probes, plan.pop_size) + probed_at_end(plan)


def probed_at_end(plan: SupernetTraining) -> int:
    """Return how many networks of the last population planned and its newborns are trained as probes at most."""
    return min(plan.probes, 2 * plan.pop_size)


def updates_of(space: SearchSpace, plan: SupernetTraining, per_epoch: int) -> float:
    """Return the steps that the median operation is trained for, of architectures drawn uniformly.

    Of a warm-up that widens a step counts as far as it is drawn, as if the median operation were not of the first.
    """
    drawn = plan.planned_epochs - plan.warmup_widening / 2 * plan.warmup_epochs
    return per_epoch * drawn / steps_for(space, plan, 1.0)


def steps_for(space: SearchSpace, plan: SupernetTraining, updates: float) -> float:
    """Return the steps in which the median operation is trained for so many, see :func:`updates_of`."""
    return updates * space.options / plan.subnets_per_step


def least_seconds(images: Images, rates: Rates, given: SupernetTraining, space: SearchSpace, updates: float) -> float:
    """Return the budget, in seconds, from which a plan trains each operation for so many steps, or there is any."""
    low, high = RESERVE[0], 1e9
    while high > 1.02 * low:
        middle = (low * high) ** 0.5
        found = timed(middle, images, rates, given, space)
        low, high = (low, middle) if found is not None and found.updates >= updates else (middle, high)
    return high
