"""Search time (eq. 5): predicted from a few measured seconds, against the measured total, beside the paper's own form.

The formulas are those of :mod:`benchmarks.paper.time_model`. T_tr (an epoch, one architecture a step), T_val (one
network scored by itself) and P are measured twice: on random architectures with fresh weights, before the search, which
is what warm-up meets; and on populations that the search went through (the first, the middle and the last, with
newborns), after it, which is what evolution meets: networks become smaller, and share more. Figures, medians of seeds:

- ``predicted_over_measured``, ``predicted_worst``: by the formula, each phase with the times of the architectures it
  meets, and the largest |ratio - 1| of a seed;
- ``a_priori_over_measured``, ``a_priori_worst``: from what was measured before the search alone;
- ``paper_over_measured``: by the paper's own form, times as in the first;
- ``share_warm_up``, ``share_training``, ``share_scoring``, ``share_rest``: of the measured total;
- ``t_tr``, ``t_val`` (seconds), ``parallelism_newborn``, ``parallelism_all``: from before; ``evolving_*``: from after.

    python -m benchmarks.paper.search_time
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.paper.experiment import Experiment, Result, main
from benchmarks.paper.looks import SHADES, finish, panels
from benchmarks.paper.searches import small_search
from benchmarks.paper.statistics import spread
from benchmarks.paper.time_model import Plan, Times, paper_form, predicted
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.config.search import SearchConfig
from carsmoo.nets.supernet.evaluation import errors
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.nets.supernet.training_state import SupernetState

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


def times_of(world: SupernetState, populations: Sequence[NDArray[np.int64]], n: int, t: float, repeats: int) -> Times:
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
            batch=plan.eval_batch_size,
            calibration=world.calibration,
            memory=plan.score_memory << 20,
        )

    def train(X: NDArray[np.int64]) -> None:
        world.train("training", range(1), 1, partial(world.drawn_from, X))

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
        e_warm=config.training.warmup_epochs,
        e_evo=config.training.n_generations,
        i_param=config.training.epochs_per_generation,
        n_b=config.training.subnets_per_step,
        n=config.training.pop_size,
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


def forecasts(run: Result) -> dict[str, dict[str, float]]:
    """Return a run's seconds by part, as measured, predicted, predicted from before alone, and by the paper's form."""
    plan, random, evolving = Plan(**run["plan"]), Times(**run["before"]), Times(**run["after"])
    return {
        "measured": run["measured"],
        "predicted": predicted(plan, random, evolving),
        "a priori": predicted(plan, random, random),
        "eq. 5 as printed": paper_form(plan, random, evolving),
    }


def ratios(data: Result, how: str) -> list[float]:
    """Return by seed what a forecast's total is of the measured total."""
    return [sum(forecasts(run)[how].values()) / run["total"] for run in data["runs"]]


def figures(data: Result) -> dict[str, float]:
    """Return the figures of the result line."""
    runs = data["runs"]

    def middle(values: Iterable[float]) -> float:
        return float(np.median(list(values)))

    def worst(how: str) -> float:
        return max(abs(ratio - 1) for ratio in ratios(data, how))

    names = {"t_tr": "t_tr", "t_val": "t_val", "parallelism_newborn": "p_newborn", "parallelism_all": "p_all"}
    return {
        "n": len(runs),
        "predicted_over_measured": middle(ratios(data, "predicted")),
        "predicted_worst": worst("predicted"),
        "a_priori_over_measured": middle(ratios(data, "a priori")),
        "a_priori_worst": worst("a priori"),
        "paper_over_measured": middle(ratios(data, "eq. 5 as printed")),
        "measured_seconds": middle(run["total"] for run in runs),
        **{f"share_{part}": middle(run["measured"][part] / run["total"] for run in runs) for part in PARTS},
        **{name: middle(run["before"][key] for run in runs) for name, key in names.items()},
        **{f"evolving_{name}": middle(run["after"][key] for run in runs) for name, key in names.items()},
    }


def middles(data: Result) -> dict[str, dict[str, float]]:
    """Return the median seconds of each part over seeds, by forecast."""
    found = [forecasts(run) for run in data["runs"]]
    return {how: {part: float(np.median([f[how].get(part, 0.0) for f in found])) for part in PARTS} for how in found[0]}


def lines(data: Result) -> Iterator[str]:
    """Yield a row for each part."""
    runs, parts = data["runs"], middles(data)
    yield f"{data['images']}, n = {len(runs)}, {data['threads']} thread; seconds, medians"
    yield f"{'':<10}{'share':>7}" + "".join(f"{how:>18}" for how in parts)
    for part in PARTS:
        share = np.median([run["measured"][part] / run["total"] for run in runs])
        yield f"{part:<10}{share:>7.1%}" + "".join(f"{parts[how][part]:>18.2f}" for how in parts)
    totals = [np.median([sum(forecasts(run)[how].values()) for run in runs]) for how in parts]
    yield f"{'total':<10}{1:>7.0%}" + "".join(f"{total:>18.2f}" for total in totals)
    for how in list(parts)[1:]:
        s = spread(ratios(data, how))
        yield f"{how} over measured: {s['median']:.3f} [{s['q25']:.3f}, {s['q75']:.3f}]"


def draw(data: Result) -> Figure:
    """Draw the parts of the search time as bars: measured, predicted, and by the paper's form."""
    runs, rows = data["runs"], middles(data)
    figure, ax = panels(1, 1, 7.0, 2.8)
    left = np.zeros(len(rows))
    for part, shade, hatch in zip(PARTS, (*SHADES, "#cfcfcf"), ("", "//", "", ".."), strict=True):
        width = np.array([parts[part] for parts in rows.values()])
        look = {"color": shade, "hatch": hatch, "edgecolor": "white", "height": 0.6}
        ax.barh(range(len(rows)), width, left=left, label=part.replace("_", "-"), **look)
        left += width
    for k, how in enumerate(rows):
        totals = [sum(forecasts(run)[how].values()) for run in runs]
        ax.plot([min(totals), max(totals)], [k + 0.42] * 2, color="#1a1a1a", linewidth=1.2, marker="|", markersize=5)
        ax.text(max(left[k], *totals) + left.max() * 0.02, k, f"{left[k]:.1f} s", va="center", fontsize=8)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.invert_yaxis()
    finish(ax, f"seconds, medians of n = {len(runs)} searches; lines: range of the totals", "")
    ax.set_xlim(0, left.max() * 1.25)
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
