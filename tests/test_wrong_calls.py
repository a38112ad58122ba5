"""Wrong calls of every public entry: a named exception, one line that says what was expected and what was given."""

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pymoo.optimize import minimize

from carsmoo import PNSGA3, Continuous, DARTSSpace, Genotype, MovingProblem, NetworkConfig, SupernetTraining, plots
from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.compare import suite
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import parse_settings, read_toml
from carsmoo.cost.closed_form import CostTable, cost, flops, params
from carsmoo.operators import CARSMating, GenotypeSampling, NodeCrossover, NodeMutation
from carsmoo.problems.surrogate import NASBench301
from carsmoo.problems.synthetic import SmallModelTrap
from carsmoo.problems.tabular import CurveTable, NASBenchMacro
from carsmoo.survival.selection import merge_stages, pareto_stages, select
from carsmoo.zoo import GENOTYPES
from tests.support.toy import ToyProblem
from tests.support.wrong_calls import DEEP, HUGE, Wrong, check

DATA = Path(os.environ.get("CARSMOO_DATA", "nowhere"))
SPACE, A, NETWORK = DARTSSpace(), GENOTYPES["CARS-A"], NetworkConfig()
NONE = (("none", 0), ("none", 1))
F, DIRECTIONS = np.random.default_rng(0).random((5, 2)), das_dennis(2, 4)


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
    "a share in words": (
        lambda: plots.plot_attainment({"a": [[[1, 2]]]}, LABELS, percentile="x"),
        TypeError,
        "percentile: expected a number, got 'x'",
    ),
    "ranks of NaN": (
        lambda: plots.plot_ranks({"a": [0.1, np.nan]}, [0.1, 0.2]),
        ValueError,
        "a: expected finite numbers, got nan",
    ),
    "a retrained front of NaN": (
        lambda: plots.plot_final_front([[1, 0.1]], [[np.nan, 0.1]], "params"),
        ValueError,
        "trained: expected finite numbers, got nan",
    ),
    "an unknown ending": (
        lambda: plots.save(plots.plot_front([[1, 2]], LABELS), "front.abc"),
        ValueError,
        r"path: expected an ending such as .*, got 'front\.abc'",
    ),
    "no drawing": (lambda: plots.save(None, "front.png"), TypeError, "drawn: expected Axes or a Figure, got None"),
}

TABLES = {
    "spaces": SPACES,
    "settings": SETTINGS,
    "selection": SELECTION,
    "problems": PROBLEMS,
    "plots": PLOTS,
}
CALLS = {f"{table}: {name}": wrong for table, wrongs in TABLES.items() for name, wrong in wrongs.items()}


@pytest.mark.parametrize("wrong", CALLS.values(), ids=CALLS.keys())
def test_a_wrong_call_is_refused_in_one_line(wrong: Wrong, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    check(wrong, monkeypatch, tmp_path)
