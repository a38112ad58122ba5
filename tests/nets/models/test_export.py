import io
import json
import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import carsmoo
from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models import export
from carsmoo.nets.models import model_card as cards
from carsmoo.nets.models.base import ArchitectureNetwork
from carsmoo.nets.models.cells import set_memory_format
from carsmoo.nets.models.network import measure_noise, untrained
from carsmoo.nets.models.serialization import card_of
from carsmoo.space.architecture import Architecture
from carsmoo.space.genotype import Genotype
from carsmoo.utils.validation import StoppedError
from carsmoo.zoo import GENOTYPES
from tests.support.commands import QUICK, call
from tests.support.networks import EMPTY, generator, genotypes
from tests.support.runs import DATA
from tests.support.spaces import CELL, CHAIN, OWN

PAGE = Path(__file__).parents[3] / "docs" / "export.md"
TOLD = {"data": None, "recipe": {}, "accuracy": []}


def built(genotype: Architecture, config: NetworkConfig) -> ArchitectureNetwork:
    network = untrained(genotype, config, 1)
    measure_noise(network)
    return network.eval()


def outside(content: bytes, x: torch.Tensor) -> torch.Tensor:
    """Return the logits of an ONNX file as another program gets them."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {session.get_inputs()[0].name: x.numpy()})[0])


def same_everywhere(network: ArchitectureNetwork, n: int = 3) -> None:
    x = torch.randn(n, *network.config.input_shape, generator=generator(5))
    card = card_of(network, TOLD, "network")
    ready = export.ready(network, card)
    expected = network(x).detach()
    file = export.to_onnx(ready, card, [x])
    assert float((outside(file.content, x) - expected).abs().max()) < 1e-4 * max(1.0, float(expected.abs().max()))
    again = torch.export.load(io.BytesIO(export.to_torch(ready, card, [x]).content)).module()
    torch.testing.assert_close(again(x), expected, rtol=1e-4, atol=1e-5)


SMALL = {"channels": 4, "layers": 3, "n_classes": 5}
TINY = {**SMALL, "layers": 1}
EVERY = Genotype(  # each operation at stride 1 and, where it may be, at 2
    normal=(("max_pool_3x3", 0), ("avg_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 2), ("dil_conv_3x3", 1),
            ("dil_conv_5x5", 3), ("skip_connect", 0), ("none", 4)),
    normal_concat=(2, 3, 4, 5),
    reduce=(("max_pool_3x3", 0), ("avg_pool_3x3", 1), ("sep_conv_3x3", 0), ("sep_conv_5x5", 1), ("dil_conv_3x3", 1),
            ("dil_conv_5x5", 0), ("skip_connect", 0), ("none", 1)),
    reduce_concat=(2, 3, 4, 5),
)  # fmt: skip


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("genotype", "config"),
    [
        (EVERY, NetworkConfig.cifar(**SMALL, image_shape=(1, 9, 7))),
        (EVERY, NetworkConfig.imagenet(**SMALL, image_shape=(3, 45, 61))),
        (EMPTY, NetworkConfig.cifar(**SMALL, image_shape=(2, 8, 8))),
        (genotypes(1, 3)[0], NetworkConfig(channels=4, layers=2, image_shape=(3, 5, 11), auxiliary_head=True)),
        (CHAIN.decode([1, 0, 2]), NetworkConfig.cifar(**SMALL, image_shape=(1, 9, 7))),
        (CELL.decode([0, 3, 1, 4, 2, 1]), NetworkConfig.imagenet(**SMALL, image_shape=(3, 45, 61))),
        (CELL.decode([0] * 6), NetworkConfig.cifar(**SMALL, image_shape=(1, 1, 1))),
        (OWN.decode(OWN.xu), NetworkConfig.cifar(**SMALL, image_shape=(2, 5, 11))),
    ],
    ids=[
        *("grey and odd", "imagenet stem, odd", "all none", "no affine, auxiliary head"),
        *("chain", "cell", "cell of nothing", "own operations"),
    ],
)
def test_logits_are_the_same_in_onnxruntime_and_torch_export(genotype: Architecture, config: NetworkConfig) -> None:
    same_everywhere(built(genotype, config))


@pytest.mark.end_to_end
def test_channels_last_makes_no_difference_and_the_network_stays_as_it_is() -> None:
    network = built(GENOTYPES["CARS-A"], NetworkConfig.cifar(**TINY, image_shape=(3, 8, 8)))
    set_memory_format(network, torch.channels_last)
    strides = {name: p.stride() for name, p in network.named_parameters()}
    same_everywhere(network)
    assert {name: p.stride() for name, p in network.named_parameters()} == strides
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.slow
def test_the_whole_cars_a_is_the_same_in_onnxruntime() -> None:
    same_everywhere(built(GENOTYPES["CARS-A"], NetworkConfig.cifar()))


@pytest.mark.end_to_end
def test_the_card_goes_along_and_raw_pixels_are_normalised_inside() -> None:
    config = NetworkConfig.cifar(**TINY, image_shape=(3, 8, 8))
    network = built(GENOTYPES["CARS-B"], config)
    data = cards.data_card("x", (3, 8, 8), 5, [100.0, 110.0, 120.0], [50.0, 60.0, 70.0], list("abcde"))
    card = card_of(network, {**TOLD, "data": data}, "network")
    pixels = torch.randint(0, 256, (4, 3, 8, 8), generator=generator()).float()
    file = export.to_onnx(export.ready(network, card, raw=True), card, [pixels])
    mean, std = np.array([100, 110, 120]), np.array([50, 60, 70])
    by_hand = (pixels.numpy() - mean[:, None, None]) / std[:, None, None]
    expected = network(torch.from_numpy(by_hand).float()).detach()
    torch.testing.assert_close(outside(file.content, pixels), expected, rtol=1e-4, atol=1e-4)
    properties = {entry.key: entry.value for entry in onnx.load_from_string(file.content).metadata_props}
    assert json.loads(properties["carsmoo"]) == card


def test_another_networks_logits_are_found_out() -> None:
    config = NetworkConfig.cifar(**SMALL, image_shape=(1, 8, 8))
    x = torch.randn(2, 1, 8, 8, generator=generator())
    one, other = built(GENOTYPES["CARS-A"], config), built(GENOTYPES["CARS-B"], config)
    with pytest.raises(StoppedError, match=r"onnx: expected logits within .* of the network's, got"):
        export._compared("onnx", one, other, [x])
    with pytest.raises(StoppedError, match="got nan"):
        export._compared("onnx", one, lambda x: one(x) * torch.nan, [x])


def test_raw_needs_data() -> None:
    network = built(EMPTY, NetworkConfig.cifar(**SMALL))
    with pytest.raises(ValueError, match="data: expected a network that was trained on some"):
        export.ready(network, card_of(network, TOLD, "network"), raw=True)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "find_spec", lambda name: None if name == "onnxruntime" else "found")
    with pytest.raises(ImportError, match=r"expected the package onnxruntime, .* pip install 'carsmoo\[export\]'"):
        export.require_onnx()


@pytest.mark.end_to_end
def test_a_run_is_exported_with_the_error_of_its_front(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    assert call("search", *QUICK, "--set", "network.layers=1", "--out", run) == 0
    front = carsmoo.Front.load(run / "front.json")
    assert call("export", run, "--out", out, "--network", len(front), "--format", "safetensors") == 0
    assert "differ by at most 0 once loaded" in capsys.readouterr().out
    network = carsmoo.load(out)
    assert network.genotype == front.genotypes[-1]
    assert network.card["accuracy"][0]["error"] == pytest.approx(front.column("error")[-1])
    assert network.card["data"]["name"] == DATA
    assert call("export", out, "--out", tmp_path / "again", "--format", "onnx", "--raw") == 0
    assert "6 random images and 60 real ones" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="expected the weights in"):
        carsmoo.load(tmp_path / "again")
    assert call("export", run, "--out", tmp_path / "no", "--network", len(front) + 1) == 2
    assert not (tmp_path / "no").exists()


def test_a_genotype_is_exported_with_weights_from_a_seed(tmp_path: Path) -> None:
    small = ["--channels", 4, "--layers", 3, "--format", "safetensors"]
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call("export", "CARS-C", "--out", tmp_path / name, "--seed", seed, *small) == 0
    a, b, c = ((tmp_path / name / "network.safetensors").read_bytes() for name in "abc")
    assert a == b != c
    assert carsmoo.load(tmp_path / "a").card["recipe"]["weights"] == "random, untrained"
    assert carsmoo.load(tmp_path / "a").card["data"] is None


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["nothing", "--out", "out"], "genotype: expected one of CARS-A"),
        (["CARS-A", "--out", "out", "--network", "1"], "network: expected none but for the directory of a run, got 1"),
        (["CARS-A", "--out", "out", "--channels", "1"], "channels: expected at least 2, got 1"),
        (["CARS-A", "--out", "out", "--channels", "4", "--layers", "1", "--raw"], "data: expected a network that was"),
        (["CARS-A", "--out", "full"], "out: expected a new or empty directory, got full"),
        (["full", "--out", "out"], "network: expected a folder with network.json"),
        (["full", "--out", "out", "--layers", "3"], "layers: expected none but for a genotype, got 3"),
    ],
)
def test_wrong_calls_write_nothing(
    argv: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    assert call("export", *argv) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.end_to_end
def test_the_code_of_the_manual_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text().partition("## Loading it")[2], flags=re.S)
    monkeypatch.chdir(tmp_path)
    assert call("export", "CARS-A", "--out", "files", "--channels", 2, "--layers", 1) == 0
    assert len(blocks) == 3
    for block in blocks:
        exec(block, {})
