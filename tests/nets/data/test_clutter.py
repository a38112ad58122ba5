import hashlib

import numpy as np
import pytest
from scipy.ndimage import zoom
from sklearn.datasets import load_digits

from carsmoo.nets.data import Augmentation, load, sources
from carsmoo.nets.data.clutter import COUNTS, Drawing, draw, drawings, painted

FOUND = load_digits()
DIGITS, LABELS = FOUND.images.astype(np.int64), FOUND.target
SHARES = {"test": 0.2, "validation": 0.3}


def by_hand(drawing: Drawing, k: int) -> np.ndarray:
    """Return an image of a drawing as scipy scales its digit, pixel by pixel of the pieces."""
    canvas = np.zeros((16, 16))
    for other, cut, at in zip(drawing.others[k], drawing.cut[k], drawing.pieces[k], strict=True):
        for y in range(5):
            for x in range(5):
                value = FOUND.images[other][cut[0] + y, cut[1] + x]
                canvas[at[0] + y, at[1] + x] = max(canvas[at[0] + y, at[1] + x], value)
    scaled = zoom(FOUND.images[drawing.digit[k]], drawing.side[k] / 8, order=1)
    y, x = drawing.corner[k]
    beside = canvas[y : y + len(scaled), x : x + len(scaled)]
    beside[...] = np.maximum(beside, scaled)
    return np.floor(canvas * 15 + 1e-6).astype(np.uint8)


def test_images_hold_their_digit_and_pieces_of_others() -> None:
    drawing = draw(np.arange(500), LABELS, 60, np.random.default_rng(0))
    images = painted(DIGITS, drawing)
    assert images.dtype == np.uint8
    assert set(drawing.side) == {9, 10, 11, 12, 13}
    for k, image in enumerate(images):
        assert np.array_equal(image, by_hand(drawing, k))
    assert not (drawing.others == drawing.digit[:, None]).any()


def test_no_digit_is_in_two_splits_nor_a_piece_of_it() -> None:
    made = drawings(LABELS, SHARES, 3)
    used = {split: {*drawing.digit.tolist(), *drawing.others.ravel().tolist()} for split, drawing in made.items()}
    assert {split: len(drawing.digit) for split, drawing in made.items()} == COUNTS
    assert len(set.union(*used.values())) == sum(map(len, used.values())) == len(LABELS)


@pytest.mark.parametrize("count", [30, 47])
def test_classes_have_as_many_images_to_one(count: int) -> None:
    drawing = draw(np.arange(100, 400), LABELS, count, np.random.default_rng(1))
    sizes = np.bincount(LABELS[drawing.digit], minlength=10)
    assert sizes.sum() == count
    assert np.ptp(sizes) == (count % 10 > 0)
    assert set(drawing.digit) <= set(range(100, 400))


def test_by_name_the_images_are_the_same_everywhere() -> None:
    data = load("cluttered-digits")
    assert (data.image_shape, data.classes, data.augmentation) == ((1, 16, 16), 10, Augmentation())
    found = hashlib.sha256()
    for part, n in zip((data.train, data.validation, data.test), COUNTS.values(), strict=True):
        assert np.bincount(part.labels).tolist() == [n // 10] * 10
        found.update(part.images.numpy().tobytes() + part.labels.numpy().astype("<i8").tobytes())
    assert found.hexdigest() == "55019b55407e816b6e76b37ac179cf8868a7400fe160bd8b0b4d420c144d3717"


def test_each_split_is_made_of_the_digits_that_digits_have_in_it() -> None:
    place_of = {image.tobytes(): k for k, image in enumerate((DIGITS * 15).astype(np.uint8))}
    data = load("digits")
    for split, drawing in drawings(LABELS, sources._DIGITS, 0).items():
        theirs = {place_of[image.numpy().tobytes()] for image in getattr(data, split).images}
        assert theirs == {*drawing.digit.tolist(), *drawing.others.ravel().tolist()}


def test_options_draw_other_images_keep_fewer_and_scale() -> None:
    data = load("cluttered-digits?images=300&split_seed=1&size=12&pad=2")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [300, 1000, 2000]
    assert np.bincount(data.train.labels).tolist() == [30] * 10
    assert data.image_shape == (1, 12, 12)
    assert data.augmentation == Augmentation(pad=2)
    assert data.name == "cluttered-digits?images=300&size=12x12&split_seed=1"
    assert load("cluttered-digits?split_seed=1").digest() != load("cluttered-digits").digest()
    with pytest.raises(ValueError, match="data: expected images of at most 5000, got 5001"):
        load("cluttered-digits?images=5001")
