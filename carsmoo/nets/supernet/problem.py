"""CARSProblem: neural architecture search with a training supernet, as a pymoo problem."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.cost.objectives import Objective
from carsmoo.nets.data import DataLike
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.base import ArchitectureNetwork, SharedWeights
from carsmoo.nets.models.device import environment
from carsmoo.nets.supernet.arguments import settled
from carsmoo.nets.supernet.autotune import threads
from carsmoo.nets.supernet.learning import LearningProblem
from carsmoo.nets.supernet.sharding import sharding_of
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from carsmoo.space.known import is_known
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import SCORES
from carsmoo.utils.progress import Listener, Step, unheard
from carsmoo.utils.validation import choice, instance


class CARSProblem(LearningProblem):
    """Architecture search with a weight-sharing supernet that trains during the search (CARS, CVPR 2020).

    A vector is a genotype of ``space``. The error, or loss, is that of the subnet with the current shared weights, each
    with batch-norm statistics of its own, on the search-validation split; the test split is not looked at. The warm-up
    runs at the first evaluation. ``CARSProblem()`` is the demo: scikit-learn's digits, 8 channels, 5 cells, N = 16.

    Args:
        data: a name (``"digits"``, ``"folder:photos?size=32x48"``; all of them: :mod:`carsmoo.nets.data`), an
            :class:`~carsmoo.nets.data.ImageData`, a ``torch.utils.data.Dataset``, or (images, labels).
        space: the architectures.
        objectives: minimised, in this order: ``"error"`` (fraction wrong) or ``"loss"`` (mean cross entropy, nats),
            ``"params"`` (millions), ``"flops"`` (millions of multiply-adds of one image), ``"latency"`` (ms at batch
            1), or a function, known by its name, that returns a number: of a genotype, or of a genotype and its network
            with the weights of now, in evaluation mode, which moves with them. One that moves is among them.
        network: the networks searched for; the supernet has their widths and depth.
        training: how the shared weights are trained and the subnets scored, and the plan of the search; if not given it
            follows the images, see ``budget``.
        device: where to compute; a CUDA device if there is one, else the CPU.
        seed: fixes initial weights, order and augmentation of images, and the architectures that training draws; an
            algorithm that is given no seed takes it too.
        latency: the table that latencies are taken from, or the path of its file. None: measured on ``device`` before
            the warm-up, and remembered for the next problem of the same networks. A resumed run keeps the table
            that it began with.
        group: the processes that train and score together, each of which makes this problem and calls it alike; that of
            ``torch.distributed`` where it is initialised, else this process alone.
        budget: the time that all may take, such as ``"10m"``; see :class:`~carsmoo.SupernetTraining`.

    Attributes:
        budget_plan: what was planned where a budget was given, and what it is expected to take; else None.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
        FileNotFoundError: if the files of a data set are missing.
        RuntimeError: if the process was launched with others and has not joined them.

    Example:
        >>> import numpy as np
        >>> from pymoo.optimize import minimize
        >>> from carsmoo import PNSGA3, CARSProblem, NetworkConfig, SupernetTraining
        >>> images, labels = np.random.default_rng(0).random((60, 8, 8)), np.arange(60) % 2
        >>> training = SupernetTraining(warmup_epochs=1, n_generations=2, pop_size=4)
        >>> problem = CARSProblem((images, labels), network=NetworkConfig(channels=2, layers=3), training=training)
        >>> front = problem.front(minimize(problem, PNSGA3()))
        >>> front.names, problem.epoch
        (('error', 'params'), 3)
    """

    def __init__(
        self,
        data: DataLike = "digits",
        space: SearchSpace | None = None,
        objectives: Sequence[Objective] = ("error", "params"),
        network: NetworkConfig | None = None,
        training: SupernetTraining | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
        latency: LatencyTable | str | Path | None = None,
        group: Group | None = None,
        budget: str | None = None,
    ) -> None:
        made = settled(data, space, objectives, network, training, device, seed, latency, group, budget)
        super().__init__(made, seed)
        self.budget_plan, self._shape, self._device_given = made.budget_plan, made.shape, device

    def provenance(self) -> dict[str, Any]:
        """Return what current figures belong to: data, split, weights, epoch, generation, seed; latency's device."""
        measured = {} if self.latency is None else {"latency": self.latency.where}
        weights = {"shared": "supernet", "own": "own"}[self.training.weights]
        made = {"data": self.images.name, "split": "search-validation", "weights": weights}
        if self.training.main_effects:
            fitted = f"{n} networks" if (n := self.training.networks_drawn) else "the population"
            made["scores"] = f"main effects of {fitted}{' and of a supernet' if self.training.supernet_epochs else ''}"
        if self.training.classifier_images:
            fitted_to = min(self.training.classifier_images, len(self.images.train))
            where = "" if self.training.weights == "shared" else " in the supernet"
            made["classifiers"] = f"classifiers of their own{where}, fitted to {fitted_to} images"
        return {**measured, **made, "epoch": self.epoch, "generation": self.time, "seed": self.seed}

    def evaluate_on_test(self, genotype: Architecture) -> float:
        """Return the test error of a genotype with the supernet's current weights, a fraction; a process may ask alone.

        For the end of a search, once: whoever chooses by it searches on the test split.
        """
        instance("genotype", genotype, Architecture)
        return float(self._running(begin=True).errors([genotype], self.images.test, None, unheard)[0])

    def subnet(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return the network of a genotype with the supernet's current weights, in evaluation mode.

        Its batch norm has measured its statistics on the calibration images, so that its error on a split is the score
        of the genotype there; but where a score is one of main effects, or of several supernets, whose first it is of.
        """
        return self._running(begin=True).subnet(instance("genotype", genotype, Architecture))

    def validation_errors(
        self,
        genotypes: Sequence[Architecture],
        statistics: Literal["recalibrated", "batch"] | None = None,
        listener: Listener = unheard,
    ) -> NDArray[np.float64]:
        """Return the search-validation errors of n genotypes with the supernet's current weights, (n,), fractions.

        Args:
            genotypes: the architectures, n of them.
            statistics: of their batch norm, see :class:`~carsmoo.SupernetTraining`; the plan's if not given.
            listener: called after each architecture.

        Raises:
            ValueError: for other statistics.
        """
        choice("statistics", "batch" if statistics is None else statistics, ("recalibrated", "batch"))
        running = self._running(begin=True)
        listener(Step(phase="scoring", done=0, total=len(genotypes), unit="networks"))
        return running.errors(genotypes, self.images.validation, statistics, listener)

    def tallies(self, genotypes: Sequence[Architecture], score: Literal["error", "loss"] = "error") -> NDArray[Any]:
        """Return what scores of genotypes are made of, whatever the objectives are: (n, 2, 2), or by each supernet.

        See :mod:`carsmoo.problems.trust`.

        Raises:
            ValueError: for another score.
        """
        choice("score", score, SCORES)
        running = self._running(begin=True)
        if score == self._score:
            return self._tallies(np.array([self.space.encode(one) for one in genotypes]))
        return running.scores(genotypes, score, unheard, None)

    @property
    def supernet(self) -> SharedWeights:
        """The shared weights of a problem that has begun."""
        world = self._running()
        if not isinstance(world, SupernetState):
            plan = self.training
            got = "weights='own'" if plan.weights == "own" else f"n_supernets={plan.n_supernets}"
            raise TypeError(f"supernet: expected a problem with one supernet, got one with {got}")
        return world.supernet

    def fastest_threads(self) -> int:
        """Return the number of threads the supernet trains fastest with here; :func:`torch.set_num_threads` sets it."""
        return self._group.decide(lambda: threads(self.space, self.network, self.training, self.images))

    def fingerprint(self) -> dict[str, Any]:
        """Return the arguments of the problem as plain data; of functions the names, of images a digest."""
        data = self.images
        return {
            "kind": type(self).__qualname__,
            "data": {"name": data.name, "sha256": data.digest()},
            "space": self.space.to_plain() if is_known(self.space) else self.space.fingerprint(),
            "objectives": list(self.objective_names),
            "network": {**dataclasses.asdict(self.network), "image_shape": list(self.network.input_shape)},
            **({"latency": self._objectives.latency_given} if "latency" in self.objective_names else {}),
            "training": dataclasses.asdict(self.training),
            "seed": self.seed,
        }

    def to_config(self) -> dict[str, Any] | None:
        """Return the arguments that make this problem, functions by their names; None if its data have no name."""
        named = isinstance(self.data_given, str) and self._objectives.named
        if not named or type(self) is not CARSProblem:
            return None
        return {
            "data": self.data_given,
            "objectives": self.objective_names,
            "seed": self.seed,
            "device": None if self._device_given is None else str(self._device_given),
            "space": self.space,
            "network": self._shape,
            "training": self.training,
            "latency": self._objectives.latency_file,
        }

    @property
    def latency(self) -> LatencyTable | None:
        """The latency table; None where there is none, or none yet."""
        costs = self._objectives.latency
        return None if costs is None else costs.table

    def reproducibility(self) -> dict[str, Any]:
        """Return what of this machine, and of the sharding over processes, decides the last bits of a score."""
        fits = self.training.main_effects or self.training.classifier_images
        fitting = {"scikit-learn": version("scikit-learn")} if fits else {}
        return environment(self.device) | sharding_of(self.training, self._group.size) | fitting
