import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.zoo import GENOTYPES

SPACE = DARTSSpace()


def vectors(space: DARTSSpace = SPACE) -> st.SearchStrategy[list[int]]:
    return st.tuples(*(st.integers(0, int(high)) for high in space.xu)).map(list)


def test_the_encoding_has_three_integers_a_node_normal_cell_first() -> None:
    x = np.zeros(24, dtype=int)
    x[:3] = [0, PRIMITIVES.index("sep_conv_3x3"), PRIMITIVES.index("skip_connect")]
    x[21:] = [9, PRIMITIVES.index("dil_conv_5x5"), PRIMITIVES.index("none")]
    genotype = SPACE.decode(x)
    assert genotype.normal[:2] == (("sep_conv_3x3", 0), ("skip_connect", 1))
    assert genotype.reduce[6:] == (("dil_conv_5x5", 3), ("none", 4))
    assert genotype.normal_concat == genotype.reduce_concat == (2, 3, 4, 5)
    assert SPACE.n_var == 24
    assert SPACE.xu.tolist() == [0, 7, 7, 2, 7, 7, 5, 7, 7, 9, 7, 7] * 2


def test_the_space_has_the_size_that_the_paper_tells() -> None:
    without_none = DARTSSpace(ops=PRIMITIVES[1:])
    assert without_none.n_vectors == (1 * 3 * 6 * 10 * 7**8) ** 2
    assert 1e18 < without_none.n_vectors < 1.1e18


@given(vectors())
def test_decode_then_encode_is_canonical(x: list[int]) -> None:
    genotype = SPACE.decode(x)
    canonical = SPACE.canonical(x)
    assert np.array_equal(SPACE.encode(genotype), canonical)
    assert np.array_equal(SPACE.canonical(canonical), canonical)
    assert SPACE.encode(SPACE.decode(canonical)).tolist() == canonical.tolist()


@given(vectors(), vectors())
def test_canonical_vectors_are_equal_exactly_where_the_present_edges_are(x: list[int], y: list[int]) -> None:
    def meaning(v: list[int]) -> list[frozenset[tuple[str, int]]]:
        genotype = SPACE.decode(v)
        edges = genotype.normal + genotype.reduce
        return [frozenset(e for e in edges[k : k + 2] if e[0] != "none") for k in range(0, len(edges), 2)]

    y = [a if k % 3 else b for k, (a, b) in enumerate(zip(x, y, strict=True))]  # the same operations, other inputs
    assert (SPACE.canonical(x).tolist() == SPACE.canonical(y).tolist()) == (meaning(x) == meaning(y))


def test_an_absent_edge_takes_the_lowest_input_that_its_partner_leaves_free() -> None:
    sep, none = PRIMITIVES.index("sep_conv_3x3"), PRIMITIVES.index("none")
    x = np.zeros(24, dtype=int)
    x[9:12] = [SPACE.pairs[3].index((2, 4)), none, sep]
    edges = SPACE.decode(SPACE.canonical(x)).normal[6:]
    assert edges == (("none", 0), ("sep_conv_3x3", 4))
    x[9:12] = [SPACE.pairs[3].index((0, 4)), sep, none]
    assert SPACE.decode(SPACE.canonical(x)).normal[6:] == (("sep_conv_3x3", 0), ("none", 1))
    x[21:] = [SPACE.pairs[3].index((2, 4)), sep, none]
    assert SPACE.decode(SPACE.canonical(x)).reduce[6:] == (("none", 0), ("sep_conv_3x3", 2))
    x[21:] = [SPACE.pairs[3].index((2, 4)), none, none]
    assert SPACE.decode(SPACE.canonical(x)).reduce[6:] == (("none", 0), ("none", 1))


def test_an_absent_edge_may_name_its_partners_input() -> None:
    for i in (0, 1):
        genotype = Genotype((("none", i), ("skip_connect", i)), (2,), (("none", 1), ("none", 1)), (2,))
        decoded = DARTSSpace(1).decode(DARTSSpace(1).encode(genotype))
        assert [edge for edge in decoded.normal if edge[0] != "none"] == [("skip_connect", i)]


def test_batches_agree_with_single_vectors_and_inputs_are_not_written_to() -> None:
    X = np.random.default_rng(0).integers(SPACE.xl, SPACE.xu + 1, size=(50, 24))
    X.setflags(write=False)
    genotypes = SPACE.decode(X)
    assert genotypes == [SPACE.decode(x) for x in X]
    assert np.array_equal(SPACE.encode(genotypes), [SPACE.encode(g) for g in genotypes])
    assert np.array_equal(SPACE.canonical(X), [SPACE.canonical(x) for x in X])
    assert SPACE.encode([]).shape == (0, 24)


@pytest.mark.parametrize("name", GENOTYPES)
def test_published_genotypes_survive_every_notation(name: str) -> None:
    genotype = GENOTYPES[name]
    assert Genotype.parse(str(genotype)) == genotype
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert len(repr(genotype)) < 220
    assert repr(genotype).startswith(f"Genotype({genotype.short_hash}; normal ")
    assert pickle.loads(pickle.dumps(genotype)) == genotype
    decoded = SPACE.decode(SPACE.encode(genotype))
    for k in range(0, 16, 2):
        assert sorted((genotype.normal + genotype.reduce)[k : k + 2]) == sorted(
            (decoded.normal + decoded.reduce)[k : k + 2]
        )


def test_parse_reads_what_repositories_paste() -> None:
    text = """
    # found on CIFAR-10
    MY_NET = genotypes.Genotype(
        normal=[('sep_conv_3x3', 1), ['skip_connect', 0]], normal_concat=range(2, 3),
        reduce=(("max_pool_3x3", 0), ("none", 1)), reduce_concat=list(range(2, 3)))
    """
    genotype = Genotype.parse(text)
    assert genotype.normal == (("sep_conv_3x3", 1), ("skip_connect", 0))
    assert genotype.normal_concat == genotype.reduce_concat == (2,)
    assert Genotype.parse(
        "Genotype([('none', 0), ('none', 1)], [2], [('none', 0), ('none', 1)], [2])"
    ).normal_concat == (2,)


WRONG_TEXTS = {
    "cut": str(GENOTYPES["CARS-A"])[:100],
    "empty": "",
    "no genotype": "print('hello')",
    "two statements": "a = 1\nGenotype()",
    "missing field": "Genotype(normal=[('none', 0), ('none', 1)], normal_concat=[2])",
    "unknown field": str(GENOTYPES["CARS-A"])[:-1] + ", extra=1)",
    "unknown operation": str(GENOTYPES["CARS-A"]).replace("sep_conv_5x5", "sep_conv_9x9"),
    "a call inside": "Genotype(normal=__import__('os').getcwd(), normal_concat=[2], reduce=[], reduce_concat=[2])",
    "an input that comes later": "Genotype([('none', 0), ('none', 2)], [2], [('none', 0), ('none', 1)], [2])",
    "an odd number of edges": "Genotype([('none', 0)], [2], [('none', 0), ('none', 1)], [2])",
    "a state that is not there": "Genotype([('none', 0), ('none', 1)], [7], [('none', 0), ('none', 1)], [2])",
    "an input that is no whole number": "Genotype([('none', 0), ('none', 0.9)], [2], [('none', 0), ('none', 1)], [2])",
    "an input that is a truth value": "Genotype([('none', 0), ('none', True)], [2], [('none', 0), ('none', 1)], [2])",
    "an input in the output": "Genotype([('none', 0), ('none', 1)], [1, 2], [('none', 0), ('none', 1)], [2])",
    "a state twice": "Genotype([('none', 0), ('none', 1)], [2, 2], [('none', 0), ('none', 1)], [2])",
    "a text for states": "Genotype([('none', 0), ('none', 1)], '2', [('none', 0), ('none', 1)], [2])",
    "a field twice": str(GENOTYPES["CARS-A"])[:-1] + ", normal_concat=[2])",
    "a field by place and by name": "Genotype([('none', 0), ('none', 1)], [2], normal=[], reduce_concat=[2])",
    "a huge range": "Genotype([('none', 0), ('none', 1)], range(10**9), [('none', 0), ('none', 1)], [2])",
    "deep nesting": "(" * 5000,
}


@pytest.mark.parametrize("text", WRONG_TEXTS.values(), ids=WRONG_TEXTS.keys())
def test_parse_refuses_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        Genotype.parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "[]", '{"normal": []}', "null"])
def test_from_json_refuses_in_one_line(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        Genotype.from_json(text)


@pytest.mark.parametrize(
    ("X", "says"),
    [
        (np.zeros((3, 20), dtype=int), r"expected \(n, 24\), got \(3, 20\)"),
        (np.zeros((2, 3, 24), dtype=int), r"expected \(n, 24\)"),
        (np.full((1, 24), -1), r"X\[0, 0\]: expected 0..0, got -1"),
        (np.full((1, 24), 8), "expected 0..0, got 8"),
        (np.full((1, 24), 0.5), "expected whole numbers, got 0.5"),
        (np.full((1, 24), np.nan), "expected whole numbers, got nan"),
        (np.full((1, 24), "a"), "expected whole numbers"),
    ],
)
def test_wrong_vectors_are_refused(X: np.ndarray, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        SPACE.check(X)


def test_wrong_spaces_and_genotypes_are_refused() -> None:
    for wrong in ({"nodes": 0}, {"nodes": True}, {"ops": ()}, {"ops": ("sep",)}, {"ops": ("none", "none")}):
        with pytest.raises(ValueError, match="expected"):
            DARTSSpace(**wrong)  # type: ignore[arg-type]
    genotype = GENOTYPES["CARS-A"]
    with pytest.raises(ValueError, match="expected 3 nodes"):
        DARTSSpace(3).encode(genotype)
    with pytest.raises(ValueError, match="expected operations among"):
        DARTSSpace(ops=("none", "skip_connect")).encode(genotype)
    twice = Genotype((("skip_connect", 0), ("max_pool_3x3", 0)), (2,), (("none", 0), ("none", 1)), (2,))
    with pytest.raises(ValueError, match="two different inputs"):
        DARTSSpace(1).encode(twice)
