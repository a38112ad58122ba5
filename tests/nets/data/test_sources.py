import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torch
import torchvision
from PIL import Image

from carsmoo.nets.data import ImageData, load, sources, transforms
from carsmoo.nets.data.transforms import Augmentation
from tests.support.images import draw_folder, draw_idx

FASHION = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
@pytest.mark.parametrize("packed", [True, False])
def test_idx_files_are_read_with_gzip_and_without(name: str, packed: bool, tmp_path: Path) -> None:
    folder = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}[name]
    images, labels = draw_idx(tmp_path / folder / "raw", packed=packed)
    data = load(f"{name}:{tmp_path}")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [30, 30, 20]
    assert load(f"{name}:{tmp_path / folder / 'raw'}").digest() == data.digest()
    assert data.augmentation.flip == (name == "fashion-mnist")
    assert len(data.class_names) == 10
    label_of = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    for part in (data.train, data.validation):
        assert [label_of[image.numpy().tobytes()] for image in part.images] == part.labels.tolist()
    if not packed:  # as torchvision reads the same files
        kind = getattr(torchvision.datasets, folder)
        assert torch.equal(kind(tmp_path, train=False).data, data.test.images[:, 0])


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_fashion_mnist_is_found_and_whole(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CARSMOO_IMAGES", str(tmp_path))
    data = load("fashion-mnist?images=6000")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [3000, 3000, 10_000]
    for part in (data.train, data.validation):
        assert np.bincount(part.labels).tolist() == [300] * 10
    whole = load(f"fashion-mnist:{FASHION}")
    assert len(whole.train) == len(whole.validation) == 30_000
    assert np.bincount(whole.test.labels).tolist() == [1000] * 10
    assert abs(float(whole.mean) / 255 - 0.2860) < 2e-3  # the published mean and deviation of the 60,000
    assert abs(float(whole.std) / 255 - 0.3530) < 2e-3
    assert whole.train.images.dtype == torch.uint8


def test_damaged_idx_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_idx(tmp_path)
    file = tmp_path / "t10k-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    file.write_bytes(whole[:500])
    with pytest.raises(ValueError, match=r"mnist: expected a whole file, got a damaged one in .*t10k-images"):
        load(f"mnist:{tmp_path}")
    file.write_bytes((tmp_path / "t10k-labels-idx1-ubyte.gz").read_bytes())
    with pytest.raises(ValueError, match=r"mnist: expected bytes of 3 axes in the format idx, .*t10k-images"):
        load(f"mnist:{tmp_path}")
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"mnist: expected .*t10k-images-idx3-ubyte or the same with \.gz"):
        load(f"mnist:{tmp_path}")
    monkeypatch.setattr(sources, "DEBIAN", tmp_path)
    monkeypatch.setenv("CARSMOO_IMAGES", str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="get it with Debian's package dataset-fashion-mnist or torchvision"):
        load("fashion-mnist")


def test_cifar_is_what_torchvision_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.cifar.check_integrity", lambda *_: True)
    monkeypatch.setenv("CARSMOO_IMAGES", str(tmp_path))
    rng = np.random.default_rng(0)
    for folder, key, classes, meta in (
        ("cifar-10-batches-py", "labels", 10, ("batches.meta", "label_names")),
        ("cifar-100-python", "fine_labels", 100, ("meta", "fine_label_names")),
    ):
        (tmp_path / folder).mkdir()
        files = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"] if classes == 10 else ["train", "test"]
        for file in files:
            n = 4 * classes
            batch = {"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8), key: [k % classes for k in range(n)]}
            (tmp_path / folder / file).write_bytes(pickle.dumps(batch))
        names = [f"c{k}" for k in range(classes)]
        (tmp_path / folder / meta[0]).write_bytes(pickle.dumps({meta[1]: names}))
        data = load(f"cifar{classes}")
        train = 4 * classes * (len(files) - 1)
        assert [len(part) for part in (data.train, data.validation, data.test)] == [train // 2, train // 2, 4 * classes]
        assert data.image_shape == (3, 32, 32)
        assert (data.classes, data.class_names) == (classes, tuple(names))
        assert data.augmentation == Augmentation(pad=4, flip=True)
        assert torch.equal(data.test.images.flatten(1), torch.from_numpy(batch["data"]))  # the last file is the test


def test_house_numbers_are_never_mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.SVHN, "_check_integrity", lambda _: True)
    rng = np.random.default_rng(0)
    for part, n in (("train", 60), ("test", 20)):
        X = rng.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        scipy.io.savemat(tmp_path / f"{part}_32x32.mat", {"X": X, "y": np.arange(1, n + 1)[:, None] % 10 + 1})
    data = load(f"svhn:{tmp_path}")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [30, 30, 20]
    assert data.augmentation == Augmentation(pad=4)
    assert np.array_equal(data.test.images.numpy(), X.transpose(3, 2, 0, 1))
    assert data.test.labels[8].item() == 0  # 10 is the digit 0


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100", "svhn"])
def test_missing_files_say_how_to_get_them(name: str, tmp_path: Path) -> None:
    says = rf"{name}: expected .*, got nothing there; get it with torchvision\..*name its folder as {name}:DIR"
    with pytest.raises(FileNotFoundError, match=says):
        load(f"{name}:{tmp_path}")


def test_other_files_in_place_are_told_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "train_32x32.mat").write_bytes(b"other")
    with pytest.raises(FileNotFoundError, match=r"svhn: expected .*mat, got damaged or missing files; get it with"):
        load(f"svhn:{tmp_path}")


def test_arrays_in_a_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.integers(0, 256, (60, 9, 14, 3), dtype=np.uint8), np.arange(60) % 3
    np.savez(tmp_path / "a.npz", images=X, labels=y[:, None])
    data = load(f"npz:{tmp_path / 'a.npz'}")
    assert data.image_shape == (3, 9, 14)
    assert data.name == "npz:a.npz"
    np.savez_compressed(tmp_path / "b.npz", images=X.transpose(0, 3, 1, 2), labels=y)
    assert load(f"npz:{tmp_path / 'b.npz'}").digest() == data.digest()
    np.savez(tmp_path / "c.npz", images=X[..., 0], labels=y, test_images=X[:9, ..., 1], test_labels=y[:9])
    grey = load(f"npz:{tmp_path / 'c.npz'}?images=30")
    assert [len(part) for part in (grey.train, grey.validation, grey.test)] == [15, 15, 9]
    assert np.array_equal(grey.test.images[:, 0].numpy(), X[:9, ..., 1])


def test_wrong_files_of_arrays_are_refused(tmp_path: Path) -> None:
    file, X, y = tmp_path / "a.npz", np.zeros((9, 4, 4), np.uint8), np.arange(9) % 3
    with pytest.raises(ValueError, match="expected npz:PATH, got 'npz' without a path"):
        load("npz")
    with pytest.raises(FileNotFoundError, match=r"npz: expected a file with the arrays images and labels.*a\.npz"):
        load(f"npz:{file}")
    np.savez(file, images=X)
    with pytest.raises(ValueError, match=r"npz: expected images and labels, .*a\.npz, got images$"):
        load(f"npz:{file}")
    np.savez(file, images=X, labels=y, test_images=X)
    with pytest.raises(ValueError, match="both or none of test_images and test_labels"):
        load(f"npz:{file}")
    np.savez(file, images=X, labels=y, val_images=X, **{"a b": y})
    says = r"^npz: expected no arrays beside images, labels, .*, in .*a\.npz, got 'val_images', 'a b'$"
    with pytest.raises(ValueError, match=says):
        load(f"npz:{file}")
    np.savez(file, images=np.array([None] * 9), labels=y)
    with pytest.raises(ValueError, match=r"npz: expected numbers saved by numpy.savez, got .*Object arrays"):
        load(f"npz:{file}")
    np.savez(file, images=X, labels=y)
    whole = file.read_bytes()
    np.save(tmp_path / "b.npy", X)
    for data in (b"", b"text", whole[:-30], whole[:200], (tmp_path / "b.npy").read_bytes(), pickle.dumps(X)):
        file.write_bytes(data)
        with pytest.raises(ValueError, match=r"npz: expected numbers saved by numpy.savez, got .*a\.npz") as caught:
            load(f"npz:{file}")
        assert "\n" not in str(caught.value)


def lie(file: Path, shape: str, data: bytes = b"") -> None:
    """Write an npz whose images say to have a shape."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    np.savez(file, labels=np.zeros(9, int))
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("images.npy", b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data)


def test_an_npz_that_claims_more_than_it_has_or_fits_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.npz"
    for shape, data in (("(1000000, 1000, 1000)", b"few"), ("(9, 2, 2)", bytes(40)), ("(9, 2, 2)", bytes(30))):
        lie(file, shape, data)
        with pytest.raises(
            ValueError, match=r"^npz: expected numbers saved .*\(images\.npy: \(.*\) of uint8, but \d+ b"
        ):
            load(f"npz:{file}")
    np.savez_compressed(file, images=np.zeros((9, 100, 100), np.uint8), labels=np.arange(9) % 3)
    monkeypatch.setattr(transforms, "physical_memory", lambda: 100_000)
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(
        ValueError, match=r"^npz: expected arrays that fit .*, 50,000 bytes, got 90,072 bytes in .*a\.npz$"
    ):
        load(f"npz:{file}")


def test_an_encrypted_or_strangely_packed_npz_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.npz"
    np.savez_compressed(file, images=np.zeros((9, 4, 4), np.uint8), labels=np.arange(9) % 3)
    whole = file.read_bytes()
    local, central = whole.index(b"PK\3\4"), whole.index(b"PK\1\2")
    for offset, value, says in ((6, 1, "password required"), (8, 99, "compression method"), (8, 14, "."), (8, 12, ".")):
        data = bytearray(whole)
        struct.pack_into("<H", data, local + offset, value)
        struct.pack_into("<H", data, central + offset + 2, value)
        file.write_bytes(data)
        with pytest.raises(ValueError, match=rf"^npz: expected numbers saved by numpy.savez, .*{says}") as caught:
            load(f"npz:{file}")
        assert "\n" not in str(caught.value)


COUNTS = {"ant": 20, "bee": 30, "cat": 50}


def parts(data: ImageData) -> list[set[bytes]]:
    return [{image.numpy().tobytes() for image in part.images} for part in (data.train, data.validation, data.test)]


def test_a_folder_is_split_by_class_without_overlap_and_repeats_under_its_seed(tmp_path: Path) -> None:
    data = load(f"folder:{draw_folder(tmp_path / 'photos', COUNTS)}")
    assert data.class_names == ("ant", "bee", "cat")
    assert data.classes == 3
    assert data.image_shape == (3, 12, 18)
    assert data.name == "folder:photos"
    assert data.augmentation == Augmentation(pad=1, flip=True)
    assert [np.bincount(part.labels).tolist() for part in (data.train, data.validation, data.test)] == [
        [8, 12, 20],
        [8, 12, 20],
        [4, 6, 10],
    ]
    train, validation, test = parts(data)
    assert len(train | validation | test) == len(train) + len(validation) + len(test) == 100
    for part in (data.train, data.validation, data.test):  # the red of an image tells its class
        red = part.images[:, 0].float().flatten(1).mean(dim=1)
        assert torch.equal((red / 40).floor().long(), part.labels)
    again, other = load(f"folder:{tmp_path / 'photos'}"), load(f"folder:{tmp_path / 'photos'}?split_seed=1")
    assert again.digest() == data.digest()
    assert parts(other)[2] != test
    assert [len(part) for part in parts(other)] == [40, 40, 20]


def test_own_splits_of_a_folder_are_kept(tmp_path: Path) -> None:
    for k, split in enumerate(("train", "val", "test")):
        draw_folder(tmp_path / "three" / split, {"a": 6 + k, "b": 6 + k}, seed=k)
    data = load(f"folder:{tmp_path / 'three'}")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 14, 16]
    written = {
        np.asarray(Image.open(path)).transpose(2, 0, 1).tobytes()
        for path in (tmp_path / "three" / "test").rglob("*.png")
    }
    assert parts(data)[2] == written
    assert [len(part) for part in parts(load(f"folder:{tmp_path / 'three'}?images=8"))] == [8, 14, 16]
    (tmp_path / "three" / "val").rename(tmp_path / "two")
    data = load(f"folder:{tmp_path / 'three'}")  # train and test: search-validation is half of train
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 6, 16]
    (tmp_path / "two").rename(tmp_path / "three" / "validation")
    (tmp_path / "three" / "test").rename(tmp_path / "two")
    data = load(f"folder:{tmp_path / 'three'}")  # train and validation: test is a fifth of train
    assert [len(part) for part in (data.train, data.validation, data.test)] == [10, 14, 2]


def test_classes_called_as_splits_go_below_train(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"boat": 5, "train": 5})
    with pytest.raises(ValueError, match=r"folder: expected classes, or train .*, got 'train', 'boat' in .*train/$"):
        load(f"folder:{tmp_path}")
    draw_folder(tmp_path / "below" / "train", {"boat": 5, "train": 5})
    assert load(f"folder:{tmp_path / 'below'}").class_names == ("boat", "train")


def test_grey_stays_grey_and_one_in_colour_makes_all_colour(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, mode="L")
    wide = np.full((12, 18), 40_000, dtype=np.uint16)
    Image.fromarray(wide).save(tmp_path / "b" / "wide.png")
    Image.new("1", (18, 12), 1).save(tmp_path / "b" / "one.png")
    Image.new("LA", (18, 12), (7, 100)).save(tmp_path / "b" / "clear.png")
    grey = load(f"folder:{tmp_path}")
    assert grey.image_shape == (1, 12, 18)
    assert grey.augmentation == Augmentation()
    flat = {int(image[0, 0, 0]) for part in (grey.train, grey.validation, grey.test) for image in part.images}
    assert {40_000 // 256, 255, 7} <= flat
    palette = Image.new("RGB", (18, 12), (250, 5, 5)).quantize(4)
    palette.info["transparency"] = b"\x00\x80"
    palette.save(tmp_path / "a" / "palette.png")
    colour = load(f"folder:{tmp_path}")
    assert colour.image_shape == (3, 12, 18)
    every = torch.cat([part.images for part in (colour.train, colour.validation, colour.test)])
    assert int((every[:, 0] != every[:, 1]).flatten(1).any(dim=1).sum()) == 1


def test_any_size_and_a_camera_on_its_side(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(31, 17))
    draw_folder(tmp_path, {"c": 5}, size=(64, 90))
    with pytest.raises(ValueError, match=r"of one size, or \?size=HEIGHTxWIDTH, got 31x17 .*000.png\) and 64x90"):
        load(f"folder:{tmp_path}")
    assert load(f"folder:{tmp_path}?size=20x26").image_shape == (3, 20, 26)
    turned = Image.Exif()
    turned[0x0112] = 6
    for k in range(5):  # 17 high, 31 wide, to be shown upright
        (tmp_path / "d").mkdir(exist_ok=True)
        Image.new("RGB", (31, 17)).save(tmp_path / "d" / f"{k}.jpg", exif=turned)
        Image.new("RGB", (31, 17)).save(tmp_path / "d" / f"{k}.tif", exif=turned)
    for path in (tmp_path / "c").iterdir():
        path.unlink()
    (tmp_path / "c").rmdir()
    assert load(f"folder:{tmp_path}").image_shape == (3, 31, 17)


def test_hidden_files_and_others_are_passed_over(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5})
    (tmp_path / ".cache").mkdir()
    (tmp_path / "a" / ".000.png").write_bytes(b"?")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / "README").write_text("no class")
    data = load(f"folder:{tmp_path}")
    assert sum(len(part) for part in (data.train, data.validation, data.test)) == 10


def test_few_of_many_are_chosen_before_they_are_read(tmp_path: Path) -> None:
    draw_folder(tmp_path, COUNTS)
    data = load(f"folder:{tmp_path}?images=40")
    labels = np.concatenate([part.labels for part in (data.train, data.validation, data.test)])
    assert np.bincount(labels).tolist() == [8, 12, 20]
    assert data.digest() != load(f"folder:{tmp_path}?images=40&split_seed=1").digest()


def test_wrong_folders_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="expected folder:PATH, got 'folder' without"):
        load("folder")
    with pytest.raises(FileNotFoundError, match=r"got nothing at .*nowhere"):
        load(f"folder:{tmp_path / 'nowhere'}")
    with pytest.raises(ValueError, match=r"at least 2 directories, one a class, in .*, got 0"):
        load(f"folder:{tmp_path}")
    draw_folder(tmp_path, {"a": 5, "b": 2})
    with pytest.raises(ValueError, match="class 'b': expected at least 3 images, one for each split, got 2"):
        load(f"folder:{tmp_path}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"expected images \(\.jpg, .*\) in .*empty, got none"):
        load(f"folder:{tmp_path}")
    draw_folder(tmp_path / "split" / "train", {"a": 5, "b": 5})
    draw_folder(tmp_path / "split" / "test", {"a": 5, "c": 5})
    with pytest.raises(ValueError, match=r"expected the classes of train, got 'c' in .*test"):
        load(f"folder:{tmp_path / 'split'}")
    monkeypatch.setattr(transforms, "physical_memory", lambda: 20_000)
    with pytest.raises(ValueError, match="half of the memory, 10,000 bytes, got 30,000 bytes"):
        load(f"folder:{draw_folder(tmp_path / 'large', {'a': 5, 'b': 5})}?size=25x40")


def test_imagenets_folder_has_its_validation_images_as_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw_folder(tmp_path / "imagenet" / "train", {"n01": 6, "n02": 6}, mode="L")
    draw_folder(tmp_path / "imagenet" / "val", {"n01": 2, "n02": 3}, size=(40, 30), seed=1)
    monkeypatch.setenv("CARSMOO_IMAGES", os.fspath(tmp_path))
    data = load("imagenet?size=32")
    assert data.image_shape == (3, 32, 32)
    assert [len(part) for part in (data.train, data.validation, data.test)] == [6, 6, 5]
    assert data.augmentation == Augmentation(pad=4, flip=True)
    assert load(f"imagenet:{tmp_path / 'imagenet'}").image_shape == (3, 224, 224)
    with pytest.raises(FileNotFoundError, match=r"imagenet: expected .*train and .*val, one directory a class"):
        load(f"imagenet:{tmp_path}")
