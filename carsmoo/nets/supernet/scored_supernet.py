"""A supernet with the images of a search: what its subnets are calibrated, fitted and scored on, and their scores."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.optim.swa_utils import update_bn

from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.data.splits import at_random
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.base import ArchitectureNetwork, SharedWeights
from carsmoo.nets.models.network import build
from carsmoo.nets.supernet.evaluation import own_classifier, tally
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.sharding import score_together
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.utils.progress import Listener, unheard


class ScoredSupernet:
    """A supernet whose subnets are scored with its weights of now.

    Args:
        supernet: the shared weights.
        plan: says how subnets are scored.
        data: images of the search, where the supernet is.
        seed: draws the images that score, and those that classifiers are fitted to.
        subset: draws the calibration images.
        group: the processes that score together.

    Attributes:
        calibration: normalised batches that statistics are measured on.
        scored: images that score.
        fitted_to: images that a classifier of each subnet's own is fitted to; None if the shared one scores.
    """

    def __init__(
        self,
        supernet: SharedWeights,
        plan: SupernetTraining,
        data: ImageData,
        seed: int,
        subset: np.random.SeedSequence,
        group: Group,
    ) -> None:
        self.supernet, self.plan, self.data, self.group = supernet, plan, data, group
        train = data.train.images
        chosen = np.random.default_rng(subset).permutation(len(train))[: plan.bn_calibration_images]
        fixed = train[torch.from_numpy(np.sort(chosen)).to(train.device)]
        self.calibration = [data.normalise(part) for part in fixed.tensor_split(max(len(fixed) // plan.batch_size, 1))]
        self.scored = at_random(data.validation, plan.score_images, seed)
        self.fitted_to = at_random(data.train, plan.classifier_images, seed) if plan.classifier_images else None

    def errors(self, *args: Any, **kwargs: Any) -> NDArray[np.float64]:
        """Return the errors of architectures on a split with the current weights, (n,); see :meth:`tally`."""
        return scores_of(self.tally(*args, **kwargs))

    @torch.inference_mode(False)
    def tally(
        self,
        genotypes: Sequence[Architecture],
        split: Split,
        statistics: str | None = None,
        listener: Listener = unheard,
        race: Race | None = None,
        score: str = "error",
    ) -> NDArray[Any]:
        """Return the tallies of a split's images, (n, 2, 2), with the current weights, by this process alone.

        The plan says what is not given; see :func:`~carsmoo.nets.supernet.evaluation.tally`.
        """
        return tally(
            self.supernet,
            genotypes,
            split,
            self.data.normalise,
            **self._scoring(statistics),
            score=score,
            fitted_to=self.fitted_to,
            race=race,
            listener=listener,
        )

    def _scoring(self, statistics: str | None = None) -> dict[str, Any]:
        """Return how scores are computed, as arguments of :mod:`~carsmoo.nets.supernet.evaluation`."""
        plan = self.plan
        calibrated = (statistics or plan.bn_statistics) == "recalibrated"
        sizes = {"batch": plan.eval_batch_size, "memory": plan.score_memory << 20}
        return {**sizes, "calibration": self.calibration if calibrated else None}

    def scores(
        self,
        genotypes: Sequence[Architecture],
        score: str = "error",
        listener: Listener = unheard,
        race: Race | None = None,
    ) -> NDArray[Any]:
        """Return the tallies of the scored images, (n, 2, 2), by all processes of the group."""
        group = self.group
        if group.size == 1:
            return self.tally(genotypes, self.scored, None, listener, race, score)
        own = partial(self.tally, split=self.scored, score=score)
        return score_together(group, self.supernet, genotypes, lambda some, tell: own(some, listener=tell), listener)

    @torch.inference_mode(False)
    def subnet(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return the network of a genotype with the current weights, in evaluation mode, its batch norm calibrated.

        Its classifier is its own where scores are those of such.
        """
        new = build(genotype, self.supernet.network, torch.Generator().manual_seed(0))  # to be written over
        network = new.to(self.data.train.images.device, torch.float32)
        network.inherit(self.supernet)
        update_bn(self.calibration, network)
        if self.fitted_to is not None:
            made = self.supernet, genotype, self.fitted_to, self.data.normalise
            own_classifier(*made, **self._scoring("recalibrated")).put_into(network.classifier)
        return network.eval()
