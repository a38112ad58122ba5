"""What was found of architectures with the current weights: tallies, and objectives that see networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.supernet import FEWEST_EFFECTS
from carsmoo.cost.objectives import Objectives, ValueCache
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet.main_effects import Living, MainEffects, Scoring
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.second_opinion import SecondOpinion, alike, both
from carsmoo.nets.supernet.world import World
from carsmoo.problems.trust import scores_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, Step


class CurrentScores:
    """The moving objectives of architectures with the current weights, each found once until :meth:`forget`.

    Args:
        space: the architectures.
        objectives: of the search.
        effects: what networks are scored by; None if each is scored itself.
        second: what else they are scored by, as much again; None if nothing.
    """

    def __init__(
        self,
        space: SearchSpace,
        objectives: Objectives,
        effects: MainEffects | None = None,
        second: SecondOpinion | None = None,
    ) -> None:
        self.space, self.objectives, self.effects, self.second = space, objectives, effects, second
        self._tallies = ValueCache(space)
        self._of_networks = ValueCache(space)
        self._on_living: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def forget(self) -> None:
        """Forget all that was found, as the weights have changed."""
        self._tallies.clear()
        self._of_networks.clear()
        self._on_living = None
        if self.effects is not None:
            self.effects.forget()

    def values(
        self, X: NDArray[np.int64], world: World, group: Group, listener: Listener, survivors: int | None = None
    ) -> NDArray[np.float64]:
        """Return the moving objectives of ``X`` (n, n_var), (n, k), in their order.

        Args:
            X: vectors.
            world: the weights.
            group: the processes that score together.
            listener: called after each network.
            survivors: how many of ``X`` are kept, if the others may lose a race; None if nobody races.
        """
        names = self.objectives.of_networks
        found = np.empty((len(X), len(names)))
        if len(X) and names:
            found = self._of_networks.look_up(X, lambda new: self._networks_asked(new, world, group, listener))
        if self.objectives.score is None:
            return found
        scores = self.scores(X, world, listener, survivors)
        return np.insert(found, self.objectives.moving.index(self.objectives.score), scores, axis=1)

    def scores(
        self, X: NDArray[np.int64], world: World, listener: Listener, survivors: int | None = None
    ) -> NDArray[np.float64]:
        """Return the errors, or losses, of ``X`` (n, n_var), (n,), that the search goes by; see :meth:`values`."""
        if self.effects is None or not len(X) or _too_few(world):
            return scores_of(self.tallies(X, world, listener, survivors))
        return self._expected(self.effects, X, world, listener)

    def tallies(
        self, X: NDArray[np.int64], world: World, listener: Listener, survivors: int | None = None
    ) -> NDArray[Any]:
        """Return the tallies of ``X`` (n, n_var), (n, 2, 2) or (n, k, 2, 2); see :mod:`carsmoo.problems.trust`.

        Scores are theirs, but for main effects, of which they are those of the two halves.

        The arguments are those of :meth:`values`.
        """
        if not len(X):
            return np.empty((0, 2, 2))
        return self._tallies.look_up(X, lambda new: self._scored(new, world, listener, survivors))

    def _scored(self, X: NDArray[np.int64], world: World, listener: Listener, survivors: int | None) -> NDArray[Any]:
        assert self.objectives.score is not None
        score = self.objectives.score
        if self.effects is not None and not _too_few(world):
            tallies, second = self.effects.tallies(X, *self._fitted(world, listener)), self.second
            if second is None:
                return tallies
            return both(tallies, self._alike(second.halves(X), self.effects, second, world, listener))
        listener(Step(phase="scoring", done=0, total=len(X), unit="networks"))
        races = survivors is not None and len(X) > survivors
        race = Race(self.objectives.fixed(X), cast(int, survivors)) if races else None
        return world.scores(self.space.decode(X), score, listener, race)

    def _expected(
        self, effects: MainEffects, X: NDArray[np.int64], world: World, listener: Listener
    ) -> NDArray[np.float64]:
        """Return the scores that main effects lead to expect, the mean of two opinions where there are two."""
        scores, second = effects.scores(X, *self._fitted(world, listener)), self.second
        if second is None:
            return scores
        return (scores + self._alike(second.scores(X), effects, second, world, listener)) / 2

    def _alike(
        self,
        scores: NDArray[np.float64],
        effects: MainEffects,
        second: SecondOpinion,
        world: World,
        listener: Listener,
    ) -> NDArray[np.float64]:
        """Return scores of the second opinion on the scale of the first, and within its bounds."""
        if self._on_living is None:
            epoch, scoring, living = self._fitted(world, listener)
            assert living is not None
            self._on_living = second.scores(living[0]), effects.scores(living[0], epoch, scoring, living)
        bounded: NDArray[np.float64] = np.clip(alike(scores, *self._on_living), 0, effects.most)
        return bounded

    def _fitted(self, world: World, listener: Listener) -> tuple[int, Scoring, Living | None]:
        """Return for which epoch networks are drawn whose main effects count, what scores them, and which live."""
        assert self.objectives.score is not None
        score = self.objectives.score

        def scoring(genotypes: Sequence[Architecture]) -> NDArray[Any]:
            listener(Step(phase="scoring", done=0, total=len(genotypes), unit="networks"))
            return world.scores(genotypes, score, listener, None)

        return round(world.epochs), scoring, world.trained() if isinstance(world, OwnWeights) else None

    def _networks_asked(
        self, X: NDArray[np.int64], world: World, group: Group, listener: Listener
    ) -> NDArray[np.float64]:
        """Return the objectives that see networks, (n, k), as the first process finds them."""
        listener(Step(phase="scoring", done=0, total=len(X), unit="networks"))

        def find() -> list[list[float]]:
            found = []
            for k, genotype in enumerate(self.space.decode(X), 1):
                found.append(self.objectives.of_network(genotype, world.subnet(genotype)))
                listener(Step(phase="scoring", done=k, total=len(X), unit="networks"))
            return found

        return np.array(group.decide(find), dtype=np.float64)


def _too_few(world: World) -> bool:
    """Return whether networks have weights of their own, and too few were trained to fit to: each scores by itself."""
    return isinstance(world, OwnWeights) and len(world.trained()[0]) < FEWEST_EFFECTS
