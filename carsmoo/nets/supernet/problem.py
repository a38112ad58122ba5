"""CARSProblem: neural architecture search with a training supernet, as a pymoo problem."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import supernet_params
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.cost.memory import require_count, require_step
from carsmoo.cost.objectives import OBJECTIVES, Objective, Objectives
from carsmoo.nets.data.in_memory import ImageData
from carsmoo.nets.data.load import DataLike, load
from carsmoo.nets.distributed.group import ALONE, Group, current
from carsmoo.nets.latency.measure import cached
from carsmoo.nets.models.device import FORMATS, environment, memory_of, pick
from carsmoo.nets.models.network import Network
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.autotune import memory_format, threads
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.operators import genotype_operators
from carsmoo.problems.moving import MovingProblem
from carsmoo.space.front import Front
from carsmoo.space.genotype import DARTSSpace, Genotype
from carsmoo.utils.progress import Listener, Step, unheard

T = TypeVar("T")


class CARSProblem(MovingProblem):
    """Architecture search with a weight-sharing supernet that trains during the search (CARS, CVPR 2020).

    A vector is a genotype of ``space``. The error is that of the subnet with the current shared weights, each with
    batch-norm statistics of its own, on the search-validation split; the test split is not looked at. The warm-up runs
    at the first evaluation. ``CARSProblem()`` is the demo: scikit-learn's digits, 8 channels, 5 cells, N = 16.

    Args:
        data: a name (``"digits"``, ``"folder:photos?size=32x48"``; all of them: :mod:`carsmoo.nets.data`), an
            :class:`~carsmoo.nets.data.in_memory.ImageData`, a ``torch.utils.data.Dataset``, or (images, labels).
        space: the architectures.
        objectives: minimised, in this order, ``"error"`` among them: ``"error"`` (fraction wrong), ``"params"``
            (millions), ``"flops"`` (millions of multiply-adds of one image), ``"latency"`` (ms at batch 1), or a
            function of a genotype, known by its name, that returns a number.
        network: the networks searched for; the supernet has their widths and depth.
        training: how the shared weights are trained and the subnets scored, and the plan of the search.
        device: where to compute; a CUDA device if there is one, else the CPU.
        seed: fixes initial weights, order and augmentation of images, and the architectures that training draws; an
            algorithm that is given no seed takes it too.
        latency: the table that latencies are taken from, or the path of its file. None: measured on ``device`` before
            the warm-up, and remembered for the next problem of the same networks. A resumed run keeps the table
            that it began with.
        group: the processes that train and score together, each of which makes this problem and calls it alike; that of
            ``torch.distributed`` where it is initialised, else this process alone.

    Attributes:
        objective_names: the objectives' names.
        objective_units: the objectives' units, empty for a function's.

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
        space: DARTSSpace | None = None,
        objectives: Sequence[Objective] = ("error", "params"),
        network: NetworkConfig | None = None,
        training: SupernetTraining | None = None,
        device: str | torch.device | None = None,
        seed: int = 0,
        latency: LatencyTable | str | Path | None = None,
        group: Group | None = None,
    ) -> None:
        self.space = _instance("space", space, DARTSSpace)
        self.training = _instance("training", training, SupernetTraining)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed: expected an integer of at least 0, got {seed!r}")
        self._group = current() if group is None else _instance("group", group, Group)
        if self._group.size > 1 and self.training.racing:
            raise ValueError(f"racing: expected False with {self._group.size} processes, which race apart, got True")
        self._shape = _instance("network", network, NetworkConfig)
        self._device_given = device
        self.device = pick(device)
        self.data_given = data
        self._data: ImageData | None = load(data).to(self.device)
        self.network = self._shape.for_data(self._data.image_shape, self._data.classes)
        self._require_memory(self._data)
        self._objectives = Objectives(objectives, self.space, self.network, latency)
        names = self.objective_names = self._objectives.names
        self.objective_units = self._objectives.units
        super().__init__(
            n_var=self.space.n_var,
            n_obj=len(names),
            xl=self.space.xl,
            xu=self.space.xu,
            vtype=int,
            moving=(names.index("error"),),
            seed=int(seed),
        )
        self.default_pop_size = self.training.pop_size
        self.default_termination = MaximumGenerationTermination(
            self.training.n_generations + 1
        )  # the first only scores
        self.process_rank = self._group.rank
        self.races = self.training.racing
        self._world: SupernetState | None = None
        self._weights_missing = False
        self._error_of: dict[bytes, float] = {}

    def _require_memory(self, data: ImageData) -> None:
        """Check that supernet, training and population fit in the memory, before anything is made."""
        plan, nodes = self.training, self.space.nodes
        require_count("pop_size", plan.pop_size, self.space.n_var)
        require_count("subnets_per_step", plan.subnets_per_step * plan.flops_grouping_window, self.space.n_var)
        batch = -(-min(plan.batch_size, len(data.train)) // plan.ghost_batches)
        params = supernet_params(self.space, self.network)
        require_step(self.network, params, batch, (nodes, nodes), memory_of(self.device))

    # ------------------------------------------------------------------ defaults for an algorithm

    def default_operators(self) -> dict[str, Any]:
        """Return CARS's operators; duplicates are recognised by their meaning."""
        return genotype_operators(self.space)

    # ------------------------------------------------------------------ results

    def front(self, result: Any) -> Front:
        """Evaluate the population of a pymoo result (or algorithm) with the current weights, and return its front.

        Raises:
            ValueError: if there is no population.
        """
        pop = getattr(result, "pop", None)
        if pop is None or len(pop) == 0:
            raise ValueError("result: expected one with a population, got none")
        X = pop.get("X")
        F = self.evaluate(X, return_values_of=["F"])
        return Front.from_objectives(self.space.decode(X), F, self.objective_names, self.objective_units, self.about())

    def about(self) -> dict[str, Any]:
        """Return what current figures belong to: data, split, weights, epoch, generation, seed; latency's device."""
        measured = {} if self.latency is None else {"latency": self.latency.where}
        return {
            **measured,
            "data": self._loaded().name,
            "split": "search-validation",
            "weights": "supernet",
            "epoch": self.epoch,
            "generation": self.time,
            "seed": self.seed,
        }

    @property
    def epoch(self) -> int:
        """Epochs that the shared weights have been trained for."""
        return 0 if self._world is None else round(self._world.trainer.epochs)

    def evaluate_on_test(self, genotype: Genotype) -> float:
        """Return the test error of a genotype with the supernet's current weights, a fraction.

        For the end of a search, once: whoever chooses by it searches on the test split. One process of a group may ask
        for it alone.
        """
        _instance("genotype", genotype, Genotype)
        self._ensure_begun()
        return float(self._running().errors([genotype], self._loaded().test)[0])

    @property
    def images(self) -> ImageData:
        """The images of the search, with their splits."""
        return self._loaded()

    def subnet(self, genotype: Genotype) -> Network:
        """Return the network of a genotype with the supernet's current weights, in evaluation mode.

        Its batch norm has measured its statistics on the calibration images, so that its error on a split is the score
        of the genotype there.
        """
        _instance("genotype", genotype, Genotype)
        self._ensure_begun()
        return self._running().subnet(genotype)

    def validation_errors(
        self,
        genotypes: Sequence[Genotype],
        statistics: Literal["recalibrated", "batch"] | None = None,
        listener: Listener = unheard,
    ) -> NDArray[np.float64]:
        """Return the search-validation errors of genotypes with the supernet's current weights, (n,), fractions.

        Args:
            genotypes: the architectures, n of them.
            statistics: of their batch norm, see :class:`~carsmoo.SupernetTraining`; the plan's if not given.
            listener: called after each architecture.

        Raises:
            ValueError: for other statistics.
        """
        if statistics not in (None, "recalibrated", "batch"):
            raise ValueError(f"statistics: expected recalibrated or batch, got {statistics!r}")
        self._ensure_begun()
        listener(Step(phase="scoring", done=0, total=len(genotypes), unit="networks"))
        return self._running().errors(genotypes, self._loaded().validation, statistics, listener)

    @property
    def supernet(self) -> Supernet:
        """The shared weights of a problem that has begun."""
        return self._running().supernet

    # ------------------------------------------------------------------ the moving world

    def check(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return ``X`` as integers, (n, n_var).

        Raises:
            ValueError: for another shape, values out of bounds, or numbers that are not whole.
        """
        try:
            return self.space.check(X)
        except ValueError as error:
            if "whole numbers" not in str(error):
                raise
            operators = "GenotypeSampling, NodeCrossover and NodeMutation of carsmoo.operators"
            raise ValueError(f"{error}; {operators} make such X") from None

    def _begin(self) -> None:
        if self._weights_missing:
            raise RuntimeError("weights: expected load_state() on an unpickled problem before it scores, got none")
        if "latency" in self.objective_names and self._objectives.latency is None:
            text = self._group.decide(lambda: cached(self.space, self.network, self.device, self._hear).to_json())
            self._objectives.use(LatencyTable.from_json(text))
        if self._world is None:
            self._world = self._new_world()
        total, n = self.training.warmup_epochs, self.training.subnets_per_step
        for epoch in range(self.epoch, total):  # a run that was stopped in here resumes with the next
            self._world.train("warm-up", range(epoch, epoch + 1), total, lambda world: world.uniform(n), self._hear)

    def _advance(self, X: NDArray[np.int64]) -> None:
        self._error_of.clear()
        if self._group.size > 1:
            self._group.require_same("population", hashlib.sha256(X.tobytes()).digest())
        total, n = self.training.epochs_per_generation, self.training.subnets_per_step
        self._running().train("training", range(total), total, lambda world: world.drawn_from(X, n), self._hear)

    def _restart(self) -> None:
        if self._weights_missing:
            raise RuntimeError("weights: expected load_state() on an unpickled problem before a new run, got none")
        self._world = None
        self._error_of.clear()

    def _hear(self, step: Step) -> None:
        boundary = step.phase == "warm-up" and bool(step.figures)  # the end of an epoch: the supernet knows all of it
        self.tell(dataclasses.replace(step, time=self.time, boundary=boundary))

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        keys = [row.tobytes() for row in self.space.canonical(X)]
        new = {key: k for k, key in enumerate(keys) if key not in self._error_of}
        if new:
            genotypes = self.space.decode(X[list(new.values())])
            total = len(genotypes)
            self._hear(Step(phase="scoring", done=0, total=total, unit="networks"))
            race = None
            if self.races and self.survivors is not None and total > self.survivors:
                race = Race(self._objectives.fixed(X[list(new.values())]), self.survivors)
            found = self._running().scores(genotypes, self._hear, race)
            self._error_of.update(zip(new, found.tolist(), strict=True))
        return np.array([[self._error_of[key]] for key in keys])

    def _fixed_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        if self._group.size > 1 and self._objectives.measured:  # whatever they measure, all ranks go on with the same
            found: list[list[float]] = self._group.decide(lambda: self._objectives.fixed(X).tolist())
            return np.array(found, dtype=np.float64)
        return self._objectives.fixed(X)

    def _new_world(self, layout: str | None = None) -> SupernetState:
        """Return a new training state in a memory format, the plan's if none is named."""
        made = self.space, self.network, self.training, self._loaded()
        if layout is None:
            layout = self._group.decide(lambda: memory_format(*made))
        return SupernetState(*made, self.seed or 0, layout, self._group)

    def fastest_threads(self) -> int:
        """Return the number of threads the supernet trains fastest with here; :func:`torch.set_num_threads` sets it."""
        return self._group.decide(lambda: threads(self.space, self.network, self.training, self._loaded()))

    def _loaded(self) -> ImageData:
        if self._data is None:
            raise RuntimeError("data: expected load_state() on an unpickled problem before it scores, got none")
        return self._data

    def _running(self) -> SupernetState:
        if self._world is None:
            raise RuntimeError("supernet: expected a problem that has begun, got one that has not")
        return self._world

    # ------------------------------------------------------------------ copies and state

    def __deepcopy__(self, memo: dict[int, Any]) -> CARSProblem:
        """Return the problem itself: copies of an algorithm or a history share the one supernet."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out weights and images; the pickled problem needs :meth:`load_state` before it scores."""
        left_out: dict[str, Any] = {"_data": None, "_world": None, "_weights_missing": True, "_begun": False}
        left_out |= {"_started": False, "_error_of": {}, "_group": ALONE, "process_rank": 0}
        given = self.data_given if isinstance(self.data_given, str) else None
        return {**super().__getstate__(), **left_out, "data_given": given}

    def load_state(self, state: Mapping[str, NDArray[Any]], data: DataLike | None = None) -> None:
        """Restore a state that :meth:`~carsmoo.MovingProblem.state` returned.

        Args:
            state: what :meth:`~carsmoo.MovingProblem.state` returned, of a problem made with the same arguments.
            data: the images, where the problem was unpickled and its data had no name.

        Raises:
            ValueError: if images are needed and not given, or the arrays do not fit this problem.
        """
        if self._data is None:
            source = self.data_given if data is None else data
            if source is None:
                raise ValueError("data: expected the images of the unpickled problem, got none")
            self._data = load(source).to(self.device)
        super().load_state(state)
        self._weights_missing = False

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return the supernet with its training state, and the values of objectives that are functions."""
        state = {} if self._world is None else self._world.state()
        return {**state, **self._objectives.state()}

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        world = None
        if "steps" in state:
            layout = bytes(state.get("memory_format", np.empty(0, np.uint8))).decode(errors="replace")
            if layout not in FORMATS:
                raise ValueError(f"state: expected a memory format among {', '.join(FORMATS)}, got {layout!r}")
            world = self._new_world(layout)
            world.load_state(state)
        elif bool(state["begun"]):
            raise ValueError("state: expected the weights of a problem that has begun, got none")
        self._world = world
        self._error_of.clear()
        self._objectives.load_state(state)

    def configuration(self) -> dict[str, Any]:
        """Return the arguments of the problem as plain data; of functions the names, of images a digest."""
        data = self._loaded()
        return {
            "kind": type(self).__qualname__,
            "data": {"name": data.name, "sha256": data.digest()},
            "space": {"nodes": self.space.nodes, "ops": list(self.space.ops)},
            "objectives": list(self.objective_names),
            "network": {**dataclasses.asdict(self.network), "image_shape": list(self.network.input_shape)},
            **({"latency": self._objectives.latency_given} if "latency" in self.objective_names else {}),
            "training": dataclasses.asdict(self.training),
            "seed": self.seed,
        }

    def settings(self) -> dict[str, Any] | None:
        """Return the arguments that make this problem, if names and numbers say it all, else None."""
        named = isinstance(self.data_given, str) and all(name in OBJECTIVES for name in self.objective_names)
        nameless = self._objectives.latency_given != "measured" and self._objectives.latency_file is None
        if not named or nameless or type(self) is not CARSProblem:
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

    def environment(self) -> dict[str, Any]:
        """Return what of this machine, and of the sharding over processes, decides the last bits of a score.

        The number of processes is left out where it decides nothing: one, or two that add two sums, each of an
        architecture or of a part of the batch.
        """
        size, plan = self._group.size, self.training
        sums = plan.subnets_per_step if plan.ghost_batches == 1 else plan.ghost_batches
        return environment(self.device) | ({} if size == 1 or size == sums == 2 else {"processes": size})


def _instance(name: str, value: T | None, kind: type[T]) -> T:
    value = kind() if value is None else value
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value
