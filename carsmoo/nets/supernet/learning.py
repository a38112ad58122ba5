"""Problems whose networks learn: what a moving problem does as time passes, done with weights that train."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.cost.latency_table import LatencyTable
from carsmoo.nets.data import DataLike, ImageData, load
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.latency.measure import cached
from carsmoo.nets.supernet.arguments import Arguments
from carsmoo.nets.supernet.autotune import memory_format
from carsmoo.nets.supernet.current_scores import CurrentScores
from carsmoo.nets.supernet.main_effects import MainEffects
from carsmoo.nets.supernet.probes import Probes
from carsmoo.nets.supernet.second_opinion import SecondOpinion
from carsmoo.nets.supernet.world import World, layout_of, new_world
from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.problems.trust import Scored, Trust
from carsmoo.utils.correlation import FEWEST, Correlation, rank_correlation
from carsmoo.utils.progress import Step


class LearningProblem(GenotypeProblem):
    """A moving problem over genotypes whose scores are those of networks with the weights of now.

    It keeps the protocol of moving problems: what comes before any score is the warm-up, an advance trains on a
    population, and the state is that of the weights. :class:`~carsmoo.CARSProblem` makes it of a user's arguments.

    Args:
        made: the arguments, settled.
        seed: of all that is random, and of an algorithm that is given none.
    """

    def __init__(self, made: Arguments, seed: int) -> None:
        self._group, self.device = made.group, made.device
        self.training, self.network = made.training, made.network
        self.data_given = made.data
        self._data: ImageData | None = made.images
        self._objectives = made.objectives
        self._score = self._objectives.score
        moving = tuple(self._objectives.names.index(name) for name in self._objectives.moving)
        super().__init__(space=made.space, objectives=self._objectives.units, moving=moving, seed=seed)
        self.default_pop_size = self.training.pop_size
        generations = self.training.n_generations + 1  # the first only scores
        self.default_termination = MaximumGenerationTermination(generations)
        self.process_rank, self.races = self._group.rank, self.training.racing
        self._world: World | None = None
        self._weights_missing = False
        self._scores = self._new_scores(self._group)
        self._probes = self._new_probes(self._group)
        self._last: Scored | None = None

    @property
    def images(self) -> ImageData:
        """The images of the search, with their splits."""
        if self._data is None:
            raise RuntimeError("data: expected load_state_dict() on an unpickled problem before it scores, got none")
        return self._data

    @property
    def epoch(self) -> int:
        """Epochs that the shared weights have been trained for."""
        return 0 if self._world is None else round(self._world.epochs)

    @property
    def trust(self) -> Trust | None:
        """How far the order of the last generation's networks, parents and newborns, is more than noise.

        It is measured where a population is evaluated for the first time after an advance; None before.
        """
        return None if self._last is None else self._last.trust

    # ------------------------------------------------------------------ as time passes

    def _begin(self) -> None:
        if self._weights_missing:
            raise RuntimeError("weights: expected load_state_dict() on an unpickled problem before it scores, got none")
        if "latency" in self.objective_names and self._objectives.latency is None:
            text = self._group.decide(lambda: cached(self.space, self.network, self.device, self._hear).to_json())
            self._objectives.use(LatencyTable.from_json(text, self.space))
        if self._world is None:
            self._world = self._new_world()
        if self._scores.second is not None:
            self._scores.second.ask(self.images, layout_of(self._world.state_dict()), self._hear)
        self._world.begin(self._hear)

    def _advance(self, X: NDArray[np.int64]) -> None:
        self._scores.forget()
        self._running().train_on(X, self._hear)

    def _join(self, X: NDArray[np.int64]) -> None:
        if self._running().join(X, self._hear):
            self._scores.forget()

    def _restart(self) -> None:
        if self._weights_missing:
            raise RuntimeError("weights: expected load_state_dict() on an unpickled problem before a new run, got none")
        self._world = self._last = None
        self._scores, self._probes = self._new_scores(self._group), self._new_probes(self._group)

    def _hear(self, step: Step) -> None:
        epoch = step.phase == "warm-up" and bool(step.figures)  # the end of one: the supernet knows all of it
        self.tell(dataclasses.replace(step, time=self.time, boundary=step.boundary or epoch))

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        return self._scores.values(X, self._running(), self._group, self._hear, self._kept_of_a_race())

    def _tallies(self, X: NDArray[np.int64]) -> NDArray[Any]:
        """Return the current tallies, (n, 2, 2) or (n, k, 2, 2); see :mod:`carsmoo.problems.trust`."""
        return self._scores.tallies(X, self._running(), self._hear, self._kept_of_a_race())

    def _kept_of_a_race(self) -> int | None:
        """Return how many of the next batch survive a race; None where nobody races."""
        return self.survivors if self.races else None

    def _evaluate(self, X: NDArray[np.int64], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super()._evaluate(X, out, *args, **kwargs)
        if len(X) and self._score is not None and (self._last is None or self._last.time != self.time):
            X = np.unique(self.space.canonical(X), axis=0)
            plan, fitted = self.training, bool(self.training.main_effects)
            score = "loss" if fitted else self._score  # what varies between fits are not counts of images
            told = self._tallies(X), self._running().updates, score, plan.weights == "shared" and not fitted
            self._last = Scored.after(self._last, self.time, X, *told, self._probed(X))

    def _probed(self, X: NDArray[np.int64]) -> Correlation | None:
        """Return how far the order of vectors (n, n_var) agrees with probes' among them; None where none are due."""
        if self._probes is None or self.time not in (0, self.training.n_generations):
            return None
        probes, world = self._probes.chosen(X), self._running()
        if len(probes) < FEWEST:
            return None
        losses = self._probes.losses(probes, self.images, layout_of(world.state_dict()), self._hear)
        return rank_correlation(self._scores.scores(probes, world, self._hear), losses)

    def _fixed_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        fixed = self._objectives.fixed
        if self._group.size > 1 and self._objectives.measured:  # whatever they measure, all ranks go on with the same
            return np.array(self._group.decide(lambda: fixed(X).tolist()), dtype=np.float64)
        return fixed(X)

    # ------------------------------------------------------------------ weights and scores

    def _running(self, *, begin: bool = False) -> World:
        if begin:
            self._ensure_begun()
        if self._world is None:
            raise RuntimeError("supernet: expected a problem that has begun, got one that has not")
        return self._world

    def _new_world(self, layout: str | None = None) -> World:
        """Return a new training state in a memory format, the plan's if none is named."""
        made = self.space, self.network, self.training, self.images
        layout = layout or self._group.decide(lambda: memory_format(*made))
        return new_world(*made, self.seed or 0, layout, self._group)

    def _new_scores(self, group: Group) -> CurrentScores:
        plan = self.training
        most = 1.0 if self._score == "error" else math.inf
        made = self.space, plan.networks_drawn, self.seed or 0, group, most
        effects = MainEffects(*made) if plan.main_effects else None
        asked = self.space, self.network, plan, self.seed or 0, group, self._score or "error", most
        second = SecondOpinion(*asked) if plan.supernet_epochs else None
        return CurrentScores(self.space, self._objectives, effects, second)

    def _new_probes(self, group: Group) -> Probes | None:
        plan = self.training
        if plan.probes and self._score is None:
            raise ValueError(f"probes: expected 0 without an error or a loss among the objectives, got {plan.probes}")
        alone = plan.of_probes
        return None if alone is None else Probes(self.space, self.network, alone, self.seed or 0, group)

    # ------------------------------------------------------------------ state

    def load_state_dict(self, state: Mapping[str, NDArray[Any]], data: DataLike | None = None) -> None:
        """Restore what :meth:`~carsmoo.MovingProblem.state_dict` returned, of a problem made with the same arguments.

        ``data`` are the images, needed where the problem was unpickled and its data had no name.

        Raises:
            ValueError: if images are needed and not given, or the arrays do not fit this problem.
        """
        if self._data is None:
            source = self.data_given if data is None else data
            if source is None:
                raise ValueError("data: expected the images of the unpickled problem, got none")
            self._data = load(source).to(self.device)
        super().load_state_dict(state)
        self._weights_missing = False

    def _state(self) -> dict[str, NDArray[Any]]:
        """Return the supernet with its training state, and the values of objectives that are functions."""
        scored = {} if self._last is None else self._last.state_dict()
        world = {} if self._world is None else self._world.state_dict()
        second = {} if self._scores.second is None else self._scores.second.state_dict()
        probes = {} if self._probes is None else self._probes.state_dict()
        return {**world, **second, **probes, **scored, **self._objectives.state_dict()}

    def _load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        world = self._new_world(layout_of(state)) if "steps" in state else None
        if world is not None:
            world.load_state_dict(state)
        elif bool(state["begun"]):
            raise ValueError("state: expected the weights of a problem that has begun, got none")
        self._world, self._last = world, Scored.from_state(state)
        self._scores.forget()
        if self._scores.second is not None:
            self._scores.second.load_state_dict(state)
        if self._probes is not None:
            self._probes.load_state_dict(state)
        self._objectives.load_state_dict(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> LearningProblem:
        """Return the problem itself: copies of an algorithm or a history share the one supernet."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Leave out weights and images; the pickled problem needs :meth:`load_state_dict` before it scores."""
        left_out: dict[str, Any] = {"_data": None, "_world": None, "_weights_missing": True, "_begun": False}
        left_out |= {"_started": False, "_scores": self._new_scores(ALONE), "_probes": self._new_probes(ALONE)}
        left_out |= {"_group": ALONE, "process_rank": 0}
        left_out["_last"] = None
        given = self.data_given if isinstance(self.data_given, str) else None
        return {**super().__getstate__(), **left_out, "data_given": given}
