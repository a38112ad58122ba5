"""The end of a search whose time is up."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.runs.deadline import Deadline


@pytest.mark.parametrize(("seconds", "ended"), [(100.0, None), (70.0, None), (55.0, 5), (35.0, 3)])
def test_a_run_ends_after_the_last_generation_that_fits(seconds: float, ended: int | None) -> None:
    now, said, decided = [0.0], [], []

    def decide(find: Callable[[], bool]) -> bool:
        decided.append(find())
        return decided[-1]

    deadline = Deadline(seconds, said.append, decide, clock=lambda: now[0])
    algorithm = SimpleNamespace(termination=MaximumGenerationTermination(7), n_gen=0)
    for n_gen in range(1, 8):  # of ten seconds each
        now[0], algorithm.n_gen = 10.0 * n_gen, n_gen
        deadline.notify(algorithm)
        if algorithm.termination.has_terminated():
            break
    assert (algorithm.n_gen if algorithm.termination.has_terminated() else None) == ended
    assert len(said) == (ended is not None)
    assert decided == [False] * (ended - 1 if ended else 6) + [True] * (ended is not None)  # by all processes alike
    if ended:
        assert said[0].startswith(f"the time is up after {ended - 1} of 6 generations")
