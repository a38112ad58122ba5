"""The arguments of a CARSProblem: checked, planned where there is a budget, and completed by the images."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import AUTO, SupernetTraining
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.cost.memory import require_search
from carsmoo.cost.objectives import Objective, Objectives
from carsmoo.nets.data import DataLike, ImageData, load
from carsmoo.nets.data.splits import at_random
from carsmoo.nets.distributed.group import Group, current
from carsmoo.nets.models.device import memory_of, pick
from carsmoo.nets.supernet.budget import BudgetPlan, planned_together, usual_training
from carsmoo.nets.supernet.classifiers import require_each_class
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.graph_rules import require_searchable
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.durations import seconds_of
from carsmoo.utils.validation import instance, integer


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The arguments of a problem, all of them settled; see :class:`~carsmoo.CARSProblem`.

    Args:
        space: the architectures.
        data: what names or holds the images, as it was given or planned.
        images: the images, on the device.
        shape: the networks, whatever the images.
        network: the networks for these images.
        training: the plan.
        objectives: what is minimised.
        device: where to compute.
        group: the processes that work together.
        budget_plan: what was planned where a budget was given, without its images.
    """

    space: SearchSpace
    data: DataLike
    images: ImageData
    shape: NetworkConfig
    network: NetworkConfig
    training: SupernetTraining
    objectives: Objectives
    device: torch.device
    group: Group
    budget_plan: BudgetPlan | None


def settled(
    data: DataLike,
    space: SearchSpace | None,
    objectives: Sequence[Objective],
    network: NetworkConfig | None,
    training: SupernetTraining | None,
    device: str | torch.device | None,
    seed: int,
    latency: LatencyTable | str | Path | None,
    group: Group | None,
    budget: str | None,
) -> Arguments:
    """Return the arguments of a problem once they are checked, by themselves and beside each other.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
        FileNotFoundError: if the files of a data set are missing.
        RuntimeError: if the process was launched with others and has not joined them.
    """
    space = instance("space", DARTSSpace() if space is None else space, SearchSpace)
    training = instance("training", usual_training(data) if training is None else training, SupernetTraining)
    if budget is not None:
        if budget != AUTO:
            seconds_of("budget", budget)
        training = dataclasses.replace(training, budget=budget)
    integer("seed", seed, 0)
    group = current() if group is None else instance("group", group, Group)
    place = pick(device)
    budget_plan: BudgetPlan | None = None
    images: ImageData | None = None
    if training.budget is not None:
        if network is not None:
            instance("network", network, NetworkConfig)
        measured = "latency" in objectives and latency is None
        plan = planned_together(group, data, space, network, training, place, latency=measured)
        budget_plan, data, network, training = plan.without_images(), plan.data, plan.network, plan.training
        images = plan.loaded
    if group.size > 1 and training.racing:
        raise ValueError(f"racing: expected False with {group.size} processes, which race apart, got True")
    shape = instance("network", NetworkConfig() if network is None else network, NetworkConfig)
    images = (load(data) if images is None else images).to(place)
    network = shape.for_data(images.image_shape, images.classes)
    network = dataclasses.replace(network, drop_path_prob=0.0, auxiliary_head=False)  # those are for training alone
    require_searchable(space, network)
    require_search(space, network, training, len(images.train), memory_of(place))
    if training.classifier_images:  # of each class as many, whatever the seed
        fitted_to = at_random(images.train, training.classifier_images, seed)
        require_each_class(fitted_to.labels, images.train.labels)
    minimised = Objectives(objectives, space, network, latency)
    if minimised.score != "error" and training.racing:
        raise ValueError(f"racing: expected False with {minimised.score!r}, whose bounds are not known, got True")
    if minimised.score is None and training.main_effects:
        raise ValueError(f"main_effects: expected 0 without 'error' or 'loss', got {training.main_effects}")
    if minimised.of_networks and training.racing:
        raise ValueError(f"racing: expected False with {minimised.of_networks[0]}, which moves, got True")
    return Arguments(
        space=space,
        data=data,
        images=images,
        shape=shape,
        network=network,
        training=training,
        objectives=minimised,
        device=place,
        group=group,
        budget_plan=budget_plan,
    )
