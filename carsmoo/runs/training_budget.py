"""What ``carsmoo train --budget`` planned, kept beside the networks so that the same command goes on with it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.runs.directory import RunDirectory
from carsmoo.runs.network_folders import NETWORKS
from carsmoo.space.architecture import Architecture
from carsmoo.utils.durations import seconds_of
from carsmoo.utils.files import write_whole
from carsmoo.utils.validation import shown

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

FILE = "budget.json"


def planned(
    run: RunDirectory,
    budget: str,
    genotypes: Sequence[Architecture],
    order: Sequence[int],
    recipe: TrainingRecipe,
    data: str,
    device: str | None,
    group: Group,
) -> tuple[list[int], TrainingRecipe]:
    """Return which networks of a run are trained in a time, the most wanted one first, and by which recipe.

    Args:
        run: the run, beside whose networks the plan is kept.
        budget: the time, such as ``"10m"``.
        genotypes: of all networks of the front.
        order: places of those that may be trained, the most wanted one first.
        recipe: of which the epochs are planned.
        data: name of the images.
        device: where to compute.
        group: the processes that train together.

    Raises:
        ValueError: if the time is too short, or the networks were begun with another plan.
    """
    seconds = seconds_of("budget", budget)
    path = run.path / NETWORKS / FILE
    asked = {"budget": budget, "order": list(order), "recipe": dataclasses.asdict(recipe), "data": data}
    asked = json.loads(json.dumps(asked))

    def find() -> dict[str, Any]:
        if path.is_file():
            return _kept(path.read_text(encoding="utf-8"), str(path), asked)
        from carsmoo.nets.data import load_for_training
        from carsmoo.nets.models.device import pick
        from carsmoo.nets.retraining.budget import epoch_seconds, fitting

        begin = time.perf_counter()
        images = load_for_training(data, recipe).to(pick(device))
        candidates = sorted(order)
        each = dict(zip(candidates, epoch_seconds([genotypes[k] for k in candidates], recipe, images), strict=True))
        dear = [each.get(k, 0.0) for k in range(len(genotypes))]
        spent = time.perf_counter() - begin
        chosen, epochs = fitting(seconds, dear, order, recipe, spent=spent, at_once=group.size)
        plan = {**asked, "networks": chosen, "epochs": epochs}
        path.parent.mkdir(exist_ok=True)
        write_whole(path, json.dumps(plan, indent=1).encode())
        return plan

    found = group.decide(find)
    return found["networks"], dataclasses.replace(recipe, epochs=found["epochs"])


def _kept(text: str, where: str, asked: dict[str, Any]) -> dict[str, Any]:
    """Return the plan that was kept, checked to be for what is asked."""
    try:
        plan = json.loads(text)
        for name, value in asked.items():
            if name == "order" and plan[name] != value:
                raise ValueError(
                    "budget: expected the networks that were on the front, or chosen, when this training was planned, "
                    f"got others; train them without a budget, or remove {where} for another plan"
                )
            if plan[name] != value:
                raise ValueError(
                    f"budget: expected {name} {shown(plan[name])}, with which these networks were begun, got "
                    f"{shown(value)}; another plan needs {where} and the networks beside it removed"
                )
        return {**asked, "networks": [int(k) for k in plan["networks"]], "epochs": int(plan["epochs"])}
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{where}: expected the plan of a training, got something else ({error!r})") from None
