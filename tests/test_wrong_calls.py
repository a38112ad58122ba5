"""Wrong calls of every public entry: a named exception, one line that says what was expected and what was given."""

import itertools
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import (
    PNSGA3,
    CARSProblem,
    Checkpoint,
    Continuous,
    DARTSSpace,
    Front,
    Genotype,
    MovingProblem,
    NetworkConfig,
    SupernetTraining,
    plots,
    resume,
)
from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.compare import suite
from carsmoo.compare.runner import compare
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import parse_settings, read_toml
from carsmoo.cost.closed_form import CostTable, cost, flops, params
from carsmoo.operators import CARSMating, GenotypeSampling, NodeCrossover, NodeMutation
from carsmoo.problems.surrogate import NASBench301
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.problems.tabular import CurveTable, NASBenchMacro, deep_resnets, metaqnn, naap440
from carsmoo.survival.selection import merge_stages, pareto_stages, select
from carsmoo.zoo import GENOTYPES
from tests.cli.test_entry import call
from tests.support.toy import ToyProblem

DATA = Path(os.environ.get("CARSMOO_DATA", "nowhere"))
SPACE, A, NETWORK = DARTSSpace(), GENOTYPES["CARS-A"], NetworkConfig()
NONE = (("none", 0), ("none", 1))
F, DIRECTIONS = np.random.default_rng(0).random((5, 2)), das_dennis(2, 4)
HUGE = "9" * 5000
DEEP = "[" * 100_000

Wrong = tuple[Callable[[], object], type[Exception], str]


def check(wrong: Wrong, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    act, error, says = wrong
    monkeypatch.chdir(folder)
    before = contents(folder)
    with pytest.raises(error) as caught:
        act()
    message = str(caught.value)
    assert re.search(says, message), message
    assert "\n" not in message
    assert len(message) < 400
    assert caught.type.__module__ == "builtins"  # no library's own kind
    assert contents(folder) == before


def contents(folder: Path) -> dict[Path, bytes | None]:
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def selected(**change: Any) -> object:
    arguments = {"F": F, "F_protected": None, "n_survive": 3, "ref_dirs": DIRECTIONS, **change}
    return select(**{"random_state": np.random.default_rng(0), **arguments})


def evaluated() -> SmallModelTrap:
    problem = SmallModelTrap()
    problem.evaluate(np.full((3, 6), 0.5))
    return problem


class Bare(MovingProblem):
    """One objective; what it is given for ``moving`` is all that matters."""

    def __init__(self, **fields: Any) -> None:
        super().__init__(n_var=1, n_obj=1, xl=0, xu=1, **fields)

    def _advance(self, X: np.ndarray) -> None: ...

    def _restart(self) -> None: ...

    def _moving_values(self, X: np.ndarray) -> np.ndarray:
        return X


SPACES: dict[str, Wrong] = {
    "no edges": (lambda: Genotype(None, (2,), NONE, (2,)), ValueError, r"normal: expected \(operation, input\) pairs"),
    "no operation": (lambda: Genotype(((1, 0), ("none", 1)), (2,), NONE, (2,)), ValueError, "for node 2 .*got .1, 0"),
    "an operation of two lines": (
        lambda: Genotype((("a\nb", 7), ("none", 1)), (2,), NONE, (2,)),
        ValueError,
        "normal: expected for node 2 an operation and an input of 0..1, got",
    ),
    "a state that is no integer": (
        lambda: Genotype(NONE, (2.0,), NONE, (2,)),
        ValueError,
        "normal_concat: expected a list of states",
    ),
    "a thousand states": (
        lambda: Genotype(NONE, tuple(range(1000)), NONE, (2,)),
        ValueError,
        r"normal_concat: expected different states among 2\.\.2, got \(0, 1, 2, .*…",
    ),
    "no text": (lambda: Genotype.parse(None), TypeError, "genotype: expected Genotype.*, got NoneType"),
    "an endless input": (
        lambda: Genotype.parse(f"Genotype([('none', 0x{HUGE}), ('none', 1)], [2], [], [2])"),
        ValueError,
        "normal: expected for node 2 .*got a tuple with a huge number",
    ),
    "an endless state": (
        lambda: Genotype.parse(f"Genotype([('none', 0), ('none', 1)], [0x{HUGE}], [], [2])"),
        ValueError,
        "normal_concat: expected different states",
    ),
    "endless JSON": (lambda: Genotype.from_json(f'{{"normal": {HUGE}}}'), ValueError, "genotype: expected JSON, got"),
    "deep JSON": (lambda: Genotype.from_json(DEEP), ValueError, "genotype: expected JSON, got '\\[\\["),
    "bytes that are no text": (lambda: Genotype.from_json(b"\xff"), ValueError, "genotype: expected JSON"),
    "JSON of something else": (lambda: Genotype.from_json("3"), ValueError, "genotype: expected the fields normal"),
    "nodes by name": (lambda: DARTSSpace("4"), ValueError, r"nodes: expected an integer in 1\.\.64, got '4'"),
    "a billion nodes": (lambda: DARTSSpace(10**9), ValueError, r"nodes: expected an integer in 1\.\.64, got 1000"),
    "one operation": (lambda: DARTSSpace(ops="none"), TypeError, "ops: expected a list of operations, got 'none'"),
    "encode nothing": (
        lambda: SPACE.encode(None),
        TypeError,
        "genotype: expected an architecture or several, got None",
    ),
    "encode a name": (
        lambda: SPACE.encode("CARS-A"),
        TypeError,
        "genotype: expected an architecture or several, got 'CARS",
    ),
    "encode a number": (lambda: SPACE.encode([A, 3]), TypeError, "genotype: expected a Genotype, got int"),
    "decode ragged rows": (lambda: SPACE.decode([[1], [2, 3]]), ValueError, "X: expected rows of one length"),
    "decode a text": (lambda: SPACE.decode("abc"), ValueError, r"X: expected \(n, 24\), got \(1, 1\)"),
    "decode infinity": (lambda: SPACE.decode([np.inf] * 24), ValueError, r"X\[0, 0\]: expected 0\.\.0, got inf"),
    "decode what is too large": (lambda: SPACE.decode([10**30] * 24), ValueError, "X: expected whole numbers"),
    "canonical ragged rows": (lambda: SPACE.canonical([[1], [2, 3]]), ValueError, "X: expected rows of one length"),
    "canonical nothing": (lambda: SPACE.canonical(None), ValueError, r"X: expected \(n, 24\)"),
    "check complex numbers": (lambda: SPACE.check(np.zeros((1, 24), complex)), ValueError, "got complex128"),
    "check a vector": (lambda: SPACE.check(np.zeros(24, int)), ValueError, r"X: expected \(n, 24\), got \(24,\)"),
    "an unknown name": (lambda: GENOTYPES["CARS-Z"], KeyError, "CARS-Z"),
}

SETTINGS: dict[str, Wrong] = {
    "a list for the stem": (lambda: NetworkConfig(stem=["cifar"]), ValueError, r"stem: expected one of .*\['cifar'\]"),
    "endless layers": (lambda: NetworkConfig(layers=10**9), ValueError, "layers: expected at most 1000, got 10000"),
    "layers of thousands of digits": (lambda: NetworkConfig(layers=10**5000), ValueError, "got a int with a huge"),
    "a network's typo": (lambda: NetworkConfig(chanels=8), TypeError, "chanels"),
    "an endless rate": (
        lambda: SupernetTraining(grad_clip=np.inf),
        ValueError,
        r"clip: expected a number in \(0, inf\)",
    ),
    "a rate of 400 digits": (
        lambda: SupernetTraining(grad_clip=10**400),
        ValueError,
        r"clip: expected a number in \(0, inf\), got 1000",
    ),
    "a plan's typo": (lambda: SupernetTraining(warm=1), TypeError, "warm"),
    "no device": (lambda: SearchConfig(device=3), TypeError, "device: expected a name, got 3"),
    "no space": (lambda: SearchConfig(space="darts"), TypeError, "space: expected SearchSpace, got 'darts'"),
    "no network": (lambda: SearchConfig(network=None), TypeError, "network: expected NetworkConfig, got None"),
    "a plan as a dictionary": (lambda: SearchConfig(training={}), TypeError, "training: expected SupernetTraining"),
    "a list of presets": (lambda: SearchConfig.preset(["demo"]), ValueError, r"preset: expected one of .*\['demo'\]"),
    "settings as a list": (lambda: SearchConfig().updated([3]), TypeError, r"settings: expected a mapping, got \[3\]"),
    "a device as a number": (lambda: SearchConfig().updated({"device": 3}), TypeError, "device: expected a name"),
    "a name of two lines": (lambda: SearchConfig().updated({"a\nb": 3}), ValueError, "^a b: expected one of"),
    "cut TOML": (
        lambda: SearchConfig.from_toml("a = ["),
        ValueError,
        "configuration: expected TOML, got Invalid value",
    ),
    "no TOML": (lambda: SearchConfig.from_toml(None), TypeError, "configuration: expected str, got None"),
    "a setting that is no text": (lambda: parse_settings([3]), TypeError, "setting: expected str, got 3"),
    "a setting of two lines": (
        lambda: SearchConfig().updated(parse_settings(["seed=3\nwarmup=4"])),
        TypeError,
        "seed: expected an integer of at least 0, got '3.nwarmup=4'",
    ),
    "a deep setting": (
        lambda: SearchConfig().updated(parse_settings([f"seed={DEEP[:100]}"])),
        TypeError,
        "seed: expected an integer",
    ),
    "a file that is not there": (lambda: read_toml("no.toml"), FileNotFoundError, r"no\.toml"),
    "a folder for a file": (lambda: read_toml("."), OSError, "Is a directory|denied"),
    "cost of a name": (lambda: params("CARS-A", NETWORK), TypeError, "genotype: expected Architecture, got 'CARS-A'"),
    "cost in nothing": (lambda: flops(A, None), TypeError, "network: expected NetworkConfig, got None"),
    "cost the other way round": (
        lambda: cost(NETWORK, A),
        TypeError,
        "genotype: expected Architecture, got NetworkConfig",
    ),
    "a table without a network": (lambda: CostTable(SPACE, None), TypeError, "network: expected NetworkConfig"),
    "a table without a space": (lambda: CostTable(A, NETWORK), TypeError, "space: expected SearchSpace, got Genotype"),
    "a table of ragged rows": (
        lambda: CostTable(SPACE, NETWORK).params([[1], [2, 3]]),
        ValueError,
        "X: expected rows of one length",
    ),
}

SELECTION: dict[str, Wrong] = {
    "crossover often": (lambda: NodeCrossover("often"), ValueError, r"prob_node: expected a probability in 0\.\.1"),
    "crossover NaN": (lambda: NodeCrossover(np.nan), ValueError, r"prob_node: expected a probability in 0\.\.1"),
    "crossover of no genes": (lambda: NodeCrossover(genes=0), ValueError, "genes: expected at least 1, got 0"),
    "mutation yes": (lambda: NodeMutation(True), ValueError, "prob_node: expected a probability in .*, got True"),
    "mutation of half a gene": (lambda: NodeMutation(genes=1.5), TypeError, "genes: expected an integer of at least 1"),
    "sampling without bounds": (
        lambda: GenotypeSampling()._do(
            SimpleNamespace(has_bounds=lambda: False), 3, random_state=np.random.default_rng(0)
        ),
        ValueError,
        "bounds: expected a problem with xl and xu, got none",
    ),
    "three shares": (lambda: CARSMating(mix=(0.1, 0.1, 0.1)), ValueError, "mix: expected two shares"),
    "one share": (lambda: CARSMating(mix=0.5), ValueError, "mix: expected two shares .*, got 0.5"),
    "a share that is none": (lambda: CARSMating(mix=(np.nan, 0.5)), ValueError, "mix: expected two shares"),
    "shares of texts": (lambda: CARSMating(mix="ab"), ValueError, "mix: expected two shares .*, got 'ab'"),
    "mating's typo": (lambda: CARSMating(crosover=1), TypeError, "CARSMating: expected keywords .*, got 'crosover'"),
    "stages of texts": (lambda: pareto_stages("abc"), ValueError, "F: expected numbers, got 'abc'"),
    "stages of ragged rows": (
        lambda: pareto_stages([[1], [2, 3]]),
        ValueError,
        r"F: expected numbers, got \[\[1\], ",
    ),
    "stages of infinity": (lambda: pareto_stages([[np.inf, 1]]), ValueError, "F: expected finite numbers, got inf"),
    "merge nothing": (lambda: merge_stages(None, []), ValueError, "R: expected stages of indices, got None"),
    "merge halves": (lambda: merge_stages([[0]], [[0.5]]), ValueError, "Q: expected stages of indices"),
    "merge numbers": (lambda: merge_stages([1], [2]), ValueError, "R: expected stages of indices"),
    "select half of one": (lambda: selected(n_survive=2.5), ValueError, r"n_survive: expected 1\.\.5, got 2\.5"),
    "select yes": (lambda: selected(n_survive=True), ValueError, r"n_survive: expected 1\.\.5, got True"),
    "select without F": (lambda: selected(F=None), ValueError, r"F: expected two dimensions, got shape \(\)"),
    "select by a number": (lambda: selected(random_state=3), TypeError, "random_state: expected Generator, got 3"),
    "select by a direction of zeros": (lambda: selected(ref_dirs=np.zeros((2, 2))), ValueError, "got a row of zeros"),
    "directions by name": (lambda: PNSGA3("das-dennis"), ValueError, "ref_dirs: expected numbers, got 'das-dennis'"),
    "directions of NaN": (lambda: PNSGA3([[np.nan, 1]]), ValueError, "ref_dirs: expected finite directions"),
    "directions of zeros": (lambda: PNSGA3(np.zeros((3, 2))), ValueError, "ref_dirs: expected finite directions"),
    "a list of protections": (lambda: PNSGA3(protection=["size"]), ValueError, "protection: expected 'growth', 'size'"),
    "a size as a float": (lambda: PNSGA3(pop_size=8.0), ValueError, "pop_size: expected an integer of .*, got 8.0"),
    "no problem": (lambda: PNSGA3().setup(None), TypeError, "problem: expected Problem, got None"),
    "a class for a problem": (lambda: PNSGA3().setup(ToyProblem), TypeError, "problem: expected Problem, got <class"),
    "an unknown end": (
        lambda: minimize(ToyProblem(), PNSGA3(), ("n_gens", 3)),
        ValueError,
        "termination: expected a Termination .*, got ..n_gens., 3.",
    ),
    "a number for the end": (
        lambda: minimize(ToyProblem(), PNSGA3(), 3),
        ValueError,
        "termination: expected .*, got 3",
    ),
    "a seed below zero": (lambda: minimize(ToyProblem(), PNSGA3(), seed=-1), ValueError, "seed: expected at least 0"),
    "a seed's name": (lambda: minimize(ToyProblem(), PNSGA3(), seed="a"), TypeError, "seed: expected an integer"),
    "a callback that is none": (
        lambda: PNSGA3().setup(ToyProblem(), callback=3),
        TypeError,
        "callback: expected a Callback of pymoo or a function, got 3",
    ),
    "no offspring": (lambda: minimize(ToyProblem(), PNSGA3(), n_offsprings=0), ValueError, "n_offsprings: expected at"),
    "nobody": (lambda: PNSGA3().setup(ToyProblem(), pop_size=0), ValueError, "pop_size: expected at least 1, got 0"),
    "a protection that comes too late": (
        lambda: PNSGA3().setup(ToyProblem(), protection="speed"),
        TypeError,
        "setup: expected keywords among .*got 'protection'",
    ),
    "directions for three": (
        lambda: PNSGA3().setup(ToyProblem(), ref_dirs=[[1, 0, 0]]),
        ValueError,
        r"ref_dirs: expected \(d, 2\) for this problem, got \(1, 3\)",
    ),
    "no objectives": (lambda: das_dennis(0, 5), ValueError, "n_obj: expected at least 1, got 0"),
    "no directions": (lambda: das_dennis(2, 0), ValueError, "n_points: expected at least 1, got 0"),
    "half an objective": (lambda: das_dennis(2.5, 5), TypeError, "n_obj: expected an integer .*, got 2.5"),
}

PROBLEMS: dict[str, Wrong] = {
    "guided by nobody": (
        lambda: SmallModelTrap().advance(np.empty((0, 6))),
        ValueError,
        r"X: expected \(n, 6\) with n > 0 to be guided by, got \(0, 6\)",
    ),
    "guided by ragged rows": (
        lambda: ToyProblem().advance([[1], [2, 3]]),
        ValueError,
        "X: expected rows of one length",
    ),
    "guided by NaN": (
        lambda: SmallModelTrap().advance(np.full((2, 6), np.nan)),
        ValueError,
        r"numbers in 0\.\.1, got nan",
    ),
    "moving values of texts": (lambda: SmallModelTrap().moving_values([["a"] * 6]), ValueError, "X: expected numbers"),
    "out of bounds": (lambda: SmallModelTrap().evaluate(np.full((2, 6), 7)), ValueError, r"numbers in 0\.\.1, got 7"),
    "final values of a vector": (lambda: SmallModelTrap().final_values([1, 2]), ValueError, r"X: expected \(n, 6\)"),
    "the clock before anything": (lambda: SmallModelTrap().tic(), ValueError, "tic: expected an evaluation"),
    "the clock backwards": (lambda: evaluated().tic(-1), ValueError, "elapsed: expected at least 0, got -1"),
    "half an hour": (lambda: evaluated().tic(0.5), TypeError, "elapsed: expected an integer of at least 0, got 0.5"),
    "moving as a number": (
        lambda: Bare(moving=0),
        ValueError,
        r"moving: expected different indices among 0\.\.0, got 0",
    ),
    "moving as a text": (lambda: Bare(moving="0"), ValueError, "moving: expected different indices .*, got '0'"),
    "moving as a fraction": (lambda: Bare(moving=(0.0,)), ValueError, r"moving: expected .*, got \(0\.0,\)"),
    "moving as a truth": (lambda: Bare(moving=(False,)), ValueError, r"moving: expected .*, got \(False,\)"),
    "a world's seed": (lambda: Bare(seed=-3), ValueError, "seed: expected at least 0, got -3"),
    "variables by name": (lambda: SmallModelTrap("6"), TypeError, "n_var: expected an integer of at least 2, got '6'"),
    "half a variable": (lambda: SmallModelTrap(2.5), TypeError, "n_var: expected an integer of at least 2, got 2.5"),
    "an endless trap": (
        lambda: SmallModelTrap(strength=np.inf),
        ValueError,
        "strength: expected at least 0, and finite",
    ),
    "a trap of NaN": (lambda: SmallModelTrap(strength=np.nan), ValueError, "strength: expected at least 0, .*got nan"),
    "no trap": (
        lambda: SmallModelTrap(strength=None),
        TypeError,
        "strength: expected a number of at least 0, got None",
    ),
    "endless noise": (
        lambda: SmallModelTrap(noise=np.inf),
        ValueError,
        "noise: expected at least 0, and finite, got inf",
    ),
    "half a generation": (lambda: SmallModelTrap(generations=0.5), TypeError, "generations: expected an integer"),
    "half a person": (lambda: SmallModelTrap(population=2.5), TypeError, "population: expected an integer"),
    "a trap's seed": (lambda: SmallModelTrap(seed="a"), TypeError, "seed: expected an integer of at least 0, got 'a'"),
    "no cost": (lambda: NASBenchMacro(None), ValueError, "cost: expected params, flops or both, got None"),
    "a list of costs": (lambda: NASBenchMacro((["params"],)), ValueError, "cost: expected params, flops or both"),
    "texts for a table": (lambda: CurveTable("abc", [[1]]), ValueError, "cost: expected numbers, got 'abc'"),
    "a table without rows": (lambda: CurveTable([], [[]]), ValueError, r"cost: expected \(n,\) with n > 1, got \(0,\)"),
    "a table of percent": (
        lambda: CurveTable(np.ones(40), np.full((40, 3), 93.0)),
        ValueError,
        r"table: expected finite costs and accuracies in 0\.\.1",
    ),
    "half an epoch": (
        lambda: CurveTable(np.ones(40), np.ones((40, 3)), epochs=1.5),
        TypeError,
        "epochs: expected an integer",
    ),
    "columns without a place for the epoch": (
        lambda: CurveTable.read("no.csv", cost="c", accuracy="a1"),
        ValueError,
        "accuracy: expected a name with {} for the epoch, got 'a1'",
    ),
    "a list of benchmarks": (lambda: suite.problem(["trap"], 0), ValueError, "problem: expected one of trap"),
    "a list of algorithms": (lambda: suite.algorithm(["size"]), ValueError, "algorithm: expected one of growth"),
    "an endless strength": (lambda: suite.problem("trap:inf", 0), ValueError, "problem: expected trap:STRENGTH"),
    "a surrogate that is not there": (
        lambda: NASBench301(path="no.onnx"),
        FileNotFoundError,
        "path: expected the surr",
    ),
    "a mixin alone": (lambda: Continuous(newborn_growth="x"), ValueError, "newborn_growth: expected one of measure"),
}

LABELS = ["error", "params"]

PLOTS: dict[str, Wrong] = {
    "nothing": (lambda: plots.plot_front(None, LABELS), ValueError, "F: expected"),
    "texts": (lambda: plots.plot_front("abc", LABELS), ValueError, "F: expected numbers, got 'abc'"),
    "NaN": (lambda: plots.plot_front([[1, np.nan]], LABELS), ValueError, "F: expected finite numbers, got nan"),
    "an axis too far": (
        lambda: plots.plot_front([[1, 2]], LABELS, axes=(0, 2)),
        ValueError,
        r"axes: expected two different indices among 0\.\.1, got \(0, 2\)",
    ),
    "one axis twice": (lambda: plots.plot_front([[1, 2]], LABELS, axes=(0, 0)), ValueError, "axes: expected two diff"),
    "one axis": (lambda: plots.plot_generations([[[1, 2]]], LABELS, axes=(0,)), ValueError, "axes: expected two diff"),
    "one label": (lambda: plots.plot_front([[1, 2]], "ab"), TypeError, "labels: expected a list of names, got 'ab'"),
    "another population": (
        lambda: plots.plot_front([[1, 2]], LABELS, population=[[1, 2, 3]]),
        ValueError,
        r"F: expected \(n, 2\)",
    ),
    "no generations": (lambda: plots.plot_generations(None, LABELS), TypeError, "fronts: expected a list of arrays"),
    "too few numbers": (
        lambda: plots.plot_generations([[[1, 2]]] * 3, LABELS, generations=[1]),
        ValueError,
        "generations: expected 3 as there are fronts, got 1",
    ),
    "none at most": (
        lambda: plots.plot_generations([[[1, 2]]], LABELS, at_most=0),
        ValueError,
        "at_most: expected at least 1, got 0",
    ),
    "an unknown operation": (
        lambda: plots.plot_cell((("conv", 0), ("none", 1)), (2,)),
        ValueError,
        "genotype: expected operations among .*, got 'conv'",
    ),
    "an edge from nowhere": (
        lambda: plots.plot_cell((("none", 0), ("none", 7)), (2,)),
        ValueError,
        "expected for node 2",
    ),
    "an output from nowhere": (lambda: plots.plot_cell(NONE, (9,)), ValueError, "expected different states among"),
    "a cell of nothing": (lambda: plots.plot_cell(None, (2,)), ValueError, r"expected \(operation, input\) pairs"),
    "a name for a genotype": (
        lambda: plots.plot_genotype("CARS-A"),
        TypeError,
        "genotype: expected Architecture, got 'CARS",
    ),
    "no curves": (lambda: plots.plot_convergence([1]), ValueError, "curves: expected at least one, by name, got"),
    "half a curve": (lambda: plots.plot_convergence({"a": [1]}), ValueError, r"curves\['a'\]: expected \(evaluations"),
    "a curve of no runs": (
        lambda: plots.plot_convergence({"a": ([1, 2], np.empty((0, 2)))}),
        ValueError,
        r"curves\['a'\]: expected \(runs, 2\) values, got \(0, 2\)",
    ),
    "three objectives": (
        lambda: plots.plot_attainment({"a": [[[1, 2, 3]]]}, ["a", "b", "c"]),
        ValueError,
        "labels: expected two, got",
    ),
    "a name without runs": (lambda: plots.plot_attainment({"a": []}, LABELS), ValueError, "fronts: expected a run of"),
    "more than all": (
        lambda: plots.plot_attainment({"a": [[[1, 2]]]}, LABELS, percentile=200),
        ValueError,
        r"percentile: expected a number in \(0, 100\], got 200",
    ),
    "an unknown ending": (
        lambda: plots.save(plots.plot_front([[1, 2]], LABELS), "front.abc"),
        ValueError,
        r"path: expected an ending such as .*, got 'front\.abc'",
    ),
    "no drawing": (lambda: plots.save(None, "front.png"), TypeError, "drawn: expected Axes or a Figure, got None"),
}

MADE = {"a": partial(suite.algorithm, "nsga3")}
POSED = {"p": lambda seed: SmallModelTrap(generations=1, population=4, seed=seed)}


def compared(**change: Any) -> object:
    return compare(**{"algorithms": MADE, "problems": POSED, "seeds": [0], "baseline": "a", "store": "runs", **change})


RUNS: dict[str, Wrong] = {
    "seeds as a number": (lambda: compared(seeds=3), TypeError, "seeds: expected a list of integers, got 3"),
    "seeds as texts": (lambda: compared(seeds=["x"]), TypeError, "seeds: expected an integer of at least 0, got 'x'"),
    "seeds below zero": (lambda: compared(seeds=[-1]), ValueError, "seeds: expected at least 0, got -1"),
    "names for algorithms": (lambda: compared(algorithms=["a"]), TypeError, "algorithms: expected functions"),
    "a problem that is made already": (
        lambda: compared(problems={"p": SmallModelTrap()}),
        TypeError,
        r"problems\['p'\]: expected a function that makes one",
    ),
    "a name with a folder": (
        lambda: compared(algorithms={"../a": MADE["a"]}, baseline="../a"),
        ValueError,
        "algorithms: expected names that a file may have, got '../a'",
    ),
    "a list of baselines": (lambda: compared(baseline=["a"]), ValueError, r"baseline: expected one of a, got \['a'\]"),
    "no processes": (lambda: compared(n_jobs=0), ValueError, "n_jobs: expected a number of processes .*, got 0"),
    "no checkpoints between": (lambda: Checkpoint("run", every=0), ValueError, "every: expected an integer .*, got 0"),
    "checkpoints by name": (lambda: Checkpoint("run", every="2"), ValueError, "every: expected an integer .*, got '2'"),
    "resume nothing": (lambda: resume("run"), ValueError, "run: expected a directory with checkpoints, got run"),
    "a front of names": (
        lambda: Front.from_objectives(["A"], [[1.0]], ["a"], [""]),
        TypeError,
        "genotypes: expected Architecture, got 'A'",
    ),
    "a front of texts": (
        lambda: Front.from_objectives([A], [["x"]], ["a"], [""]),
        ValueError,
        "F: expected numbers, got",
    ),
    "a front of too many": (
        lambda: Front.from_objectives([A], [[1], [2]], ["a"], [""]),
        ValueError,
        r"F: expected \(1, 1\), got \(2, 1\)",
    ),
    "a front with a name twice": (
        lambda: Front.from_objectives([A], [[1, 2]], ["a", "a"], ["", ""]),
        ValueError,
        "names: expected dif",
    ),
    "a front without an end": (
        lambda: Front.from_objectives([A] * 3, [[np.inf, 1, 2]] * 3, ["a", "b", "c"], [""] * 3),
        ValueError,
        "F: expected finite numbers, got inf",
    ),
    "front without a population": (
        lambda: front_of(None),
        ValueError,
        "result: expected one with a population, got none",
    ),
}


def front_of(result: object) -> object:
    images = np.random.default_rng(0).random((60, 8, 8))
    return search_on((images, np.arange(60) % 3)).front(result)


def search_on(data: Any, **fields: Any) -> CARSProblem:
    return CARSProblem(data, network=NetworkConfig(channels=2, layers=3), **fields)


IMAGES, CLASSES = np.zeros((60, 8, 8)), np.arange(60) % 3

SEARCHES: dict[str, Wrong] = {
    "a NaN": (
        lambda: search_on((IMAGES + np.nan, CLASSES)),
        ValueError,
        "images: expected finite numbers of float32, got NaN",
    ),
    "labels too few": (lambda: search_on((IMAGES, CLASSES[1:])), ValueError, r"expected 60 integer labels .*\(59,\)"),
    "labels that are no integers": (lambda: search_on((IMAGES, CLASSES + 0.5)), ValueError, "integer labels .*float64"),
    "labels below zero": (lambda: search_on((IMAGES, CLASSES - 1)), ValueError, "images: expected 60 integer labels"),
    "labels by name": (lambda: search_on((IMAGES, CLASSES.astype(str))), ValueError, "images: expected 60 integer"),
    "five dimensions": (
        lambda: search_on((IMAGES[:, None, None], CLASSES)),
        ValueError,
        r"images: expected \(n, h, w\)",
    ),
    "no images": (lambda: search_on((IMAGES[:0], CLASSES[:0])), ValueError, r"images: .* got \(0, 8, 8\)"),
    "data of nothing": (lambda: search_on(None), TypeError, "data: expected a name, .*got NoneType"),
    "three arrays": (lambda: search_on((IMAGES, CLASSES, CLASSES)), TypeError, "data: expected a name, .*got tuple"),
    "a space by name": (
        lambda: search_on("digits", space="darts"),
        TypeError,
        "space: expected SearchSpace, got 'darts'",
    ),
    "no objective": (
        lambda: search_on("digits", objectives=()),
        ValueError,
        "objectives: expected one of",
    ),
    "a function without a name": (
        lambda: search_on("digits", objectives=("error", lambda genotype: 1)),
        ValueError,
        "objectives: expected a function with a name",
    ),
    "a seed as a float": (lambda: search_on("digits", seed=1.0), TypeError, "seed: expected an integer .*, got 1.0"),
    "evaluate halves": (
        lambda: search_on("digits").evaluate(np.full((1, 24), 0.5)),
        ValueError,
        "whole numbers, got 0.5",
    ),
    "train on nobody": (
        lambda: search_on("digits").advance(np.empty((0, 24), int)),
        ValueError,
        r"X: expected \(n, 24\) with n > 0 to be guided by, got \(0, 24\)",
    ),
    "a state of nothing": (
        lambda: search_on("digits").load_state_dict({}),
        ValueError,
        "state: expected what .*no 'begun'",
    ),
}

TABLES = {
    "spaces": SPACES,
    "settings": SETTINGS,
    "selection": SELECTION,
    "problems": PROBLEMS,
    "plots": PLOTS,
    "runs": RUNS,
    "searches": SEARCHES,
}
CALLS = {f"{table}: {name}": wrong for table, wrongs in TABLES.items() for name, wrong in wrongs.items()}


@pytest.mark.parametrize("wrong", CALLS.values(), ids=CALLS.keys())
def test_a_wrong_call_is_refused_in_one_line(wrong: Wrong, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check(wrong, monkeypatch, tmp_path)


# ---------------------------------------------------------------- files that are not what they should be

GENOTYPE = json.loads(A.to_json())
ENTRIES = {"".join(map(str, row)): {"mean_acc": 90.0, "params": 1e6} for row in itertools.product(range(3), repeat=8)}


def front_json(**change: Any) -> str:
    networks = [{"objectives": {"error": 0.1}, "genotype": GENOTYPE}]
    return json.dumps({"objectives": {"error": "fraction"}, "about": {}, "networks": networks, **change})


def measured(value: Any) -> str:
    return front_json(networks=[{"objectives": {"error": value}, "genotype": GENOTYPE}])


curves = partial(CurveTable.read, cost="c", accuracy="a{}")

FILES: dict[str, tuple[str, bytes | str, Callable[[str], object], str]] = {
    "TOML, bytes": ("x.toml", b"\xff\xfe", read_toml, "expected TOML, got 'utf-8' codec"),
    "TOML, deep": ("x.toml", f"a = {DEEP}", read_toml, "expected TOML, got"),
    "TOML, endless": ("x.toml", f"seed = {HUGE}", read_toml, "expected TOML, got"),
    "front, bytes": ("f.json", b"\xff\x00", Front.load, "expected a front, got something else"),
    "front, cut": ("f.json", front_json()[:99], Front.load, "expected a front, got something else"),
    "front, deep": ("f.json", DEEP, Front.load, "expected a front, got something else"),
    "front, NaN": ("f.json", measured(np.nan), Front.load, "expected numbers, got NaN"),
    "front, infinity": ("f.json", measured(np.inf), Front.load, "expected finite numbers, got inf"),
    "front, endless": ("f.json", measured(10**400), Front.load, "expected a front, got something else .*Overflow"),
    "front, about": ("f.json", front_json(about="ab"), Front.load, "expected units as texts and 'about' as an object"),
    "front, no objectives": (
        "f.json",
        front_json(objectives={}, networks=[]),
        Front.load,
        "expected different objectiv",
    ),
    "front, CSV, bytes": ("f.csv", b"\xff\x00", Front.load, "expected a front, got something else"),
    "front, CSV, empty": ("f.csv", "", Front.load, "expected a last column 'genotype', got ''"),
    "front, CSV, cut": (
        "f.csv",
        f'error,params,genotype\n0.1,"{A}"\n',
        Front.load,
        "expected 3 values in row 1, got 2",
    ),
    "front, CSV, NaN": ("f.csv", f'error,genotype\nnan,"{A}"\n', Front.load, "expected numbers, got NaN"),
    "front, CSV, a name twice": ("f.csv", f'error,error,genotype\n1,1,"{A}"\n', Front.load, "expected different objec"),
    "curves, bytes": ("c.csv", b"\xff\xfe", curves, "expected CSV, got something else"),
    "curves, empty": ("c.csv", "", curves, "expected columns c and a1, got "),
    "curves, a cut row": ("c.csv", "c,a1,a2\n1,1,1\n1,1", curves, "expected 3 values in row 2, got more or fewer"),
    "curves, a long row": ("c.csv", "c,a1\n1,1,1\n1,1\n", curves, "expected 2 values in row 1, got more or fewer"),
    "curves, NaN": ("c.csv", "c,a1\n1,1\n1,nan\n", curves, "expected finite numbers, got NaN"),
    "curves, an endless field": ("c.csv", f'c,a1\n1,"{DEEP}{DEEP}', curves, "expected CSV, got something else"),
    "curves, a name of two lines": ("c.csv", 'c,"a\n1"\n1,2\n', curves, "expected columns c and a1, got "),
    "macro, cut": ("m.json", json.dumps(ENTRIES)[:1000], NASBenchMacro, "expected JSON, got something else"),
    "macro, bytes": ("m.json", b"\xff\x00", NASBenchMacro, "expected JSON, got something else"),
    "macro, deep": ("m.json", DEEP, NASBenchMacro, "expected JSON, got something else"),
    "macro, a list": ("m.json", "[]", NASBenchMacro, "expected all 6561 networks"),
    "macro, one too few": (
        "m.json",
        json.dumps({key: entry for key, entry in ENTRIES.items() if key != "22222222"}),
        NASBenchMacro,
        "expected all 6561 networks, got none under '22222222'",
    ),
    "macro, NaN": (
        "m.json",
        json.dumps({**ENTRIES, "00000000": {"mean_acc": np.nan, "params": 1}}),
        NASBenchMacro,
        "expected finite numbers, got NaN",
    ),
    "stored run, bytes": ("p--a--0.json", b"\xff", lambda path: compared(store="."), "expected a stored run"),
    "stored run, another's": (
        "p--a--0.json",
        json.dumps(
            {"problem": "q", "algorithm": "a", "seed": 0, "evaluations": [1], "populations": [[[1.0, 2.0]]]}
            | {"reference": None, "seconds": 1.0}
        ),
        lambda path: compared(store="."),
        "expected a stored run, got another one's",
    ),
    "stored run, empty": (
        "p--a--0.json",
        json.dumps(
            {"problem": "p", "algorithm": "a", "seed": 0, "evaluations": [], "populations": []}
            | {"reference": None, "seconds": 1.0}
        ),
        lambda path: compared(store="."),
        "expected a stored run",
    ),
}


@pytest.mark.parametrize("damaged", FILES.values(), ids=FILES.keys())
def test_a_damaged_file_is_named_in_one_line(
    damaged: tuple[str, bytes | str, Callable[[str], object], str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, text, read, says = damaged
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    reader: Callable[[str], object] = partial(NASBenchMacro, "params") if read is NASBenchMacro else read
    check((lambda: reader(name), ValueError, f"{re.escape(name)}: {says}"), monkeypatch, tmp_path)


def test_blocks_that_the_macro_space_does_not_have_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(ENTRIES))
    problem = NASBenchMacro(path=tmp_path / "m.json")
    assert problem.evaluate(np.full((2, 8), 2)).shape == (2, 2)
    for wrong, says in ((3, "got 3"), (-1, "got -1"), (0.5, "got 0.5"), (np.nan, "got nan")):
        with pytest.raises(ValueError, match=f"X: expected blocks 0, 1 or 2, {says}"):
            problem.evaluate(np.full((2, 8), wrong))
    with pytest.raises(ValueError, match=r"X: expected \(n, 8\), got \(2, 7\)"):
        problem.final_values(np.zeros((2, 7), int))


PUBLISHED: dict[str, tuple[str, Callable[[], object]]] = {
    "macro": ("nas-bench-macro/nas-bench-macro_cifar10.json", NASBenchMacro),
    "naap-440": ("naap-440/naap440v2.csv", naap440),
    "metaqnn": ("accelerating-nas/metaqnn_cifar10.csv", metaqnn),
    "deep-resnets": ("accelerating-nas/deep_resnets_cifar10.csv", deep_resnets),
    "nb301": ("nb301/model_v2.onnx", lambda: NASBench301().evaluate(np.zeros((1, 24), int))),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.parametrize("share", ["nothing", "half", "a byte too little"])
def test_truncated_data_are_named(name: str, share: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, make = PUBLISHED[name]
    if not (DATA / file).is_file():
        pytest.skip(f"needs {file} in CARSMOO_DATA")
    whole = (DATA / file).read_bytes()
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(whole[: {"nothing": 0, "half": len(whole) // 2}.get(share, len(whole.rstrip()) - 1)])
    monkeypatch.setenv("CARSMOO_DATA", str(tmp_path))
    check((make, ValueError, f"{re.escape(str(path))}: expected "), monkeypatch, tmp_path)


@pytest.mark.parametrize("name", [name for name, (file, _) in PUBLISHED.items() if file.endswith("csv")])
def test_rows_that_are_missing_are_noticed(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file, make = PUBLISHED[name]
    if not (DATA / file).is_file():
        pytest.skip(f"needs {file} in CARSMOO_DATA")
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join((DATA / file).read_bytes().splitlines(keepends=True)[:-1]))
    monkeypatch.setenv("CARSMOO_DATA", str(tmp_path))
    check((make, ValueError, f"{re.escape(str(path))}: expected .* rows of .* epochs, got"), monkeypatch, tmp_path)


# ---------------------------------------------------------------- commands that read what is there


COMMANDS: dict[str, tuple[list[str], str]] = {
    "search, a folder for a file": (["search", "--out", "run", "--config", "."], "Is a directory"),
    "search, bytes": (["search", "--out", "run", "--config", "bytes"], "bytes: expected TOML, got"),
    "search, cut TOML": (["search", "--out", "run", "--config", "cut"], "cut: expected TOML, got Invalid value"),
    "search, deep TOML": (["search", "--out", "run", "--config", "deep"], "deep: expected TOML, got"),
    "search, a name of two lines": (["search", "--out", "run", "--config", "lines"], "a b: expected one of algorithm"),
    "search, a date": (
        ["search", "--out", "run", "--config", "date"],
        "seed: expected an integer of at least 0, got dat",
    ),
    "search, into a file": (["search", "--out", "cut"], "out: expected a new or empty directory"),
    "search, below a file": (["search", "--out", "cut/run"], "Not a directory"),
    "search, damaged images": (["search", "--out", "run", "--set", "data=cifar10:images"], "/cifar-10-batches-py"),
    "resume, a file": (["resume", "cut"], "run: expected the directory of a run, got cut"),
    "resume, another folder": (["resume", "images"], "run: expected a directory with checkpoints, got images"),
    "plot, a file": (["plot", "cut"], "run: expected a directory with front.json, got cut"),
    "plot, a damaged front": (["plot", "damaged"], "front.json: expected a front, got something else"),
    "plot, no log": (["plot", "lost"], "run: expected a directory with log.jsonl, got lost"),
    "compare, a damaged run": (
        ["compare", "--problem", "trap", "--seeds", "1", "--jobs", "1", "--out", "stored"],
        "trap--growth--0.json: expected a stored run",
    ),
    "compare, below a file": (
        ["compare", "--problem", "trap", "--seeds", "1", "--jobs", "1", "--out", "cut"],
        "out: expected a directory, got the file cut",
    ),
    "compare, no data": (
        ["compare", "--problem", "macro", "--out", "run"],
        "nas-bench-macro_cifar10.json: expected images/nas-bench-macro",
    ),
}


@pytest.mark.parametrize(("argv", "says"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_on_damaged_files_writes_nothing(
    argv: list[str], says: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CARSMOO_DATA", "images")
    texts = {"cut": "a = [", "deep": f"a = {DEEP}", "lines": '"a\\nb" = 3\n', "date": "seed = 1979-05-27\n"}
    texts |= {"damaged/front.json": "{", "damaged/log.jsonl": "", "lost/front.json": front_json()}
    texts |= {"stored/runs/trap--growth--0.json": "{", "images/cifar-10-batches-py/data_batch_1": "cut"}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    before = contents(tmp_path)
    assert call(*argv) == 2
    error = capsys.readouterr().err
    assert says in error
    assert error.startswith("carsmoo: ")
    assert error.count("\n") == 1
    assert contents(tmp_path) == before
