import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import spec
from carsmoo.nets.data.in_memory import ImageData
from carsmoo.nets.data.load import load, load_for_training
from carsmoo.nets.data.streaming import TrainingData
from carsmoo.nets.data.transforms import Augmentation
from tests.support.images import draw_folder

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


def test_a_deep_picture_in_a_file_called_otherwise_is_refused_and_never_clipped(tmp_path: Path) -> None:
    draw_folder(tmp_path, {"a": 5, "b": 5}, size=(4, 4))
    Image.fromarray(np.full((4, 4), 300, np.uint16)).save(tmp_path / "b" / "0.jpg", format="png")
    with pytest.raises(ValueError, match=r"b/0\.jpg: expected pixels up to 255, as in the other images, got 300$"):
        load(f"folder:{tmp_path}")


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
    monkeypatch.setattr(spec, "physical_memory", lambda: 20_000)
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
