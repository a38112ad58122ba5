import numpy as np
import pytest

from carsmoo import ChainSpace, NASBench201Space, NetworkConfig, Stage
from carsmoo.space.picture import Box, Picture, picture_of_graph
from carsmoo.space.search_space import SearchSpace
from carsmoo.zoo import GENOTYPES

CHAIN = ChainSpace(stages=(Stage(1, 2), Stage(2, 2, 2)), head=0)


def test_cells_are_drawn_with_what_joins_their_nodes() -> None:
    genotype = GENOTYPES["CARS-A"]
    normal, reduction = genotype.drawn()
    assert (normal.title, reduction.title) == ("normal cell", "reduction cell")
    labelled = [(arrow.label, arrow.start, arrow.end) for arrow in reduction.arrows if arrow.label]
    assert labelled == [(op, i, 2 + k // 2) for k, (op, i) in enumerate(genotype.reduce) if op != "none"]
    joined = [(arrow.start, arrow.end) for arrow in reduction.arrows if not arrow.label]
    assert joined == [(state, len(reduction.boxes) - 1) for state in genotype.reduce_concat]


def test_nas_bench_201s_cell_leaves_out_none() -> None:
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|nor_conv_1x1~1|none~2|"
    (picture,) = NASBench201Space().parse(text).drawn()
    assert [(arrow.label, arrow.start, arrow.end) for arrow in picture.arrows] == [
        ("nor_conv_3x3", 0, 1),
        ("skip_connect", 1, 2),
        ("avg_pool_3x3", 0, 3),
        ("nor_conv_1x1", 1, 3),
    ]
    assert [box.text for box in picture.boxes] == ["0", "1", "2", "3"]
    assert picture.arrows[1].words == "skip of 1 at node 2"


def test_a_chain_tells_stages_apart_and_a_skip_that_computes_from_one_that_does_not() -> None:
    (picture,) = CHAIN.decode([0, 1, 0, 2]).drawn()
    assert [box.text for box in picture.boxes] == ["stem", "skip", "mb 3×3 e3", "skip, 1×1", "mb 5×5 e6", "classifier"]
    assert [box.kind for box in picture.boxes] == ["frame", "absent", "choice", "choice", "choice", "frame"]
    assert [box.group for box in picture.boxes] == ["", "stage 1", "stage 1", *["stage 2, stride 2"] * 2, ""]
    assert [(arrow.start, arrow.end) for arrow in picture.arrows] == [(k, k + 1) for k in range(5)]
    assert picture.words == "chain. stage 1: skip, mb 3×3 e3; stage 2: skip, mb 5×5 e6."


@pytest.mark.parametrize(
    ("most", "rows"), [(9, [6]), (5, [5, 1]), (4, [3, 3]), (3, [3, 3]), (2, [2, 2, 2]), (1, [1] * 6)]
)
def test_rows_break_between_stages_where_they_can(most: int, rows: list[int]) -> None:
    (picture,) = CHAIN.decode([0, 1, 0, 2]).drawn()
    found = picture.rows(most)
    assert [len(row) for row in found] == rows
    assert [column for row in found for column in row] == list(range(6))


def test_a_space_of_ones_own_shows_its_layers_or_else_its_text() -> None:
    class Own(ChainSpace):
        drawn = SearchSpace.drawn

    architecture = Own(stages=(Stage(1, 2),), head=0).decode([1, 0])
    (picture,) = architecture.drawn(NetworkConfig())
    assert [box.text for box in picture.boxes] == ["stem relu", "mb 3×3 e3", "add", "classifier"]
    assert [(arrow.start, arrow.end) for arrow in picture.arrows] == [(0, 1), (0, 2), (1, 2), (2, 3)]
    (text,) = architecture.drawn()
    assert [box.text for box in text.boxes] == [str(architecture)]


def test_layers_beside_each_other_and_those_that_do_not_run() -> None:
    space = NASBench201Space()
    vertices = space.decode(np.array([3, 0, 2, 0, 3, 0])).graph(NetworkConfig(layers=3))
    running = sum(vertex.runs for vertex in vertices)
    picture = picture_of_graph(vertices, "text")
    assert len(picture.boxes) == running < len(vertices)
    assert all(picture.boxes[arrow.start].column < picture.boxes[arrow.end].column for arrow in picture.arrows)
    assert len({(box.column, box.level) for box in picture.boxes}) == running
    many = space.decode(np.full(6, 3)).graph(NetworkConfig(layers=20))
    assert [box.text for box in picture_of_graph(many, "a text").boxes] == ["a text"]


def test_plain_data_name_every_field() -> None:
    plain = Picture("cell", (Box("a", 0),)).to_plain()
    assert plain["boxes"] == [{"text": "a", "column": 0, "level": 0, "kind": "choice", "words": "", "group": ""}]
