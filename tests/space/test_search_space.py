import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest

from carsmoo import DARTSSpace, NetworkConfig, SearchSpace
from carsmoo.cost import CostTable, flops, params
from carsmoo.operators import NodeCrossover, NodeMutation
from carsmoo.zoo import GENOTYPES
from tests.support.spaces import CELL, CHAIN, FORKED, NETWORK, OWN, SPACES, Forked, drawn

EACH = pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())


@EACH
def test_vectors_and_architectures_are_one_and_the_same(space: SearchSpace) -> None:
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, (6, space.n_var))
    frozen = X.copy()
    genotypes = space.decode(X)
    assert np.array_equal(space.encode(genotypes), X)
    assert np.array_equal(space.canonical(X), frozen)
    assert space.decode(X[0]) == genotypes[0]
    assert space.encode(genotypes[0]).tolist() == X[0].tolist()
    assert space.encode([]).shape == (0, space.n_var)
    assert space.decode(X.astype(float)) == genotypes
    assert len(set(genotypes)) == len(np.unique(X, axis=0))


@EACH
def test_features_are_the_values_of_the_variables(space: SearchSpace) -> None:
    X = np.random.default_rng(0).integers(space.xl, space.xu + 1, (6, space.n_var))
    found = space.features(X)
    assert found.shape == (6, (space.xu + 1).sum())
    starts = np.concatenate([[0], (space.xu + 1).cumsum()[:-1]])
    assert all(np.flatnonzero(row).tolist() == (starts + x).tolist() for row, x in zip(found, X, strict=True))
    assert np.array_equal(space.features(X[0]), found[:1])


def test_features_of_cells_count_operations_in_each_cell_and_both_and_on_inputs() -> None:
    space = DARTSSpace()
    vectors = np.random.default_rng(0).integers(space.xl, space.xu + 1, (20, space.n_var))
    X = space.canonical(vectors)
    for genotype, found in zip(space.decode(X), space.features(X).reshape(20, 3, 2, len(space.ops)), strict=True):
        for cell, counts in zip((genotype.normal, genotype.reduce), found, strict=False):
            inputs = [edge for edge in cell if edge[1] < 2]
            for edges, row in zip((cell, inputs), counts, strict=True):
                assert row.tolist() == [sum(edge[0] == op for edge in edges) for op in space.ops]
        assert np.array_equal(found[2], found[0] + found[1])
    assert np.array_equal(space.features(vectors), space.features(X))


@EACH
def test_an_architecture_is_copied_pickled_and_told(space: SearchSpace) -> None:
    one = space.decode(space.xu)
    for again in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one), space.from_json(one.to_json())):
        assert again == one
        assert hash(again) == hash(one)
        assert again.short_hash == one.short_hash
    assert "\n" not in one.to_json() + repr(one)
    assert one.summary == {"architecture": str(one)}
    assert one.vocabulary == space


@EACH
def test_tables_sum_up_what_architectures_cost(space: SearchSpace) -> None:
    some = drawn(space, 5)
    table = CostTable(space, NETWORK)
    assert table.params(space.encode(some)).tolist() == [params(one, NETWORK) for one in some]
    assert table.flops(space.encode(some)).tolist() == [flops(one, NETWORK) for one in some]
    assert table.params(np.empty((0, space.n_var), dtype=int)).shape == (0,)


def test_costs_that_64_bits_do_not_hold_are_refused() -> None:
    table = CostTable(CELL, NetworkConfig(channels=10**9))
    with pytest.raises(ValueError, match=r"^network: expected costs below 2\*\*62, got those of 1000000000 channels"):
        table.params(CELL.xu[None] - 1)


@EACH
def test_a_supernet_has_the_places_of_all_architectures(space: SearchSpace) -> None:
    places = space.places(NETWORK)
    for one in drawn(space, 8):
        for vertex in one.graph(NETWORK):
            assert not vertex.slot or places[vertex.slot] == vertex.layer
            assert not vertex.runs or vertex.layer in space.layers_needed(NETWORK)
    assert len(space.covering()) == int(space.xu.max()) + 1


@EACH
def test_random_vectors_of_all_kinds_lie_within_the_bounds(space: SearchSpace) -> None:
    X = space.spread(200, np.random.default_rng(0))
    assert np.array_equal(space.check(X), X)
    assert all(set(column) == set(range(high + 1)) for column, high in zip(X.T, space.xu, strict=True))
    almost_one = [np.unique(row).size == 1 for row in X]
    assert 0.02 < np.mean(almost_one) < 0.9


def test_each_variable_is_a_choice_that_is_redrawn_by_itself() -> None:
    operators = CELL.operators()
    assert isinstance(operators["crossover"], NodeCrossover)
    assert isinstance(operators["mutation"], NodeMutation)
    assert (operators["crossover"].genes, operators["mutation"].genes) == (1, 1)
    assert operators["mutation"].prob_node == pytest.approx(1 / 6)
    assert (CHAIN.options, CELL.options, FORKED.options) == (3, 5, 3)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        ([[0] * 5], r"expected \(n, 6\), got \(1, 5\)"),
        ([[0, 0, 5, 0, 0, 0]], r"X\[0, 2\]: expected 0..4, got 5"),
        ([[0, 0, -1, 0, 0, 0]], r"X\[0, 2\]: expected 0..4, got -1"),
        ([[0, 0, 0.5, 0, 0, 0]], "expected whole numbers, got 0.5"),
        ([[0, 0, np.nan, 0, 0, 0]], "expected whole numbers, got nan"),
        ([["a"] * 6], "expected whole numbers, got <U1"),
        ([[0], [0, 1]], "expected rows of one length"),
    ],
)
def test_other_vectors_are_refused(X: Any, says: str) -> None:
    for act in (CELL.decode, CELL.canonical, CELL.check):
        with pytest.raises(ValueError, match=says):
            act(X)


@pytest.mark.parametrize(
    ("genotype", "error", "says"),
    [
        (CHAIN.decode([0, 0, 0]), ValueError, "expected an architecture of NASBench201Space.*, got one of ChainSpace"),
        (GENOTYPES["CARS-A"], ValueError, "expected an architecture of NASBench201Space.*, got Genotype"),
        (3, TypeError, "expected an architecture or several, got 3"),
        ("|none~0|", TypeError, "expected an architecture or several, got"),
        ([3], ValueError, "expected an architecture of NASBench201Space.*, got int"),
    ],
)
def test_what_is_of_no_space_is_refused(genotype: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=f"^genotype: {says}"):
        CELL.encode(genotype)


def test_spaces_of_other_arguments_refuse_each_others_architectures() -> None:
    one = FORKED.decode([0, 1])
    with pytest.raises(ValueError, match="genotype: expected an architecture of Forked"):
        Forked(3).encode(one)
    with pytest.raises(ValueError, match="architecture: branches of its space: expected 3, got 2"):
        Forked(3).from_json(one.to_json())
    with pytest.raises(TypeError, match="genotype: expected a Genotype, got SpaceArchitecture"):
        DARTSSpace().encode(one)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "expected JSON, got ''"),
        ("[" * 100_000, "expected JSON"),
        ("[]", "expected the fields space, architecture, got"),
        ({"architecture": "skip, skip | skip"}, "expected the fields space, architecture"),
        ({"space": None, "architecture": "skip, skip | skip"}, "kind of its space: expected 'ChainSpace', got None"),
        (
            {"space": CELL.to_plain(), "architecture": ""},
            "kind of its space: expected .*, got 'NASBench201Space'",
        ),
        ({"space": {**CHAIN.to_plain(), "depth": 3}, "architecture": ""}, "depth of its space: expected 'none', got 3"),
        ({"space": {"kind": "ChainSpace"}, "architecture": ""}, "stages of its space: expected .*, got 'none'"),
        ({"space": CHAIN.to_plain(), "architecture": 3}, "expected a text, got 3"),
        ({"space": CHAIN.to_plain(), "architecture": "skip"}, "expected a text such as"),
    ],
)
def test_other_documents_are_refused(document: Any, says: str) -> None:
    text = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(ValueError, match=f"^architecture: {says}") as caught:
        CHAIN.from_json(text)
    assert "\n" not in str(caught.value)


def test_a_text_is_a_text() -> None:
    with pytest.raises(TypeError, match=r"^architecture: expected a text, got 3"):
        CHAIN.parse(3)  # type: ignore[arg-type]


class Silent(Forked):
    genes = SearchSpace.genes  # type: ignore[assignment]


def test_a_space_that_reads_no_texts_says_so() -> None:
    with pytest.raises(NotImplementedError, match=r"^space: expected Silent to have genes\(text\), got one without"):
        Silent().parse("skip_connect+skip_connect")


def test_a_network_is_built_for_architectures_of_the_space_only() -> None:
    with pytest.raises(ValueError, match="genotype: expected an architecture of NASBench201Space"):
        CELL.build_network(OWN.decode(OWN.xu), NETWORK)
    assert OWN.build_network(OWN.decode(OWN.xu), NETWORK).genotype == OWN.decode(OWN.xu)
