"""Data sets by name: digits, mnist, fashion-mnist, cifar10, cifar100, svhn, and arrays in a file."""

from __future__ import annotations

import gzip
import lzma
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torchvision import datasets

from carsmoo.cost.memory import physical_memory
from carsmoo.nets.data.spec import DatasetSpec, Found, expanded
from carsmoo.nets.data.transforms import Augmentation
from carsmoo.nets.data.walks import readable

DEBIAN = Path("/usr/share/datasets")
"""Where Debian's package dataset-fashion-mnist puts its files."""

_BROKEN = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    OverflowError,
    MemoryError,
    RuntimeError,  # an encrypted member; NotImplementedError is one: packed in an unknown way
    struct.error,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)
"""What zipfile and NumPy raise for files that are no npz or damaged."""


def digits(request: DatasetSpec) -> Found:
    """8x8 grey digits that scikit-learn ships: 960 search-train, 477 search-validation, 360 test."""
    if request.where:
        raise ValueError(f"data: expected 'digits' without a path, got 'digits:{request.where}'")
    found = load_digits()
    return Found(
        ((found.images * 15).astype(np.uint8), found.target),
        augmentation=Augmentation(),
        test_share=360 / 1797,
        validation_share=477 / 1437,
    )


def mnist(request: DatasetSpec) -> Found:
    """MNIST, 28x28 grey digits: 60,000 images and 10,000 of test; never mirrored."""
    return _idx(request, "MNIST", datasets.MNIST.classes, Augmentation(pad=2), "torchvision.datasets.MNIST")


def fashion_mnist(request: DatasetSpec) -> Found:
    """Fashion-MNIST, 28x28 grey clothes: 60,000 images and 10,000 of test."""
    how = "Debian's package dataset-fashion-mnist or torchvision.datasets.FashionMNIST"
    classes = datasets.FashionMNIST.classes
    return _idx(request, "FashionMNIST", classes, Augmentation(pad=4, flip=True), how)


def cifar10(request: DatasetSpec) -> Found:
    """CIFAR-10: 25,000 search-train, 25,000 search-validation (CARS sec. 4.1), 10,000 test, read by torchvision."""
    return _cifar(request, datasets.CIFAR10)


def cifar100(request: DatasetSpec) -> Found:
    """CIFAR-100, 100 classes, otherwise as CIFAR-10."""
    return _cifar(request, datasets.CIFAR100)


def svhn(request: DatasetSpec) -> Found:
    """Street View House Numbers: 73,257 images and 26,032 of test, 3x32x32; never mirrored."""
    root = _root(request)
    parts = [_torchvision(request, datasets.SVHN, root / "train_32x32.mat", split=split) for split in ("train", "test")]
    train, test = ((part.data, part.labels) for part in parts)
    return Found(train, test=test, class_names=tuple("0123456789"), augmentation=Augmentation(pad=4))


def npz(request: DatasetSpec) -> Found:
    """Arrays of a NumPy file: ``images`` and ``labels``, and ``test_images`` and ``test_labels`` if it has them.

    Both are as :meth:`~carsmoo.nets.data.in_memory.ImageData.from_arrays` takes them.
    """
    if not request.where:
        raise ValueError("data: expected npz:PATH, got 'npz' without a path")
    path = expanded(request.where).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"npz: expected a file with the arrays images and labels, got nothing at {path}")
    with _telling(path), path.open("rb") as opened, zipfile.ZipFile(opened) as packed:
        held = packed.namelist()
        names = [name for name in ("images", "labels", "test_images", "test_labels") if f"{name}.npy" in held]
        claimed = sum(_claimed(packed, f"{name}.npy") for name in names)
    memory = physical_memory()
    if memory is not None and claimed > memory // 2:
        raise ValueError(
            f"npz: expected arrays that fit in half of the memory, {memory // 2:,} bytes, got {claimed:,} bytes in "
            f"{readable(path)}"
        )
    with _telling(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in names}
    if names not in (["images", "labels"], ["images", "labels", "test_images", "test_labels"]):
        raise ValueError(
            f"npz: expected images and labels, and both or none of test_images and test_labels, in {readable(path)}, "
            f"got {', '.join(names) or 'none of them'}"
        )
    pairs = [(arrays[k], arrays[k.replace("images", "labels")]) for k in names[::2]]
    return Found(pairs[0], test=pairs[1] if len(pairs) > 1 else None)


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Tell what is raised within for a file that is no npz, is damaged, encrypted or packed in another way."""
    try:
        yield
    except _BROKEN as error:
        told = " ".join(str(error).split())[:160]
        raise ValueError(f"npz: expected numbers saved by numpy.savez, got {readable(path)} ({told})") from error


def _claimed(packed: zipfile.ZipFile, name: str) -> int:
    """Return the bytes that an array in an archive says to have, without reading it."""
    member = packed.getinfo(name)
    with packed.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
        claimed = math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and file.tell() + claimed != member.file_size:
            raise ValueError(f"{name}: {shape} of {dtype}, but {member.file_size - file.tell()} bytes")
    return claimed


def _root(request: DatasetSpec) -> Path:
    return expanded(request.where or os.environ.get("CARSMOO_IMAGES", "data"))


def _cifar(request: DatasetSpec, kind: Any) -> Found:
    root = _root(request)
    parts = [_torchvision(request, kind, root / kind.base_folder, train=train) for train in (True, False)]
    train, test = ((part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    names = tuple(parts[0].classes)
    return Found(train, test=test, class_names=names, augmentation=Augmentation(pad=4, flip=True))


def _torchvision(request: DatasetSpec, kind: Any, file: Path, **split: Any) -> Any:
    """Return a data set that torchvision reads, which checks the files' digests."""
    root = file.parent
    try:
        return kind(root, download=False, **split)
    except RuntimeError:
        found = "damaged or missing files" if file.exists() else "nothing there"
        raise FileNotFoundError(
            f"{request.name}: expected {file}, got {found}; get it "
            f"with torchvision.datasets.{kind.__name__}({str(root)!r}, download=True) or name its "
            f"folder as {request.name}:DIR"
        ) from None


def _idx(request: DatasetSpec, folder: str, classes: list[str], augmentation: Augmentation, how: str) -> Found:
    """Read four idx files, as they are or with gzip, from a folder or from where torchvision puts them below it."""
    roots = [_root(request)] if request.where else [_root(request), DEBIAN / request.name]
    places = [place for root in roots for place in (root, root / "raw", root / folder / "raw")]
    for place in places:
        if _existing(place / "train-images-idx3-ubyte") is not None:
            train, test = (
                (
                    _read_idx(request.name, place / f"{part}-images-idx3-ubyte", 3),
                    _read_idx(request.name, place / f"{part}-labels-idx1-ubyte", 1),
                )
                for part in ("train", "t10k")
            )
            return Found(train, test=test, class_names=tuple(classes), augmentation=augmentation)
    raise FileNotFoundError(
        f"{request.name}: expected train-images-idx3-ubyte or the same with .gz in {places[0].resolve()}, got nothing "
        f"there; get it with {how}(DIR, download=True) and name its folder as {request.name}:DIR"
    )


def _existing(file: Path) -> Path | None:
    return next((path for path in (file, file.with_name(f"{file.name}.gz")) if path.is_file()), None)


def _read_idx(name: str, file: Path, ndim: int) -> NDArray[np.uint8]:
    """Read bytes in the format idx: 0, 0, 8 (bytes), number of axes, their lengths as big-endian int32, the bytes."""
    path = _existing(file)
    if path is None:
        raise FileNotFoundError(f"{name}: expected {file} or the same with .gz, got nothing there")
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{name}: expected a whole file, got a damaged one in {path} ({error})") from error
    shape = tuple(int(length) for length in np.frombuffer(data[4 : 4 + 4 * ndim], dtype=">i4"))
    if data[:4] != bytes((0, 0, 8, ndim)) or len(data) != 4 + 4 * ndim + int(np.prod(shape, dtype=np.int64)):
        raise ValueError(f"{name}: expected bytes of {ndim} axes in the format idx, got something else in {path}")
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * ndim).reshape(shape)
