"""What :func:`carsmoo.testing.check_space` checks of a space's networks and of a search among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from carsmoo.config.network import NetworkConfig
from carsmoo.config.supernet import SupernetTraining
from carsmoo.cost.closed_form import CostTable, cost
from carsmoo.nets.data import ImageData
from carsmoo.nets.models.base import ArchitectureNetwork, SharedWeights
from carsmoo.nets.models.fvcore_count import count as by_fvcore
from carsmoo.nets.models.network import build
from carsmoo.nets.supernet.problem import CARSProblem
from carsmoo.space.architecture import Architecture
from carsmoo.space.graph import text_of
from carsmoo.space.search_space import SearchSpace

NEAR = 1e-4
"""How far two ways of computing the same in float32 may lie apart."""


def check_networks(space: SearchSpace, network: NetworkConfig, genotypes: Sequence[Architecture]) -> None:
    """Check costs against built networks, and a supernet's subnets against networks that stand alone.

    Raises:
        AssertionError: naming the first rule that is broken.
    """
    generator = torch.Generator().manual_seed(0)
    supernet: SharedWeights = space.build_supernet(network, generator)
    _check_layers(supernet)
    table = CostTable(space, network)
    X = space.encode(genotypes)
    costs = [cost(genotype, network) for genotype in genotypes]
    for what, found in (("params", table.params(X)), ("flops", table.flops(X))):
        expected = [getattr(one, what) for one in costs]
        assert found.tolist() == expected, f"{what} of the table: expected {expected} as of one by one, got {found}"
    for genotype, counted in zip(genotypes, costs, strict=True):
        made = build(genotype, network, torch.Generator().manual_seed(1))
        held = sum(p.numel() for name, p in made.named_parameters() if not name.startswith("auxiliary."))
        assert held == counted.params, f"params: expected the {held} of the built network, got {counted.params}"
        assert tuple(counted) == by_fvcore(genotype, network), (
            f"costs: expected those that fvcore counts, got {counted}"
        )
        same = build(genotype, network, torch.Generator().manual_seed(1))
        assert _equal(made, same), "initial weights: expected the same from the same seed, got others"
    images = torch.randn(5, *network.input_shape, generator=generator)
    for genotype in genotypes:
        alone = build(genotype, network, torch.Generator().manual_seed(2)).inherit(supernet).train()
        with torch.no_grad():
            apart = float((supernet(images, genotype) - alone(images)).abs().max())
        assert apart < NEAR, f"subnet: expected what its network computes, got {apart:.1g} beside it, of {genotype}"
        _check_untouched(supernet, genotype, images)


def check_search(space: SearchSpace, network: NetworkConfig, X: NDArray[np.int64]) -> None:
    """Check scores of a population against those one by one, and that a restored search goes on to the same bits.

    Raises:
        AssertionError: naming the first rule that is broken.
    """
    random_state = np.random.default_rng(0)
    shape, classes = network.input_shape, network.output_classes
    pixels = random_state.integers(0, 256, size=(30 * classes, *shape), dtype=np.uint8)
    data = ImageData.from_arrays(pixels, np.arange(len(pixels)) % classes)
    plan = SupernetTraining(warmup_epochs=1, n_generations=2, pop_size=4, batch_size=16, bn_calibration_images=16)

    def problem() -> CARSProblem:
        return CARSProblem(data, space, ("loss", "params"), network, plan, "cpu")

    first = problem()
    together = first.evaluate(X)
    one_by_one = np.concatenate([problem_of(first).evaluate(x[None]) for x in X])
    apart = float(np.abs(together - one_by_one).max())
    assert apart < NEAR, f"scores: expected those of a population one by one, got {apart:.1g} beside them"
    again = problem()
    again.load_state_dict(first.state_dict())
    for one in (first, again):
        one.advance(X)
    assert np.array_equal(first.evaluate(X), again.evaluate(X)), "load_state_dict: expected the same bits, got others"


def problem_of(known: CARSProblem) -> CARSProblem:
    """Return a problem with the weights of another one, that has scored nothing yet."""
    made = CARSProblem(known.images, known.space, known.objective_names, known.network, known.training, "cpu")
    made.load_state_dict(known.state_dict())
    return made


@torch.no_grad()
def _check_layers(supernet: SharedWeights) -> None:
    """Check that each layer of a supernet gives the channels and the size that its space says."""
    for slot, layer in supernet.space.places(supernet.network).items():
        y = supernet.layer_at(slot)(torch.zeros(2, layer.c_in, layer.height, layer.width), None)
        size = () if layer.kind == "classifier" else layer.after
        expected = 2, layer.c_out, *size
        assert tuple(y.shape) == expected, f"{slot} ({text_of(layer)}): expected {expected}, got {tuple(y.shape)}"


def _check_untouched(supernet: SharedWeights, genotype: Architecture, images: Tensor) -> None:
    """Check that a backward pass reaches the parameters that a genotype uses, and no others."""
    supernet.zero_grad(set_to_none=True)
    logits = supernet(images, genotype)
    F.cross_entropy(logits, torch.zeros(len(images), dtype=torch.int64)).backward()  # type: ignore[no-untyped-call]
    reached = {id(p) for p in supernet.parameters() if p.grad is not None}
    chosen = {id(p) for p in supernet.chosen_parameters(genotype)}
    assert reached == chosen, f"gradients: expected those of the chosen operations alone, got others, of {genotype}"


def _equal(one: ArchitectureNetwork, other: ArchitectureNetwork) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
