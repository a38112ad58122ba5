import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from carsmoo.nets.data import ImageData, load
from carsmoo.nets.data.pixels import White
from carsmoo.nets.data.reading import Reading
from tests.support.images import draw_folder

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (40, 3, 9, 7), dtype=np.uint8)
LABELS = np.arange(40) % 2


@pytest.mark.parametrize(
    ("images", "options", "pixels", "white"),
    [
        (X, {}, "bytes", White()),
        (X > 99, {}, "bytes", White()),
        (X.astype(np.uint16) * 16, {}, "bytes", White(4095)),
        (X / 255, {}, "0..1", White()),
        (X.astype(np.float32), {}, "0..255", White()),
        (X / 15.9, {}, "own", White()),  # 0..16, as scikit-learn's digits
        (X / 255 - 0.5, {}, "own", White()),
        (X / 600, {}, "own", White()),
    ],
)
def test_arrays_tell_how_they_were_read(images: Any, options: dict[str, Any], pixels: str, white: White) -> None:
    assert ImageData.from_arrays(images, LABELS).reading == Reading(pixels=pixels, white=white)
    sized = ImageData.from_arrays(images, LABELS, size=(4, 5)).reading
    assert sized == Reading(pixels=pixels, white=white, resize="cover")


def test_an_image_of_a_set_is_read_as_in_the_set() -> None:
    for images in (X, X.astype(np.uint16) * 16, X / 255, X.astype(np.float32), X > 99, X / 255 - 0.5):
        for size in (None, (4, 5), (12, 12)):
            data = ImageData.from_arrays(images, LABELS, size=size, validation=(images, LABELS), test=(images, LABELS))
            assert data.reading is not None
            read = [data.reading.image("x", image, data.image_shape) for image in images]
            assert np.array_equal(np.stack(read), data.test.images.numpy())
            assert np.stack(read).dtype == data.test.images.numpy().dtype


@pytest.mark.parametrize("options", ["", "?size=7", "?size=20x12"])
def test_a_file_of_a_folder_is_read_as_in_the_folder(tmp_path: Path, options: str) -> None:
    for split in ("train", "test"):
        draw_folder(tmp_path / split, {"a": 4, "b": 4})
    data = load(f"folder:{tmp_path}{options}")
    assert data.reading == Reading(resize="fit" if options else None)
    files = sorted((tmp_path / "test").rglob("*.png"))
    read = [data.reading.image("x", path, data.image_shape) for path in files]
    assert np.array_equal(np.stack(read), data.test.images.numpy())


def test_white_is_that_of_the_data_or_of_16_bits() -> None:
    deep = Image.fromarray(np.full((9, 7), 4000, np.uint16))
    shape = (1, 9, 7)
    assert (Reading(white=White(4095)).image("x", deep, shape) == 250).all()
    assert (Reading().image("x", deep, shape) == 15).all()
    with pytest.raises(ValueError, match=r"x: memory: expected pixels up to 1023, .*, got 4000"):
        Reading(white=White(1023)).image("x", deep, shape)
    levels = Image.fromarray(np.full((9, 7), 0.5, np.float32))
    assert (Reading().image("x", levels, shape) == 128).all()


def test_it_is_written_and_read_as_json() -> None:
    for reading in (Reading(), Reading(pixels="own"), Reading(resize="middle", white=White(1023, 255.0))):
        assert Reading.from_plain(json.loads(json.dumps(reading.to_plain()))) == reading


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pixels": "bits"}, "r: pixels: expected one of bytes, .*, got 'bits'"),
        ({"resize": "stretch"}, "r: resize: expected one of None, fit, middle, cover, got 'stretch'"),
        ({"white": [255]}, r"r: expected white as two numbers, got \[255\]"),
        ({"white": [256, 1.0]}, "r: white: expected one of 255, 1023, 4095, 16383, 65535, got 256"),
        ({"white": [255, []]}, r"r: white: expected one of 1.0, 255.0, got \[\]"),
        ({"pixels": "0..1", "resize": "fit"}, "r: pixels: expected bytes where pictures are resized"),
        ({"more": 1}, "r: expected an object with pixels, resize, white"),
    ],
)
def test_another_form_is_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        Reading.from_plain({**Reading().to_plain(), **change}, "r")
