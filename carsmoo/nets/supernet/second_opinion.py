"""A second opinion: what a supernet that is trained for that alone says of networks with weights of their own.

The chance in its scores is not that of the networks' own training, so that the mean of both may be truer than either;
where it is and where not is measured by ``benchmarks/bench_fidelity.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.supernet.main_effects import MainEffects
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, Step
from carsmoo.utils.trees import Arrays

DRAWN = 384
"""Random networks that the supernet scores, once."""

PHASE = "supernet"
"""Of its steps."""


class SecondOpinion:
    """Scores by the main effects of a supernet, of which nothing is kept but the scores of the networks it was asked.

    The supernet has the widths and depth of the networks, and the usual settings of one, whatever theirs are: what
    trains a network alone fast does not train a supernet well. Each process of a group trains one, so that bits do not
    depend on how many there are, and the first one's counts.

    Args:
        space: the architectures.
        network: with weights of their own.
        plan: of the search; ``supernet_epochs`` of it are the supernet's.
        seed: of the supernet, and of the networks that it scores.
        group: the processes that ask together.
        score: ``"error"`` or ``"loss"``.
        most: the largest score there is, 1 of errors.
    """

    def __init__(
        self,
        space: SearchSpace,
        network: NetworkConfig,
        plan: SupernetTraining,
        seed: int,
        group: Group,
        score: str,
        most: float,
    ) -> None:
        self.space, self.network, self.plan, self.seed, self.group = space, network, plan, seed, group
        self.score, self._key = score, f"second_opinion/{score}"
        self.effects = MainEffects(space, DRAWN, seed, group, most)
        self._tallies: NDArray[Any] | None = None

    def ask(self, images: ImageData, layout: str, listener: Listener) -> None:
        """Train the supernet and let it score, unless that was done before.

        Args:
            images: of the search.
            layout: name of the memory format.
            listener: called after each step and each network that is scored, all of the phase ``"supernet"``; the last
                one is a point to resume from.
        """
        if self._tallies is not None:
            return
        plan = self.plan.of_supernet
        if plan is None:
            raise RuntimeError("second opinion: expected a plan with supernet_epochs, got 0")
        shape = replace(self.network, bn_affine=False)
        state = SupernetState(self.space, shape, plan, images, self.seed, layout)
        drawn = self.space.decode(self.effects.drawn(plan.warmup_epochs))
        end = Step(phase=PHASE, done=len(drawn), total=len(drawn), unit="networks", boundary=True)

        def hear(step: Step) -> None:
            if step.phase == "warm-up" or step.done < step.total:  # the end of the scoring comes with what it said
                listener(replace(step, phase=PHASE))

        state.warm_up(hear)
        hear(replace(end, done=0, boundary=False))
        said = np.asarray(state.scores(drawn, self.score, hear, None)).tolist()
        self._tallies = np.array(self.group.decide(lambda: said), dtype=np.float64)
        listener(end)

    def scores(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the scores of ``X`` (m, n_var), (m,), in the supernet."""
        return self.effects.scores(X, self.plan.supernet_epochs, self._known)

    def halves(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the scores of ``X`` (m, n_var) by two halves of the networks, (m, 2)."""
        summed, met = self.effects.tallies(X, self.plan.supernet_epochs, self._known).swapaxes(0, 1)
        halves: NDArray[np.float64] = summed / met
        return halves

    def _known(self, genotypes: Sequence[Architecture]) -> NDArray[Any]:
        if self._tallies is None:
            raise RuntimeError("second opinion: expected a supernet that was asked, got none")
        return self._tallies

    def state_dict(self) -> Arrays:
        """Return what the supernet said, as plain arrays; nothing before it was asked."""
        return {} if self._tallies is None else {self._key: self._tallies}

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: if a search that has begun lacks it, or it is of another number of networks.
        """
        found = state.get(self._key)
        if found is None and bool(state.get("begun", False)):
            raise ValueError(f"state: expected what a supernet said of each {self.score}, got none")
        if found is not None and found.shape != (DRAWN, 2, 2):
            raise ValueError(f"state: expected a second opinion of ({DRAWN}, 2, 2), got {found.shape}")
        self._tallies = found
        self.effects.forget()


def alike(scores: NDArray[np.float64], of_living: NDArray[np.float64], own: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores of a second opinion on the scale of the first: that of the living has the same mean and spread.

    Args:
        scores: to be changed, of any shape.
        of_living: the second opinion's of the living networks, (n,).
        own: the first one's of the same, (n,).
    """
    spread = of_living.std()
    scale = own.std() / spread if spread > 0 else 0.0
    scaled: NDArray[np.float64] = own.mean() + scale * (scores - of_living.mean())
    return scaled


def both(first: NDArray[Any], second: NDArray[np.float64]) -> NDArray[Any]:
    """Return the tallies of two opinions, (m, 2, 2, 2), as of two supernets.

    Args:
        first: tallies, (m, 2, 2).
        second: scores by two halves, (m, 2), on the scale of the first.
    """
    met = first[:, 1]
    return np.stack([first, np.stack([second * met, met], axis=1)], axis=1)
