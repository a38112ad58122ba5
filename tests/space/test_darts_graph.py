import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import layer_flops, layer_params
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.darts_graph import layers, layers_needed
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.space.graph import FRAME, Layer
from tests.cost.test_closed_form import NETWORKS, draw

NONE = (("none", 0), ("none", 1))


def test_a_cell_by_hand() -> None:
    genotype = Genotype((("sep_conv_3x3", 0), ("none", 1)), (2,), (("skip_connect", 0), ("max_pool_3x3", 1)), (2,))
    network = NetworkConfig(
        channels=2, layers=1, image_shape=(1, 5, 4), n_classes=3
    )  # its one cell reduces: 4 channels
    parts = [
        Layer("stem", 1, 6, 5, 4),
        Layer("entry", 6, 4, 5, 4),
        Layer("entry", 6, 4, 5, 4),
        Layer("concat", 4, 4, 3, 2),
        Layer("classifier", 4, 3, 3, 2),
        Layer("skip_connect", 4, 4, 5, 4, 2),
        Layer("max_pool_3x3", 4, 4, 5, 4, 2),
        Layer("add", 4, 4, 3, 2),
    ]
    assert list(layers(genotype, network)) == [(layer, True) for layer in parts]
    frame = [*parts[:5], Layer("zeros", 4, 4, 3, 2)]
    runs = [False, False, False, True, True, True]  # nothing reads the image
    assert list(layers(Genotype(NONE, (2,), NONE, (2,)), network)) == list(zip(frame, runs, strict=True))


def test_a_layer_that_nothing_reads_is_there_and_does_not_run() -> None:
    cell = (("sep_conv_3x3", 0), ("skip_connect", 1), ("dil_conv_3x3", 0), ("none", 2))
    held = layers(Genotype(cell, (3,), cell, (2, 3)), NetworkConfig(channels=4, layers=3, stem="imagenet"))
    found = [(layer.kind, layer.c_in, layer.stride, runs) for layer, runs in held]
    assert found[:3] == [("stem", 3, 2, True), ("stem_next", 2, 2, True), ("stem_next", 4, 2, True)]
    assert found[3:6] == [("entry", 4, 2, True), ("entry", 4, 1, False), ("concat", 4, 1, True)]
    normal = [(kind, runs) for kind, c_in, _, runs in found[13:] if c_in == 4]
    assert normal == [("sep_conv_3x3", False), ("skip_connect", False), ("zeros", True), ("dil_conv_3x3", True)]


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_what_runs_is_what_is_needed_but_for_rare_zeros(network: NetworkConfig) -> None:
    for space in (DARTSSpace(1), DARTSSpace(2)):
        met = {layer for x in space.decode(draw(space, 400)) for layer, runs in layers(x, network) if runs}
        needed = set(layers_needed(space, network))
        assert met <= needed
        assert {layer.kind for layer in needed - met} <= {"zeros"}
        assert {layer.kind for layer in met} <= {*FRAME, *PRIMITIVES}


def test_params_and_multiply_adds_of_single_layers() -> None:
    kinds = ("sep_conv_5x5", "dil_conv_3x3", "skip_connect", "avg_pool_3x3", "concat", "zeros", "add")
    edges = [Layer(kind, 3, 3, 5, 4, 2) for kind in kinds]
    assert [layer_params(layer, affine=False) for layer in edges] == [2 * (75 + 9), 27 + 9, 9, 0, 0, 0, 0]
    assert [layer_params(layer, affine=True) for layer in edges] == [2 * (75 + 9 + 6), 27 + 9 + 6, 9 + 6, 0, 0, 0, 0]
    assert [layer_flops(layer) for layer in edges] == [6 * 2 * (75 + 9), 6 * (27 + 9), 6 * 9, 0, 0, 0, 0]
    unstrided = Layer("skip_connect", 3, 3, 5, 4)
    assert (layer_params(unstrided, affine=True), layer_flops(unstrided)) == (0, 0)
    classifier = Layer("classifier", 3, 10, 5, 4)
    assert (layer_params(classifier, affine=True), layer_flops(classifier)) == (40, 30)
