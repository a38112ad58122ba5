"""What a search's networks get their weights from: one supernet, several, or each its own. The problem asks alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.device import FORMATS
from carsmoo.nets.supernet.ensemble import Ensemble
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.training_state import SupernetState
from carsmoo.space.architecture import Architecture
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.progress import Listener


class World(Protocol):
    """The weights of a search and their training; all processes of a group call it alike."""

    @property
    def epochs(self) -> float:
        """Epochs that the weights have been trained for, all together."""

    @property
    def updates(self) -> float | None:
        """Median number of steps that weights have been trained for; None if it is not known."""

    def begin(self, listener: Listener) -> None:
        """Do what must come before any score."""

    def join(self, X: NDArray[np.int64], listener: Listener) -> bool:
        """Prepare vectors (n, n_var) to be scored as members of a generation; return whether weights changed."""

    def train_on(self, X: NDArray[np.int64], listener: Listener) -> None:
        """Train for a generation on a population (n, n_var)."""

    def scores(
        self, genotypes: Sequence[Architecture], score: str, listener: Listener, race: Race | None
    ) -> NDArray[Any]:
        """Return the tallies of the images that score, of errors or losses; see :mod:`carsmoo.problems.trust`."""

    def errors(
        self, genotypes: Sequence[Architecture], split: Split, statistics: str | None, listener: Listener
    ) -> NDArray[np.float64]:
        """Return the errors on a split, (n,), fractions; a process may ask alone."""

    def subnet(self, genotype: Architecture) -> ArchitectureNetwork:
        """Return a genotype's network with its weights of now, in evaluation mode."""

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return everything that training resumes from, as plain arrays."""

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Restore what :meth:`state_dict` returned."""


def new_world(
    space: SearchSpace,
    network: NetworkConfig,
    plan: SupernetTraining,
    data: ImageData,
    seed: int,
    layout: str,
    group: Group,
) -> World:
    """Return the world that a plan asks for, with new weights in the memory format named ``layout``."""
    kind: Callable[..., World] = SupernetState
    if plan.weights == "own":
        kind = OwnWeights
    elif plan.n_supernets > 1:
        kind = Ensemble
    return kind(space, network, plan, data, seed, layout, group)


def layout_of(state: Mapping[str, NDArray[Any]]) -> str:
    """Return the name of the memory format that a state was taken in."""
    layout = bytes(state.get("memory_format", np.empty(0, np.uint8))).decode(errors="replace")
    if layout not in FORMATS:
        raise ValueError(f"state: expected a memory format among {', '.join(FORMATS)}, got {layout!r}")
    return layout
