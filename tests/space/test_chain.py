import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from carsmoo import ChainSpace, NetworkConfig, Operation, Stage
from carsmoo.cost import CostTable
from carsmoo.space import Layer, Vertex, mb_convs
from tests.support.operations import GHOST, SQUEEZE, ghost, squeeze
from tests.support.spaces import CHAIN, NETWORK, OWN, drawn

TABLE = Path(os.environ.get("CARSMOO_DATA", "nowhere")) / "nas-bench-macro/nas-bench-macro_cifar10.json"


@pytest.mark.skipif(not TABLE.is_file(), reason="needs nas-bench-macro in CARSMOO_DATA")
def test_costs_of_nas_bench_macro_are_those_of_its_table() -> None:
    space = ChainSpace.nas_bench_macro()
    entries = json.loads(TABLE.read_text())
    X = np.array([[int(gene) for gene in text] for text in entries])
    costs = CostTable(space, NetworkConfig(channels=32, bn_affine=True))
    assert len(X) == space.n_vectors == 6561
    assert costs.params(X).tolist() == [entry["params"] for entry in entries.values()]
    assert costs.flops(X).tolist() == [entry["flops"] for entry in entries.values()]


def test_a_graph_is_stem_blocks_head_and_classifier() -> None:
    mb = "mb_conv_3x3_e2"
    block, wide = Layer(mb, 4, 4, 9, 10), Layer("project", 4, 8, 9, 10, 2)
    assert CHAIN.decode([0, 1, 0]).graph(NETWORK) == (
        Vertex(Layer("stem_relu", 3, 4, 9, 10), (), "stem0"),
        Vertex(block, (0,), f"block1_{mb}"),
        Vertex(block._replace(kind="add"), (0, 1)),  # the residual, where channels and size stay
        Vertex(wide, (2,), "block2_project"),  # what skip is where they change
        Vertex(Layer("head", 8, 8, 5, 5), (3,), "head"),
        Vertex(Layer("classifier", 8, 3, 5, 5), (4,), "classifier"),
    )
    assert [v.slot for v in CHAIN.decode([2, 0, 1]).graph(NETWORK)] == [
        "stem0", "block0_nor_conv_3x3", "block2_mb_conv_3x3_e3", "head", "classifier",
    ]  # fmt: skip


def test_an_operation_of_ones_own_stands_after_a_projection_where_channels_or_size_change() -> None:
    graph = OWN.decode([1, 0, 0, 1]).graph(NETWORK)
    assert [(v.slot, v.layer.c_out, v.layer.stride) for v in graph] == [
        ("stem0", 4, 1),
        ("block0_ghost_3x3", 4, 1),
        ("block2_squeeze_project", 6, 2),
        ("block2_squeeze", 6, 1),
        ("classifier", 3, 1),
    ]
    assert graph[2].layer.kind == "project"
    assert graph[3].layer.kind is SQUEEZE


def test_an_imagenet_stem_halves_three_times() -> None:
    network = NetworkConfig(channels=5, stem="imagenet", image_shape=(3, 33, 50))
    stem = [v.layer for v in CHAIN.decode([0, 0, 0]).graph(network)[:3]]
    assert [layer.kind for layer in stem] == ["stem_relu", "stem_relu_next", "stem_relu_next"]
    assert [(layer.c_in, layer.c_out, layer.after) for layer in stem] == [
        (3, 2, (17, 25)),
        (2, 5, (9, 13)),
        (5, 5, (5, 7)),
    ]


def test_texts_are_read_again() -> None:
    for space in (CHAIN, OWN, ChainSpace.nas_bench_macro()):
        for one in drawn(space, 5):
            assert space.parse(str(one)) == one
    assert CHAIN.parse(" skip,nor_conv_3x3|skip ").genes == (0, 2, 0)
    assert repr(CHAIN.decode([0, 2, 0])).startswith("ChainSpace(")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a text such as skip, skip | skip, got ''"),
        ("skip | skip", "expected a text such as"),
        ("skip, skip | skip | skip", "expected a text such as"),
        ("skip, conv | skip", "expected operations among skip, mb_conv_3x3_e2, nor_conv_3x3, got 'conv'"),
        ("skip, mb_conv_5x5_e6 | skip", "expected operations among"),
    ],
)
def test_other_texts_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=f"^architecture: {says}"):
        CHAIN.parse(text)


def test_plain_data_make_the_same_space() -> None:
    for space in (CHAIN, OWN, ChainSpace()):
        plain = json.loads(json.dumps(space.to_plain()))
        kind = plain.pop("kind")
        again = ChainSpace.from_plain(plain, space.ops)
        assert (kind, again) == ("ChainSpace", space)
        assert hash(again) == hash(space)
        assert [op.build for op in again.own_operations] == [op.build for op in space.own_operations]


def test_a_stage_has_the_operations_of_its_own() -> None:
    space = ChainSpace((Stage(ops=("skip", "nor_conv_1x1")), Stage(blocks=1, ops=mb_convs((3,), (1, 2, 3)))))
    assert space.xu.tolist() == [1, 1, 2]
    assert space.n_vectors == 12
    assert space.ops == ("skip", "nor_conv_1x1", "mb_conv_3x3_e1", "mb_conv_3x3_e2", "mb_conv_3x3_e3")
    assert ChainSpace([Stage()]).stages == (Stage(),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: Stage(0), ValueError, "width: expected more than 0, and finite, got 0"),
        (lambda: Stage(blocks=0), ValueError, "blocks: expected at least 1, got 0"),
        (lambda: Stage(blocks=10**9), ValueError, "blocks: expected at most 1000, got 1000000000"),
        (lambda: Stage(stride=3), ValueError, "stride: expected at most 2, got 3"),
        (lambda: Stage(ops="skip"), TypeError, "ops: expected a list of operations, got 'skip'"),
        (lambda: Stage(ops=()), TypeError, "ops: expected a list"),
        (lambda: Stage(ops=("skip", 3)), ValueError, "ops: expected skip, mb_conv_KxK_eE, .* got 3"),
        (lambda: Stage(ops=("mb_conv_4x4_e2",)), ValueError, r"ops: expected .*\(K odd\).* got 'mb_conv_4x4_e2'"),
        (lambda: Stage(ops=("mb_conv_3x5_e2",)), ValueError, "ops: expected skip"),
        (lambda: Stage(ops=("sep_conv_3x3",)), ValueError, "ops: expected skip"),
        (lambda: Stage(ops=("skip", "skip")), ValueError, "ops: expected each once"),
        (lambda: Stage(ops=(Operation("skip", ghost),)), ValueError, "under other names than ours, got skip"),
        (lambda: Stage(ops=(Operation("nor_conv_3x3", ghost),)), ValueError, "under other names than ours"),
        (lambda: ChainSpace(()), TypeError, r"stages: expected a list of stages, got \(\)"),
        (lambda: ChainSpace(Stage()), TypeError, "stages: expected a list of stages, got Stage"),
        (lambda: ChainSpace((Stage(), 3)), TypeError, "stages: expected a Stage, got 3"),
        (lambda: ChainSpace(head=-1), ValueError, "head: expected at least 0, and finite, got -1"),
        (
            lambda: ChainSpace((Stage(ops=(GHOST,)), Stage(ops=(Operation("ghost_3x3", squeeze),)))),
            ValueError,
            "stages: expected one operation of the name ghost_3x3, got two",
        ),
    ],
)
def test_other_arguments_are_refused(make: Callable[[], object], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        make()
    assert "\n" not in str(caught.value)
