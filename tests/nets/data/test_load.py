from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from carsmoo.nets.data import from_dataset, load
from tests.support.images import draw_folder


def test_digits_have_the_splits_of_the_demo() -> None:
    data = load("digits")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [960, 477, 360]
    assert data.image_shape == (1, 8, 8)
    assert data.classes == 10
    for part in (data.train, data.validation, data.test):
        share = np.bincount(part.labels.numpy()) / len(part)
        assert np.abs(share - 0.1).max() < 0.012
    rows = [im.numpy().tobytes() for part in (data.train, data.validation, data.test) for im in part.images]
    assert len(rows) == 1797
    x = data.normalise(data.train.images)
    assert abs(float(x.mean())) < 1e-4
    assert abs(float(x.std()) - 1) < 1e-3
    assert torch.equal(load("digits").test.images, data.test.images)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ("mnits", ValueError, "data: expected one of digits, cluttered-digits, mnist, .*, npz, got 'mnits'"),
        ("digits:/here", ValueError, "data: expected 'digits' without a path"),
        ("cluttered-digits:here", ValueError, "data: expected 'cluttered-digits' without a path, got 'clu.*:here'"),
        (7, TypeError, "data: expected a name, an ImageData, a Dataset or"),
        (
            (np.zeros((9, 8)), np.zeros(9, int)),
            ValueError,
            r"images: expected \(n, h, w\) or \(n, c, h, w\), got \(9, 8\)",
        ),
        ((np.zeros((9, 8, 8), "S1"), np.zeros(9, int)), ValueError, "images: expected whole or floating numbers"),
        (
            (np.zeros((9, 8, 8, 4)), np.zeros(9, int)),
            ValueError,
            r"images: expected \(n, c, h, w\), got \(9, 8, 8, 4\)",
        ),
        (
            (np.zeros((9, 8, 8)), 1 + np.arange(9) % 3),
            ValueError,
            r"labels: expected each of 0 to 3 at least once, got none of 0; number them anew, values, labels = numpy\.",
        ),
        ((np.zeros((9, 8, 8)), np.arange(9) % 3 * 2), ValueError, "labels: expected each of 0 to 4 .* got none of 1;"),
        ((np.full((9, 8, 8), np.nan), np.zeros(9, int)), ValueError, "images: expected finite numbers of float32"),
        ((np.zeros((9, 8, 8)), np.zeros(8, int)), ValueError, "images: expected 9 integer labels"),
        ((np.zeros((9, 8, 8)), np.zeros(9)), ValueError, "images: expected 9 integer labels"),
        (
            (np.zeros((9, 8, 8)), np.array([0] * 8 + [1])),
            ValueError,
            "class 1: expected at least 3 images, one for each split, got 1",
        ),
        ((np.zeros((6, 8, 8)), np.array([0, 0, 0, 1, 1, 1])), ValueError, "images: expected the test split of 20 % to"),
        (
            "digits?images=30",
            ValueError,
            "^images: expected the test split of 20 % to .*, got 6 for 10 classes; give",
        ),
    ],
)
def test_wrong_data_are_refused(data: object, error: type, says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        load(data)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_folder_without_its_source_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"; a folder of images is called folder:{tmp_path}$"):
        load(str(tmp_path))


class Pictures(Dataset):
    classes = ("x", "y")

    def __init__(self, make: object, n: int = 20) -> None:
        self.make, self.n = make, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, k: int) -> tuple[object, object]:
        return self.make(k), k % 2  # type: ignore[operator]


def test_a_torch_data_set_is_read_whatever_its_images_are(tmp_path: Path) -> None:
    X = np.random.default_rng(0).integers(0, 256, (20, 3, 6, 9), dtype=np.uint8)
    y = torch.arange(20) % 2
    arrays = load((X, y.numpy())).digest()
    assert load(TensorDataset(torch.from_numpy(X), y)).digest() == arrays
    pictures = load(Pictures(lambda k: Image.fromarray(X[k].transpose(1, 2, 0))))
    assert pictures.digest() == arrays
    assert (pictures.name, pictures.class_names) == ("Pictures", ("x", "y"))
    assert load(Pictures(lambda k: X[k].transpose(1, 2, 0))).digest() == arrays
    floats = from_dataset(TensorDataset(torch.from_numpy(X) / 255, y), test=Pictures(lambda k: X[k] / 255.0, 4))
    assert floats.train.images.dtype == torch.float32
    assert len(floats.test) == 4
    draw_folder(tmp_path, {"a": 5, "b": 5})
    assert load(torchvision.datasets.ImageFolder(tmp_path)).class_names == ("a", "b")
    wide = X[:, 0].astype(np.uint16) * 16
    deep = load(Pictures(lambda k: Image.fromarray(wide[k])))
    assert deep.digest() == load((X[:, 0], y.numpy())).digest()
    numbers = load(Pictures(lambda k: Image.fromarray(X[k, 0] / np.float32(255)))).train.images
    assert numbers.dtype == torch.float32
    assert 0.5 < float(numbers.max()) <= 1


class Endless(IterableDataset):
    def __iter__(self) -> object:
        return iter(())


@pytest.mark.parametrize(
    ("dataset", "error", "says"),
    [
        (Endless(), TypeError, "dataset: expected a data set with a length and an index, got Endless"),
        (Pictures(None, 0), ValueError, "dataset: expected images, got an empty data set"),
        (Pictures(lambda k: np.zeros((4 + k, 4))), ValueError, r"dataset\[1\]: expected an image as the first, .*5, 4"),
        (Pictures(lambda k: "path"), TypeError, r"dataset\[0\]: expected an image, .*got str"),
        (TensorDataset(torch.zeros(9, 4, 4)), TypeError, r"dataset\[0\]: expected \(image, label\), got 'tuple'"),
        (
            TensorDataset(torch.zeros(9, 4, 8, 8), torch.arange(9) % 2 + 1),
            ValueError,
            "labels: expected each of 0 to 2 at least once, got none of 0",
        ),
        (TensorDataset(torch.zeros(9, 4, 4), torch.zeros(9)), TypeError, r"dataset\[0\]: expected an integer label"),
    ],
)
def test_wrong_data_sets_are_refused(dataset: Dataset, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        load(dataset)


def test_fewer_images_keep_the_shares_of_the_classes_and_the_seed_chooses() -> None:
    all_of_them, few = load("digits"), load("digits?images=200")
    assert sum(len(part) for part in (few.train, few.validation, few.test)) == 200
    labels = np.concatenate([part.labels for part in (few.train, few.validation, few.test)])
    every = np.concatenate([part.labels for part in (all_of_them.train, all_of_them.validation, all_of_them.test)])
    assert np.abs(np.bincount(labels) - np.bincount(every) * 200 / 1797).max() < 1
    assert few.name == "digits?images=200"
    assert few.digest() == load("digits?images=200").digest()
    assert few.digest() != load("digits?images=200&split_seed=1").digest()
