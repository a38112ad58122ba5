import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import kstest
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as pictures

from carsmoo.nets.data.transforms import Augment, Augmentation, crop_box, jittered
from tests.support.networks import generator

DARTS = Augment(size=(20, 20), resized_crop=True, shift=Augmentation(flip=True), jitter=(0.4, 0.4, 0.4, 0.2))
TORCHVISION = v2.Compose(
    [v2.RandomResizedCrop(20, antialias=True), v2.RandomHorizontalFlip(), v2.ColorJitter(0.4, 0.4, 0.4, 0.2)]
)


def drawn(kind: str, height: int, width: int) -> torch.Tensor | Image.Image:
    pixels = torch.randint(0, 256, (1 if kind == "grey" else 3, height, width), generator=generator(7)).byte()
    if kind == "picture":
        return pictures.to_pil_image(pixels)
    return pixels / 255 if kind == "float" else pixels


def by_torchvision(transform: v2.Transform, image: torch.Tensor | Image.Image, seed: int) -> torch.Tensor:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return pictures.to_image(transform(image))


@pytest.mark.parametrize("shape", [(37, 50), (50, 37), (20, 20), (4, 90), (90, 4)])
@pytest.mark.parametrize("kind", ["colour", "grey", "float", "picture"])
def test_the_pixels_are_those_of_torchvision_under_the_same_seed(kind: str, shape: tuple[int, int]) -> None:
    image = drawn(kind, *shape)
    before = torch.get_rng_state()
    for seed in range(8):
        found = pictures.to_image(DARTS.one(image, generator(seed)))
        assert torch.equal(found, by_torchvision(TORCHVISION, image, seed))
        assert found.shape[1:] == (20, 20)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_padded_crop_is_that_of_torchvision() -> None:
    transform = v2.Compose([v2.RandomCrop(24, padding=4), v2.RandomHorizontalFlip()])
    augment = Augment(size=(24, 24), shift=Augmentation(pad=4, flip=True))
    for seed in range(8):
        for kind in ("colour", "picture"):
            image = drawn(kind, 24, 24)
            found = pictures.to_image(augment.one(image, generator(seed)))
            assert torch.equal(found, by_torchvision(transform, image, seed))


def test_crops_have_a_uniform_area_and_a_log_uniform_ratio() -> None:
    source = generator()
    height, width = 300, 400
    boxes = np.array([crop_box(height, width, source) for _ in range(4000)])
    top, left, h, w = boxes.T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + h <= height).all()
    assert (left + w <= width).all()
    share, ratio = h * w / (height * width), w / h
    assert 0.079 < share.min() < 0.09
    assert share.max() > 0.95
    assert 0.74 < ratio.min() < 0.77
    assert 1.3 < ratio.max() < 1.35
    small = share < 0.5  # up to half of the area every ratio fits, so that none is drawn anew
    span = math.log(4 / 3)
    assert kstest(np.log(ratio[small]), "uniform", args=(-span, 2 * span)).pvalue > 0.01
    assert kstest(share[small], "uniform", args=(0.08, 0.42)).pvalue > 0.01
    spread = top[small] / (height - h[small])
    assert kstest(spread, "uniform").pvalue > 0.01


def test_an_image_that_no_part_fits_in_is_cropped_in_the_middle() -> None:
    assert crop_box(9, 9000, generator()) == (0, 4494, 9, 12)
    assert crop_box(9000, 9, generator()) == (4494, 0, 12, 9)


def test_grey_images_keep_saturation_and_hue_and_draw_as_much() -> None:
    image, colour = drawn("grey", 9, 9), drawn("colour", 9, 9)
    for jitter in ((0.4, 0.0, 0.0, 0.0), (0.0, 0.4, 0.0, 0.0), (0.0, 0.0, 0.9, 0.5)):
        one, other = generator(3), generator(3)
        assert torch.equal(jittered(image, jitter, one), image) == (jitter[2] > 0)
        assert not torch.equal(jittered(colour, jitter, other), colour)
        assert torch.equal(one.get_state(), other.get_state())
    assert jittered(image, (0.0,) * 4, generator()) is image


def test_a_batch_is_augmented_image_by_image_and_repeats_under_its_seed() -> None:
    images = torch.stack([drawn("colour", 20, 20)] * 6)
    found = DARTS(images, generator(1))
    source = generator(1)
    assert torch.equal(found, torch.stack([DARTS.one(image, source) for image in images]))
    assert torch.equal(found, DARTS(images, generator(1)))
    assert len({image.numpy().tobytes() for image in found}) == 6
    assert found.dtype == torch.uint8
    assert DARTS(images / 255, generator(1)).dtype == torch.float32
    shift = Augmentation(pad=2, flip=True)
    plain = Augment(size=(20, 20), shift=shift)
    assert torch.equal(plain(images, generator(1)), shift(images, generator(1)))


def test_colours_that_cannot_be_changed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"^jitter: expected images in 1 or 3 colours, got 4$"):
        DARTS(torch.zeros(2, 4, 20, 20), generator())
    with pytest.raises(
        ValueError, match=r"^jitter: expected bytes or numbers in \[0, 1\], got numbers in \[-2, 0.5\]$"
    ):
        DARTS(torch.tensor([-2.0, 0.5]).expand(3, 1, 4, 2), generator())
    crops = Augment(size=(8, 8), resized_crop=True)
    assert torch.allclose(crops(torch.full((2, 4, 20, 20), -3.0), generator()), torch.tensor(-3.0))
