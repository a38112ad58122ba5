from pathlib import Path

import numpy as np
import pytest
import torch

from carsmoo.nets.data import ImageData, load


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


def test_bytes_stay_bytes_and_their_moments_are_those_of_wide_numbers() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3000, 3, 5, 7), dtype=np.uint8)
    X[:, 1] //= 3
    data = load((X, np.arange(3000) % 7))
    assert data.train.images.dtype == data.test.images.dtype == torch.uint8
    wide = data.train.images.double().transpose(0, 1).flatten(1)
    assert torch.allclose(data.mean.double(), wide.mean(dim=1), rtol=1e-6)
    assert torch.allclose(data.std.double(), wide.std(dim=1), rtol=1e-6)
