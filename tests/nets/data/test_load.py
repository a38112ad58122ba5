from pathlib import Path

import numpy as np
import pytest
import torch

from carsmoo.nets.data.in_memory import ImageData
from carsmoo.nets.data.load import load
from carsmoo.nets.data.transforms import Augmentation
from tests.support.networks import generator


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


def test_augmentation_is_a_crop_of_the_padded_image_maybe_mirrored() -> None:
    x = torch.arange(1, 1 + 200 * 2 * 4 * 5, dtype=torch.float32).reshape(200, 2, 4, 5)
    y = Augmentation(pad=2, flip=True)(x, generator())
    assert y.shape == x.shape
    seen = set()
    for image, result in zip(x, y, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
        found = [
            (top, left, flip)
            for top in range(5)
            for left in range(5)
            for flip in (False, True)
            for crop in (padded[:, top : top + 4, left : left + 5],)
            if torch.equal(crop.flip(2) if flip else crop, result)
        ]
        assert found
        seen.add(found[0])
    assert len(seen) > 30
    assert Augmentation()(x, generator()) is x
    assert torch.equal(Augmentation(pad=2)(x, generator(3)), Augmentation(pad=2)(x, generator(3)))


def test_own_images_need_only_be_arrays() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (120, 3, 9, 7), dtype=np.uint8), np.arange(120) % 4
    data = load((images, labels))
    assert data.image_shape == (3, 9, 7)
    assert data.classes == 4
    assert (len(data.test), len(data.validation), len(data.train)) == (24, 48, 48)
    grey = ImageData.from_arrays(
        rng.random((60, 5, 5)), np.arange(60) % 3, test=(rng.random((9, 5, 5)), np.arange(9) % 3)
    )
    assert grey.image_shape == (1, 5, 5)
    assert len(grey.test) == 9
    assert load(grey) is grey
    flat = ImageData.from_arrays(np.zeros((60, 5, 5)), np.arange(60) % 3)
    assert torch.isfinite(flat.normalise(flat.train.images)).all()


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        ("mnits", ValueError, "data: expected one of digits, mnist, .*, npz, got 'mnits'"),
        ("digits:/here", ValueError, "data: expected 'digits' without a path"),
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
        ((np.zeros((6, 8, 8)), np.array([0, 0, 0, 1, 1, 1])), ValueError, "images: expected enough of each class"),
    ],
)
def test_wrong_data_are_refused(data: object, error: type, says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        load(data)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_classes_may_have_names_and_each_needs_one() -> None:
    images, labels = np.zeros((30, 5, 5), np.uint8), np.arange(30) % 3
    assert load((images, labels)).class_names is None
    data = ImageData.from_arrays(images, labels, class_names=["a", "b", "c"])
    assert (data.class_names, data.classes) == (("a", "b", "c"), 3)
    with pytest.raises(ValueError, match="class_names: expected one for each of 3 classes, got 2"):
        ImageData.from_arrays(images, labels, class_names=["a", "b"])
    with pytest.raises(ValueError, match="class 'd': expected at least 3 images, one for each split, got 0"):
        ImageData.from_arrays(images, labels, class_names=["a", "b", "c", "d"])


def test_numbering_anew_is_what_is_told(tmp_path: Path) -> None:
    images, labels = np.zeros((30, 5, 5), np.uint8), np.arange(30) % 3 * 10 + 1
    with pytest.raises(ValueError, match=r"numpy\.unique\(labels, return_inverse=True\)$"):
        load((images, labels))
    values, numbers = np.unique(labels, return_inverse=True)
    assert (values.tolist(), load((images, numbers)).classes) == ([1, 11, 21], 3)
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    with pytest.raises(ValueError, match=r"^labels: expected each of 0 to 21 at least once, got none of 0; "):
        load(f"npz:{tmp_path / 'a.npz'}")


def test_other_splits_have_no_classes_of_their_own_and_need_not_have_all() -> None:
    images, labels = np.zeros((30, 5, 5), np.uint8), np.arange(30) % 3
    assert ImageData.from_arrays(images, labels, test=(images[:4], labels[:4] * 0 + 1)).classes == 3
    with pytest.raises(ValueError, match=r"^test: expected labels below 3, the number of classes, got 5"):
        ImageData.from_arrays(images, labels, test=(images[:4], labels[:4] * 0 + 5))
    with pytest.raises(ValueError, match=r"^validation: expected labels below 3, the number of classes, got 3"):
        ImageData.from_arrays(images, labels, validation=(images[:4], labels[:4] * 0 + 3), class_names="abc")


def test_a_class_that_few_images_leave_out_is_told() -> None:
    labels = np.array([0] * 50 + [1] * 50 + [2] * 3)
    with pytest.raises(ValueError, match="class 2: expected at least 3 images, one for each split, got 0"):
        ImageData.from_arrays(np.zeros((103, 5, 5), np.uint8), labels, limit=12)


def test_validation_images_that_are_given_are_kept() -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 5, 6), dtype=np.uint8), np.arange(60) % 3
    data = ImageData.from_arrays(images[:40], labels[:40], validation=(images[40:], labels[40:]), limit=20)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [16, 20, 4]
    assert np.array_equal(data.validation.images[:, 0].numpy(), images[40:])
    with pytest.raises(ValueError, match=r"limit: expected an integer in 1\.\.40, the number of images, got 41"):
        ImageData.from_arrays(images[:40], labels[:40], limit=41)
    with pytest.raises(ValueError, match=r"validation: expected images of \(1, 5, 6\), got \(1, 5, 5\)"):
        ImageData.from_arrays(images, labels, validation=(images[..., 1:], labels))
