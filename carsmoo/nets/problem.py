"""CARSProblem: neural architecture search with a training supernet, as a pymoo problem."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.config import NetworkConfig, SupernetTraining
from carsmoo.cost import CostTable
from carsmoo.events import Step
from carsmoo.front import Front
from carsmoo.genotype import DARTSSpace, Genotype
from carsmoo.nets.data import DataLike, ImageData, Split, load
from carsmoo.nets.scoring import errors
from carsmoo.nets.world import World
from carsmoo.operators import genotype_operators
from carsmoo.problems.moving import MovingProblem

T = TypeVar("T")
Objective: TypeAlias = str | Callable[[Genotype], float]

OBJECTIVES: Mapping[str, str] = {"error": "fraction", "params": "millions", "flops": "millions of multiply-adds"}
"""The named objectives and their units."""


class CARSProblem(MovingProblem):
    """Architectures scored on the weights of a supernet that trains as the search goes on (CARS, CVPR 2020).

    A vector is a genotype of ``space``. The error is that of the subnet with the shared weights of the day, each with
    batch-norm statistics of its own, on the search-validation split; the test split is not looked at. The warm-up runs
    at the first evaluation. ``CARSProblem()`` is the demo: scikit-learn's digits, 8 channels, 5 cells, N = 16.

    Args:
        data: a name (``"digits"``, ``"cifar10"``), an :class:`~carsmoo.nets.data.ImageData`, or (images, labels).
        space: the architectures.
        objectives: minimised, in this order, ``"error"`` among them: ``"error"`` (fraction wrong), ``"params"``
            (millions), ``"flops"`` (millions of multiply-adds of one image), or a function of a genotype, known by its
            name, that returns a number.
        network: the networks searched for; the supernet has their widths and depth.
        training: how the shared weights are trained and the subnets scored, and the plan of the search.
        device: where to compute; a CUDA device if there is one, else the CPU.
        seed: fixes initial weights, order and augmentation of images, and the architectures that training draws; an
            algorithm that is given no seed takes it too.

    Attributes:
        objective_names: the objectives' names.
        objective_units: the objectives' units, empty for a function's.

    Raises:
        TypeError, ValueError: naming the argument, what was expected and what was given.
        FileNotFoundError: if the files of a data set are missing.
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
    ) -> None:
        self.space = _instance("space", space, DARTSSpace)
        self.training = _instance("training", training, SupernetTraining)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed: expected an integer of at least 0, got {seed!r}")
        shape = _instance("network", network, NetworkConfig)
        names, self._functions = _objectives(objectives)
        self.objective_names = names
        self.objective_units = tuple(OBJECTIVES.get(name, "") for name in names)
        self.device = _device(device)
        self.data_given = data
        self._data: ImageData | None = load(data).to(self.device)
        self.network = shape.for_data(self._data.image_shape, self._data.classes)
        super().__init__(
            n_var=self.space.n_var,
            n_obj=len(names),
            xl=self.space.xl,
            xu=self.space.xu,
            vtype=int,
            moving=(names.index("error"),),
            seed=int(seed),
        )
        self.default_pop_size = self.training.population
        self.default_termination = MaximumGenerationTermination(self.training.generations + 1)  # the first only scores
        self._costs = CostTable(self.space, self.network)
        self._world: World | None = None
        self._weights_missing = False
        self._error_of: dict[bytes, float] = {}
        self._value_of: dict[tuple[str, bytes], float] = {}

    # ------------------------------------------------------------------ defaults for an algorithm

    def default_operators(self) -> dict[str, Any]:
        """CARS's way of making offspring, duplicates told by their meaning."""
        return genotype_operators(self.space)

    # ------------------------------------------------------------------ results

    def front(self, result: Any) -> Front:
        """Score the population of a pymoo result (or algorithm) on the weights of now, and return its front.

        Raises:
            ValueError: if there is no population.
        """
        pop = getattr(result, "pop", None)
        if pop is None or len(pop) == 0:
            raise ValueError("result: expected one with a population, got none")
        X = pop.get("X")
        F = self.evaluate(X, return_values_of=["F"])
        return Front.of(self.space.decode(X), F, self.objective_names, self.objective_units, self.about())

    def about(self) -> dict[str, Any]:
        """Tell what an error of now belongs to: data, split, weights, epoch, generation, seed."""
        return {
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

    def test_error(self, genotype: Genotype) -> float:
        """Return the error, a fraction, of a genotype on the test split with the supernet's weights of now.

        For the end of a search, once: whoever chooses by it searches on the test split.
        """
        self._ensure_begun()
        return float(self._errors([genotype], self._loaded().test)[0])

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
        self._world = self._new_world()
        total = self.training.warmup
        for epoch in range(total):
            self._train("warm-up", epoch, total, self._world.uniform(self.training.architectures))

    def _advance(self, X: NDArray[np.int64]) -> None:
        self._error_of.clear()
        total = self.training.epochs
        population = self._running().drawn_from(X, self.training.architectures)
        for epoch in range(total):
            self._train("training", epoch, total, population)

    def _restart(self) -> None:
        if self._weights_missing:
            raise RuntimeError("weights: expected load_state() on an unpickled problem before a new run, got none")
        self._world = None
        self._error_of.clear()

    def _train(self, phase: str, epoch: int, total: int, architectures: Iterator[list[Genotype]]) -> None:
        trainer = self._running().trainer
        steps = trainer.steps_per_epoch
        total_steps, done = total * steps, epoch * steps
        losses = torch.zeros((), device=self.device)
        for k, loss in enumerate(trainer.epoch(architectures)):
            losses += loss
            last = k + 1 == steps
            figures = {"loss": float(losses) / steps, "epoch": self.epoch} if last else {}
            self.tell(
                Step(phase=phase, time=self.time, done=done + k + 1, total=total_steps, unit="steps", figures=figures)
            )

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        keys = [row.tobytes() for row in self.space.canonical(X)]
        new = {key: k for k, key in enumerate(keys) if key not in self._error_of}
        if new:
            genotypes = self.space.decode(X[list(new.values())])
            total = len(genotypes)

            def scored(done: int) -> None:
                self.tell(Step(phase="scoring", time=self.time, done=done, total=total, unit="networks"))

            found = self._errors(genotypes, self._loaded().validation, scored)
            self._error_of.update(zip(new, found.tolist(), strict=True))
        return np.array([[self._error_of[key]] for key in keys])

    def _errors(
        self, genotypes: Sequence[Genotype], split: Split, scored: Callable[[int], None] | None = None
    ) -> NDArray[np.float64]:
        world, plan = self._running(), self.training
        return errors(
            world.supernet,
            genotypes,
            split,
            world.data.normalise,
            batch=plan.score_batch,
            calibration=world.calibration if plan.statistics == "recalibrated" else None,
            scored=scored,
        )

    def _fixed_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        columns = [self._column(name, X) for name in self.objective_names if name != "error"]
        return np.stack(columns, axis=1)

    def _column(self, name: str, X: NDArray[np.int64]) -> NDArray[np.float64]:
        if name == "params":
            return self._costs.params(X) / 1e6
        if name == "flops":
            return self._costs.flops(X) / 1e6
        keys = [(name, row.tobytes()) for row in self.space.canonical(X)]
        for key, x in zip(keys, X, strict=True):
            if key not in self._value_of:
                self._value_of[key] = _number(name, self._functions[name](self.space.decode(x)))
        return np.array([self._value_of[key] for key in keys])

    def _new_world(self) -> World:
        return World(self.space, self.network, self.training, self._loaded(), self.seed or 0)

    def _loaded(self) -> ImageData:
        if self._data is None:
            raise RuntimeError("data: expected load_state() on an unpickled problem before it scores, got none")
        return self._data

    def _running(self) -> World:
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
        left_out |= {"_error_of": {}, "_value_of": {}, "_costs": CostTable(self.space, self.network)}
        given = self.data_given if isinstance(self.data_given, str) else None
        return {**super().__getstate__(), **left_out, "data_given": given}

    def state(self) -> dict[str, NDArray[Any]]:
        """Return everything that :meth:`load_state` needs to go on exactly from here, as plain arrays."""
        state: dict[str, NDArray[Any]] = {"time": np.array(self.time), "begun": np.array(self._begun)}
        for name, X in (("guide", self._guide), ("scored", self._scored)):
            if X is not None:
                state[name] = X.copy()
        if self._world is not None:
            state |= self._world.state()
        return state

    def load_state(self, state: Mapping[str, NDArray[Any]], data: DataLike | None = None) -> None:
        """Go on from where :meth:`state` was taken.

        Args:
            state: what :meth:`state` returned, of a problem made with the same arguments.
            data: the images, where the problem was unpickled and its data had no name.

        Raises:
            ValueError: if images are needed and not given, or the arrays do not fit this problem.
        """
        for name in ("begun", "time"):
            if name not in state:
                raise ValueError(f"state: expected what state() returned, got no {name!r}")
        if self._data is None:
            source = self.data_given if data is None else data
            if source is None:
                raise ValueError("data: expected the images of the unpickled problem, got none")
            self._data = load(source).to(self.device)
        world = None
        if bool(state["begun"]):
            world = self._new_world()
            world.load_state(state)
        self._world, self._weights_missing = world, False
        self._begun, self.time = bool(state["begun"]), int(state["time"])
        self._guide, self._scored = state.get("guide"), state.get("scored")
        self._error_of.clear()


def _instance(name: str, value: T | None, kind: type[T]) -> T:
    value = kind() if value is None else value
    if not isinstance(value, kind):
        raise TypeError(f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def _device(device: str | torch.device | None) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        made = torch.device(device)
        torch.zeros(1, device=made).item()
    except (RuntimeError, TypeError, AssertionError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"device: expected one that torch can compute on, got {device!r} ({reason})") from None
    return made


def _objectives(objectives: Sequence[Objective]) -> tuple[tuple[str, ...], dict[str, Callable[[Genotype], float]]]:
    """Return the names of the objectives, and the functions behind those that are functions."""
    if isinstance(objectives, str) or not isinstance(objectives, Sequence):
        raise TypeError(f"objectives: expected a sequence, got {objectives!r}")
    names, functions = [], {}
    for objective in objectives:
        if callable(objective):
            name = getattr(objective, "__name__", "<unnamed>")
            if not name.isidentifier():
                raise ValueError(f"objectives: expected a function with a name, got {name}")
            if name in OBJECTIVES:
                raise ValueError(f"objectives: expected a function with a name of its own, got {name!r}")
            functions[name] = objective
        elif isinstance(objective, str) and objective in OBJECTIVES:
            name = objective
        else:
            raise ValueError(f"objectives: expected among {', '.join(OBJECTIVES)} or a function, got {objective!r}")
        if name in names:
            raise ValueError(f"objectives: expected each once, got {name!r} again")
        names.append(name)
    if "error" not in names:
        raise ValueError(f"objectives: expected 'error' among them, got {names}")
    return tuple(names), functions


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
        raise ValueError(f"{name}: expected a finite number, got {value!r}")
    return float(value)
