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
from torch.utils.data import Dataset, IterableDataset, TensorDataset

from carsmoo.nets.data import datasets
from carsmoo.nets.data.load import from_dataset, load
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
    monkeypatch.setattr(datasets, "DEBIAN", tmp_path)
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
    monkeypatch.setattr(datasets, "physical_memory", lambda: 100_000)
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


class Stream(IterableDataset):
    def __iter__(self) -> object:
        return iter(())


@pytest.mark.parametrize(
    ("dataset", "error", "says"),
    [
        (Stream(), TypeError, "dataset: expected a data set with a length and an index, got Stream"),
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
