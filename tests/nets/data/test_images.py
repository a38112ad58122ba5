from pathlib import Path
from typing import Any

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
        ImageData.from_arrays(images, labels, validation=(images[:4], labels[:4] * 0 + 3), class_names=[*"abc"])


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


X, Y = np.zeros((60, 5, 5), np.uint8), np.arange(60) % 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"split_seed": None}, "split_seed: expected an integer, got None"),
        ({"split_seed": 1.5}, r"split_seed: expected an integer, got 1\.5"),
        ({"split_seed": "a"}, "split_seed: expected an integer, got 'a'"),
        ({"test_share": "x"}, "test_share: expected a number, got 'x'"),
        ({"validation_share": None}, "validation_share: expected a number, got None"),
        ({"size": 4}, r"size: expected \(height, width\), got 4"),
        ({"size": (4,)}, r"size: expected \(height, width\), got \(4,\)"),
        ({"size": "4x4"}, r"size: expected \(height, width\), got '4x4'"),
        ({"size": (4, 4.0)}, r"size: expected an integer of at least 1, got 4\.0"),
        ({"augmentation": "flip"}, "augmentation: expected Augmentation, got 'flip'"),
        ({"class_names": "abc"}, "class_names: expected a sequence of names, got 'abc'"),
        ({"class_names": [1, 2, 3]}, r"class_names: expected a sequence of names, got \[1, 2, 3\]"),
        ({"class_names": {"a"}}, "class_names: expected a sequence of names, got {'a'}"),
        ({"class_names": 3}, "class_names: expected a sequence of names, got 3"),
        ({"test": (X, Y, Y)}, r"test: expected \(images, labels\), got tuple of 3"),
        ({"validation": X[:2]}, r"validation: expected \(images, labels\), got ndarray"),
    ],
)
def test_arguments_of_another_kind_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=f"^{says}$"):
        ImageData.from_arrays(X, Y, **arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"split_seed": -1}, "split_seed: expected at least 0, got -1"),
        ({"split_seed": 2**32}, "split_seed: expected at most 4294967295, got 4294967296"),
        ({"test_share": 0}, r"test_share: expected a number in \(0, 1\), got 0"),
        ({"validation_share": 1.0}, r"validation_share: expected a number in \(0, 1\), got 1\.0"),
        ({"size": (0, 4)}, "size: expected at least 1, got 0"),
    ],
)
def test_arguments_out_of_their_range_are_refused(arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}$"):
        ImageData.from_arrays(X, Y, **arguments)


def test_a_size_may_be_a_list_and_names_an_array() -> None:
    data = ImageData.from_arrays(X, Y, size=[4, 6], class_names=np.array(["a", "b", "c"]))  # type: ignore[arg-type]
    assert (data.image_shape, data.class_names) == ((1, 4, 6), ("a", "b", "c"))


@pytest.mark.parametrize("names", [None, ["a"]])
def test_one_class_is_refused_where_labels_are_read(names: list[str] | None) -> None:
    with pytest.raises(ValueError, match=r"^labels: expected at least 2 classes, got 1$"):
        ImageData.from_arrays(X, 0 * Y, class_names=names)


def test_bytes_stay_bytes_and_their_moments_are_those_of_wide_numbers() -> None:
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (3000, 3, 5, 7), dtype=np.uint8)
    X[:, 1] //= 3
    data = load((X, np.arange(3000) % 7))
    assert data.train.images.dtype == data.test.images.dtype == torch.uint8
    wide = data.train.images.double().transpose(0, 1).flatten(1)
    assert torch.allclose(data.mean.double(), wide.mean(dim=1), rtol=1e-6)
    assert torch.allclose(data.std.double(), wide.std(dim=1), rtol=1e-6)
