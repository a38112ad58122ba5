import copy
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from carsmoo.config.network import NetworkConfig
from carsmoo.nets.models import model_card as cards
from carsmoo.nets.models.network import Network
from carsmoo.nets.models.serialization import SavedNetwork, load, save
from carsmoo.zoo import GENOTYPES
from tests.support.networks import images

CONFIG = NetworkConfig(
    channels=4, layers=3, image_shape=(1, 8, 8), n_classes=10, bn_affine=True, auxiliary_head=True, drop_path_prob=0.1
)
DATA = cards.data_card("digits", (1, 8, 8), 10, [73.0], [90.0], list("0123456789"))
ACCURACY = {"split": "test", "epoch": 3, "weights": "stand-alone", "error": 0.25}
CARD = {"data": DATA, "recipe": {"epochs": 3}, "accuracy": [ACCURACY]}


def trained(seed: int = 0) -> Network:
    """Return a network whose weights and running statistics are not those of a fresh one."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network(GENOTYPES["CARS-A"], CONFIG).train()
        network(images(CONFIG, 8, seed))
    return network.eval()


def test_what_is_loaded_gives_the_same_logits_and_tells_its_story(tmp_path: Path) -> None:
    network, x = trained(), images(CONFIG)
    save(network, tmp_path / "net", CARD)
    before = torch.get_rng_state()
    for path in (tmp_path / "net", tmp_path / "net" / "network.json", str(tmp_path / "net" / "best.safetensors")):
        again = load(path)
        assert isinstance(again, SavedNetwork)
        assert not again.training
        assert torch.equal(again(x), network(x))
        assert again.card["accuracy"] == [ACCURACY]
        assert again.card["data"] == DATA
        assert again.class_names == list("0123456789")
        assert again.genotype == network.genotype
        assert again.config.input_shape == (1, 8, 8)
        assert again.card["costs"]["params"] == sum(p.numel() for p in again.parameters())
        assert torch.equal(again.preprocess(torch.full((1, 1, 8, 8), 163, dtype=torch.uint8)), torch.ones(1, 1, 8, 8))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(p.requires_grad for p in again.parameters())
    again.train()(x).sum().backward()


def test_network_json_tells_of_the_best_whatever_else_is_saved(tmp_path: Path) -> None:
    best, last = trained(0), trained(1)
    save(last, tmp_path, CARD, "last")
    assert torch.equal(load(tmp_path)(images(CONFIG)), last(images(CONFIG)))
    save(best, tmp_path, CARD)
    save(last, tmp_path, {**CARD, "accuracy": []}, "last")
    assert torch.equal(load(tmp_path)(images(CONFIG)), best(images(CONFIG)))
    assert load(tmp_path / "last.safetensors").card["accuracy"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best.safetensors", "last.safetensors", "network.json"]


def test_weights_without_a_card_take_that_beside_them(tmp_path: Path) -> None:
    save(trained(), tmp_path, CARD)
    save_file(load_file(tmp_path / "best.safetensors"), tmp_path / "best.safetensors")
    assert load(tmp_path / "best.safetensors").card["data"] == DATA
    (tmp_path / "network.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"network: expected a card in .*network\.json, got no such file"):
        load(tmp_path / "best.safetensors")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"recipe": {"f": print}}, "card: expected values that JSON holds"),
        ({"recipe": {"rate": float("nan")}}, "card: expected values that JSON holds"),
        ({"data": {**DATA, "mean": [1.0, 2.0]}}, "card: data.mean: expected 1 numbers, got"),
        ({"data": {**DATA, "std": [0.0]}}, "card: data.std: expected 1 numbers above 0"),
        ({"accuracy": [{**ACCURACY, "error": 25}]}, r"card: accuracy.error: expected a number in \[0, 1\], got 25"),
        ({"accuracy": [{**ACCURACY, "epoch": -1}]}, "card: accuracy.epoch: expected at least 0, got -1"),
        ({"genotype": 3}, "card: expected the fields data, recipe, accuracy"),
    ],
)
def test_an_unfit_card_is_not_written(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        save(trained(), tmp_path / "net", {**CARD, **change})
    assert not (tmp_path / "net").exists()


def test_weights_that_are_not_finite_and_odd_names_are_not_written(tmp_path: Path) -> None:
    network = trained()
    for name in ("../best", "", ".best", "a/b", "a\\b"):
        with pytest.raises(ValueError, match=r"card: file: expected the name of a \.safetensors file"):
            save(network, tmp_path / "net", CARD, name)
    with torch.no_grad():
        network.classifier.bias[0] = torch.inf
    with pytest.raises(ValueError, match=r"classifier\.bias: expected finite numbers"):
        save(network, tmp_path / "net", CARD)
    assert not (tmp_path / "net").exists()


Change = Callable[[dict[str, Any]], object]


def put(*keys: Any, value: Any) -> Change:
    def change(card: dict[str, Any]) -> None:
        place: Any = card
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def drop(*keys: str) -> Change:
    def change(card: dict[str, Any]) -> None:
        place: Any = card
        for key in keys[:-1]:
            place = place[key]
        del place[keys[-1]]

    return change


FIELDS = cards.FIELDS
FIT: list[tuple[str, Any]] = [("data", None), ("accuracy", []), ("recipe", {}), ("recipe", {"a": 1}), ("versions", {})]
CHANGES: list[Change] = [
    *(drop(name) for name in FIELDS),
    *(put(name, value=value) for name in FIELDS for value in (None, 7, "x", [], {}, [1], {"a": 1})
      if (name, value) not in FIT),
    *(drop("network", name) for name in CONFIG.__dict__),
    *(put("network", name, value=value) for name in CONFIG.__dict__ for value in ("x", -1, {}, [1, 2])),
    *(drop("data", name) for name in DATA if name != "reading"),
    *(put("data", name, value=value) for name in DATA for value in (-1, {}, [True], 1e400)),
    *(drop("genotype", name) for name in ("normal", "reduce", "normal_concat", "reduce_concat")),
    *(put("accuracy", 0, name, value=value) for name in ACCURACY for value in (None, [], -0.5)),
    put("format", value=2),
    put("format", value=True),
    put("file", value="/etc/passwd"),
    put("file", value="../best.safetensors"),
    put("file", value="best.pt"),
    put("unknown", value=1),
    put("network", "unknown", value=1),
    put("network", "channels", value=10**9),
    put("network", "channels", value=8),
    put("network", "layers", value=1000),
    put("network", "auxiliary_head", value=True),
    put("genotype", "normal", value=[["__import__('os')", 0]] * 8),
    put("genotype", "normal", value=[["none", 0], ["none", 1]] * 100_000),
    put("costs", "params", value=1),
    put("versions", "torch", value=2),
]  # fmt: skip


@pytest.mark.end_to_end
@pytest.mark.parametrize("inside", [False, True])
def test_a_crafted_card_gives_one_line(tmp_path: Path, inside: bool) -> None:
    save(trained(), tmp_path, CARD)
    weights = load_file(tmp_path / "best.safetensors")
    good = json.loads((tmp_path / "network.json").read_text())
    for number, change in enumerate(CHANGES[:: 4 if inside else 1]):  # which the same function reads from both
        bad = copy.deepcopy(good)
        change(bad)
        if inside:
            save_file(weights, tmp_path / "best.safetensors", {"carsmoo": json.dumps(bad)})
        else:
            (tmp_path / "network.json").write_text(json.dumps(bad))
        with pytest.raises((ValueError, OSError)) as caught:
            load(tmp_path / ("best.safetensors" if inside else "network.json"))
        message = str(caught.value)
        assert "expected" in message, number
        assert "\n" not in message, number
        assert len(message) < 500, number
        assert caught.type.__module__ == "builtins", number


@pytest.mark.parametrize(
    "text",
    ["", "[", "null", "[]", "[" * 100_000, '{"format": 1, "format": 1}', '{"format": NaN}', "9" * 5000, "\udcff"],
)
def test_what_is_no_card_gives_one_line(tmp_path: Path, text: str) -> None:
    save(trained(), tmp_path, CARD)
    (tmp_path / "network.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"network\.json: ") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_other_weights_are_named(tmp_path: Path) -> None:
    save(trained(), tmp_path, CARD)
    path = tmp_path / "best.safetensors"
    text = (tmp_path / "network.json").read_text()
    good = load_file(path)
    bias = good["classifier.bias"]
    statistic = next(key for key in good if key.endswith("running_mean"))
    for bad, says in (
        ({**good, "extra": torch.zeros(2)}, "expected [0-9]+ parameters as in the card, got [0-9]+"),
        ({**good, "extra.running_mean": torch.zeros(2)}, "'extra.running_mean': expected no such tensor, got F32"),
        ({k: v for k, v in good.items() if k != statistic}, f"'{statistic}': expected F32 .*, got no such tensor"),
        ({**good, statistic: torch.zeros(99)}, rf"'{statistic}': expected F32 .*, got F32 \(99,\)"),
        ({**good, "classifier.bias": bias.view(1, -1)}, r"'classifier.bias': expected F32 \(10,\), got F32 \(1, 10\)"),
        ({**good, "classifier.bias": bias.double()}, r"expected F32 \(10,\), got F64 \(10,\)"),
        ({**good, "classifier.bias": bias * torch.nan}, "classifier.bias: expected finite numbers"),
    ):
        save_file(bad, path, {"carsmoo": text})
        with pytest.raises(ValueError, match=says):
            load(tmp_path)


class Bomb:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("exploded"),)


def test_damaged_files_and_pickles_run_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save(trained(), tmp_path, CARD)
    path = tmp_path / "best.safetensors"
    content = path.read_bytes()
    for bad in (b"", content[:5], content[:100], content[:-1], content + b"x", pickle.dumps(Bomb()), b"\xff" * 64):
        path.write_bytes(bad)
        for given in (tmp_path, path):
            with pytest.raises(ValueError, match=r"best\.safetensors: expected weights as safetensors") as caught:
                load(given)
            assert "\n" not in str(caught.value)
    torch.save(Bomb(), path)
    with pytest.raises(ValueError, match="expected weights as safetensors"):
        load(path)
    (tmp_path / "network.json").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(ValueError, match="expected a card as JSON"):
        load(tmp_path)
    assert not (tmp_path / "exploded").exists()


def test_what_is_no_path_or_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="path: expected that of a saved network, got 3"):
        load(3)  # type: ignore[arg-type]
    for missing in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(FileNotFoundError, match=r"network: expected a folder with network\.json"):
            load(missing)
    save(trained(), tmp_path, CARD)
    (tmp_path / "best.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="network: expected the weights in"):
        load(tmp_path)


def test_another_network_than_the_card_tells_of_is_refused(tmp_path: Path) -> None:
    save(trained(), tmp_path, CARD)
    card = (tmp_path / "network.json").read_text()
    with torch.random.fork_rng():
        other = Network(GENOTYPES["CARS-B"], CONFIG)
    save(other, tmp_path, CARD)
    (tmp_path / "network.json").write_text(card)
    with pytest.raises(ValueError, match=r"expected the network that network\.json tells of"):
        load(tmp_path)
