"""What two processes and one are compared on: a population, and two supernets of the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import numpy as np

from benchmarks.bench_population import population
from carsmoo import CARSProblem, Genotype, NetworkConfig, SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet.evaluation import errors
from carsmoo.nets.supernet.sampling import group_by_flops
from carsmoo.nets.supernet.sharding import score_together
from carsmoo.nets.supernet.training_state import SupernetState


class Case:
    """A population, and two worlds of the same weights: one of this process, and one of the group."""

    def __init__(
        self,
        name: str,
        problem: CARSProblem,
        data: ImageData,
        network: NetworkConfig,
        group: Group,
        calibration: int = 128,
    ) -> None:
        self.name, self.group, self.batch = name, group, 64
        self.genotypes = population(problem)[:: max(problem.training.pop_size // 16, 1)]
        plan = SupernetTraining(subnets_per_step=2, bn_calibration_images=calibration, eval_batch_size=500)
        shape = network.for_data(data.image_shape, data.classes)
        layout = "channels_last"
        self.alone = SupernetState(problem.space, shape, plan, data, 0, layout)
        self.together = SupernetState(problem.space, shape, plan, data, 0, layout, group)
        n = self.batch
        self.images, self.labels = data.normalise(data.train.images[:n]), data.train.labels[:n]

    def score(self, world: SupernetState, group: Group, genotypes: Sequence[Genotype]) -> np.ndarray:
        """Score on a world's weights."""
        split, normalise = world.data.validation, world.data.normalise
        scoring = partial(errors, world.supernet, batch=500, calibration=world.calibration)
        if group.size == 1:
            return scoring(genotypes, split, normalise)
        return score_together(group, world.supernet, genotypes, lambda g, f: scoring(g, split, normalise, listener=f))

    def pairs(self, n: int, window: int) -> list[list[Genotype]]:
        """Return pairs of architectures as training draws them, dealt among so many steps."""
        rng = np.random.default_rng(0)
        drawn = iter(lambda: [self.genotypes[k] for k in rng.permutation(len(self.genotypes))[:2]], None)
        return list(islice(group_by_flops(drawn, window, self.alone.supernet.network, np.random.default_rng(1)), n))

    def train(self, world: SupernetState, pairs: Sequence[Sequence[Genotype]], parts: int) -> None:
        """Make some steps in a world."""
        world.trainer.plan = replace(world.trainer.plan, ghost_batches=parts)
        for pair in pairs:
            world.trainer.step(self.images, self.labels, pair)
