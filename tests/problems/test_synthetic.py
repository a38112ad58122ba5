import numpy as np
import pytest
from moocore import is_nondominated
from pymoo.optimize import minimize
from scipy.stats import kstest

from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.problems.synthetic import SmallModelTrap


def pair(small: float = 0.1, large: float = 0.9) -> np.ndarray:
    X = np.full((2, 6), 0.5)
    X[:, 0] = small, large
    return X


def test_small_networks_lead_early_and_trail_at_the_end() -> None:
    problem, X = SmallModelTrap(noise=0.0, generations=400), pair()
    leads = []
    for _ in range(400):
        error = problem.evaluate(X)[:, 0]
        leads.append(bool(error[0] < error[1] - 1e-9))
        problem.advance(X)
    assert not leads[0]  # nobody has learnt anything yet
    assert leads[3]
    assert not leads[-1]
    assert np.allclose(problem.evaluate(X), problem.final_values(X), atol=0.05)


def test_without_strength_there_is_no_trap() -> None:
    problem, X = SmallModelTrap(strength=0.0, noise=0.0), pair()
    for _ in range(5):
        problem.advance(X)
        error = problem.evaluate(X)[:, 0]
        assert error[1] < error[0]


def test_noise_falls_with_time_and_size_and_is_a_function_of_x_time_and_seed() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((4000, 6))
    X[:2000, 0], X[2000:, 0] = 0.0, 1.0
    clean, noisy = (SmallModelTrap(noise=noise, generations=40) for noise in (0.0, 0.05))
    deviations = []
    for _ in range(2):
        difference = noisy.evaluate(X)[:, 0] - clean.evaluate(X)[:, 0]
        assert abs(difference.mean()) < 0.005
        deviations.append((difference[:2000].std(), difference[2000:].std()))
        for _ in range(40):
            noisy.advance(X[:2])
            clean.advance(X[:2])
    (small, large), (small_later, _) = deviations
    assert small == pytest.approx(0.05, rel=0.1)
    assert large == pytest.approx(0.025, rel=0.1)
    assert small_later == pytest.approx(0.05 / np.e, rel=0.1)
    assert np.array_equal(noisy.evaluate(X[::-1])[::-1], noisy.evaluate(X))
    assert not np.array_equal(SmallModelTrap(seed=1).evaluate(X), SmallModelTrap(seed=2).evaluate(X))


def noise_of(X: np.ndarray, time: int, seed: int = 0) -> np.ndarray:
    """The noise of each network at a time, in its standard deviations by the class's formula."""
    values = []
    for noise in (0.05, 0.0):
        problem = SmallModelTrap(noise=noise, generations=10, seed=seed)
        problem.evaluate(X)
        problem.tic(time)
        values.append(problem.evaluate(X)[:, 0])
    return (values[0] - values[1]) / (0.05 * (1 - X[:, 0] / 2) * np.exp(-time / 10))


def test_noise_is_drawn_anew_for_each_time_and_seed_and_is_standard_normal() -> None:
    X = np.random.default_rng(1).random((3000, 6))
    drawn = [noise_of(X, 0), noise_of(X, 1), noise_of(X, 2), noise_of(X, 0, seed=1)]
    for z in drawn:
        assert kstest(z, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(drawn) - np.eye(4)).max() < 4 / np.sqrt(3000)
    assert np.allclose(noise_of(X[:5], 1), drawn[1][:5])
    for variable in range(6):
        near = X.copy()
        near[:, variable] += np.where(X[:, variable] < 0.5, 0.01, -0.01)
        assert abs(np.corrcoef(noise_of(near, 1), drawn[1])[0, 1]) < 4 / np.sqrt(3000)


def test_errors_follow_the_formula() -> None:
    problem = SmallModelTrap(4, strength=2.0, noise=0.0, speed=0.3, generations=7)
    X = np.random.default_rng(2).random((20, 4))
    problem.evaluate(X)
    for t in range(3):
        for x, (error, size) in zip(X, problem.evaluate(X), strict=True):
            final = 0.05 + 0.3 * (1 - x[0]) ** 2 + sum((v - 0.5) ** 2 for v in x[1:]) / 3
            rate = 0.3 * np.exp(-2.0 * x[0])
            assert error == pytest.approx(final + (0.9 - final) * np.exp(-t * rate))
            assert size == pytest.approx(1 + 9 * x[0])
        problem.tic()


def test_nothing_lies_below_its_final_front() -> None:
    problem = SmallModelTrap(n_var=3)
    front = problem.pareto_front()
    assert is_nondominated(front).all()
    reached = problem.final_values(np.random.default_rng(0).random((5000, 3)))
    together = np.vstack([front, reached])
    assert is_nondominated(together)[: len(front)].all()
    assert front[:, 1].min() == 1
    assert front[:, 1].max() == 10
    assert front[-1].tolist() == [pytest.approx(0.35), 1.0] or front[0].tolist() == [pytest.approx(0.05), 10.0]


def test_an_algorithm_takes_everything_from_it() -> None:
    result = minimize(SmallModelTrap(generations=5, population=12), PNSGA3())
    assert (len(result.pop), result.problem.time, result.algorithm.seed) == (12, 5, 0)
    assert result.algorithm.mating.mix == (0.25, 0.25)


def test_wrong_arguments_are_refused() -> None:
    for name, value in (("n_var", 1), ("strength", -1.0), ("noise", -0.1), ("generations", 0), ("population", 0)):
        with pytest.raises(ValueError, match=f"{name}: expected at least"):
            SmallModelTrap(**{name: value})
    with pytest.raises(ValueError, match="speed: expected a number above 0, got 0"):
        SmallModelTrap(speed=0)
