"""Search time (eq. 5): predicted from a few measured seconds, against the measured total, beside the paper's own form.

The paper: T = E_warm T_tr + E_evo (T_val + I_param T_tr N_b), scoring taken as parallel over the population. Here a
generation scores (2 t + 1) N networks: t N newborns before training, all (1 + t) N after it. Scored as one graph, n
networks cost n T_val / P(n), where P is what sharing and larger calls save, so that

    T = E_warm T_tr N_b + N T_val / P(N)
        + E_evo (I_param T_tr N_b + t N T_val / P(t N) + (1 + t) N T_val / P((1 + t) N))

T_tr (an epoch, one architecture a step), T_val (one network scored by itself) and P are measured twice: *before* the
search, on random architectures and fresh weights, which is a prediction; and *after* it on populations that it went
through (the first, the middle and the last), which tells how much of the difference is the formula's. Figures, medians
over seeds:

- ``predicted_over_measured``: by the formula above from what was measured before; ``_after`` from after;
- ``paper_over_measured``: by the paper's own form, from what was measured before;
- ``share_warm_up``, ``share_training``, ``share_scoring``, ``share_rest``: of the measured total;
- ``t_tr``, ``t_val`` (seconds), ``parallelism_newborn``, ``parallelism_all``: from before.

    python -m benchmarks.paper.search_time
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.paper.common import Experiment, Result, main, small_search, spread
from benchmarks.paper.looks import SHADES, finish, panels
from carsmoo.algorithm import PNSGA3
from carsmoo.nets.problem import CARSProblem
from carsmoo.nets.scoring import errors
from carsmoo.nets.world import World
from carsmoo.presets import SearchConfig

PARTS = ("warm_up", "training", "scoring", "rest")


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        search: the search, but its seed.
        repeats: how often each time is measured; the median counts.
        seeds: searches.
        threads: that compute.
    """

    search: SearchConfig = field(default_factory=small_search)
    repeats: int = 5
    seeds: int = 2
    threads: int = 1


PRESETS = {
    "cores2": Preset(),
    "paper": Preset(search=SearchConfig.preset("cifar10-paper"), seeds=1),
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a search: epochs of warm-up, generations, epochs of each, N_b, N and t."""

    e_warm: int
    e_evo: int
    i_param: int
    n_b: int
    n: int
    t: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Times:
    """Seconds of an epoch with one architecture a step and of scoring one network, and what scoring many saves."""

    t_tr: float
    t_val: float
    p_newborn: float
    p_all: float


def predicted(plan: Plan, times: Times) -> dict[str, float]:
    """Return the seconds of each part of a search, as the module's text says."""
    newborn = plan.t * plan.n * times.t_val / times.p_newborn
    everyone = (1 + plan.t) * plan.n * times.t_val / times.p_all
    return {
        "warm_up": plan.e_warm * times.t_tr * plan.n_b,
        "training": plan.e_evo * plan.i_param * times.t_tr * plan.n_b,
        "scoring": plan.n * times.t_val / times.p_newborn + plan.e_evo * (newborn + everyone),
    }


def paper_form(plan: Plan, times: Times) -> float:
    """Return eq. 5 as it is printed: a generation's scoring costs one validation pass."""
    return plan.e_warm * times.t_tr + plan.e_evo * (times.t_val + plan.i_param * times.t_tr * plan.n_b)


class Stopwatch(CARSProblem):
    """A problem that adds up its seconds by part, and keeps the population that each generation trains on."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.seconds: Counter[str] = Counter()
        self.populations: list[NDArray[np.int64]] = []

    def _begin(self) -> None:
        self._timed("warm_up", super()._begin)

    def _advance(self, X: NDArray[np.int64]) -> None:
        self.populations.append(X.copy())
        self._timed("training", lambda: super(Stopwatch, self)._advance(X))

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self._timed("scoring", lambda: super(Stopwatch, self)._moving_values(X))
        return found

    def _timed(self, part: str, work: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        result = work()
        self.seconds[part] += time.perf_counter() - begin
        return result


def times_of(world: World, populations: Sequence[NDArray[np.int64]], n: int, t: float, repeats: int) -> Times:
    """Measure a world: training on populations, scoring one of their networks, and scoring n t and n (1 + t) of them.

    Args:
        world: what is trained and scores.
        populations: architectures, at least n (1 + t) each; each repeat takes the next one.
        n: networks kept.
        t: offspring for each.
        repeats: how often.
    """
    plan, split = world.trainer.plan, world.data.validation

    def score(X: NDArray[np.int64]) -> None:
        errors(
            world.supernet,
            world.space.decode(X),
            split,
            world.data.normalise,
            batch=plan.score_batch,
            calibration=world.calibration,
            memory=plan.score_memory << 20,
        )

    def train(X: NDArray[np.int64]) -> None:
        world.train("training", range(1), 1, lambda w: w.drawn_from(X, 1), lambda *_: None)

    newborn, everyone = max(round(n * t), 1), max(round(n * (1 + t)), 1)
    train(populations[0])
    score(populations[0][:1])
    rows = []
    for k in range(repeats):
        X = populations[k % len(populations)]
        alone = statistics.mean(seconds(lambda row=row: score(row)) for row in X[:everyone, None])
        rows.append(
            (
                seconds(lambda X=X: train(X)),
                alone,
                seconds(lambda X=X: score(X[:newborn])),
                seconds(lambda X=X: score(X[:everyone])),
            )
        )
    t_tr, t_val, few, many = (statistics.median(column) for column in zip(*rows, strict=True))
    return Times(t_tr=t_tr, t_val=t_val, p_newborn=newborn * t_val / few, p_all=everyone * t_val / many)


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def one(preset: Preset, seed: int) -> Result:
    """Measure, predict, search, and measure again."""
    config = dataclasses.replace(preset.search, seed=seed)
    given = {"data": config.data, "space": config.space, "network": config.network, "training": config.training}
    plan = Plan(
        e_warm=config.training.warmup,
        e_evo=config.training.generations,
        i_param=config.training.epochs,
        n_b=config.training.architectures,
        n=config.training.population,
    )
    problem = Stopwatch(**given, device=config.device, seed=seed)
    random_state, space = np.random.default_rng(seed), problem.space
    drawn = [
        random_state.integers(space.xl, space.xu + 1, size=(2 * plan.n, space.n_var)) for _ in range(preset.repeats)
    ]
    world = problem._new_world()
    before = times_of(world, drawn, plan.n, plan.t, preset.repeats)
    begin = time.perf_counter()
    made = PNSGA3().setup(problem)
    offspring = []
    while made.has_next():
        made.next()
        offspring.append(made.pop.get("X"))
    total = time.perf_counter() - begin
    kept = problem.populations or offspring
    met = []
    for k in np.unique(np.linspace(0, len(kept) - 1, 3).round().astype(int)):
        children = made.mating.do(problem, made.pop, plan.n, algorithm=made, random_state=random_state)
        met.append(np.concatenate([kept[k], children.get("X")]))
    after = times_of(problem._running(), met, plan.n, plan.t, preset.repeats)
    spent = {part: problem.seconds[part] for part in PARTS[:-1]}
    return {
        "seed": seed,
        "plan": dataclasses.asdict(plan),
        "measured": {**spent, "rest": total - sum(spent.values())},
        "total": total,
        "before": dataclasses.asdict(before),
        "after": dataclasses.asdict(after),
    }


def measure(preset: Preset) -> Result:
    """Do so for each seed, one after the other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(preset.threads)
    try:
        runs = [one(preset, seed) for seed in range(preset.seeds)]
    finally:
        torch.set_num_threads(threads)
    return {"images": preset.search.data, "threads": preset.threads, "runs": runs}


def of_run(run: Result) -> dict[str, Any]:
    """Return a run's parts as measured and as predicted from before and from after, and the totals."""
    plan = Plan(**run["plan"])
    parts = {when: predicted(plan, Times(**run[when])) for when in ("before", "after")}
    totals = {when: sum(found.values()) for when, found in parts.items()}
    return {"parts": parts, "totals": totals, "paper": paper_form(plan, Times(**run["before"]))}


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    runs = data["runs"]
    found = [of_run(run) for run in runs]

    def middle(values: Iterator[float]) -> float:
        return float(np.median(list(values)))

    pairs = list(zip(runs, found, strict=True))
    return {
        "n": len(runs),
        "predicted_over_measured": middle(f["totals"]["before"] / run["total"] for run, f in pairs),
        "predicted_worst": max((abs(f["totals"]["before"] / run["total"] - 1) for run, f in pairs)),
        "predicted_over_measured_after": middle(f["totals"]["after"] / run["total"] for run, f in pairs),
        "paper_over_measured": middle(f["paper"] / run["total"] for run, f in pairs),
        "measured_seconds": middle(run["total"] for run in runs),
        **{f"share_{part}": middle(run["measured"][part] / run["total"] for run in runs) for part in PARTS},
        "t_tr": middle(run["before"]["t_tr"] for run in runs),
        "t_val": middle(run["before"]["t_val"] for run in runs),
        "parallelism_newborn": middle(run["before"]["p_newborn"] for run in runs),
        "parallelism_all": middle(run["before"]["p_all"] for run in runs),
    }


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each part."""
    runs = data["runs"]
    found = [of_run(run) for run in runs]
    yield f"{data['images']}, n = {len(runs)}, {data['threads']} thread; seconds, medians"
    yield f"{'':<10}{'measured':>10}{'share':>8}{'predicted':>11}{'from after':>12}"
    for part in PARTS:
        spent = np.median([run["measured"][part] for run in runs])
        share = np.median([run["measured"][part] / run["total"] for run in runs])
        guess = [np.median([f["parts"][when].get(part, 0.0) for f in found]) for when in ("before", "after")]
        yield f"{part:<10}{spent:>10.2f}{share:>8.1%}{guess[0]:>11.2f}{guess[1]:>12.2f}"
    totals = [np.median([f["totals"][when] for f in found]) for when in ("before", "after")]
    spent = np.median([run["total"] for run in runs])
    yield f"{'total':<10}{spent:>10.2f}{1:>8.0%}{totals[0]:>11.2f}{totals[1]:>12.2f}"
    ratios = spread([f["totals"]["before"] / run["total"] for run, f in zip(runs, found, strict=True)])
    own = np.median([f["paper"] / run["total"] for run, f in zip(runs, found, strict=True)])
    middle = f"{ratios['median']:.3f} [{ratios['q25']:.3f}, {ratios['q75']:.3f}]"
    yield f"predicted / measured {middle}; the paper's own form {own:.3f}"


def draw(data: Result) -> Figure:
    """Draw the parts of the search time as bars: measured, predicted, and by the paper's form."""
    runs = data["runs"]
    found = [of_run(run) for run in runs]
    rows = [
        ("measured", {part: np.median([run["measured"][part] for run in runs]) for part in PARTS}),
        ("predicted before", {part: np.median([f["parts"]["before"].get(part, 0.0) for f in found]) for part in PARTS}),
        ("formula, times from after", {p: np.median([f["parts"]["after"].get(p, 0.0) for f in found]) for p in PARTS}),
    ]
    plan, times = Plan(**runs[0]["plan"]), [Times(**run["before"]) for run in runs]
    own = {
        "warm_up": np.median([plan.e_warm * t.t_tr for t in times]),
        "training": np.median([plan.e_evo * plan.i_param * t.t_tr * plan.n_b for t in times]),
        "scoring": np.median([plan.e_evo * t.t_val for t in times]),
    }
    rows.append(("eq. 5 as printed", own))
    figure, ax = panels(1, 1, 7.0, 2.7)
    left = np.zeros(len(rows))
    shades = (*SHADES, "#cfcfcf")
    for part, shade, hatch in zip(PARTS, shades, ("", "//", "", ".."), strict=True):
        width = np.array([float(parts.get(part, 0.0)) for _, parts in rows])
        ax.barh(range(len(rows)), width, left=left, color=shade, hatch=hatch, edgecolor="white", height=0.6,
                label=part.replace("_", "-"))  # fmt: skip
        left += width
    totals = np.array([run["total"] for run in runs])
    ax.errorbar(np.median(totals), 0, xerr=[[np.ptp(totals) and np.median(totals) - totals.min()],
                [totals.max() - np.median(totals)]], color="#1a1a1a", capsize=3, linewidth=1)  # fmt: skip
    for k, total in enumerate(left):
        ax.text(total + left.max() * 0.02, k, f"{total:.1f} s", va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), [name for name, _ in rows])
    ax.invert_yaxis()
    finish(ax, f"seconds (median of n = {len(runs)} searches; bar: their range)", "")
    ax.set_xlim(0, left.max() * 1.14)
    ax.legend(frameon=False, fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    return figure


EXPERIMENT = Experiment(
    name="search_time",
    about="Search time (eq. 5): predicted against measured.",
    presets=PRESETS,
    measure=measure,
    figures=figures,
    lines=lines,
    draw=draw,
)

if __name__ == "__main__":
    main(EXPERIMENT)
