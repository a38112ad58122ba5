"""Data sets by name, read into memory: digits, idx files, torchvision's, arrays in a file, pictures in folders."""

from __future__ import annotations

import gzip
import lzma
import math
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from torchvision import datasets

from carsmoo.nets.data.clutter import COUNTS, LEVEL, drawings, painted
from carsmoo.nets.data.folders import Files, listed
from carsmoo.nets.data.images import Pair
from carsmoo.nets.data.pixels import White, decoded, header, mode_of, of_picture, white_in
from carsmoo.nets.data.reading import Reading
from carsmoo.nets.data.spec import DatasetSpec, readable
from carsmoo.nets.data.splits import TEST_SHARE, VALIDATION_SHARE
from carsmoo.nets.data.transforms import Augmentation, fit, require_half, require_memory
from carsmoo.utils.validation import short

DEBIAN = Path("/usr/share/datasets")  # where the package dataset-fashion-mnist puts its files
DIGITS = tuple("0123456789")  # names of classes
_DIGITS = {"test": 360 / 1797, "validation": 477 / 1437}  # shares of the splits of scikit-learn's digits
_ARRAYS = ["images", "labels", "test_images", "test_labels"]
_BROKEN = (  # what zipfile and NumPy raise for files that are no npz or damaged
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


class Found(NamedTuple):
    """What a source has: images and labels of the splits that it knows, and what is good for them."""

    train: Pair
    validation: Pair | None = None
    test: Pair | None = None
    class_names: tuple[str, ...] | None = None
    augmentation: Augmentation | None = None  # None: that of natural images in colour, none in grey
    test_share: float = TEST_SHARE
    validation_share: float = VALIDATION_SHARE
    reading: Reading | None = None  # of pictures in files; that of arrays is told from them


def digits(spec: DatasetSpec) -> Found:
    """8x8 grey digits that scikit-learn ships: 960 search-train, 477 search-validation, 360 test."""
    images, labels = _digits(spec)
    return Found(
        ((images * LEVEL).astype(np.uint8), labels),
        class_names=DIGITS,
        augmentation=Augmentation(),
        test_share=_DIGITS["test"],
        validation_share=_DIGITS["validation"],
    )


def cluttered_digits(spec: DatasetSpec) -> Found:
    """16x16 grey: a digit among pieces of others; 5,000 search-train, 1,000 search-validation, 2,000 test.

    Each split is made of the digits that ``digits`` has in it. All is drawn with ``split_seed``.
    """
    images, labels = _digits(spec)
    made = drawings(labels, _DIGITS, spec.split_seed)
    train, validation, test = ((painted(images, made[split]), labels[made[split].digit]) for split in COUNTS)
    return Found(train, validation, test, DIGITS, Augmentation())


def mnist(spec: DatasetSpec) -> Found:
    """MNIST and Fashion-MNIST, 28x28 grey: 60,000 images and 10,000 of test; digits are never mirrored.

    Four idx files, with gzip or without, from a folder or from where torchvision puts them below it.
    """
    kind, augmentation, how = datasets.MNIST, Augmentation(pad=2), "torchvision.datasets.MNIST"
    if spec.name == "fashion-mnist":
        kind, augmentation = datasets.FashionMNIST, Augmentation(pad=4, flip=True)
        how = "Debian's package dataset-fashion-mnist or torchvision.datasets.FashionMNIST"
    roots = [spec.path()] if spec.where else [spec.path(), DEBIAN / spec.name]
    places = [place for root in roots for place in (root, root / "raw", root / kind.__name__ / "raw")]
    for place in places:
        if _existing(place / "train-images-idx3-ubyte") is not None:
            train, test = (
                (
                    _read_idx(spec.name, place / f"{part}-images-idx3-ubyte", 3),
                    _read_idx(spec.name, place / f"{part}-labels-idx1-ubyte", 1),
                )
                for part in ("train", "t10k")
            )
            return Found(train, test=test, class_names=tuple(kind.classes), augmentation=augmentation)
    raise FileNotFoundError(
        f"{spec.name}: expected train-images-idx3-ubyte or the same with .gz in {places[0].resolve()}, got nothing "
        f"there; get it with {how}(DIR, download=True) and name its folder as {spec.name}:DIR"
    )


def cifar(spec: DatasetSpec) -> Found:
    """CIFAR-10 and CIFAR-100: 25,000 search-train, 25,000 search-validation (CARS sec. 4.1), 10,000 test."""
    kind = datasets.CIFAR10 if spec.name == "cifar10" else datasets.CIFAR100
    file = spec.path() / kind.base_folder
    parts = [_torchvision(spec, kind, file, train=train) for train in (True, False)]
    train, test = ((part.data.transpose(0, 3, 1, 2), np.array(part.targets)) for part in parts)
    names = tuple(parts[0].classes)
    return Found(train, test=test, class_names=names, augmentation=Augmentation(pad=4, flip=True))


def svhn(spec: DatasetSpec) -> Found:
    """Street View House Numbers: 73,257 images and 26,032 of test, 3x32x32; never mirrored."""
    file = spec.path() / "train_32x32.mat"
    parts = [_torchvision(spec, datasets.SVHN, file, split=split) for split in ("train", "test")]
    train, test = ((part.data, part.labels) for part in parts)
    return Found(train, test=test, class_names=DIGITS, augmentation=Augmentation(pad=4))


def npz(spec: DatasetSpec) -> Found:
    """Arrays of a NumPy file: ``images`` and ``labels``, and ``test_images`` and ``test_labels`` if it has them."""
    if not spec.where:
        raise ValueError("data: expected npz:PATH, got 'npz' without a path")
    path = spec.path().resolve()
    if not path.is_file():
        raise FileNotFoundError(f"npz: expected a file with the arrays images and labels, got nothing at {path}")
    with _telling(path), path.open("rb") as opened, zipfile.ZipFile(opened) as packed:
        held = [name.removesuffix(".npy") for name in packed.namelist() if name.endswith(".npy")]
        names = [name for name in _ARRAYS if name in held]
        claimed = sum(_claimed(packed, f"{name}.npy") for name in names)
    require_half("npz: expected arrays", claimed, f"in {readable(path)}")
    with _telling(path), path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in names}
    if names not in (_ARRAYS[:2], _ARRAYS):
        raise ValueError(
            f"npz: expected images and labels, and both or none of test_images and test_labels, in {readable(path)}, "
            f"got {', '.join(names) or 'none of them'}"
        )
    if others := [short(name) for name in held if name not in names]:
        raise ValueError(
            f"npz: expected no arrays beside {', '.join(_ARRAYS)}, which alone are read, in {readable(path)}, got "
            f"{', '.join(others[:4])}"
        )
    images, labels, *test = (arrays[name] for name in names)
    return Found((images, labels), test=(test[0], test[1]) if test else None)


def folder(spec: DatasetSpec) -> Found:
    """Pictures of ``folder:PATH`` or ``imagenet:DIR``, all of one size; grey if all are, else in colour.

    ImageNet's are in colour, of 224x224 if not said. Classes are numbered by their sorted names.
    """
    listing, natural = listed(spec), None
    size, mode, paths = spec.size, None, listing.paths
    if spec.name == "imagenet":
        size, mode, natural = size or (224, 224), "RGB", Augmentation(pad=4, flip=True)
    asked = size is not None
    if size is None or mode is None:
        headers = [header(spec.name, path) for path in paths]
        size = size or _one_size(spec.name, paths, [size for size, _ in headers])
        mode = mode or mode_of({mode for _, mode in headers})
    require_memory(len(paths), (3 if mode == "RGB" else 1, *size))
    white = white_in(spec.name, paths)
    pairs = {
        split: (_decoded(spec.name, part, size, mode, white), [label for _, label in part])
        for split, part in listing.files.items()
    }
    reading = Reading(resize="fit" if asked else None, white=white)
    splits = pairs["train"], pairs.get("validation"), pairs.get("test")
    return Found(*splits, listing.classes, natural, reading=reading)


def _digits(spec: DatasetSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return scikit-learn's digits, levels 0 to 16, (1797, 8, 8), and their labels."""
    if spec.where:
        raise ValueError(f"data: expected '{spec.name}' without a path, got '{spec.name}:{spec.where}'")
    found = load_digits()
    return found.images.astype(np.int64), found.target.astype(np.int64)


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


def _torchvision(spec: DatasetSpec, kind: Any, file: Path, **split: Any) -> Any:
    """Return a data set that torchvision reads, which checks the files' digests."""
    root = file.parent
    try:
        return kind(root, download=False, **split)
    except RuntimeError:
        found = "damaged or missing files" if file.exists() else "nothing there"
        raise FileNotFoundError(
            f"{spec.name}: expected {file}, got {found}; get it "
            f"with torchvision.datasets.{kind.__name__}({str(root)!r}, download=True) or name its "
            f"folder as {spec.name}:DIR"
        ) from None


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


def _one_size(name: str, paths: list[str], sizes: list[tuple[int, int]]) -> tuple[int, int]:
    size = sizes[0]
    for path, found in zip(paths, sizes, strict=True):
        if found != size:
            raise ValueError(
                f"{name}: expected images of one size, or ?size=HEIGHTxWIDTH, got {size[0]}x{size[1]} "
                f"({readable(paths[0])}) and {found[0]}x{found[1]} ({readable(path)})"
            )
    return size


def _decoded(name: str, files: Files, size: tuple[int, int], mode: str, white: White) -> NDArray[np.uint8]:
    result = np.empty((len(files), 3 if mode == "RGB" else 1, *size), dtype=np.uint8)
    for k, (path, _) in enumerate(files):
        result[k] = of_picture(fit(decoded(name, path, mode, white), size), mode)
    return result


READERS: dict[str, Callable[[DatasetSpec], Found]] = {
    "digits": digits,
    "cluttered-digits": cluttered_digits,
    "mnist": mnist,
    "fashion-mnist": mnist,
    "cifar10": cifar,
    "cifar100": cifar,
    "svhn": svhn,
    "imagenet": folder,
    "folder": folder,
    "npz": npz,
}
"""What reads the images of a name."""
