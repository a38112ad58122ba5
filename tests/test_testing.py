"""The checks for problems of one's own pass what keeps the rules, and name the rule that is broken."""

from typing import Any

import numpy as np
import pytest

from carsmoo import CARSProblem, MovingProblem, NetworkConfig, SupernetTraining
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.testing import check_moving_problem
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
