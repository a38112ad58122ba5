"""What the experiments share: presets and the command line, searches, training alone, statistics, results.

An experiment measures (:attr:`Experiment.measure`) what its result file holds, and draws from that alone, so that a
figure can be drawn again without measuring (``--redraw``).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from joblib import Parallel, delayed
from matplotlib.figure import Figure
from moocore import filter_dominated, hypervolume
from numpy.typing import ArrayLike, NDArray
from scipy.stats import spearmanr

from carsmoo.compare import suite
from carsmoo.compare.comparison import REFERENCE
from carsmoo.compare.runner import same_cost
from carsmoo.compare.statistics import signed_rank, vargha_delaney
from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.config.search import SearchConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.config.toml import changed, parse_settings
from carsmoo.cost.closed_form import params
from carsmoo.nets.data import load
from carsmoo.nets.models.device import environment, pick
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.front import Front
from carsmoo.space.genotype import Genotype
from carsmoo.utils.progress import Step

Result: TypeAlias = dict[str, Any]

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One experiment.

    Args:
        name: of its module and its files.
        about: one line for the help.
        presets: frozen dataclasses by name, ``cores2`` among them.
        measure: makes of a preset what the result file holds under ``data``, plain values.
        figures: makes of that the figures of the result line.
        lines: makes of it the table for the terminal.
        draw: makes of it the figure.
    """

    name: str
    about: str
    presets: Mapping[str, Any]
    measure: Callable[[Any], Result]
    figures: Callable[[Result], dict[str, float]]
    lines: Callable[[Result], Iterable[str]]
    draw: Callable[[Result], Figure]

    def run(self, preset: Any, out: Path, told: str) -> Result:
        """Measure, write ``NAME.json``, ``NAME.png`` and ``NAME.pdf`` to a directory, and return the document."""
        begin = time.perf_counter()
        data = self.measure(preset)
        document = {
            "name": self.name,
            "command": f"python -m benchmarks.paper.{self.name} {told}",
            "settings": dataclasses.asdict(preset),
            "machine": machine(),
            "seconds": round(time.perf_counter() - begin, 1),
            "figures": self.figures(data),
            "data": data,
        }
        self.write(document, out)
        return document

    def write(self, document: Result, out: Path) -> None:
        """Write a result file, and draw what it holds, as PNG and PDF."""
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{self.name}.json").write_text(json.dumps(document) + "\n", encoding="utf-8")
        figure = self.draw(document["data"])
        for ending in ("png", "pdf"):
            figure.savefig(out / f"{self.name}.{ending}", dpi=200)


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> None:
    """Run an experiment as its command line says; the last line printed is ``RESULT {json}``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.paper.{experiment.name}", description=experiment.about)
    parser.add_argument("--preset", choices=list(experiment.presets), default="cores2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a field of the preset")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where result and figure go")
    parser.add_argument("--redraw", action="store_true", help="draw the result that is there, without measuring")
    options = parser.parse_args(arguments)
    if options.redraw:
        document = json.loads((RESULTS / f"{experiment.name}.json").read_text(encoding="utf-8"))
        document["figures"] = experiment.figures(document["data"])
        experiment.write(document, options.out)
    else:
        try:
            preset = changed(experiment.presets[options.preset], parse_settings(options.set))
        except (TypeError, ValueError) as error:
            parser.error(str(error))
        told = " ".join([f"--preset {options.preset}", *(f"--set {text}" for text in options.set)])
        document = experiment.run(preset, options.out, told)
    for line in experiment.lines(document["data"]):
        print(line)
    figures = {name: round(value, 5) for name, value in document["figures"].items()}
    figures["seconds"] = document["seconds"]
    print("RESULT " + json.dumps({"name": f"paper_{experiment.name}", "figures": figures}))


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the settings: processor, device, versions."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "pymoo", "numpy")},
        **{key: value for key, value in environment(pick(None)).items() if key in ("device", "cpu")},
    }


# ---------------------------------------------------------------------- searches and training


def small_search(**fields: Any) -> SearchConfig:
    """Return a search of a minute or less on one core: the demo's digits and network, with a shorter plan."""
    plan = {"warmup_epochs": 10, "n_generations": 12, "memory_format": "channels_last", **fields}
    return SearchConfig(network=NetworkConfig(channels=8, layers=5), training=SupernetTraining(**plan))


def small_recipe(**fields: Any) -> TrainingRecipe:
    """Return a recipe of some seconds on one core: the search network's widths and depth; the last epoch counts."""
    return TrainingRecipe(**{"channels": 8, "layers": 5, "epochs": 10, "holdout_fraction": 0.0, **fields})


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found and cost.

    Attributes:
        front: the last population's front, scored on the supernet's last weights.
        populations: objectives of each generation's population as it was scored, (n, m) each.
        seconds: wall time of the whole search.
        computing: processor seconds, which other processes on the machine do not lengthen; wall time on a GPU.
        epochs: epochs that the supernet was trained.
        scorings: networks that were scored.
    """

    front: Front
    populations: list[NDArray[np.float64]]
    seconds: float
    computing: float
    epochs: int
    scorings: int


def search(config: SearchConfig, algorithm: str = "growth", **extra: Any) -> Found:
    """Search once, at the cost of every other algorithm: as much training, and as many scorings.

    Args:
        config: data, network, plan and seed.
        algorithm: one of :data:`carsmoo.compare.suite.ALGORITHMS`.
        **extra: for :class:`~carsmoo.CARSProblem`, besides what ``config`` says.
    """
    given = {"objectives": config.objectives, "network": config.network, "training": config.training, **extra}
    problem = CARSProblem(data=config.data, space=config.space, device=config.device, seed=config.seed, **given)
    scorings, populations = 0, []

    def count(step: Step) -> None:
        nonlocal scorings
        scorings += step.total if step.phase == "scoring" and step.done == step.total else 0

    begin, computed = time.perf_counter(), time.process_time()
    made = suite.algorithm(algorithm)
    made.setup(problem, **same_cost(made, problem))
    problem.listeners.append(count)
    while made.has_next():
        made.next()
        populations.append(np.array(made.pop.get("F")))
    front = problem.front(made)
    seconds = time.perf_counter() - begin
    return Found(
        front=front,
        populations=populations,
        seconds=seconds,
        computing=time.process_time() - computed if problem.device.type == "cpu" else seconds,
        epochs=problem.epoch,
        scorings=scorings,
    )


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network trained alone.

    Attributes:
        error: on the test split, after the last epoch.
        params: in millions, without an auxiliary head.
        seconds: wall time of its training.
        curve: error on held-out images after each epoch; empty where none are held out.
    """

    error: float
    params: float
    seconds: float
    curve: list[float]


def train_alone(genotype: Genotype, recipe: TrainingRecipe, data: str) -> Trained:
    """Train a network from random weights to the recipe's end, and score it once on the test split."""
    images = load(data).to(pick(None))
    begin = time.perf_counter()
    trainer, curve = NetworkTrainer(genotype, recipe, images), []
    for _ in range(recipe.epochs):
        trainer.epoch()
        if trainer.held_out is not None:
            curve.append(trainer.error(trainer.held_out))
    return Trained(
        error=trainer.error(images.test),
        params=params(genotype, recipe.network(images.image_shape, images.classes)) / 1e6,
        seconds=time.perf_counter() - begin,
        curve=curve,
    )


def in_parallel(work: Callable[..., Any], calls: Iterable[Sequence[Any]], jobs: int) -> list[Any]:
    """Return the results of some calls in their order, made by processes of one thread each; one: in this process."""
    if jobs == 1:
        return [work(*call) for call in calls]
    return list(Parallel(n_jobs=jobs)(delayed(_single_threaded)(work, *call) for call in calls))


def _single_threaded(work: Callable[..., Any], *call: Any) -> Any:
    torch.set_num_threads(1)
    return work(*call)


# ---------------------------------------------------------------------- choosing networks


def along(front: Front, k: int) -> list[Genotype]:
    """Return at most ``k`` networks of a front, spread evenly over its order by the last objective, ends included."""
    order = np.argsort(front.F[:, -1], kind="stable")
    chosen = np.unique(np.linspace(0, len(order) - 1, min(k, len(order))).round().astype(int))
    return [front.genotypes[order[i]] for i in chosen]


def by_size(space: DARTSSpace, network: NetworkConfig, quantiles: Sequence[float], seed: int) -> list[Genotype]:
    """Return random architectures whose parameters stand at some quantiles among 1000 drawn uniformly."""
    random_state = np.random.default_rng(seed)
    X = random_state.integers(space.xl, space.xu + 1, size=(1000, space.n_var))
    genotypes: list[Genotype] = space.decode(X)
    order = np.argsort([params(genotype, network) for genotype in genotypes], kind="stable")
    return [genotypes[order[round(q * (len(order) - 1))]] for q in quantiles]


def like_sized(space: DARTSSpace, network: NetworkConfig, like: Sequence[Genotype], seed: int) -> list[Genotype]:
    """Return for each of some networks one of 1000 random others with about as many parameters, no one twice."""
    random_state = np.random.default_rng([seed, len(like)])  # another stream than that of a search with this seed
    genotypes: list[Genotype] = space.decode(random_state.integers(space.xl, space.xu + 1, size=(1000, space.n_var)))
    sizes = np.array([np.inf if g in like else params(g, network) for g in genotypes], dtype=float)
    chosen = []
    for genotype in like:
        k = int(np.abs(sizes - params(genotype, network)).argmin())
        chosen.append(genotypes[k])
        sizes[k] = np.inf
    return chosen


# ---------------------------------------------------------------------- statistics


def spread(values: ArrayLike) -> dict[str, float]:
    """Return median, quartiles and number of some values."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75]).tolist()
    return {"median": middle, "q25": low, "q75": high, "n": int(np.size(values))}


def paired(a: ArrayLike, b: ArrayLike) -> dict[str, float]:
    """Compare pairs: the median of a - b, Wilcoxon's two-sided p, the share of pairs with a > b, and A12."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    share = float(np.mean((a > b) + 0.5 * (a == b)))
    return {"difference": float(np.median(a - b)), "p": signed_rank(a, b), "share": share, "a12": vargha_delaney(a, b)}


def rank_correlation(a: ArrayLike, b: ArrayLike) -> tuple[float, float]:
    """Return Spearman's correlation and its p; 0 and 1 where all values of one are alike, and nothing can be told."""
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0, 1.0
    found = spearmanr(a, b)
    return float(found.statistic), float(found.pvalue)


def hypervolumes(fronts: Sequence[ArrayLike]) -> list[float]:
    """Return the hypervolume of each of some sets of objectives, (n_i, 2), minimised, in units of their common box.

    The box reaches from the best of all to the worst on any set's own front; the reference point is 1.1 in each.
    """
    points = [np.asarray(front, dtype=float) for front in fronts]
    low = np.concatenate(points).min(axis=0)
    high = np.concatenate([filter_dominated(front) for front in points]).max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    return [float(hypervolume((front - low) / size, ref=[REFERENCE] * len(low))) for front in points]


def rounded(values: ArrayLike, digits: int = 5) -> Any:
    """Return an array as lists of short numbers."""
    return np.asarray(values, dtype=float).round(digits).tolist()
