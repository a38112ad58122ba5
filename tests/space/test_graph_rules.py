"""What a search checks of a space of one's own before it begins."""

from typing import Any

import numpy as np
import pytest

from carsmoo import CARSProblem, NetworkConfig, SearchSpace, SupernetTraining
from carsmoo.space import Vertex
from carsmoo.space.graph_rules import require_searchable
from tests.support.spaces import NETWORK, SPACES, Forked

IMAGES = np.zeros((60, 8, 8)), np.arange(60) % 3


class Listed(Forked):
    @property
    def xu(self) -> Any:
        return [2, 2]


class Beyond(Forked):
    """Has more values than operations."""

    @property
    def xu(self) -> Any:
        return np.array([3, 2])


class Joined(Forked):
    """Gives both branches the same weights."""

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        return tuple(
            v._replace(slot=v.slot.replace("branch1", "branch0")) for v in super().graph(architecture, network)
        )


BROKEN = {
    Listed: r"space: xu: expected an array \(n_var,\) of whole numbers, got \[2, 2\]",
    Beyond: "space: expected a graph for each vector up to xu, got IndexError: tuple index out of range",
    Joined: "space: slot branch0_skip_connect: expected it once in an architecture, got it twice",
}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_sound_space_may_be_searched(space: SearchSpace) -> None:
    require_searchable(space, NETWORK)


@pytest.mark.parametrize(("kind", "says"), BROKEN.items(), ids=lambda given: getattr(given, "__name__", ""))
@pytest.mark.parametrize("training", [SupernetTraining(), SupernetTraining(budget="1m")], ids=["planned", "in a time"])
def test_a_broken_one_is_refused_before_a_search(
    kind: type[SearchSpace], says: str, training: SupernetTraining
) -> None:
    with pytest.raises(ValueError, match=says):
        CARSProblem(IMAGES, kind(), training=training)
