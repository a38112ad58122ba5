import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import ImageData, TrainingData, load, load_for_training
from carsmoo.nets.data.pixels import White, as_array, as_images, colours_first, to_bytes, white_of
from tests.support.images import draw_folder

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((5, 8, 9), (5, 1, 8, 9)),
        ((5, 3, 8, 9), (5, 3, 8, 9)),
        ((5, 1, 8, 8), (5, 1, 8, 8)),
        ((5, 8, 9, 3), (5, 3, 8, 9)),
        ((5, 28, 28, 1), (5, 1, 28, 28)),
        ((5, 4, 9, 8), (5, 4, 9, 8)),
        ((5, 13, 8, 8), (5, 13, 8, 8)),
        ((5, 8, 8, 8), (5, 8, 8, 8)),
        ((5, 1, 3, 3), (5, 1, 3, 3)),
        ((5, 3, 3, 1), (5, 1, 3, 3)),
        ((5, 1, 1, 1), (5, 1, 1, 1)),
    ],
)
def test_colours_come_first_where_the_shape_tells_which_they_are(
    shape: tuple[int, ...], found: tuple[int, ...]
) -> None:
    X = RNG.random(shape)
    Y = colours_first("images", X)
    assert Y.shape == found
    turned = shape[1:] not in (found[1:], found[2:])
    assert np.array_equal(Y, X.transpose(0, 3, 1, 2) if turned else X.reshape(found))


@pytest.mark.parametrize("shape", [(5, 8, 8, 4), (5, 9, 8, 4), (5, 8, 8, 13), (5, 3, 8, 3), (5, 1, 9, 3), (5, 8, 9, 2)])
def test_shapes_that_may_have_their_colours_last_are_refused(shape: tuple[int, ...]) -> None:
    says = r"^images: expected \(n, c, h, w\), got \(5, .*\), which may be \(n, h, w, c\); give images"
    with pytest.raises(ValueError, match=says):
        load((np.zeros(shape, np.uint8), np.zeros(5, int)))


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.int64, np.uint64, np.int32])
@pytest.mark.parametrize(("highest", "shift"), [(200, 0), (1023, 2), (1024, 4), (4095, 4), (16_000, 6), (32_000, 8)])
def test_whole_numbers_become_bytes_by_the_highest_of_all_splits(kind: type, highest: int, shift: int) -> None:
    X, other = RNG.integers(0, 100, (3, 5, 6)).astype(kind), np.full((2, 5, 6), highest, kind)
    found = as_images({"images": X, "test": other})[0]
    assert found["images"].dtype == found["test"].dtype == np.uint8
    assert np.array_equal(found["images"], X[:, None] >> shift)
    assert (found["test"] == highest >> shift).all()


def test_floating_numbers_stay_and_bits_become_black_and_white() -> None:
    for X in (RNG.random((3, 5, 6)), RNG.normal(size=(3, 5, 6)), 255 * RNG.random((3, 5, 6)).astype(np.float16)):
        found = as_images({"images": X})[0]["images"]
        assert found.dtype == np.float32
        assert np.array_equal(found[:, 0], X.astype(np.float32))
    X = RNG.random((3, 5, 6)) < 0.5
    assert np.array_equal(as_images({"images": X})[0]["images"][:, 0], np.where(X, 255, 0))
    byte = RNG.integers(0, 256, (3, 5, 6), dtype=np.uint8)
    assert np.shares_memory(as_images({"images": byte})[0]["images"], byte)


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"images": np.full((3, 4, 4), -1)}, "images: expected pixels of at least 0 and finite, got -1 to -1"),
        (
            {"images": np.full((3, 4, 4), 65536)},
            "images: expected whole pixels of at most 16 bits, .* got one of 65536",
        ),
        ({"images": np.full((3, 4, 4), np.nan)}, "images: expected finite numbers of float32, got NaN or larger ones"),
        ({"images": np.full((3, 4, 4), 1j)}, "images: expected whole or floating numbers, got complex128"),
        ({"images": np.full((3, 4, 4), "a")}, "images: expected whole or floating numbers, got <U1"),
        (
            {"images": np.ones((3, 4, 4)), "test": np.full((3, 4, 4), 255.0)},
            "test: expected pixels in the range of images, up to 1, got up to 255",
        ),
        (
            {"images": np.full((3, 4, 4), 255.0), "test": np.full((3, 4, 4), 2.64)},  # normalised as for ImageNet
            "images: expected pixels in the range of test, up to 2.64, got up to 255",
        ),
        (
            {"images": np.full((3, 4, 4), 9, np.uint8), "test": np.ones((3, 4, 4))},
            "images: expected pixels in the range of test, up to 1, got up to 255",
        ),
    ],
)
def test_numbers_that_no_image_has_and_ranges_that_do_not_agree_are_refused(parts: dict, says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        as_images(parts)
    assert as_images({"images": np.zeros((3, 4, 4)), "test": np.ones((3, 4, 4))})  # black has no range


def test_tensors_are_arrays_whatever_hangs_on_them() -> None:
    X, y = torch.rand(60, 5, 5), torch.arange(60) % 3
    digest = load((X.numpy(), y.numpy())).digest()
    grown = X.clone().requires_grad_()
    for images in (X, grown, list(grown), grown * 1):
        assert load((images, y)).digest() == digest
    rough = as_array("images", X.bfloat16())
    assert rough.dtype == np.float32
    assert np.abs(rough - X.numpy()).max() < 0.01
    with pytest.raises(ValueError, match=r"^images: expected an array, got Tensor \("):
        as_array("images", X.to_sparse())
    with pytest.raises(ValueError, match=r"^images: expected an array, got Tensor \("):
        as_array("images", X.to("meta"))
    with pytest.raises(ValueError, match="images: expected 60 integer labels from 0, got float32"):
        load((X, y.float().requires_grad_()))
    with pytest.raises(ValueError, match="images: expected 60 integer labels from 0, got -1"):
        load((X, y - 1))


def test_white_is_the_first_that_nothing_exceeds() -> None:
    assert [white_of("x", most, False) for most in (0, 255, 256, 1023, 1024, 4096, 16_384, 65_535)] == [
        255, 255, 1023, 1023, 4095, 16_383, 65_535, 65_535,
    ]  # fmt: skip
    assert [white_of("x", most, True) for most in (0, 1, 1.001, 255)] == [1, 1, 255, 255]
    assert to_bytes("x", np.array([0, 0.5, 1]), White()).tolist() == [0, 128, 255]
    with pytest.raises(ValueError, match=r"^x: expected pixels up to 1, as in the other images, got 1\.5"):
        to_bytes("x", np.array([1.5]), White())


def test_nothing_is_written_to_what_is_given() -> None:
    X, y = RNG.integers(0, 4096, (60, 5, 6, 3)).astype(np.uint16), np.arange(60)[:, None] % 3
    for array in (X, y):
        array.flags.writeable = False
    data = ImageData.from_arrays(X, y)
    assert (data.image_shape, data.train.images.dtype, data.classes) == ((3, 5, 6), torch.uint8, 3)


def save(folder: Path, *pixels: np.ndarray, ending: str = "png") -> None:
    """Write each picture twice."""
    folder.mkdir(parents=True, exist_ok=True)
    for k, array in enumerate(pixels + pixels):
        Image.fromarray(array).save(folder / f"{k}.{ending}")


def levels(data: TrainingData) -> list[int]:
    """Return the first pixels of all images, sorted, each once."""
    parts = (data.train, data.validation, data.test)
    return sorted({int(image[0, 0, 0]) for part in parts for image in part.first(99)})


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("ending", ["png", "tif"])
def test_whole_numbers_are_scaled_by_the_highest_of_all_images(tmp_path: Path, bits: int, ending: str) -> None:
    highest = 2**bits - 1
    numbers = [np.full((4, 5), highest * k // 5, dtype=np.uint16) for k in range(6)]
    save(tmp_path / "a", *numbers[:3], ending=ending)
    save(tmp_path / "b", *numbers[3:], ending=ending)
    data = load(f"folder:{tmp_path}")
    assert data.image_shape == (1, 4, 5)
    assert levels(data) == [(highest * k // 5) >> (bits - 8) for k in range(6)]
    assert levels(load_for_training(f"folder:{tmp_path}?size=4x5&stream=yes", TrainingRecipe())) == levels(data)


@pytest.mark.parametrize("most", [1, 255])
def test_floating_numbers_are_scaled_by_the_highest_of_all_images(tmp_path: Path, most: int) -> None:
    numbers = [np.full((4, 5), most * share, dtype=np.float32) for share in (0.0, 0.002, 0.1, 0.5, 0.7, 1.0)]
    save(tmp_path / "a", *numbers[::2], ending="tif")
    save(tmp_path / "b", *numbers[1::2], ending="tiff")
    data = load(f"folder:{tmp_path}")
    assert data.image_shape == (1, 4, 5)
    assert levels(data) == [0, 1, 26, 128, 178, 255]


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.full((4, 4), 256.0, np.float32), r"expected floating pixels in 0\.\.1 or 0\.\.255, got one of 256$"),
        (np.full((4, 4), -0.5, np.float32), r"expected pixels of at least 0 and finite, got -0\.5 to -0\.5$"),
        (np.full((4, 4), np.nan, np.float32), r"expected pixels of at least 0 and finite, got nan to nan$"),
        (np.full((4, 4), np.inf, np.float32), r"expected pixels of at least 0 and finite, got inf to inf$"),
        (np.full((4, 4), 65536, np.int32), r"expected whole pixels of at most 16 bits, 0\.\.65535, got one of 65536$"),
        (np.full((4, 4), -1, np.int32), r"expected pixels of at least 0 and finite, got -1 to -1$"),
    ],
)
def test_numbers_that_no_picture_has_are_refused_with_their_file(tmp_path: Path, pixels: np.ndarray, says: str) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(4, 4))
    Image.fromarray(pixels).save(tmp_path / "b" / "wrong.tif")
    with pytest.raises(ValueError, match=rf"^folder: .*wrong\.tif: {says}"):
        load(f"folder:{tmp_path}")
    with pytest.raises(ValueError, match=rf"^folder: .*wrong\.tif: {says}"):
        load_for_training(f"folder:{tmp_path}?stream=yes", TrainingRecipe())


def test_a_deep_picture_is_known_by_its_format_whatever_its_file_is_called(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(4, 4), mode="L")
    Image.fromarray(np.full((4, 4), 64912, np.uint16)).save(tmp_path / "b" / "0.jpg", format="png")
    assert 64912 >> 8 in levels(load(f"folder:{tmp_path}"))
    (tmp_path / "b" / "0.jpg").rename(tmp_path / "b" / "0.bmp")  # a stream does not look into all of its JPEGs first
    data = load(f"folder:{tmp_path}")
    assert levels(load_for_training(f"folder:{tmp_path}?size=4&stream=yes", TrainingRecipe())) == levels(data)


@pytest.mark.parametrize("ending", ["bmp", "png"])
def test_a_bmp_of_16_bits_for_all_colours_is_one_of_bytes(tmp_path: Path, ending: str) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(4, 4))
    head = struct.pack("<2sIIIIiiHHIIiiII", b"BM", 98, 0, 66, 40, 4, 4, 1, 16, 3, 32, 0, 0, 0, 0)
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    (tmp_path / "a" / f"x.{ending}").write_bytes(head + masks + struct.pack("<H", 1 << 11) * 16)  # a red of 1 in 31
    assert 8 in levels(load(f"folder:{tmp_path}"))


@pytest.mark.parametrize("limit", [60, 120])
def test_a_picture_of_too_many_pixels_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)  # above it Pillow warns, above twice that it raises
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(12, 18))
    with pytest.raises(ValueError, match=r"^folder: expected an image, got one that is too large .*000\.png \(.*216"):
        load(f"folder:{tmp_path}?size=8")


def write_wide(file: Path, pixels: np.ndarray) -> None:
    """Write a PNG of 16 bits a colour, which Pillow does not."""
    h, w, _ = pixels.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    chunks = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    ]
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


def test_colours_of_16_bits_become_8_if_they_use_them(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 3, "b": 3}, size=(4, 4))
    write_wide(tmp_path / "a" / "dark.png", np.full((4, 4, 3), 4095))
    with pytest.raises(ValueError, match=r"colours of 16 bits up to 65535, got .* 4095 at most, in .*dark\.png; save"):
        load(f"folder:{tmp_path}")
    write_wide(tmp_path / "a" / "bright.png", np.full((4, 4, 3), 60_000))
    assert {4095 // 256, 60_000 // 256} <= set(levels(load(f"folder:{tmp_path}")))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_a_white_picture_is_white_in_every_mode(tmp_path: Path, mode: str) -> None:
    white = {"I;16": 65535, "CMYK": (0, 0, 0, 0), "YCbCr": (255, 128, 128)}.get(mode, "white")
    ending = {"CMYK": "tif", "YCbCr": "jpg"}.get(mode, "png")
    for k in range(12):
        (tmp_path / "ab"[k % 2]).mkdir(exist_ok=True)
        Image.new(mode, (4, 4), white).save(tmp_path / "ab"[k % 2] / f"{k}.{ending}")
    assert levels(load(f"folder:{tmp_path}")) == [255]


@pytest.mark.parametrize("spoil", ["cut", "text", "empty"])
def test_a_damaged_image_names_its_file(tmp_path: Path, spoil: str) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5})
    file = tmp_path / "b" / "003.png"
    file.write_bytes({"cut": file.read_bytes()[:300], "text": b"no image at all", "empty": b""}[spoil])
    with pytest.raises(ValueError, match=r"folder: expected an image, got a damaged one in .*003\.png") as caught:
        load(f"folder:{tmp_path}")
    assert "\n" not in str(caught.value)
