"""The checks for problems of one's own pass what keeps the rules, and name the rule that is broken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from carsmoo import CARSProblem, MovingProblem, NetworkConfig, SearchSpace, SupernetTraining
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.space import Layer, Vertex
from carsmoo.testing import check_moving_problem, check_space
from tests.support.operations import GHOST
from tests.support.spaces import SPACES, Forked
from tests.support.toy import ToyProblem


class Learner(MovingProblem):
    """A problem with plain data behind it, and a fault that a subclass brings."""

    def __init__(self) -> None:
        super().__init__(n_var=2, n_obj=2, xl=0.0, xu=1.0)
        self.skill = 0.0

    def _advance(self, X: np.ndarray) -> None:
        self.skill += float(X.mean())

    def _restart(self) -> None:
        self.skill = 0.0

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 0] - self.skill

    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 1]


class LearnsByScoring(Learner):
    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        self.skill += 1
        return super()._moving_values(X)


class ScoresTogether(Learner):
    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return super()._moving_values(X) - X[:, 0].mean()


class WritesToX(Learner):
    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        F = super()._moving_values(X).copy()
        X *= 0.5
        return F


class MovesAll(Learner):
    def _fixed_values(self, X: np.ndarray) -> np.ndarray:
        return X[:, 1] - self.skill


class Forgets(Learner):
    def _state(self) -> dict[str, np.ndarray]:
        return {}

    def _load_state(self, state: Any) -> None:
        pass


class NeverRestarts(Learner):
    def _restart(self) -> None:
        pass


@pytest.mark.parametrize("make", [Learner, ToyProblem, lambda: SmallModelTrap(generations=3, population=8)])
def test_what_keeps_the_rules_passes(make: Any) -> None:
    check_moving_problem(make())


def test_the_supernet_keeps_the_rules() -> None:
    plan = SupernetTraining(warmup_epochs=1, n_generations=2, pop_size=4, batch_size=256, bn_calibration_images=64)
    data = np.random.default_rng(0).random((120, 6, 6)), np.arange(120) % 3
    check_moving_problem(CARSProblem(data, network=NetworkConfig(channels=2, layers=3), training=plan))


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (LearnsByScoring, "two evaluations without an advance between them differ"),
        (ScoresTogether, "depends on the rows that are scored along with it"),
        (WritesToX, "scoring writes to the X"),
        (MovesAll, "an objective that is not among moving moves"),
        (Forgets, "load_state_dict does not bring back the scores"),
        (NeverRestarts, "two runs with one seed differ"),
    ],
)
def test_a_broken_rule_is_named(kind: type, rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_moving_problem(kind())


def test_other_problems_are_refused() -> None:
    with pytest.raises(TypeError, match="problem: expected MovingProblem"):
        check_moving_problem(3)  # type: ignore[arg-type]


def with_layer(place: int, **fields: Any) -> Callable[[tuple[Vertex, ...]], Sequence[Vertex]]:
    """Return what changes the layer at a place of a graph."""

    def make(vertices: tuple[Vertex, ...]) -> Sequence[Vertex]:
        layer = vertices[place].layer._replace(**fields)
        return [*vertices[:place], vertices[place]._replace(layer=layer), *vertices[place:][1:]]

    return make


def with_vertex(place: int, **fields: Any) -> Callable[[tuple[Vertex, ...]], Sequence[Vertex]]:
    """Return what changes the vertex at a place of a graph: stem, two branches, concatenation, classifier."""
    return lambda vertices: [*vertices[:place], vertices[place]._replace(**fields), *vertices[place:][1:]]


def a_dead_branch(vertices: tuple[Vertex, ...]) -> Sequence[Vertex]:
    return [*vertices[:-1], vertices[1]._replace(slot="dead"), vertices[-1]]


CHANGES: dict[str, Callable[[tuple[Vertex, ...]], Sequence[Vertex]]] = {
    r"branch0_.* expected inputs before it, got \(2,\)": with_vertex(1, inputs=(2,)),
    "branch0_.* expected one input, got 2": with_vertex(1, inputs=(0, 0)),
    r"layer \(.* expected a slot, or add, concat or zeros, got none": with_vertex(1, slot=""),
    "slot stem0: expected it once in an architecture, got it twice": with_vertex(2, slot="stem0"),
    "expected a classifier of 3 classes as the last layer, got .* 'end'": with_vertex(4, slot="end"),
    "expected a classifier of 3 classes as the last layer, got classifier 8->4": with_layer(4, c_out=4),
    r"classifier \(.* expected to read 8 channels, got another number": with_layer(4, c_in=4),
    r"layer \(concat.* expected to give 8 channels, got another number": with_layer(3, c_out=4),
    r"layer \(add .* expected to give 4 channels, got another number": with_layer(3, kind="add"),
    r"layer \(concat .* expected stride 1, got 2": with_layer(3, stride=2),
    r"branch0_.* expected to read 9x10, got another": with_layer(1, height=8),
    "runs: expected what the last layer depends on .*, got others": a_dead_branch,
}


@dataclass(frozen=True)
class Changed(Forked):
    """Has other graphs, which break a rule."""

    rule: str = ""

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        return tuple(CHANGES[self.rule](super().graph(architecture, network)))


class WithoutPlaces(Forked):
    def places(self, network: NetworkConfig) -> dict[str, Layer]:
        return {slot: layer for slot, layer in super().places(network).items() if "pool" not in slot}


class NeedsLess(Forked):
    def layers_needed(self, network: NetworkConfig) -> list[Layer]:
        return [layer for layer in super().layers_needed(network) if layer.kind != "concat"]


class OneForAll(Forked):
    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        return tuple(v._replace(slot=v.slot.partition("_")[0]) for v in super().graph(architecture, network))


class Dotted(Forked):
    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        return tuple(v._replace(slot=v.slot.replace("_", ".")) for v in super().graph(architecture, network))


class MisreadsTexts(Forked):
    def genes(self, text: str) -> list[int]:
        return [0, *super().genes(text)[1:]]


class TwoForOne(Forked):
    def canonical(self, X: Any) -> Any:
        return np.sort(super().canonical(X), axis=-1)

    def encode(self, genotype: Any) -> Any:
        return super().encode(genotype)[..., ::-1]


class Listed(Forked):
    @property
    def xu(self) -> Any:
        return [2, 2]


class InThrees(Forked):
    genes_per_choice = 3


class NoJSON(Forked):
    def to_plain(self) -> dict[str, Any]:
        return {"kind": "NoJSON", "ops": set(self.ops)}


class OfItself(Forked):
    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Hidden(Forked):
    """Has an operation of one's own that it does not tell."""

    @property
    def xu(self) -> Any:
        return np.array([0, 0])

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        return tuple(with_layer(1, kind=GHOST)(super().graph(architecture, network)))


class SaysLess(Forked):
    """Says of pooling that it halves the channels."""

    def graph(self, architecture: Any, network: NetworkConfig) -> tuple[Vertex, ...]:
        stem, *_, last = super().graph(architecture, network)
        pool = Vertex(Layer("avg_pool_3x3", 4, 2, 9, 10), (0,), "pool")
        return stem, pool, last._replace(layer=last.layer._replace(c_in=2), inputs=(1,))


class Leaking(Forked):
    """A space whose supernet trains what was not chosen."""

    def build_supernet(self, network: NetworkConfig, generator: Any) -> Any:
        supernet = super().build_supernet(network, generator)
        forward, other = supernet.forward, next(iter(supernet.layers["branch0_nor_conv_3x3"].parameters()))
        supernet.forward = lambda *given: forward(*given) + 0 * other.sum()
        return supernet


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_space_keeps_its_rules(space: SearchSpace) -> None:
    check_space(space, n=3)


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        (Listed, r"xu: expected an array \(n_var,\) of whole numbers, got \[2, 2\]"),
        (InThrees, "genes_per_choice: expected a divisor of the 2 variables, got 3"),
        (NoJSON, "to_plain: expected what JSON holds, got other values"),
        (TwoForOne, r"encode\(decode\(X\)\): expected canonical\(X\), got others"),
        (MisreadsTexts, r"parse\(str\(genotype\)\): expected the same architecture"),
        (OfItself, "copy: expected the same space, compared by its arguments, got another"),
        (WithoutPlaces, "places: expected the slot branch._avg_pool_3x3 of .*, got none of that name"),
        (NeedsLess, "layers_needed: expected concat 4->8 at 9x10, stride 1 of .*, got no such layer"),
        (OneForAll, "slot branch.: expected one layer, got .* and .*"),
        (Hidden, "ops: expected ghost_3x3 among them, got"),
        (SaysLess, r"pool \(avg_pool.* expected \(2, 2, 9, 10\), got \(2, 4, 9, 10\)"),
        (Leaking, "gradients: expected those of the chosen operations alone, got others"),
    ],
)
def test_a_broken_rule_of_a_space_is_named(kind: type[SearchSpace], rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_space(kind(), n=8)


def test_a_slot_that_cannot_be_a_modules_name_is_told() -> None:
    with pytest.raises(
        ValueError, match=r"slot: expected a name that a module may have, without dots, got 'branch\d\."
    ):
        check_space(Dotted(), n=2)


@pytest.mark.parametrize("rule", CHANGES)
def test_a_broken_rule_of_a_graph_is_named(rule: str) -> None:
    with pytest.raises(AssertionError, match=rule):
        check_space(Changed(rule=rule), n=8)


def test_other_spaces_are_refused() -> None:
    with pytest.raises(TypeError, match="space: expected SearchSpace, got 3"):
        check_space(3)  # type: ignore[arg-type]
