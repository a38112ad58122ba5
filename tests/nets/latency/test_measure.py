"""Measuring with a clock of our own, and the layers of a table against what built networks run."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from torch.utils._python_dispatch import TorchDispatchMode

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import flops
from carsmoo.cost.latency import latency
from carsmoo.cost.latency_table import LatencyTable, Timing
from carsmoo.nets.latency import measure as measuring
from carsmoo.nets.latency.measure import build, cached, fit, network_latency, spanning
from carsmoo.nets.latency.timing import WARMUP
from carsmoo.nets.models.network import Network, NetworkCell
from carsmoo.nets.models.ops import FactorizedReduce, Identity, Pool, Separable
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.darts_graph import layers_needed
from carsmoo.space.genotype import Genotype
from carsmoo.space.graph import Layer
from carsmoo.utils.progress import Step
from tests.cost.test_latency import NETWORKS, draw, made_up, running
from tests.support.networks import EMPTY, SMALL, SPACE, genotypes


class Ran(TorchDispatchMode):
    """Records sums, zeros and concatenations with the shapes they give."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, torch.Size]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        y = func(*args, **(kwargs or {}))
        name = {"aten.add.Tensor": "add", "aten.cat.default": "concat", "aten.new_zeros.default": "zeros"}.get(
            str(func)
        )
        if name is not None:
            self.calls.append((name, y.shape))
        return y


KINDS: dict[type, Callable[[Any], str]] = {
    Pool: lambda op: f"{op.kind}_pool_3x3",
    Identity: lambda op: "skip_connect",
    FactorizedReduce: lambda op: "skip_connect",
    Separable: lambda op: (
        f"{'sep' if len(op.depthwise) == 2 else 'dil'}_conv_{op.depthwise[0].weight.shape[-1]}x"
        f"{op.depthwise[0].weight.shape[-1]}"
    ),
}


def ran(genotype: Genotype, network: NetworkConfig) -> Counter[Layer]:
    """Return the layers that a built network runs, by watching it run."""
    built = Network(genotype, network).eval()
    seen: list[Layer] = []

    def watch(module: torch.nn.Module, kind: str) -> None:
        def hook(_: Any, args: Any, y: torch.Tensor) -> None:
            (_, c, h, w), stride = args[0].shape, 1 if args[0].shape[2:] == y.shape[2:] else 2
            seen.append(Layer(kind, c, y.shape[1], h, w, stride))

        module.register_forward_hook(hook)

    for k, conv in enumerate(built.stem.convs):
        watch(conv, "stem_next" if k else "stem")
    for cell in built.cells:
        assert isinstance(cell, NetworkCell)
        for entry in (cell.entry.before, cell.entry.last):
            watch(entry, "entry")
        for op in cell.ops:
            watch(op, KINDS[type(op)](op))
    with Ran() as dispatched, torch.no_grad():
        built(torch.zeros(1, *network.input_shape))
    found = Counter(seen)
    halvings = sum(n for layer, n in found.items() if layer.stride == 2 and layer.kind in ("entry", "skip_connect"))
    joined = Counter[Layer]()
    for name, (_, c, h, w) in dispatched.calls:
        c_in = c // 4 if name == "concat" else c
        joined[Layer(name, c_in, c, h, w)] += 1
    reduced = Counter(
        Layer("concat", layer.c_out // 4, layer.c_out, -(-layer.height // 2), -(-layer.width // 2))
        for layer in found.elements()
        if layer.stride == 2 and layer.kind in ("entry", "skip_connect")
    )
    assert sum(reduced.values()) == halvings
    cells = joined - reduced  # a halving layer concatenates its two convolutions
    last = next(shape for name, shape in reversed(dispatched.calls) if name == "concat")
    return found + cells + Counter([Layer("classifier", last[1], network.output_classes, last[2], last[3])])


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS.keys())
def test_a_prediction_is_the_sum_over_what_a_built_network_runs(network: NetworkConfig) -> None:
    table = made_up(SPACE, network)
    for genotype in SPACE.decode(draw(SPACE, 12)):
        found = ran(genotype, network)
        assert Counter(running(genotype, network)) == found
        total = sum(n * table.layers[layer, "contiguous"].ms for layer, n in found.items())
        assert latency(genotype, network, table) == pytest.approx(0.25 * found.total() + 1.125 * total)


def test_nodes_that_nothing_reads_do_not_run() -> None:
    cell = (("sep_conv_3x3", 0), ("skip_connect", 1), ("dil_conv_3x3", 0), ("none", 2))
    genotype = Genotype(cell, (3,), cell, (2, 3))
    kinds = Counter(layer.kind for layer in running(genotype, NetworkConfig(channels=4, layers=1)))
    assert kinds == {"stem": 1, "entry": 2, "sep_conv_3x3": 1, "skip_connect": 1, "add": 1, "dil_conv_3x3": 1} | {
        "concat": 1,
        "classifier": 1,
    }
    normal = Counter(layer.kind for layer in running(genotype, NetworkConfig(channels=4, layers=3)))
    assert normal["zeros"] == 1  # of its first cell, a normal one, where node 2 is not read


def test_what_layers_add_is_found_and_never_negative() -> None:
    sums, counts = np.array([1.0, 2.0, 3.0, 7.0]), np.array([9, 4, 7, 5])
    assert fit(counts, sums, 0.5 * counts + 2 * sums) == pytest.approx((0.5, 2.0))
    between, scale = fit(counts, sums, 20 * sums - counts)
    assert between == 0
    assert scale > 0
    assert fit(counts, sums, 1 / sums)[1] > 0


def test_genotypes_span_the_size_range_and_none_is_both_fitted_and_checked() -> None:
    fitted, checked = spanning(SPACE, SMALL, 5, 30, seed=3)
    assert (len(fitted), len(checked)) == (5, 30)
    assert not set(fitted) & set(checked)
    assert spanning(SPACE, SMALL, 5, 30, seed=3) == (fitted, checked)
    sizes = [flops(genotype, SMALL) for genotype in checked]
    usual = [flops(genotype, SMALL) for genotype in genotypes(300)]
    assert sizes == sorted(sizes)
    assert min(sizes) < min(usual)
    assert max(sizes) > np.quantile(usual, 0.95)
    counts = [Counter(op for op, _ in genotype.normal + genotype.reduce) for genotype in checked]
    assert max(count["none"] for count in counts) >= 9
    assert max(count["skip_connect"] for count in counts) >= 9
    with pytest.raises(ValueError, match="space: expected at least 35 architectures to measure, got"):
        spanning(DARTSSpace(1, ("skip_connect", "none")), SMALL, 5, 30)


def quick(**fields: Any) -> LatencyTable:
    options = {"rounds": 1, "network_rounds": 1, "fitted": 2, "checked": 3, **fields}
    return build(SPACE, SMALL, **options)  # type: ignore[arg-type]


def test_a_table_has_all_layers_and_tells_how_it_was_made() -> None:
    now = torch.get_num_threads()
    steps: list[Step] = []
    state = torch.get_rng_state()
    formats = ("contiguous", "channels_last")
    table = quick(memory_formats=formats, threads=1, listener=steps.append)
    assert set(table.layers) == {(layer, name) for layer in layers_needed(SPACE, SMALL) for name in formats}
    assert all(timing.ms > 0 for timing in table.layers.values())
    assert (table.memory_format, table.threads, table.network, table.space) == ("contiguous", 1, SMALL, SPACE)
    assert table.device
    assert table.additivity is not None
    assert (table.additivity.networks, table.additivity.fitted) == (3, 2)
    assert [step.done for step in steps] == list(range(1, steps[-1].total + 1))
    assert LatencyTable.from_json(table.to_json()) == table
    assert torch.get_num_threads() == now
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()


def test_figures_of_additivity_are_those_of_the_checked_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    fitted, checked = spanning(SPACE, SMALL, 4, 8)
    time = {layer: (k % 7 + 1) / 2 for k, layer in enumerate(layers_needed(SPACE, SMALL))}
    true = [sum(3 + 2 * time[layer] for layer in running(genotype, SMALL)) for genotype in [*fitted, *checked]]
    told = np.array(true[4:])
    true[-1] *= 2  # of one that is checked

    def times(groups: Any, *args: Any, **kwargs: Any) -> list[dict[Any, Timing]]:
        (layers, _), (networks, _) = groups
        return [
            {(layer, name): Timing(*[time[layer]] * 3) for layer, name in layers},
            {k: Timing(ms, ms, ms) for k, ms in zip(networks, true, strict=True)},
        ]

    monkeypatch.setattr(measuring, "alternately", times)
    table = quick(fitted=4, checked=8)
    assert (table.between, table.scale) == pytest.approx((3, 2))
    assert table.additivity is not None
    assert table.additivity.mean_error == pytest.approx(0.5 / 8, abs=1e-6)
    assert table.additivity.spearman == pytest.approx(spearmanr(told, true[4:]).statistic, abs=1e-6)


def test_a_network_is_measured_in_evaluation_mode_without_gradients_at_batch_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[bool, bool, torch.Size, int]] = []
    forward = Network.forward

    def watched(self: Network, x: torch.Tensor) -> torch.Tensor:
        seen.append((self.training, torch.is_grad_enabled(), x.shape, torch.get_num_threads()))
        return forward(self, x)

    monkeypatch.setattr(Network, "forward", watched)
    shape = NetworkConfig(channels=4, layers=3, image_shape=(1, 8, 8), auxiliary_head=True, drop_path_prob=0.2)
    found = network_latency([*genotypes(1), EMPTY], shape, rounds=2)
    assert all(0 < timing.low <= timing.ms <= timing.high for timing in found)
    settled = (True, False, torch.Size([16, 1, 8, 8]), 1)
    assert seen[:2] == [settled, settled]
    assert set(seen[2:]) == {(False, False, torch.Size([1, 1, 8, 8]), 1)}
    assert len(seen) == 2 + 2 * 2 * (WARMUP + 2)  # each run comes right after another


def test_what_was_measured_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = made_up(SPACE, SMALL)
    asked: list[NetworkConfig] = []
    monkeypatch.setattr(measuring, "build", lambda space, network, **kwargs: asked.append(network) or made)
    cpu = torch.device("cpu")
    assert cached(SPACE, SMALL, cpu) == cached(SPACE, SMALL, cpu) == made
    (path,) = (tmp_path / "carsmoo" / "latency").iterdir()
    assert LatencyTable.read(path) == made
    path.write_text("{")
    assert cached(SPACE, SMALL, cpu) == made
    assert len(asked) == 2
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert cached(SPACE, SMALL, cpu) == made


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"threads": 0}, ValueError, "threads: expected at least 1, got 0"),
        ({"memory_formats": ("spiral",)}, ValueError, "memory_format: expected one of channels_last, contiguous, got"),
        ({"memory_formats": ()}, ValueError, "memory_formats: expected at least one, got none"),
        ({"rounds": 0}, ValueError, "rounds: expected at least 1, got 0"),
        ({"fitted": 1}, ValueError, "fitted: expected at least 2, got 1"),
        ({"checked": 1.5}, TypeError, "checked: expected an integer of at least 2, got 1.5"),
        ({"device": "abacus"}, ValueError, "device: expected one that torch can compute on, got 'abacus'"),
    ],
)
def test_wrong_arguments_are_refused(fields: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        quick(**fields)
    with pytest.raises(TypeError, match="space: expected SearchSpace, got 3"):
        build(3, SMALL)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="genotypes: expected Architecture, got 'CARS-A'"):
        network_latency(["CARS-A"], SMALL)  # type: ignore[list-item]
