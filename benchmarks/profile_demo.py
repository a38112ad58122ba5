"""Where the time of a demo run goes: by phase, and by operator within training and scoring.

A whole demo is run once and its steps are timed as the problem tells them; then a few epochs of training and a few
scorings, of the weights and the population that it ended with, go through torch's profiler. Figures:

- ``share_warm_up``, ``share_training``, ``share_scoring``, ``share_rest``: of the run's wall time;
- ``training_share_*``, ``scoring_share_*``: of the operators' own time in that phase.

    python -m benchmarks.profile_demo
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence

import torch
from torch.profiler import ProfilerActivity, profile

from carsmoo import PNSGA3, CARSProblem, SupernetTraining
from carsmoo.utils.progress import Step

KINDS = {
    "convolution": ("conv", "mkldnn"),
    "batch_norm": ("batch_norm",),
    "pooling": ("pool",),
    "relu": ("relu", "clamp_min", "threshold_backward"),
    "copying": ("copy_", "cat", "slice", "fill_", "zero_", "empty", "clone", "stack", "to_copy"),
    "adding": ("add", "mul", "sum", "mean", "div"),
    "optimiser": ("sgd", "norm", "Optimizer"),
}
"""Parts of operators' names, by kind; the first that is met counts."""


class Clock:
    """Adds up the time between the steps that a problem tells, by phase."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.last = time.perf_counter()

    def __call__(self, step: Step) -> None:
        """Count the time since the last step for this one's phase, the first of a phase for the rest."""
        now = time.perf_counter()
        self.seconds[step.phase if step.done > 1 or step.unit == "networks" else "rest"] += now - self.last
        self.last = now


def kind_of(name: str) -> str:
    """Return the kind of an operator."""
    return next((kind for kind, parts in KINDS.items() if any(part in name for part in parts)), "other")


def operators(work: Callable[[], object]) -> Counter[str]:
    """Return the own time of operators while some work runs, by kind."""
    with profile(activities=[ProfilerActivity.CPU]) as found:
        work()
    seconds: Counter[str] = Counter()
    for event in found.key_averages():
        seconds[kind_of(event.key)] += event.self_cpu_time_total / 1e6
    return seconds


def shares(name: str, seconds: Counter[str]) -> dict[str, float]:
    """Return the shares of a total as figures, and print them with the largest first."""
    total = sum(seconds.values())
    print(f"{name}: " + ", ".join(f"{kind} {spent / total:.1%}" for kind, spent in seconds.most_common()))
    return {f"{name}_{kind.replace('-', '_')}": spent / total for kind, spent in seconds.most_common()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo, profile what it ended with, and print."""
    parser = argparse.ArgumentParser(description="Where the time of a demo run goes.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="few epochs and networks, to see that it runs")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)

    few = SupernetTraining(warmup_epochs=1, n_generations=2, pop_size=4)
    problem, clock = CARSProblem("digits?images=300", training=few) if options.quick else CARSProblem(), Clock()
    problem.listeners.append(clock)
    algorithm = PNSGA3().setup(problem)
    clock.last = begin = time.perf_counter()
    algorithm.run()
    whole = time.perf_counter() - begin
    clock.seconds["rest"] += whole - sum(clock.seconds.values())
    print(f"{whole:.0f} s in all")
    figures = shares("share", clock.seconds)

    X = algorithm.pop.get("X")

    def advance() -> None:
        for _ in range(3):
            problem.advance(X)

    figures |= shares("training_share", operators(advance))

    def score() -> None:
        for _ in range(3):
            problem._scores.forget()  # it would know them
            problem.moving_values(X)

    figures |= shares("scoring_share", operators(score))
    print("RESULT " + json.dumps({"name": "profile", "figures": {key: round(v, 4) for key, v in figures.items()}}))


if __name__ == "__main__":
    main()
