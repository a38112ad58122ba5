"""What supernets of several sizes need of a machine, measured on images of random pixels."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np
import torch

from carsmoo.config.budget import ENOUGH, Images, Rates, Rung, batch_of, steps_for, timed
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import supernet_params
from carsmoo.cost.memory import BYTES, peak_memory, require_search
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.data.facts import Facts
from carsmoo.nets.data.transforms import natural
from carsmoo.nets.models.device import memory_of
from carsmoo.nets.supernet.sampling import Drawn, drawn, widening
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.search_space import SearchSpace

SHARE = 0.025
"""Of the time, that the measurement of one size of networks takes, about."""

FEWEST, MOST = 4, 40
"""Steps that are timed, after two that are not."""

SCORED = 16, 144
"""Images that networks are scored on where it is timed."""

NETWORKS = 32
"""Networks that are scored there at most; in larger populations they share a little more."""

FIT = 8
"""Of these, those that are scored where a classifier is fitted for each, which takes long."""

PROCESS = 0.6e9
"""Bytes that a process takes with torch in it."""

DRAWING = 0.15e9
"""Bytes that the pictures at the end of a search take."""

INNER = 4
"""What a step keeps inside the operations, of what their outputs take."""


class Bench:
    """Measures what networks of several sizes need, on images of random pixels.

    Args:
        space, network, training: of the search; the network's widths and depth are changed.
        facts: of the images.
        device: where to compute.
        seconds: that a measurement takes, about.
    """

    def __init__(
        self,
        space: SearchSpace,
        network: NetworkConfig,
        training: SupernetTraining,
        facts: Facts,
        device: torch.device,
        seconds: float,
    ) -> None:
        self.space, self.network, self.facts, self.device, self.seconds = space, network, facts, device, seconds
        self.training = dataclasses.replace(training, budget=None, batch_size=batch_of(facts.images, training))

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
        """Return what a rung's networks need, a mean over architectures drawn uniformly, and the first one's step.

        The architecture that a warm-up which widens begins with is that of seed 0.

        Args:
            rung: the size.
            hopeless: seconds of a step from which on it does not matter what scores need; they are told as nothing.
        """
        network, plan = self._arguments(rung)
        data = self._made_up(rung, plan)
        state = SupernetState(self.space, network.for_data(data.image_shape, data.classes), plan, data, 0)
        subnets, first = plan.subnets_per_step, None
        step = _seconds_of_a_step(state, state.uniform(subnets), self.seconds)
        if state.first is not None:
            alone = widening(self.space, subnets, state.first, lambda: 0.0, state.random_state)
            first = _seconds_of_a_step(state, alone, self.seconds)
        if step > hopeless:
            return Rates(step=step, network=0.0, image=0.0, first=first)
        most = FIT if plan.classifier_images else NETWORKS
        X = drawn(self.space, min(plan.pop_size, most), np.random.default_rng(0))
        genotypes, calibrated = self.space.decode(X), sum(len(part) for part in state.calibration)
        few, many = SCORED
        seconds = []
        for n in (few, few, many):  # the first one only warms up
            scored = Split(*(part[:n] for part in (data.validation.images, data.validation.labels)))
            begin = time.perf_counter()
            state.tally(genotypes, scored)
            seconds.append((time.perf_counter() - begin) / len(genotypes))
        image = max(seconds[2] - seconds[1], 0.0) / (many - few)
        return Rates(step=step, network=max(seconds[1] - (few + calibrated) * image, 0.0), image=image, first=first)

    def memory(self, rung: Rung, plan: SupernetTraining) -> float:
        """Return the bytes that a search takes, about: what measuring took, the images, and pictures at the end."""
        network = rung.network(self.network).for_data(self.images(rung).shape, self.facts.images.classes)
        step = BYTES * INNER * plan.batch_size * self.space.kept(network)
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
        needed = max(2 * plan.batch_size, plan.bn_calibration_images, plan.classifier_images)
        train = max(min(known.train, needed), classes)
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


def _seconds_of_a_step(state: SupernetState, architectures: Drawn, seconds: float) -> float:
    """Return the mean seconds of a training step, timed for so many seconds, after two steps that are not."""
    times: list[float] = []
    while len(times) < 2 + FEWEST or (len(times) < 2 + MOST and sum(times) < seconds):
        begin = time.perf_counter()
        for loss in islice(state.trainer.epoch(architectures), 1):
            float(loss)  # waits for the device
        times.append(time.perf_counter() - begin)
    return float(np.mean(times[2:]))
