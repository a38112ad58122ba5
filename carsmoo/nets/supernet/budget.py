"""The plan of a search in a time: networks and images of several sizes are measured, the largest that fits is taken."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch

from carsmoo.config.budget import (
    ENOUGH,
    Images,
    Rates,
    Rung,
    batch_of,
    ladder,
    least_seconds,
    steps_for,
    timed,
    untimed,
)
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import AUTO, SupernetTraining
from carsmoo.cost.closed_form import supernet_params
from carsmoo.cost.memory import BYTES, kept_by_step, peak_memory, require_search
from carsmoo.nets.data import DataLike, ImageData, Split
from carsmoo.nets.data.facts import Facts, facts_of
from carsmoo.nets.data.spec import DatasetSpec, with_size
from carsmoo.nets.data.transforms import natural
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.device import memory_of
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.genotype import DARTSSpace
from carsmoo.utils.durations import duration, seconds_of

SHARE = 0.025
"""Of the time, that the measurement of one size of networks takes, about."""

FEWEST, MOST = 4, 40
"""Steps that are timed, after two that are not."""

SCORED = 16, 144
"""Images that networks are scored on where it is timed."""

PROCESS = 0.6e9
"""Bytes that a process takes with torch in it."""

DRAWING = 0.15e9
"""Bytes that the pictures at the end of a search take."""

INNER = 4
"""What a step keeps inside the operations, of what their outputs take."""


@dataclass(frozen=True, kw_only=True)
class BudgetPlan:
    """What a search was planned to be.

    Attributes:
        data: the images, with the size that they are scaled to.
        network: the networks.
        training: the plan, without a budget.
        seconds: that it is expected to take in all; None where no time was told.
        updates: steps that the median operation on an edge is trained for; None likewise.
        memory: bytes that it takes, about.
        more: what a larger budget would buy; empty where nothing is known of it.
        budget: seconds that were given; None where no time was told.
    """

    data: DataLike
    network: NetworkConfig
    training: SupernetTraining
    seconds: float | None = None
    updates: float | None = None
    memory: float = 0.0
    more: str = ""
    budget: float | None = None

    def lines(self) -> list[str]:
        """Return the plan in words."""
        if self.seconds is None or self.updates is None:
            return []
        scored = self.training.score_images
        told = [
            f"planned to take {duration(self.seconds)} and about {self.memory / 1e9:.1f} GB: each operation on an edge "
            f"is trained for about {self.updates:.0f} steps, networks are scored on "
            + ("all images of search-validation" if scored is None else f"{scored} images")
        ]
        return [*told, self.more] if self.more else told

    def figures(self) -> dict[str, float | None]:
        """Return the figures of a plan, rounded."""
        told = {"budget": self.budget, "seconds": self.seconds, "updates": self.updates, "memory": self.memory}
        return {name: None if value is None else round(value, 1) for name, value in told.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, without images that have no name."""
        named = {"data": self.data if isinstance(self.data, str) else None}
        return {**dataclasses.asdict(dataclasses.replace(self, data="")), **named}

    @classmethod
    def from_json(cls, plan: dict[str, Any], data: DataLike) -> BudgetPlan:
        """Return the plan that :meth:`to_json` told, for the same images."""
        network, training = dict(plan["network"]), dict(plan["training"])
        shape = network.pop("image_shape")
        rebuilt = NetworkConfig(**network, image_shape=None if shape is None else tuple(shape))
        made = {"data": plan["data"] or data, "network": rebuilt, "training": SupernetTraining(**training)}
        return cls(**{**plan, **made})


def planned(
    data: DataLike,
    space: DARTSSpace,
    network: NetworkConfig | None,
    training: SupernetTraining,
    device: torch.device,
) -> BudgetPlan:
    """Return the plan of a search that a budget asks for, in a time or by the number of images (``"auto"``).

    Widths, depth and stem are those of ``network`` where it differs from the usual one.

    Raises:
        ValueError: if no search fits in the budget, naming the least that does, or in the memory.
        FileNotFoundError, TypeError: as :func:`carsmoo.nets.data.load`.
    """
    begin = time.perf_counter()
    usual = NetworkConfig() if network is None else network
    kept = None if (usual.channels, usual.layers, usual.stem) == _shape(NetworkConfig()) else usual
    facts = facts_of(data)
    rungs = ladder(facts.images.shape[1:], kept, resizable=facts.resizable)
    if training.budget == AUTO:
        demo = NetworkConfig()
        rung = min(rungs, key=lambda one: abs(one.channels * one.layers - demo.channels * demo.layers))
        return BudgetPlan(
            data=_resized(data, facts, rung), network=rung.network(usual), training=untimed(facts.images, training)
        )
    seconds = seconds_of("budget", training.budget)
    bench = _Bench(space, usual, training, facts, device, SHARE * seconds)
    left = seconds - facts.reading
    (rung, rates), above = bench.search(rungs, lambda: left - (time.perf_counter() - begin))
    plan = timed(left - (time.perf_counter() - begin), bench.images(rung), rates, bench.training, space)
    if plan is None:
        least = seconds - left + least_seconds(bench.images(rung), rates, bench.training, space, 0.0)
        raise ValueError(
            f"budget: expected at least {_text(least + time.perf_counter() - begin)} for {facts.images.train} "
            f"training images of {_by(rung.size)} on this machine, got {training.budget}"
        )
    return BudgetPlan(
        data=_resized(data, facts, rung),
        network=rung.network(usual),
        training=plan.training,
        budget=seconds,
        seconds=plan.seconds + facts.reading + time.perf_counter() - begin,
        updates=plan.updates,
        memory=bench.memory(rung, plan.training),
        more=_more(bench, (rung, rates), above, plan.updates),
    )


def planned_together(
    group: Group,
    data: DataLike,
    space: DARTSSpace,
    network: NetworkConfig | None,
    training: SupernetTraining,
    device: torch.device,
) -> BudgetPlan:
    """Return what :func:`planned` finds on rank 0, on all ranks."""
    found: list[BudgetPlan] = []

    def find() -> dict[str, Any]:
        found.append(planned(data, space, network, training, device))
        return found[0].to_json()

    told = group.decide(find)
    return found[0] if found else BudgetPlan.from_json(told, data)


def usual_training(data: DataLike) -> SupernetTraining:
    """Return the plan of a search for which none is given: the demo's for its images, else one that follows them."""
    is_demo = isinstance(data, str) and DatasetSpec.parse(data).name == "digits"
    return SupernetTraining() if is_demo else SupernetTraining(budget=AUTO)


class _Bench:
    """Measures what networks of several sizes need, on images of random pixels.

    Args:
        space, network, training: of the search; the network's widths and depth are changed.
        facts: of the images.
        device: where to compute.
        seconds: that a measurement takes, about.
    """

    def __init__(
        self,
        space: DARTSSpace,
        network: NetworkConfig,
        training: SupernetTraining,
        facts: Facts,
        device: torch.device,
        seconds: float,
    ) -> None:
        self.space, self.network, self.facts, self.device, self.seconds = space, network, facts, device, seconds
        self.training = dataclasses.replace(
            training, budget=None, batch_size=batch_of(facts.images, training), score_images=None
        )

    def images(self, rung: Rung) -> Images:
        """Return the images of a rung, of its size."""
        known = self.facts.images
        return dataclasses.replace(known, shape=(known.shape[0], *rung.size))

    def search(
        self, rungs: Sequence[Rung], left: Callable[[], float]
    ) -> tuple[tuple[Rung, Rates], tuple[Rung, Rates] | None]:
        """Return the largest rung whose weights are trained enough, else the smallest; and what the next one may need.

        The smallest is measured first. From it follows about which one fits; that is measured, and its neighbours up to
        one that does not fit, or down to one that does.

        Args:
            rungs: the cheapest first.
            left: returns the seconds that are left.

        Raises:
            ValueError: if the smallest does not fit in the memory.
        """
        require_search(self.space, *self._arguments(rungs[0]), self.facts.images.train, memory_of(self.device))
        rungs = [rungs[0], *(rung for rung in rungs[1:] if self._fits_memory(rung))]
        known = {0: self.rates(rungs[0])}

        def enough(k: int) -> bool:
            rates = known[k] if k in known else known[0].scaled(rungs[k].work / rungs[0].work)
            plan = timed(left(), self.images(rungs[k]), rates, self.training, self.space)
            return plan is not None and plan.updates >= ENOUGH

        k = max(filter(enough, range(1, len(rungs))), default=1)
        while 0 < k < len(rungs) and k not in known:
            known[k] = self.rates(rungs[k], left() / steps_for(self.space, self.training, ENOUGH))
            k += 1 if enough(k) else -1
        k = max(filter(enough, known), default=0)
        if k + 1 == len(rungs):
            return (rungs[k], known[k]), None
        above = known[k].scaled(rungs[k + 1].work / rungs[k].work)
        return (rungs[k], known[k]), (rungs[k + 1], known.get(k + 1, above))

    @torch.inference_mode(False)
    def rates(self, rung: Rung, hopeless: float = math.inf) -> Rates:
        """Return what a rung's networks need, a mean over architectures drawn uniformly.

        Args:
            rung: the size.
            hopeless: seconds of a step from which on it does not matter what scores need; they are told as nothing.
        """
        network, plan = self._arguments(rung)
        data = self._made_up(rung, plan)
        state = SupernetState(self.space, network.for_data(data.image_shape, data.classes), plan, data, 0)
        step = _seconds_of_a_step(state, self.seconds)
        if step > hopeless:
            return Rates(step=step, network=0.0, image=0.0)
        X = np.random.default_rng(0).integers(self.space.xl, self.space.xu + 1, size=(plan.pop_size, self.space.n_var))
        genotypes, calibrated = self.space.decode(X), sum(len(part) for part in state.calibration)
        few, many = SCORED
        seconds = []
        for n in (few, few, many):  # the first one only warms up
            scored = Split(*(part[:n] for part in (data.validation.images, data.validation.labels)))
            begin = time.perf_counter()
            state.tally(genotypes, scored)
            seconds.append((time.perf_counter() - begin) / len(genotypes))
        image = max(seconds[2] - seconds[1], 0.0) / (many - few)
        return Rates(step=step, network=max(seconds[1] - (few + calibrated) * image, 0.0), image=image)

    def memory(self, rung: Rung, plan: SupernetTraining) -> float:
        """Return the bytes that a search takes, about: what measuring took, the images, and pictures at the end."""
        network = rung.network(self.network).for_data(self.images(rung).shape, self.facts.images.classes)
        step = BYTES * INNER * plan.batch_size * kept_by_step(network, (self.space.nodes, self.space.nodes))
        known = self.facts.images
        pixels = (known.train + 1.5 * known.validation) * float(np.prod(self.images(rung).shape))
        weights = BYTES * 4 * supernet_params(self.space, network)
        return float(max(peak_memory() or 0, PROCESS + weights + step) + 2 * pixels + DRAWING)

    def _arguments(self, rung: Rung) -> tuple[NetworkConfig, SupernetTraining]:
        return rung.network(self.network), self.training

    def _fits_memory(self, rung: Rung) -> bool:
        network, plan = self._arguments(rung)
        network = network.for_data(self.images(rung).shape, self.facts.images.classes)
        try:
            require_search(self.space, network, plan, self.facts.images.train, memory_of(self.device))
        except ValueError:
            return False
        return True

    def _made_up(self, rung: Rung, plan: SupernetTraining) -> ImageData:
        """Return images of random pixels, as many as a few steps and scores need at most."""
        known, classes = self.images(rung), self.facts.images.classes
        train = max(min(known.train, max(2 * plan.batch_size, plan.bn_calibration_images)), classes)
        n = train + max(SCORED[-1], classes)
        random_state = np.random.default_rng(0)
        pixels = random_state.integers(0, 256, size=(n, *known.shape), dtype=np.uint8)
        labels = np.arange(n) % classes
        labels[train:] = np.arange(n - train) % classes
        held_out = pixels[train:], labels[train:]
        return ImageData.from_arrays(
            pixels[:train],
            labels[:train],
            validation=held_out,
            test=held_out,
            augmentation=natural(known.shape),
            class_names=tuple(map(str, range(classes))),
        ).to(self.device)


def _seconds_of_a_step(state: SupernetState, seconds: float) -> float:
    """Return the mean seconds of a training step, timed for so many seconds, after two steps that are not."""
    times: list[float] = []
    architectures = state.uniform(state.trainer.plan.subnets_per_step)
    while len(times) < 2 + FEWEST or (len(times) < 2 + MOST and sum(times) < seconds):
        begin = time.perf_counter()
        for loss in islice(state.trainer.epoch(architectures), 1):
            float(loss)  # waits for the device
        times.append(time.perf_counter() - begin)
    return float(np.mean(times[2:]))


def _shape(network: NetworkConfig) -> tuple[int, int, str]:
    return network.channels, network.layers, network.stem


def _resized(data: DataLike, facts: Facts, rung: Rung) -> DataLike:
    """Return the data with the size of a rung in their name, or as they were read where they have it."""
    if isinstance(data, str) and facts.resizable:
        return with_size(data, rung.size)
    return data if facts.data is None or isinstance(data, str) else facts.data


def _more(bench: _Bench, chosen: tuple[Rung, Rates], above: tuple[Rung, Rates] | None, updates: float) -> str:
    """Return what more time would buy: weights that are trained enough, or else larger networks or images."""

    def needed(rung: Rung, rates: Rates) -> str:
        least = least_seconds(bench.images(rung), rates, bench.training, bench.space, ENOUGH)
        return f"a budget of about {_text(bench.facts.reading + least)} would"

    if updates < ENOUGH:
        return f"{needed(*chosen)} train each for {ENOUGH} steps; with few, the order of networks is mostly noise"
    if above is None:
        return ""
    larger = above[0]
    size = "" if larger.size == chosen[0].size else f" on images of {_by(larger.size)}"
    return f"{needed(*above)} buy {larger.layers} cells of {larger.channels} channels{size}"


def _text(seconds: float) -> str:
    """Return a budget in the form in which it is given, rounded up."""
    if seconds < 100:
        return f"{5 * -(-seconds // 5):.0f}s"
    return f"{-(-seconds // 60):.0f}m" if seconds < 7200 else f"{seconds / 3600:.1f}h"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
