"""The plan of a search in a time: networks and images of several sizes are measured, the largest that fits is taken."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass
from typing import Any

import torch

from carsmoo.config.budget import (
    ENOUGH,
    Rates,
    Rung,
    ladder,
    least_seconds,
    timed,
    untimed,
)
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import AUTO, SupernetTraining
from carsmoo.nets.data import DataLike, ImageData
from carsmoo.nets.data.facts import Facts, facts_of
from carsmoo.nets.data.spec import DatasetSpec, with_options
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.latency.measure import cached
from carsmoo.nets.supernet.rates import SHARE, Bench
from carsmoo.space.graph_rules import require_searchable
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import counted
from carsmoo.utils.durations import duration, seconds_of

MARGIN = 1.3
"""What is named as the least time for a search, over what it was measured to need; a machine is not always as fast."""

FEWEST = 20
"""Training images of a class that are left where not all images fit in a time."""


@dataclass(frozen=True, kw_only=True)
class BudgetPlan:
    """What a search was planned to be.

    Attributes:
        data: the images, with the size that they are scaled to.
        network: the networks.
        training: the plan, without a budget.
        loaded: the images, where they had to be read and have the right size.
        seconds: that it is expected to take in all; None where no time was told.
        updates: steps that the median operation is trained for; None likewise.
        memory: bytes that it takes, about.
        more: what a larger budget would buy; empty where nothing is known of it.
        part: share of the images that is searched on.
        budget: seconds that were given; None where no time was told.
    """

    data: DataLike
    network: NetworkConfig
    training: SupernetTraining
    loaded: ImageData | None = None
    seconds: float | None = None
    updates: float | None = None
    memory: float = 0.0
    more: str = ""
    part: float = 1.0
    budget: float | None = None

    def lines(self) -> list[str]:
        """Return the plan in words."""
        if self.seconds is None or self.updates is None:
            return []
        scored = self.training.score_images
        told = [
            f"planned to take {duration(self.seconds)} and about {self.memory / 1e9:.1f} GB: each operation "
            f"is trained for about {self.updates:.0f} steps, networks are scored on "
            + ("all images of search-validation" if scored is None else f"{scored} images")
        ]
        if self.part < 1:
            told.append(f"one of {1 / self.part:.0f} images is searched on; train takes all with --data")
        return [*told, self.more] if self.more else told

    def figures(self) -> dict[str, float]:
        """Return the figures of a plan that are known, rounded; none where no time was told."""
        if self.budget is None:
            return {}
        told = {"budget": self.budget, "expected_seconds": self.seconds, "updates": self.updates}
        told |= {"memory": self.memory, "part": self.part}
        return {name: round(value, 3) for name, value in told.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain data, without images that have no name."""
        named = {"data": self.data if isinstance(self.data, str) else None}
        return {**dataclasses.asdict(self.without_images()), **named}

    def without_images(self) -> BudgetPlan:
        """Return the plan with the name of its images alone, empty where they have none."""
        return dataclasses.replace(self, data=self.data if isinstance(self.data, str) else "", loaded=None)

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
    space: SearchSpace,
    network: NetworkConfig | None,
    training: SupernetTraining,
    device: torch.device,
    *,
    latency: bool = False,
) -> BudgetPlan:
    """Return the plan of a search that a budget asks for, in a time or by the number of images (``"auto"``).

    Widths, depth and stem are those of ``network`` where it differs from the usual one. With ``latency`` a table of
    the networks' latencies is measured within the time, and remembered.

    Raises:
        ValueError: if no search fits in the budget, naming the least that does, or in the memory.
        FileNotFoundError, TypeError: as :func:`carsmoo.nets.data.load`.
    """
    begin = time.perf_counter()
    usual = NetworkConfig() if network is None else network
    kept = None if (usual.channels, usual.layers, usual.stem) == _shape(NetworkConfig()) else usual
    facts = facts_of(data)
    require_searchable(space, usual.for_data(facts.images.shape, facts.images.classes))
    if training.budget == AUTO:
        demo, free = NetworkConfig(), ladder(facts.images.shape[1:], None, resizable=facts.resizable)
        rung = min(free, key=lambda one: abs(one.channels * one.layers - demo.channels * demo.layers))
        return BudgetPlan(
            data=_asked(data, facts, rung),
            network=rung.network(usual) if kept is None else usual,
            training=untimed(facts.images, training),
            loaded=_loaded(facts, rung),
        )
    rungs = ladder(facts.images.shape[1:], kept, resizable=facts.resizable)
    seconds = seconds_of("budget", training.budget)

    def left(some: Facts) -> float:
        return seconds - some.reading - (time.perf_counter() - begin)

    bench = Bench(space, usual, training, facts, device, SHARE * seconds)
    (rung, rates), above = bench.search(rungs, lambda: left(facts))
    if latency:
        cached(space, rung.network(usual).for_data(bench.images(rung).shape, facts.images.classes), device)
    part, plan = 1.0, timed(left(facts), bench.images(rung), rates, bench.training, space)
    while plan is None and facts.pool and facts.images.train > FEWEST * facts.images.classes:  # on half of the images
        part, facts = part / 2, facts.fewer(0.5)
        bench = Bench(space, usual, training, facts, device, SHARE * seconds)
        plan = timed(left(facts), bench.images(rung), rates, bench.training, space)
    if plan is None:
        least = seconds - left(facts) + least_seconds(bench.images(rung), rates, bench.training, space, 0.0)
        raise ValueError(
            f"budget: expected at least about {_text(MARGIN * least)} for {facts.images.train} training images of "
            f"{_by(rung.size)} on this machine, got {training.budget}"
        )
    again = _loaded(facts, rung) is None
    return BudgetPlan(
        data=_asked(data, facts, rung, part),
        network=rung.network(usual),
        training=plan.training,
        loaded=_loaded(facts, rung),
        part=part,
        budget=seconds,
        seconds=plan.seconds + (facts.reading if again else 0.0) + time.perf_counter() - begin,
        updates=plan.updates,
        memory=bench.memory(rung, plan.training),
        more=_more(bench, (rung, rates), above, plan.updates),
    )


def planned_together(
    group: Group,
    data: DataLike,
    space: SearchSpace,
    network: NetworkConfig | None,
    training: SupernetTraining,
    device: torch.device,
    *,
    latency: bool = False,
) -> BudgetPlan:
    """Return what :func:`planned` finds on rank 0, on all ranks."""
    found: list[BudgetPlan] = []

    def find() -> dict[str, Any]:
        found.append(planned(data, space, network, training, device, latency=latency))
        return found[0].to_json()

    told = group.decide(find)
    return found[0] if found else BudgetPlan.from_json(told, data)


def usual_training(data: DataLike) -> SupernetTraining:
    """Return the plan of a search for which none is given: the demo's for its images, else one that follows them."""
    is_demo = isinstance(data, str) and DatasetSpec.parse(data).name == "digits"
    return SupernetTraining() if is_demo else SupernetTraining(budget=AUTO)


def _shape(network: NetworkConfig) -> tuple[int, int, str]:
    return network.channels, network.layers, network.stem


def _asked(data: DataLike, facts: Facts, rung: Rung, part: float = 1.0) -> DataLike:
    """Return the data with the size of a rung, and how many images, in their name; or as they were read."""
    if not isinstance(data, str):
        return data if facts.data is None else facts.data
    options: dict[str, Any] = {}
    if part < 1:
        options["images"] = facts.pool
    if facts.resizable and (facts.data is None or rung.size != facts.images.shape[1:]):
        options["size"] = rung.size
    return with_options(data, **options) if options else data


def _loaded(facts: Facts, rung: Rung) -> ImageData | None:
    """Return images that had to be read, if they have the size of a rung."""
    return facts.data if rung.size == facts.images.shape[1:] else None


def _more(bench: Bench, chosen: tuple[Rung, Rates], above: tuple[Rung, Rates] | None, updates: float) -> str:
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
    return f"{needed(*above)} buy {counted(larger.layers, 'cell')} of {counted(larger.channels, 'channel')}{size}"


def _text(seconds: float) -> str:
    """Return a budget in the form in which it is given, rounded up."""
    if seconds < 100:
        return f"{5 * -(-seconds // 5):.0f}s"
    return f"{-(-seconds // 60):.0f}m" if seconds < 7200 else f"{seconds / 3600:.1f}h"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
