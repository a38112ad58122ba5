import numpy as np
import pytest

from carsmoo import NASBench201Space, NetworkConfig
from carsmoo.cost import cost
from tests.support.spaces import CELL, NETWORK, drawn

PUBLISHED = NetworkConfig(channels=16, layers=17, bn_affine=True)
EDGES = ("|{}~0|", "+|{}~0|{}~1|", "+|{}~0|{}~1|{}~2|")


def text(*ops: str) -> str:
    return "".join(EDGES).format(*ops)


@pytest.mark.parametrize(
    ("op", "params", "millions"), [("nor_conv_3x3", 1_531_546, 220.12), ("skip_connect", 73_306, 7.78)]
)
def test_costs_are_the_published_ones(op: str, params: int, millions: float) -> None:
    found = cost(CELL.parse(text(*[op] * 6)), PUBLISHED)
    assert found.params == params
    assert round(found.flops / 1e6, 2) == millions


def test_a_vector_is_the_operations_in_the_order_of_the_text() -> None:
    ops = ("nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "skip_connect")
    one = CELL.parse(text(*ops))
    assert one.genes == (3, 0, 1, 4, 2, 1)
    assert str(one) == text(*ops)
    assert CELL.parse(text(*ops).replace("|+|", "| + |")) == one
    assert CELL.n_vectors == 15_625
    assert all(CELL.parse(str(one)) == one for one in drawn(CELL, 20))


@pytest.mark.parametrize(
    "other",
    [
        "",
        "|nor_conv_3x3~0|",
        text("conv", "none", "none", "none", "none", "none"),
        text(*["none"] * 6).replace("~2", "~1"),
        text(*["none"] * 6)[:-1],
        text(*["none"] * 6) + "|none~0|",
    ],
)
def test_other_texts_are_refused(other: str) -> None:
    with pytest.raises(ValueError, match=r"^architecture: expected a text such as \|nor_conv_3x3~0\|\+"):
        CELL.parse(other)


def test_edges_read_the_nodes_of_the_text() -> None:
    vertices = CELL.parse(text(*["nor_conv_1x1"] * 6)).graph(NETWORK)
    by_slot = {vertex.slot: vertex for vertex in vertices if vertex.slot}
    node: dict[int, int] = {0: 0}  # the stem's place; of each further node that of its last sum
    places = {vertex.slot: k for k, vertex in enumerate(vertices)}
    node[1] = places["cell0_node1_from0_nor_conv_1x1"]
    node[2] = places["cell0_node2_from1_nor_conv_1x1"] + 1
    for target in (1, 2, 3):
        for source in range(target):
            assert by_slot[f"cell0_node{target}_from{source}_nor_conv_1x1"].inputs == (node[source],)
    assert [v.layer.kind for v in vertices].count("add") == 1 + 2
    assert [v.layer.stride for v in vertices if v.layer.kind == "reduce_block"] == [2, 2]


def test_what_no_later_node_reads_does_not_run() -> None:
    one = CELL.parse(text("nor_conv_3x3", "none", "none", "skip_connect", "none", "none"))
    runs = {v.slot: v.runs for v in one.graph(NETWORK) if v.slot}
    assert not runs["cell0_node1_from0_nor_conv_3x3"]
    assert runs["cell0_node3_from0_skip_connect"]
    alone = CELL.parse(text("none", "none", "none", "skip_connect", "none", "none"))
    assert cost(one, NETWORK).flops == cost(alone, NETWORK).flops
    assert cost(one, NETWORK).params == cost(alone, NETWORK).params + 9 * 4 * 4  # held all the same


def test_a_cell_of_nothing_depends_on_nothing_before_it() -> None:
    vertices = CELL.parse(text(*["none"] * 6)).graph(NETWORK)
    assert [v.slot for v in vertices if v.slot and v.runs] == ["cell1", "cell2", "last", "classifier"]


@pytest.mark.parametrize("layers", [1, 2])
def test_a_network_without_a_cell_is_refused(layers: int) -> None:
    with pytest.raises(ValueError, match=f"^layers: expected at least 3, .*, got {layers}"):
        CELL.places(NetworkConfig(layers=layers))


def test_spaces_are_one_and_the_same() -> None:
    assert NASBench201Space() == CELL
    assert hash(NASBench201Space()) == hash(CELL)
    assert CELL.to_plain() == {"kind": "NASBench201Space"}
    assert np.array_equal(CELL.xl, np.zeros(6))
