"""Files of images, drawn at random, for the tests of what is read."""

import gzip
from pathlib import Path

import numpy as np
from PIL import Image


def draw_folder(
    root: Path, counts: dict[str, int], size: tuple[int, int] = (12, 18), mode: str = "RGB", seed: int = 0
) -> Path:
    """Write PNGs, ``counts`` of each class; their red (or grey) tells the class: 40 k + noise below 20."""
    rng = np.random.default_rng(seed)
    for k, (name, count) in enumerate(counts.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = rng.integers(0, 20, (*size, 3), dtype=np.uint8) + np.uint8([40 * k, 0, 100])
            image = Image.fromarray(pixels[..., 0]) if mode == "L" else Image.fromarray(pixels).convert(mode)
            image.save(root / name / f"{i:03}.png")
    return root


def write_idx(file: Path, array: np.ndarray, packed: bool) -> None:
    data = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, dtype=">i4").tobytes() + array.tobytes()
    if packed:
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(data))
    else:
        file.write_bytes(data)


def draw_idx(root: Path, train: int = 60, test: int = 20, packed: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Write a data set in MNIST's files; return its training images and labels."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", train), ("t10k", test)):
        arrays[part] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8), (np.arange(n) % 10).astype(np.uint8)
        write_idx(root / f"{part}-images-idx3-ubyte", arrays[part][0], packed)
        write_idx(root / f"{part}-labels-idx1-ubyte", arrays[part][1], packed)
    return arrays["train"]
