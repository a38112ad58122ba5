import numpy as np
import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import CostTable, flops, params
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.genotype import PRIMITIVES, Genotype
from carsmoo.zoo import GENOTYPES

NETWORKS = {
    "search": NetworkConfig(image_shape=(1, 9, 7)),
    "cifar": NetworkConfig.cifar(channels=6, layers=7),
    "imagenet": NetworkConfig.imagenet(channels=8, layers=5, image_shape=(3, 45, 50)),
}


def draw(space: DARTSSpace, n: int, seed: int = 0) -> np.ndarray:
    X = np.random.default_rng(seed).integers(space.xl, space.xu + 1, size=(n, space.n_var))
    X[0] = space.xl
    X.setflags(write=False)
    return X


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
@pytest.mark.parametrize(
    "space", [DARTSSpace(), DARTSSpace(2, PRIMITIVES[1:]), DARTSSpace(1, ("none", "dil_conv_3x3"))]
)
def test_the_table_is_the_closed_form(space: DARTSSpace, network: NetworkConfig) -> None:
    X = draw(space, 80)
    table, genotypes = CostTable(space, network), space.decode(X)
    assert table.params(X).tolist() == [params(g, network) for g in genotypes]
    assert table.flops(X).tolist() == [flops(g, network) for g in genotypes]
    assert table.params(space.canonical(X)).tolist() == table.params(X).tolist()
    assert table.params(X).dtype == np.int64


def test_a_cell_by_hand() -> None:
    genotype = Genotype((("sep_conv_3x3", 0), ("none", 1)), (2,), (("skip_connect", 0), ("max_pool_3x3", 1)), (2,))
    network = NetworkConfig(
        channels=2, layers=1, image_shape=(1, 4, 4), n_classes=3
    )  # its one cell reduces: 4 channels
    stem, entries, skip, classifier = 9 * 6, 6 * 4 + 6 * 4, 4 * 4, 4 * 3 + 3
    assert params(genotype, network) == stem + entries + skip + classifier
    assert flops(genotype, network) == 16 * stem + 16 * entries + 4 * skip + 12
    two = NetworkConfig(channels=2, layers=4, image_shape=(1, 4, 4), n_classes=3)  # normal, reduce, reduce, normal
    separable = sum(2 * (9 * c + c * c) for c in (2, 8))
    normal_entries = (6 + 6) * 2 + (4 + 8) * 8
    reduce_entries = (6 + 2) * 4 + (2 + 4) * 8
    skips = 4 * 4 + 8 * 8
    assert params(genotype, two) == stem + separable + normal_entries + reduce_entries + skips + 8 * 3 + 3


def test_affine_norms_count_two_numbers_a_channel() -> None:
    genotype = GENOTYPES["CARS-I"]
    plain, affine = (NetworkConfig(channels=6, layers=1, bn_affine=flag) for flag in (False, True))
    cell = genotype.reduce  # of 12 channels
    norms = 18 + 2 * 12
    norms += sum(12 * {"sep": 2, "dil": 1, "ski": int(i < 2)}.get(op[:3], 0) for op, i in cell)
    assert params(genotype, affine) - params(genotype, plain) == 2 * norms
    assert flops(genotype, affine) == flops(genotype, plain)


def test_what_nothing_reads_is_held_but_not_run() -> None:
    absent = (("none", 0), ("none", 1))
    network = NetworkConfig(channels=4, layers=3, image_shape=(1, 8, 8), n_classes=10)
    empty = Genotype(absent, (2,), absent, (2,))
    assert flops(empty, network) == network.output_classes * 16  # the classifier alone, on zeros
    entries = (12 + 12) * 4 + (12 + 4) * 8 + (4 + 8) * 16
    assert params(empty, network) == 9 * 12 + entries + 16 * 10 + 10
    last_only = Genotype((("none", 0), ("skip_connect", 1)), (2,), (("none", 0), ("max_pool_3x3", 1)), (2,))
    entries = 12 * 4 * 64 + 4 * 8 * 64 + 8 * 16 * 16
    assert flops(last_only, network) == 9 * 12 * 64 + entries + 16 * 10


def test_wrong_vectors_and_operations_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected \(n, 24\), got \(1, 3\)"):
        CostTable(DARTSSpace(), NetworkConfig()).params([[0, 0, 0]])
    odd = Genotype((("sep_conv_7x7", 0), ("none", 1)), (2,), (("none", 0), ("none", 1)), (2,))
    with pytest.raises(ValueError, match="expected operations among"):
        params(odd, NetworkConfig())


def test_costs_that_64_bits_do_not_hold_are_refused() -> None:
    space = DARTSSpace()
    for network in (NetworkConfig(channels=10**9), NetworkConfig(channels=10**8, layers=20)):
        with pytest.raises(ValueError, match=r"network: expected costs below 2\*\*62, got those of .* cells of 10"):
            CostTable(space, network).flops(space.xu[None])
