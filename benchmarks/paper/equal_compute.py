"""What one seed of each method of :mod:`benchmarks.paper.equal_cost` does, and what it costs.

All is counted in core-seconds of one thread: warm-up, search and the training alone of the networks that are taken.
Those that need no supernet train networks alone for as long as CARS of the same seed took for everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.paper.searches import along
from benchmarks.truth.records import Record
from benchmarks.truth.sets import SETS, TruthSet
from benchmarks.truth.training import train_alone
from carsmoo.compare import suite
from carsmoo.compare.runner import same_cost
from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import params
from carsmoo.nets.data import ImageData, load
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import Genotype
from carsmoo.utils.trees import Arrays
from carsmoo.zoo import GENOTYPES

SEARCHES: Mapping[str, str] = {"CARS": "growth", "NSGA-III": "nsga3", "random, supernet": "random"}
"""The methods that search in the same supernet, and the algorithm of each."""

OWN, ALONE, EVOLUTION = "CARS, own weights", "random, alone", "evolution, alone"
EFFECTS = "CARS, main effects"


TRIALS: Mapping[str, str] = {OWN: "own", EFFECTS: "effects"}
"""The methods that are trials, and the field of :class:`Preset` with the plan of each, which its runs tell."""


@dataclass(frozen=True, kw_only=True)
class Preset:
    """Settings.

    Args:
        training: the plan of the searches in a supernet.
        own: the plan of the search with own weights, by main effects of these and of a supernet.
        effects: the plan of the search by main effects, in which a network costs nothing to score.
        published: names of :data:`carsmoo.zoo.GENOTYPES`.
        taken: networks of each front that are trained alone.
        population, tournament: of the regularised evolution.
    """

    training: SupernetTraining = field(
        default_factory=lambda: SupernetTraining(warmup_epochs=12, n_generations=10, score_images=400)
    )
    own: SupernetTraining = field(
        default_factory=lambda: SupernetTraining(
            weights="own",
            main_effects="population",
            supernet_epochs=6,
            warmup_epochs=8,
            n_generations=1,
            pop_size=24,
            batch_size=32,
            learning_rate=0.1,
            weight_decay=5e-4,
            score_images=400,
        )
    )
    effects: SupernetTraining = field(
        default_factory=lambda: SupernetTraining(
            warmup_epochs=16,
            n_generations=2,
            pop_size=192,
            score_images=400,
            main_effects=256,
        )
    )
    published: tuple[str, ...] = ("DARTS-V2", "CARS-A", "CARS-E", "CARS-I")
    taken: int = 4
    population: int = 6
    tournament: int = 3

    def settings(self) -> dict[str, Any]:
        """Return what all runs share, as plain values: all but the plans that runs tell themselves."""
        return {name: value for name, value in asdict(self).items() if name not in TRIALS.values()}


class Warm(CARSProblem):
    """A problem whose supernet has been warmed up by another one of the same arguments.

    Args:
        state: what ``state_dict()`` of the other one returned after its warm-up.
        **arguments: of both.
    """

    def __init__(self, state: Arrays, **arguments: Any) -> None:
        super().__init__(**arguments)
        self._warm = state

    def _begin(self) -> None:
        self._world = self._new_world()
        self._world.load_state_dict(self._warm)


class Account:
    """Core-seconds of this process since it was opened."""

    def __init__(self) -> None:
        self.begun = time.process_time()

    @property
    def spent(self) -> float:
        """Core-seconds."""
        return time.process_time() - self.begun


@dataclass(frozen=True)
class Bench:
    """One data set and one seed: what the methods train and search on.

    Args:
        preset: settings.
        made: the truth set, whose recipe trains networks alone.
        data: its images.
        seed: of everything.
    """

    preset: Preset
    made: TruthSet
    data: ImageData
    seed: int

    @classmethod
    def of(cls, preset: Preset, name: str, seed: int) -> Bench:
        """Return that of a truth set's name."""
        return cls(preset, SETS[name], load(SETS[name].data), seed)

    # ------------------------------------------------------------------ searches

    def arguments(self, plan: SupernetTraining) -> dict[str, Any]:
        """Return the arguments of a search's problem."""
        recipe, images = self.made.recipe, self.made.data
        shape = NetworkConfig(channels=recipe.channels, layers=recipe.layers, bn_affine=plan.weights == "own")
        name = f"{images}{'&' if '?' in images else '?'}pad=0"  # as the recipe trains
        return {
            "data": name,
            "objectives": ("loss", "params"),
            "network": shape,
            "training": plan,
            "seed": self.seed,
            "device": "cpu",
        }

    def searched(self, problem: CARSProblem, algorithm: str) -> list[Genotype]:
        """Search, and return the networks that are taken, spread over the front by size."""
        made = suite.algorithm(algorithm)
        made.setup(problem, **same_cost(made, problem))
        while made.has_next():
            made.next()
        return along(problem.front(made), self.preset.taken)

    def in_a_supernet(self) -> Iterator[Record]:
        """Yield what the searches of one supernet gave; each pays for the warm-up, which is computed once."""
        arguments, account = self.arguments(self.preset.training), Account()
        begun = CARSProblem(**arguments)
        begun.subnet(GENOTYPES["CARS-A"])
        warm_up, state = account.spent, begun.state_dict()
        for method, algorithm in SEARCHES.items():
            account = Account()
            genotypes = self.searched(Warm(state, **arguments), algorithm)
            yield self.trained(method, genotypes, warm_up + account.spent)

    def with_own_weights(self) -> Iterator[Record]:
        """Yield what CARS gave where each network has weights of its own."""
        yield self.planned(OWN, self.preset.own, "nsga3")

    def by_main_effects(self) -> Iterator[Record]:
        """Yield what CARS gave where networks are scored by what their operations add."""
        yield self.planned(EFFECTS, self.preset.effects, SEARCHES["CARS"])

    def planned(self, method: str, plan: SupernetTraining, algorithm: str) -> Record:
        """Return what a search by a plan of its own took, with that plan."""
        account = Account()
        genotypes = self.searched(CARSProblem(**self.arguments(plan)), algorithm)
        return {**self.trained(method, genotypes, account.spent), "plan": asdict(plan)}

    # ------------------------------------------------------------------ training alone

    def train(self, genotype: Genotype) -> dict[str, Any]:
        """Return a network's figures, trained alone by the recipe."""
        found = train_alone(genotype, self.made, self.data, self.seed, 1.0)
        network = self.made.recipe.network(self.data.image_shape, self.data.classes)
        told = {key: found[key] for key in ("test", "held_out", "core_seconds")}
        return {**told, "params": params(genotype, network), "genotype": str(genotype)}

    def trained(self, method: str, genotypes: list[Genotype], search: float) -> Record:
        """Return what a method took, trained, and its account."""
        networks = [self.train(genotype) for genotype in genotypes]
        cost = search + sum(network["core_seconds"] for network in networks)
        return {"method": method, "core_seconds": round(cost, 1), "search": round(search, 1), "networks": networks}

    def alone(self, budget: float) -> Iterator[Record]:
        """Yield what random architectures gave, trained alone for so many core-seconds."""
        space = DARTSSpace()
        random_state = np.random.default_rng([self.seed, 1])
        yield self._until(ALONE, budget, lambda networks: random_state.integers(space.xl, space.xu + 1))

    def evolved(self, budget: float) -> Iterator[Record]:
        """Yield what regularised evolution (Real et al. 2019) gave, on errors of the images held out.

        Parents are the best of a tournament among the youngest; each child is its parent with one variable redrawn.
        """
        space, preset = DARTSSpace(), self.preset
        random_state = np.random.default_rng([self.seed, 2])
        tried: list[NDArray[np.int64]] = []

        def propose(networks: list[dict[str, Any]]) -> NDArray[np.int64]:
            if len(networks) < preset.population:
                x = random_state.integers(space.xl, space.xu + 1)
            else:
                youngest = np.arange(len(networks))[-preset.population :]
                rivals = random_state.choice(youngest, preset.tournament, replace=False)
                parent = min(rivals, key=lambda k: networks[k]["held_out"])
                x, k = tried[parent].copy(), int(random_state.integers(space.n_var))
                x[k] = random_state.integers(space.xl[k], space.xu[k] + 1)
            tried.append(x)
            return x

        yield self._until(EVOLUTION, budget, propose)

    def _until(
        self, method: str, budget: float, propose: Callable[[list[dict[str, Any]]], NDArray[np.int64]]
    ) -> Record:
        """Train what is proposed while another training fits in the budget, if it costs what those before did."""
        networks: list[dict[str, Any]] = []
        space, spent = DARTSSpace(), 0.0
        while not networks or spent * (1 + 1 / len(networks)) <= budget:
            (genotype,) = space.decode(propose(networks)[None])
            networks.append(self.train(genotype))
            spent += networks[-1]["core_seconds"]
        return {"method": method, "core_seconds": round(spent, 1), "search": 0.0, "networks": networks}

    def published(self) -> Iterator[Record]:
        """Yield what the published genotypes give, trained alone."""
        for name in self.preset.published:
            yield self.trained(name, [GENOTYPES[name]], 0.0)

    def groups(self, budget: float | None) -> dict[str, Callable[[], Iterator[Record]]]:
        """Return the groups of methods that are run together, by name; those that need a budget if there is one."""
        found: dict[str, Callable[[], Iterator[Record]]] = {
            "supernet": self.in_a_supernet,
            "own": self.with_own_weights,
            "effects": self.by_main_effects,
            "published": self.published,
        }
        if budget is not None:
            found |= {"alone": partial(self.alone, budget), "evolution": partial(self.evolved, budget)}
        return found
