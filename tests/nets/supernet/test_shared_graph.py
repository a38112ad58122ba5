from typing import Literal

import numpy as np
import pytest
import torch

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import flops, layer_flops
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.supernet import Supernet
from carsmoo.nets.supernet.shared_graph import IMAGES, SharedGraph
from carsmoo.space.genotype import Genotype
from tests.support.networks import EMPTY, SMALL, SPACE, generator, genotypes, images

ODD = NetworkConfig(channels=4, layers=4, image_shape=(3, 11, 7), n_classes=3)
LARGE = NetworkConfig(channels=4, layers=3, image_shape=(3, 33, 35), n_classes=5, stem="imagenet")


def children(pool: list[Genotype]) -> list[Genotype]:
    """Return genotypes that share half of their genes with others."""
    X = np.array([SPACE.encode(genotype) for genotype in pool])
    return [*pool, *SPACE.decode(np.concatenate([X[:, :12], np.roll(X[:, 12:], 1, axis=0)], axis=1))]


@pytest.mark.parametrize("network", [SMALL, ODD, LARGE], ids=["small", "odd", "imagenet"])
def test_the_logits_are_those_of_each_subnet_by_itself(network: NetworkConfig) -> None:
    shared, x = Supernet(SPACE, network, generator()), images(network, n=5)
    set_memory_format(shared, torch.channels_last)
    pool = [*children(genotypes(6)), EMPTY]
    graph = SharedGraph(shared, pool)
    with torch.no_grad():
        found = dict(graph.run(x))
        for k, genotype in enumerate(pool):
            assert torch.equal(found[k], shared(x, genotype))
    assert set(found) == set(range(len(pool)))


def test_without_the_classifier_a_subnet_ends_with_what_that_reads() -> None:
    shared, x = Supernet(SPACE, SMALL, generator()), images(n=5)
    pool = [*genotypes(5), EMPTY]
    whole, graph = SharedGraph(shared, pool), SharedGraph(shared, pool, classified=False)
    with torch.no_grad():
        logits, ends = dict(whole.run(x)), dict(graph.run(x))
        assert ends.keys() == logits.keys()
        assert all(torch.equal(shared.classifier(ends[k].mean(dim=(2, 3))), logits[k]) for k in ends)
    assert len(whole.computations) - len(graph.computations) == len(pool)


def test_a_classifier_may_read_the_images_themselves() -> None:
    x, pool = images(n=5), genotypes(2)
    graph = SharedGraph(Supernet(SPACE, SMALL, generator()), pool, classified=False)
    graph.outputs[0] = IMAGES
    with torch.no_grad():
        found = dict(graph.run(x))
    assert found.keys() == {0, 1}
    assert torch.equal(found[0], x)


def test_what_is_shared_is_there_once() -> None:
    shared = Supernet(SPACE, SMALL, generator())
    pool = genotypes(4)
    one, many = SharedGraph(shared, pool[:1]), SharedGraph(shared, pool)
    assert len(set(one.applications)) == len(one.computations) - 1
    same = SharedGraph(shared, pool[:1] * 3)
    assert len(same.computations) == len(one.computations)
    assert len(same.applications) == 3 * len(one.applications)
    assert len(set(same.outputs)) == 1
    assert len(many.computations) - 1 == len(set(many.applications)) < len(many.applications)
    assert sum(IMAGES in node.inputs for node in many.computations) == 1  # the stem


class Watched(dict[int, torch.Tensor]):
    """Values of nodes, and the most numbers that they had at once."""

    largest = 0

    def __setitem__(self, number: int, value: torch.Tensor) -> None:
        super().__setitem__(number, value)
        self.largest = max(self.largest, sum(held.numel() for held in self.values()))


def test_no_more_is_held_than_is_said() -> None:
    shared, x = Supernet(SPACE, SMALL, generator()), images(n=3)
    for pool in (genotypes(1), children(genotypes(8)), [EMPTY]):
        graph, values = SharedGraph(shared, pool), Watched()
        with torch.no_grad():
            for _ in graph.run(x, values=values):
                pass
        assert values.largest == 3 * graph.peak_size()
        assert set(values) == {IMAGES}


def test_subnets_with_equal_cells_are_computed_together() -> None:
    shared = Supernet(SPACE, SMALL, generator())
    pool = children(genotypes(8))
    rng = np.random.default_rng(0)
    peaks = {SharedGraph(shared, [pool[k] for k in rng.permutation(len(pool))]).peak_size() for _ in range(4)}
    assert len(peaks) == 1


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_the_layers_of_a_graph_add_up_to_the_multiply_adds_of_its_network(stem: Literal["cifar", "imagenet"]) -> None:
    network = NetworkConfig(channels=4, layers=5, stem=stem, image_shape=(3, 37, 34))
    shared = Supernet(SPACE, network, generator())
    for genotype in [EMPTY, *genotypes(6)]:
        graph = SharedGraph(shared, [genotype])
        found = [layer_flops(node.described) for node in graph.computations if node.described is not None]
        assert sum(found) + 4 * 4 * 4 * 10 == flops(genotype, network)
