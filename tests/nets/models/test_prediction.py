import dataclasses
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import ImageData, load_for_training
from carsmoo.nets.data import load as load_data
from carsmoo.nets.models.model_card import data_card
from carsmoo.nets.models.network import untrained
from carsmoo.nets.models.prediction import BATCH, Prediction, predictions
from carsmoo.nets.models.serialization import SavedNetwork, load, save
from carsmoo.nets.retraining.job import Job, card_of_data, error_in, train
from carsmoo.zoo import GENOTYPES
from tests.support.images import draw_folder
from tests.support.networks import SMALL

COUNTS = {"ant": 8, "bee": 8, "cow": 8}
RECIPE = TrainingRecipe(channels=2, layers=3, epochs=2, batch=12, learning_rate=0.05)


def drawn(root: Path, **options: Any) -> Path:
    """Write a folder with splits of its own."""
    for k, split in enumerate(("train", "val", "test")):
        draw_folder(root / split, COUNTS, seed=k, **options)
    return root


def widen(root: Path) -> None:
    """Turn the pictures of a folder into grey ones of 16 bits."""
    for path in root.rglob("*.png"):
        wide = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 256 + 77
        Image.fromarray(wide).save(path)


def resize_some(root: Path) -> None:
    """Give every other picture of a folder another size."""
    for k, path in enumerate(sorted(root.rglob("*.png"))):
        if k % 2:
            Image.open(path).resize((11, 15)).save(path)


@pytest.fixture(scope="module", params=["colour", "grey", "16 bits", "scaled", "streamed"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """Return the folder of a trained network and its data, whose test split is root/test in the order of its paths."""
    root = drawn(tmp_path_factory.mktemp("images") / "drawn", mode="L" if request.param == "grey" else "RGB")
    if request.param == "16 bits":
        widen(root)
    if request.param in ("scaled", "streamed"):
        resize_some(root)
    options = {"scaled": "?size=10x8", "streamed": "?size=8x10&stream=yes"}.get(request.param, "")
    data = f"folder:{root}{options}"
    out = root.parent / "network"
    train(Job(folder=out, genotype=GENOTYPES["CARS-A"], recipe=RECIPE, data=data, threads=1))
    return out, (root, load_for_training(data, RECIPE))


def expected(network: SavedNetwork, data: Any) -> tuple[list[int], np.ndarray]:
    """Return classes and probabilities of the test split, from the images as training has them."""
    images = torch.cat([part for part, _ in data.test.batches(7)])
    with torch.no_grad():
        logits = network.eval()(data.normalise(images))
    return logits.argmax(dim=1).tolist(), torch.softmax(logits, dim=1).numpy()


def test_it_predicts_what_the_error_on_the_split_counted(trained: tuple[Path, Any]) -> None:
    folder, (root, data) = trained
    network = load(folder)
    paths = sorted((root / "test").rglob("*.png"))
    found = network.predict(paths)
    classes, probabilities = expected(network, data)
    names = list(COUNTS)
    assert network.class_names == names
    assert [one.label for one in found] == [names[k] for k in classes]
    got = np.array([[one.probabilities[name] for name in names] for one in found])
    np.testing.assert_allclose(got, probabilities, atol=1e-5)
    assert [one.probability for one in found] == got.max(axis=1).tolist()
    wrong = np.mean([one.label != path.parent.name for one, path in zip(found, paths, strict=True)])
    assert wrong == error_in(network.card, "test")
    alone = network.predict(str(paths[3]))
    assert isinstance(alone, Prediction)
    assert alone.label == found[3].label


def test_a_file_a_picture_and_its_pixels_are_one_image(trained: tuple[Path, Any]) -> None:
    folder, (root, _) = trained
    network = load(folder)
    path = min((root / "test").rglob("*.png"))
    picture = Image.open(path)
    pixels = np.asarray(picture)
    first = pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)
    one = network.predict(path)
    batch = first[None, None] if pixels.ndim == 2 else first[None]
    for same in (picture, pixels, first, torch.from_numpy(first.copy())):
        assert network.predict(same) == one
    assert network.predict(batch) == network.predict([path]) == [one]
    for got in network.predict([picture, pixels, first]):
        np.testing.assert_allclose(list(got.probabilities.values()), list(one.probabilities.values()), atol=1e-5)
    if pixels.dtype == np.uint8:
        assert network.predict((first / 255).astype(np.float32)) == one


def small(images: Any, labels: Any, **options: Any) -> SavedNetwork:
    """Return a network with random weights that tells of data."""
    data = images if isinstance(images, ImageData) else ImageData.from_arrays(images, labels, **options)
    return told(card_of_data(data))


def told(card: dict[str, Any]) -> SavedNetwork:
    config = dataclasses.replace(SMALL, image_shape=tuple(card["images"]), n_classes=card["classes"])
    network = untrained(GENOTYPES["CARS-A"], config)
    made = SavedNetwork(GENOTYPES["CARS-A"], config, {"data": card}).eval()
    made.load_state_dict(network.state_dict())
    return made


RNG = np.random.default_rng(0)
BYTES = RNG.integers(0, 256, (60, 3, 8, 8), dtype=np.uint8)
LABELS = np.arange(60) % 3


def test_batches_are_lists_in_order_whatever_their_length() -> None:
    network = small(BYTES, LABELS)
    many = np.concatenate([BYTES, BYTES])[: BATCH + 3]
    found = network.predict(many)
    assert isinstance(found, list)
    assert len(found) == BATCH + 3
    for k in (0, 17, BATCH + 2):
        alone = network.predict(many[k])
        assert isinstance(alone, Prediction)
        np.testing.assert_allclose(list(found[k].probabilities.values()), list(alone.probabilities.values()), atol=1e-5)
    assert network.predict(torch.from_numpy(BYTES[:1])) == [network.predict(BYTES[0])]
    assert network.predict(BYTES[:2].transpose(0, 2, 3, 1)) == network.predict(BYTES[:2])
    assert network.predict([]) == network.predict(BYTES[:0]) == []


def test_it_is_in_evaluation_mode_and_leaves_the_mode_as_it_was() -> None:
    network = small(BYTES, LABELS)
    one = network.predict(BYTES[0])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    assert network.predict(BYTES[0]) == one
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    with pytest.raises(ValueError, match="images: expected an image in 3 colours"):
        network.predict(BYTES[0, :1])
    assert network.training


def test_colours_and_transparency_of_files(tmp_path: Path) -> None:
    network, grey = small(BYTES, LABELS), small(BYTES[:, 0], LABELS)
    colour = Image.fromarray(BYTES[0].transpose(1, 2, 0))
    clear = colour.copy()
    clear.putalpha(Image.fromarray(BYTES[1, 0]))
    clear.save(tmp_path / "rgba.png")
    assert network.predict(tmp_path / "rgba.png") == network.predict(BYTES[0])
    Image.fromarray(BYTES[0, 0]).save(tmp_path / "grey.png")
    assert network.predict(tmp_path / "grey.png") == network.predict(np.stack([BYTES[0, 0]] * 3))
    assert grey.predict(tmp_path / "grey.png") == grey.predict(BYTES[0, 0]) == grey.predict(BYTES[0, :1])
    assert grey.predict(colour) == grey.predict(np.asarray(colour.convert("L")))
    Image.fromarray(BYTES[0, 0].astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert grey.predict(tmp_path / "deep.png") == grey.predict(tmp_path / "grey.png")


def test_a_picture_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    network = small(BYTES, LABELS)
    picture = Image.fromarray(BYTES[0].transpose(1, 2, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    picture.save(tmp_path / "turned.png", exif=exif)
    upright = network.predict(picture.transpose(Image.Transpose.ROTATE_270))
    assert network.predict(tmp_path / "turned.png") == upright != network.predict(picture)
    assert network.predict(Image.open(tmp_path / "turned.png")) == upright


def test_data_in_floating_numbers_take_pictures_as_shares_of_white() -> None:
    network = small(BYTES.astype(np.float32) / 255, LABELS)
    raw = network.preprocess(torch.from_numpy(BYTES[:1].astype(np.float32) / 255))
    with torch.no_grad():
        expected = network(raw).softmax(dim=1)[0].numpy()
    pictures = (BYTES[0], BYTES[0].astype(np.float32) / 255, Image.fromarray(BYTES[0].transpose(1, 2, 0)))
    for image in pictures:
        np.testing.assert_allclose(list(network.predict(image).probabilities.values()), expected, atol=1e-5)
    own = small(RNG.normal(size=(60, 3, 8, 8)), LABELS)
    assert isinstance(own.predict(RNG.normal(size=(3, 8, 8))), Prediction)
    with pytest.raises(ValueError, match="images: expected floating numbers in the range of the data, got whole"):
        own.predict(BYTES[0])
    with pytest.raises(ValueError, match=r"images: expected an array in the data's own range, .*, got a picture"):
        own.predict(pictures[2])
    with pytest.raises(ValueError, match=r"images: expected floating numbers in 0\.\.1, got up to 255"):
        network.predict(np.full((3, 8, 8), 255.0))


@pytest.mark.parametrize(
    ("image", "says"),
    [
        ("nothing.png", r"images\[1\]: expected an image, got one that cannot be read in nothing\.png"),
        ("text.png", r"images\[1\]: expected an image, got one that cannot be read|damaged one in text\.png"),
        (BYTES[0, :1], r"images\[1\]: expected an image in 3 colours, got \(1, 8, 8\)"),
        (BYTES[0, 0], r"images\[1\]: expected an image in 3 colours, got \(1, 8, 8\)"),
        (BYTES[0, 0, 0], r"images\[1\]: expected an image, \(h, w\), \(c, h, w\) or \(h, w, c\), got \(8,\)"),
        (BYTES[:2], r"images\[1\]: expected an image, \(h, w\), .*, got \(2, 3, 8, 8\)"),
        (np.zeros((3, 8, 9), np.uint8), r"images\[1\]: expected 8x8 pixels .* not resized, got 8x9"),
        (Image.new("RGB", (9, 8)), r"images\[1\]: expected 8x8 pixels .* not resized, got 8x9"),
        (np.full((3, 8, 8), 2.0), r"images\[1\]: expected pixels up to 1, .*, got 2"),
        (np.full((3, 8, 8), np.nan), r"images\[1\]: expected finite numbers"),
        (np.full((3, 8, 8), 256), r"images\[1\]: expected pixels up to 255, .*, got 256"),
        (np.full((3, 8, 8), -1), r"images\[1\]: expected pixels of at least 0 and finite, got -1"),
    ],
)
def test_what_is_no_image_for_it_is_named(
    image: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.png").write_text("no picture")
    network = small(BYTES, LABELS)
    with pytest.raises(ValueError, match=f"^{says}") as caught:
        network.predict([BYTES[0], image])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("images", [None, 3, [[0, 1], [1, 0]], {"a.png"}])
def test_other_kinds_are_refused(images: Any) -> None:
    with pytest.raises(TypeError, match=r"images(\[0\])?: expected a path, a PIL image, or an array or tensor, got "):
        small(BYTES, LABELS).predict(images)


def test_class_names_are_those_of_the_data_else_their_numbers(tmp_path: Path) -> None:
    assert card_of_data(load_data("digits"))["class_names"] == list("0123456789")
    assert small(BYTES, LABELS).class_names == ["0", "1", "2"]
    assert small(BYTES, LABELS, class_names=["x", "y", "z"]).predict(BYTES[0]).label in "xyz"
    network = small(BYTES, LABELS, class_names=["x", "y", "z"])
    save(network, tmp_path, {"data": network.card["data"], "recipe": {}, "accuracy": []})
    again = load(tmp_path)
    assert again.class_names == ["x", "y", "z"]
    assert again.predict(BYTES[:5]) == network.predict(BYTES[:5])


def test_an_old_card_takes_arrays_as_they_are_and_refuses_pictures(tmp_path: Path) -> None:
    new = small(BYTES, LABELS)
    save(new, tmp_path, {"data": new.card["data"], "recipe": {}, "accuracy": []})
    card = json.loads((tmp_path / "network.json").read_text())
    card["data"]["class_names"] = None
    del card["data"]["reading"]
    save_file(load_file(tmp_path / "best.safetensors"), tmp_path / "best.safetensors", {"carsmoo": json.dumps(card)})
    old = load(tmp_path / "best.safetensors")
    assert old.class_names == ["0", "1", "2"]
    assert old.predict(BYTES[:4]) == new.predict(BYTES[:4])
    assert old.predict(BYTES[0].astype(np.float32)) == new.predict(BYTES[0])
    with pytest.raises(ValueError, match="images: expected an array in the data's own range"):
        old.predict(Image.new("RGB", (8, 8)))


def test_a_network_without_training_predicts_nothing(tmp_path: Path) -> None:
    save(untrained(GENOTYPES["CARS-A"], SMALL), tmp_path, {"data": None, "recipe": {}, "accuracy": []})
    with pytest.raises(ValueError, match="predict: expected a network that was trained on images"):
        load(tmp_path).predict(BYTES[0, 0])


def test_a_prediction_is_the_softmax_of_its_logits_and_is_frozen() -> None:
    one, tie = predictions(torch.tensor([[0.0, np.log(3.0), 0.0], [1.0, 5.0, 5.0]]), ["a", "b", "c"])
    assert one.probabilities == pytest.approx({"a": 0.2, "b": 0.6, "c": 0.2})
    assert (one.label, one.probability) == ("b", one.probabilities["b"])
    assert one.ranked() == [("b", one.probabilities["b"]), ("a", one.probabilities["a"]), ("c", one.probabilities["c"])]
    assert tie.label == "b"  # of equal ones the first, as argmax in the error
    assert pickle.loads(pickle.dumps(one)) == one
    assert repr(one) == f"Prediction(label='b', probability={one.probability})"
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.label = "a"  # type: ignore[misc]
    (crane,) = predictions(torch.tensor([[0.0, 1.0, 9.0]]), ["crane", "dog", "crane"])
    assert (crane.label, list(crane.probabilities)) == ("crane (2)", ["crane (0)", "dog", "crane (2)"])


def test_a_card_of_data_without_names_has_numbers() -> None:
    assert data_card("x", (1, 8, 8), 3, [1.0], [1.0])["class_names"] == ["0", "1", "2"]
