"""Properties of the public entries under arbitrary input: a right result, or one line that says what is wrong."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
import tomli_w
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from carsmoo.algorithm.pnsga3 import das_dennis
from carsmoo.cli.entry import main
from carsmoo.compare.statistics import holm, vargha_delaney
from carsmoo.config.network import NetworkConfig
from carsmoo.config.search import SearchConfig
from carsmoo.config.toml import parse_settings
from carsmoo.cost.closed_form import CostTable, cost, flops, params
from carsmoo.operators import NodeCrossover, NodeMutation
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.front import Front
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.survival.selection import merge_stages, pareto_stages, protected_objectives, select
from carsmoo.zoo import GENOTYPES
from tests.support.toy import ToyProblem

T = TypeVar("T")


def refused(act: Callable[[], T], *errors: type[Exception], where: str = "") -> T | None:
    """Return what a call returns, or None where it refuses its input as it should."""
    try:
        return act()
    except errors as error:
        message = str(error)
    assert message.startswith(where)
    assert "expected" in message
    assert len(message.splitlines()) == 1
    return None


# ---------------------------------------------------------------- genotypes


@st.composite
def genotypes(draw: st.DrawFn, most: int = 5) -> Genotype:
    def cell(nodes: int) -> tuple[list[tuple[str, int]], list[int]]:
        edges = [
            (draw(st.sampled_from(PRIMITIVES)), draw(st.integers(0, 1 + node))) for node in range(nodes) for _ in "ab"
        ]
        states = draw(st.lists(st.integers(2, 1 + nodes), min_size=1, unique=True))
        return edges, states

    sizes = draw(st.integers(1, most)), draw(st.integers(1, most))
    (normal, normal_concat), (reduce, reduce_concat) = (cell(nodes) for nodes in sizes)
    return Genotype(normal, normal_concat, reduce, reduce_concat)  # type: ignore[arg-type]


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A published genotype's text or JSON, with a piece of it replaced by something else."""
    genotype = GENOTYPES[draw(st.sampled_from(sorted(GENOTYPES)))]
    text = draw(st.sampled_from([str(genotype), genotype.to_json()]))
    start, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
    piece = draw(st.sampled_from(["", ")", "]", "'", '"', "\n", "\\", "0", "-1", "1e999", "None", "True", "*", "3.0"]))
    return text[:start] + (piece + draw(st.text(max_size=2))) + text[start + length :]


TEXTS = st.text() | damaged() | st.binary().map(lambda raw: raw.decode("latin-1"))


@given(TEXTS)
@example("Genotype(")
@example("\0")
@example("\ud800")
@example("Genotype(f'{x}', *a, **b)")
@example(f"Genotype([('none', 0x{'9' * 5000}), ('none', 1)], [2], [], [2])")
def test_parse_gives_a_genotype_or_one_line(text: str) -> None:
    genotype = refused(lambda: Genotype.parse(text), ValueError)
    if genotype is not None:
        assert Genotype.parse(str(genotype)) == genotype
        assert {op for op, _ in genotype.normal + genotype.reduce} <= set(PRIMITIVES)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(PRIMITIVES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)
FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


@given(TEXTS | JSON.map(json.dumps) | st.fixed_dictionaries(dict.fromkeys(FIELDS, JSON)).map(json.dumps))
@example("{" * 5000)
@example('{"normal": [["none", 1e999]], "normal_concat": [2], "reduce": [], "reduce_concat": []}')
@example('{"normal": ' + "9" * 5000 + "}")
def test_from_json_gives_a_genotype_or_one_line(text: str) -> None:
    genotype = refused(lambda: Genotype.from_json(text), ValueError)
    if genotype is not None:
        assert Genotype.from_json(genotype.to_json()) == genotype


@given(genotypes())
def test_every_notation_gives_the_genotype_back(genotype: Genotype) -> None:
    assert Genotype.parse(str(genotype)) == genotype
    assert Genotype.parse(f"NET = genotypes.{genotype}") == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert "\n" not in genotype.to_json()
    assert hash(Genotype.from_json(genotype.to_json())) == hash(genotype)


@given(*(st.fixed_dictionaries(dict.fromkeys(FIELDS, JSON)) for _ in "a"))
def test_a_genotype_of_anything_is_one_or_refused(fields: dict[str, Any]) -> None:
    genotype = refused(lambda: Genotype(**fields), ValueError)
    if genotype is not None:
        assert all(
            0 <= i < 2 + k // 2 for edges in (genotype.normal, genotype.reduce) for k, (_, i) in enumerate(edges)
        )


# ---------------------------------------------------------------- the space


@st.composite
def spaces(draw: st.DrawFn) -> DARTSSpace:
    ops = draw(st.lists(st.sampled_from(PRIMITIVES), min_size=1, unique=True))
    return DARTSSpace(draw(st.integers(1, 4)), tuple(ops))


@st.composite
def populations(draw: st.DrawFn, most: int = 6) -> tuple[DARTSSpace, np.ndarray]:
    space = draw(spaces())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    X = rng.integers(space.xl, space.xu + 1, size=(draw(st.integers(0, most)), space.n_var))
    X.setflags(write=False)
    return space, X


@given(populations())
def test_encode_undoes_decode_up_to_what_has_no_meaning(drawn: tuple[DARTSSpace, np.ndarray]) -> None:
    space, X = drawn
    canonical = space.canonical(X)
    assert np.array_equal(space.encode(space.decode(X)), canonical)
    assert np.array_equal(space.canonical(canonical), canonical)
    assert np.array_equal(space.check(canonical), canonical)
    for genotype, other in zip(space.decode(X), space.decode(canonical), strict=True):
        for k in range(0, 2 * space.nodes, 2):
            for one, same in ((genotype.normal, other.normal), (genotype.reduce, other.reduce)):
                present = [{edge for edge in edges[k : k + 2] if edge[0] != "none"} for edges in (one, same)]
                assert present[0] == present[1]


NUMBERS = st.integers(-2, 12) | st.floats() | st.integers() | st.none() | st.text(max_size=2) | st.booleans()


@given(st.lists(NUMBERS, min_size=5, max_size=7) | st.lists(st.lists(NUMBERS, max_size=7), max_size=3) | NUMBERS)
def test_decode_takes_vectors_within_the_bounds_alone(x: Any) -> None:
    space = DARTSSpace(1)
    decoded = refused(lambda: space.decode(x), ValueError)
    if decoded is not None:
        rows = np.atleast_2d(np.asarray(x)).tolist()
        assert all(
            0 <= value <= high and value == int(value)
            for row in rows
            for value, high in zip(row, [0, 7, 7] * 2, strict=True)
        )
        assert len(rows) == 1 if isinstance(decoded, Genotype) else len(rows) == len(decoded)


@given(genotypes(), spaces())
def test_encode_takes_what_lies_in_the_space_alone(genotype: Genotype, space: DARTSSpace) -> None:
    x = refused(lambda: space.encode(genotype), ValueError)
    if x is not None:
        decoded = space.decode(x)
        assert {op for op, _ in decoded.normal} <= set(space.ops)
        assert params(decoded, NetworkConfig()) == params(genotype, NetworkConfig())


@settings(max_examples=30)
@given(populations(), st.integers(2, 9), st.integers(1, 6), st.booleans())
def test_the_table_and_the_sum_over_cells_agree(
    drawn: tuple[DARTSSpace, np.ndarray], channels: int, layers: int, affine: bool
) -> None:
    space, X = drawn
    network = NetworkConfig(channels=channels, layers=layers, bn_affine=affine, image_shape=(3, 9, 7))
    table = CostTable(space, network)
    each = [cost(genotype, network) for genotype in space.decode(X)]
    assert table.params(X).tolist() == [one.params for one in each]
    assert table.flops(X).tolist() == [one.flops for one in each]
    assert table.params(X).tolist() == table.params(space.canonical(X)).tolist()
    assert all(flops(genotype, network) == one.flops for genotype, one in zip(space.decode(X), each, strict=True))


@given(st.integers(0, 2**32), st.integers(2, 12), st.floats(0, 1))
def test_operators_stay_within_the_bounds_and_write_to_nothing(seed: int, n: int, prob: float) -> None:
    problem, rng = ToyProblem(2), np.random.default_rng(seed)
    X = rng.integers(problem.xl, problem.xu + 1, size=(2, n, problem.n_var))
    X.setflags(write=False)
    children = NodeCrossover(prob)._do(problem, X, random_state=rng)
    assert np.array_equal(np.sort(children, axis=0), np.sort(X, axis=0))  # nothing is lost in an exchange
    mutated = NodeMutation(prob)._do(problem, X[0], random_state=rng)
    problem.space.check(mutated)


# ---------------------------------------------------------------- settings

VALUES = st.recursive(
    st.booleans() | st.integers(-3, 300) | st.integers() | st.floats() | st.text(max_size=6) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
SECTIONS: dict[str, Any] = {
    "space": {"nodes": st.integers(-1, 9), "ops": st.lists(st.sampled_from(PRIMITIVES), max_size=3)},
    "network": {"channels": st.integers(0, 99), "stem": st.sampled_from(["cifar", "imagenet", "mnist"])},
    "training": {
        "warmup_epochs": st.integers(-1, 9),
        "grad_clip": st.floats(),
        "bn_statistics": st.sampled_from(["batch", "x"]),
    },
    "algorithm": {"pop_size": st.integers(0, 9), "protection": st.sampled_from(["none", "size", "growth", "x"])},
}


def section(fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    some = st.fixed_dictionaries({}, optional={name: values | VALUES for name, values in fields.items()})
    return some | st.dictionaries(st.text(max_size=4) | st.sampled_from(sorted(fields)), VALUES, max_size=2)


SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "data": st.text(max_size=9) | VALUES,
        "seed": st.integers(0) | VALUES,
        "device": st.text(max_size=5) | VALUES,
        "objectives": st.lists(st.text(max_size=5), max_size=3) | VALUES,
        **{name: section(fields) for name, fields in SECTIONS.items()},
    },
)


@given(SETTINGS | st.dictionaries(st.text(max_size=6), VALUES, max_size=3))
@example({"a\nb": 3})
@example({"training": {"grad_clip": 10**400}})
def test_settings_give_a_configuration_that_is_read_back_or_one_line(given_settings: dict[str, Any]) -> None:
    config = refused(lambda: SearchConfig().updated(given_settings), ValueError, TypeError)
    if config is not None:
        assert SearchConfig.from_toml(config.to_toml()) == config
        assert config.updated(given_settings) == config
        assert math.isfinite(config.training.grad_clip)


@given(
    st.lists(st.tuples(st.sampled_from(["seed", "data", "training.warmup_epochs", "training"]) | st.text(), st.text()))
)
@example([("seed", "3\nwarmup = 4")])
@example([("seed", "[" * 5000)])
@example([("a\nb", "3"), ("a\nb.c", "3")])
def test_assignments_say_what_they_say_or_one_line(assignments: list[tuple[str, str]]) -> None:
    found = refused(lambda: parse_settings(f"{key}={text}" for key, text in assignments), ValueError)
    if found is not None:
        refused(lambda: SearchConfig().updated(found), ValueError, TypeError)


@given(st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.lists(st.text()))
def test_a_value_as_toml_is_that_value(value: Any) -> None:
    text = tomli_w.dumps({"x": value}).removeprefix("x = ").removesuffix("\n")
    assert parse_settings([f"training.x={text}"]) == {"training": {"x": value}}


@given(st.text(st.characters(categories=["Ll", "Zs", "Nd"]), min_size=1).map("c:/".__add__))
def test_a_text_that_is_no_toml_is_taken_as_it_stands(text: str) -> None:
    assert parse_settings([f"data={text}", "network.stem=x"]) == {"data": text, "network": {"stem": "x"}}


@given(st.text() | SETTINGS.map(repr))
def test_a_configuration_of_any_text_is_one_or_one_line(text: str) -> None:
    config = refused(lambda: SearchConfig.from_toml(text), ValueError, TypeError)
    assert config is None or SearchConfig.from_toml(config.to_toml()) == config


# ---------------------------------------------------------------- selection

FINITE = st.floats(-1e9, 1e9) | st.integers(0, 4).map(float)


@st.composite
def matrices(draw: st.DrawFn) -> np.ndarray:
    shape = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    F: np.ndarray = draw(arrays(np.float64, shape, elements=FINITE))
    F.setflags(write=False)
    return F


@given(matrices(), st.integers(0, 2**32), st.booleans())
def test_select_keeps_as_many_as_asked_for_and_writes_to_nothing(F: np.ndarray, seed: int, protect: bool) -> None:
    (n, m), rng = F.shape, np.random.default_rng(seed)
    n_survive, directions = int(rng.integers(1, n + 1)), das_dennis(m, int(rng.integers(1, 12)))
    protected = protected_objectives(F, rng.random((n, 1)), (0,), "growth") if protect else None
    for array in (directions, protected):
        if array is not None:
            array.setflags(write=False)
    chosen, again = (select(F, protected, n_survive, directions, np.random.default_rng(seed)) for _ in range(2))
    assert len(chosen) == len(set(chosen.tolist())) == n_survive
    assert set(chosen.tolist()) <= set(range(n))
    assert chosen.tolist() == again.tolist()
    stages = merge_stages(pareto_stages(F), [] if protected is None else pareto_stages(protected))
    stage = {k: number for number, members in enumerate(stages) for k in members.tolist()}
    left = [stage[k] for k in range(n) if k not in set(chosen.tolist())]
    assert not left or max(stage[k] for k in chosen.tolist()) <= min(left)  # whole stages, in their order


@given(matrices())
def test_stages_part_the_candidates_and_none_beats_an_earlier_one(F: np.ndarray) -> None:
    stages = pareto_stages(F)
    assert sorted(k for stage in stages for k in stage.tolist()) == list(range(len(F)))
    for number, stage in enumerate(stages):
        for k in stage:
            better = [j for j in range(len(F)) if (F[j] <= F[k]).all() and (F[j] < F[k]).any()]
            assert not set(better) & set(stage.tolist())
            assert number == 0 or set(better) & set(stages[number - 1].tolist())
    merged = merge_stages(stages, stages[::-1])
    assert sorted(k for stage in merged for k in stage.tolist()) == list(range(len(F)))


@given(st.integers(1, 6), st.integers(1, 300))
def test_directions_are_no_more_than_asked_for_and_add_up_to_one(m: int, most: int) -> None:
    directions = das_dennis(m, most)
    assert 1 <= len(directions) <= most
    assert directions.shape[1] == m
    assert np.allclose(directions.sum(axis=1), 1)
    assert len(np.unique(directions.round(9), axis=0)) == len(directions)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_correction_raises_every_p_and_keeps_the_order(p: list[float]) -> None:
    corrected = holm(p)
    assert all(before <= after <= 1 for before, after in zip(p, corrected, strict=True))
    assert all(corrected[a] <= corrected[b] for a in range(len(p)) for b in range(len(p)) if p[a] < p[b])
    a, b = np.array(p), np.array([*p[::-1], 0.5])
    assert vargha_delaney(a, b) + vargha_delaney(b, a) == pytest.approx(1)


# ---------------------------------------------------------------- fronts and commands


@st.composite
def fronts(draw: st.DrawFn) -> Front:
    n = draw(st.integers(0, 5))
    words = st.text(st.characters(codec="utf-8"), max_size=4)
    names = draw(st.lists(words, min_size=1, max_size=3, unique=True))
    networks = draw(st.lists(st.sampled_from(list(GENOTYPES.values())[:4]), min_size=n, max_size=n))
    values = st.integers(-2, 2).map(float) | st.floats(allow_nan=False, allow_infinity=False)
    F = draw(arrays(np.float64, (n, len(names)), elements=values))
    units = draw(st.lists(words, min_size=len(names), max_size=len(names)))
    return Front.from_objectives(networks, F, names, units, {"epoch": 3})


@settings(max_examples=30)
@given(fronts())
def test_files_give_any_front_back_bit_for_bit(front: Front) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for ending, write in (("json", front.to_json), ("csv", front.to_csv)):
            path = Path(folder) / f"front.{ending}"
            write(path)
            read = Front.load(path)
            assert (read.genotypes, read.names) == (front.genotypes, front.names)
            assert read.F.tobytes() == front.F.tobytes()
            assert ending == "csv" or (read.units, read.about) == (front.units, front.about)
            path.write_text(path.read_text()[:-9])  # cut
            refused(lambda path=path: Front.load(path), ValueError)


@settings(max_examples=50, phases=[Phase.explicit, Phase.generate])
@given(fronts())
def test_none_of_a_front_beats_another(front: Front) -> None:
    rows = front.F.tolist()
    assert rows == sorted(rows)
    assert not any(all(x <= y for x, y in zip(a, b, strict=True)) and a != b for a in rows for b in rows)
    assert len(set(front.genotypes)) == len(front)


def table(text: str) -> str:
    made = io.StringIO()
    csv.writer(made).writerows([["error", "genotype"], ["0.1", text]])
    return made.getvalue()


@given(st.sampled_from(["csv", "json"]), TEXTS | JSON.map(json.dumps) | damaged().map(table) | st.binary())
def test_a_front_of_anything_is_one_or_names_the_file(ending: str, content: str | bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"front.{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))
        front = refused(lambda: Front.load(path), ValueError, where=f"{path}: ")
    if front is not None:
        assert front.F.shape == (len(front.genotypes), len(front.names))
        assert not np.isnan(front.F).any()


@settings(max_examples=60)
@given(TEXTS)
@example("")
@example("--verify")
@example("\ud800")
def test_the_cost_of_any_text_is_told_or_refused_in_one_line(text: str) -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as caught:
        main(["cost", "--", text])
    assert caught.value.code in (0, 2)
    assert err.getvalue().count("\n") == (1 if caught.value.code else 0)
    assert bool(out.getvalue()) == (caught.value.code == 0)
