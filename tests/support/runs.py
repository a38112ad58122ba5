"""Runs that tests stop and go on with, and a callback that stops them."""

from typing import Any

import numpy as np
from pymoo.core.callback import Callback

from carsmoo import PNSGA3, CARSProblem, NetworkConfig, SupernetTraining

DATA = "digits?images=300"
SMALL = NetworkConfig(channels=2, layers=3)
PLAN = SupernetTraining(warmup_epochs=2, n_generations=3, pop_size=4, batch_size=64, bn_calibration_images=64)


class Stop(Exception):  # noqa: N818
    """What stops a run."""


class StopAt(Callback):
    """Stops a run after a generation."""

    def __init__(self, generation: int) -> None:
        super().__init__()
        self.generation = generation

    def notify(self, algorithm: Any) -> None:
        if algorithm.n_gen == self.generation:
            raise Stop


def search(plan: SupernetTraining = PLAN, **fields: Any) -> tuple[CARSProblem, PNSGA3]:
    """Return a search that takes less than a second."""
    return CARSProblem(DATA, network=SMALL, training=plan, **fields), PNSGA3()


def same(one: Any, other: Any) -> bool:
    """Return whether two finished algorithms hold the same population, bit for bit."""
    keys = ["X", "F", *(["growth", "rank"] if one.pop[0].get("growth") is not None else ["rank"])]
    found: list[bool] = [np.array_equal(one.pop.get(key), other.pop.get(key)) for key in keys]
    found.append(np.array_equal(one.opt.get("F"), other.opt.get("F")))
    found.append((one.n_gen, one.evaluator.n_eval) == (other.n_gen, other.evaluator.n_eval))
    found.append(one.random_state.random() == other.random_state.random())
    return all(found)
