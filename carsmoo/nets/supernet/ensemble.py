"""An ensemble of supernets that differ by their seeds alone: a network's score is its mean over them.

How one supernet orders architectures owes as much to its first weights and to the order of its steps as to the
architectures. Several that are trained for a share of the epochs each differ in that, and their mean in less of it.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener, Step, unheard


class Ensemble:
    """Supernets that share the epochs of a plan: equal parts of the warm-up, and one generation after the other.

    Each draws its own first weights, batches, architectures, calibration images and images that score.
    """

    def __init__(
        self,
        space: SearchSpace,
        network: NetworkConfig,
        plan: SupernetTraining,
        data: ImageData,
        seed: int,
        layout: str = "channels_last",
        group: Group = ALONE,
    ) -> None:
        self.layout, self.generation = layout, 0
        seeds = np.random.SeedSequence(seed).generate_state(plan.n_supernets).tolist()
        shares = [part.size for part in np.array_split(np.arange(plan.warmup_epochs), plan.n_supernets)]
        turns = -(-plan.n_generations // plan.n_supernets)
        self.members = [
            SupernetState(
                space,
                network,
                dataclasses.replace(plan, n_supernets=1, warmup_epochs=share, n_generations=turns),
                data,
                own,
                layout,
                group,
            )
            for own, share in zip(seeds, shares, strict=True)
        ]

    @property
    def epochs(self) -> float:
        """Epochs that all supernets have been trained for together."""
        return sum(member.epochs for member in self.members)

    @property
    def updates(self) -> float | None:
        """Mean over the supernets of their median number of steps of an operation; None if it is not known."""
        known = [member.updates for member in self.members]
        return None if None in known else float(np.mean(np.array(known)))

    def begin(self, listener: Listener = unheard) -> None:
        """Warm all supernets up, each for its part of the epochs."""
        plans = [member.trainer.plan.warmup_epochs * member.trainer.steps_per_epoch for member in self.members]
        for k, member in enumerate(self.members):
            before = sum(plans[:k])

            def further(step: Step, before: int = before) -> None:
                if step.phase == "warm-up":
                    step = dataclasses.replace(step, done=before + step.done, total=sum(plans))
                listener(self._told(step))

            member.warm_up(further)

    def join(self, X: NDArray[np.int64], listener: Listener = unheard) -> bool:
        """Return that no weights changed: a supernet's do not depend on who is scored."""
        return False

    def train_on(self, X: NDArray[np.int64], listener: Listener = unheard) -> None:
        """Train the supernet whose turn it is for a generation's epochs on a population ``X`` (n, n_var)."""
        turn = self.members[self.generation % len(self.members)]
        turn.train_on(X, lambda step: listener(self._told(step)))
        self.generation += 1

    def _told(self, step: Step) -> Step:
        """Return a step whose epoch is that of all supernets together."""
        if "epoch" not in step.figures:
            return step
        return dataclasses.replace(step, figures={**step.figures, "epoch": round(self.epochs)})

    def scores(
        self, genotypes: Sequence[Architecture], score: str = "error", listener: Listener = unheard, race: object = None
    ) -> NDArray[Any]:
        """Return the tallies of each supernet, (n, supernets, 2, 2), by all processes of the group; nobody races."""
        parts = zip(self.members, self._shared(listener, len(genotypes)), strict=True)
        return np.stack([member.scores(genotypes, score, further) for member, further in parts], axis=1)

    def errors(
        self,
        genotypes: Sequence[Architecture],
        split: Split,
        statistics: str | None = None,
        listener: Listener = unheard,
    ) -> NDArray[np.float64]:
        """Return the errors on a split, (n,), fractions, means over the supernets; a process may ask alone."""
        parts = zip(self.members, self._shared(listener, len(genotypes)), strict=True)
        found = [member.errors(genotypes, split, statistics, further) for member, further in parts]
        mean: NDArray[np.float64] = np.mean(found, axis=0)
        return mean

    def _shared(self, listener: Listener, n: int) -> Iterator[Listener]:
        """Yield for each supernet what tells its part of the scoring of ``n`` networks."""
        for k in range(len(self.members)):

            def further(step: Step, k: int = k) -> None:
                listener(dataclasses.replace(step, done=(k * n + step.done) // len(self.members), total=n))

            yield further

    def subnet(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return a genotype's network with the weights of the first supernet, in evaluation mode."""
        return self.members[0].subnet(genotype)

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return everything that training resumes from, as plain arrays."""
        states = [member.state_dict() for member in self.members]
        return {
            **{f"supernets/{k}/{name}": value for k, state in enumerate(states) for name, value in state.items()},
            "memory_format": np.frombuffer(self.layout.encode(), dtype=np.uint8),
            "steps": np.array(sum(member.trainer.steps for member in self.members)),
            "generation": np.array(self.generation),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned.

        Raises:
            ValueError: if it is that of other weights, or not all of it is there.
        """
        if "generation" not in state:
            raise ValueError("state: expected what state_dict() returned, got no 'generation'")
        for k, member in enumerate(self.members):
            mark = f"supernets/{k}/"
            member.load_state_dict({name.removeprefix(mark): v for name, v in state.items() if name.startswith(mark)})
        self.generation = int(state["generation"])

    def digest(self) -> bytes:
        """Return the SHA-256 of :meth:`state_dict`."""
        return hashlib.sha256(b"".join(member.digest() for member in self.members)).digest()
