import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import kstest
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as pictures

from carsmoo.cost import memory
from carsmoo.nets.data import load, transforms
from carsmoo.nets.data.transforms import (
    Augment,
    Augmentation,
    crop_box,
    cut_out,
    fitted,
    jittered,
    middle,
    natural,
    require_memory,
)
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


def test_augmentation_is_a_crop_of_the_padded_image_maybe_mirrored() -> None:
    x = torch.arange(1, 1 + 200 * 2 * 4 * 5, dtype=torch.float32).reshape(200, 2, 4, 5)
    y = Augmentation(pad=2, flip=True)(x, generator())
    assert y.shape == x.shape
    seen = set()
    for image, result in zip(x, y, strict=True):
        padded = torch.nn.functional.pad(image, (2, 2, 2, 2))
        found = [
            (top, left, flip)
            for top in range(5)
            for left in range(5)
            for flip in (False, True)
            for crop in (padded[:, top : top + 4, left : left + 5],)
            if torch.equal(crop.flip(2) if flip else crop, result)
        ]
        assert found
        seen.add(found[0])
    assert len(seen) > 30
    assert Augmentation()(x, generator()) is x
    assert torch.equal(Augmentation(pad=2)(x, generator(3)), Augmentation(pad=2)(x, generator(3)))


def test_cutout_clears_a_square_that_the_border_clips() -> None:
    images = cut_out(torch.ones(4000, 3, 10, 8), 4, generator())
    for image in images[:50]:
        assert torch.equal(image[0], image[1])
        rows = (image[0] == 0).any(dim=1).nonzero().flatten()
        columns = (image[0] == 0).any(dim=0).nonzero().flatten()
        block = image[0][rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert (block == 0).all()
        assert (image[0] == 0).sum() == block.numel() <= 16
    # By size, with the centre uniform: 2 of n places lose 2 px, 1 more loses 1 on each side: mean sides by counting.
    sides = [np.mean([len(set(range(c - 2, c + 2)) & set(range(size))) for c in range(size)]) for size in (10, 8)]
    assert float((images[:, 0] == 0).float().sum(dim=(1, 2)).mean()) == pytest.approx(sides[0] * sides[1], rel=0.02)
    assert torch.equal(cut_out(images, 0, generator()), images)


def test_images_are_scaled_to_cover_and_cropped_in_the_middle() -> None:
    column = np.arange(40, dtype=np.uint8) * 5
    X = np.broadcast_to(column, (2, 1, 20, 40))
    square = fitted(X, (10, 10))  # half the height covers; the middle 10 of 20 columns stay
    assert square.shape == (2, 1, 10, 10)
    expected = 5 * (2 * np.arange(5, 15) + 0.5)
    assert np.abs(square[0, 0] - expected).max() <= 1
    assert fitted(X, (20, 40)) is X
    floats = fitted(X.astype(np.float32), (10, 10))
    assert floats.dtype == np.float32
    assert np.abs(floats[0, 0] - expected).max() < 1e-3
    assert load("digits?size=12x10").image_shape == (1, 12, 10)


def test_augmentation_is_cifars_for_colour_and_none_for_grey_unless_asked_for() -> None:
    assert natural((3, 32, 32)) == Augmentation(pad=4, flip=True)
    assert natural((3, 64, 40)) == Augmentation(pad=5, flip=True)
    assert natural((1, 32, 32)) == Augmentation()
    assert load("digits").augmentation == Augmentation()
    assert load("digits?pad=1&flip=yes").augmentation == Augmentation(pad=1, flip=True)


def test_images_that_do_not_fit_tell_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transforms, "physical_memory", lambda: 16 * 2**30)
    require_memory(50_000, (3, 32, 32))
    says = r"8,589,934,592 bytes, got 192,851,343,360 bytes \(1281167 images of 3x224x224\); ask for fewer"
    with pytest.raises(ValueError, match=says.replace("192,851,343,360", f"{1281167 * 3 * 224 * 224:,}")):
        require_memory(1_281_167, (3, 224, 224))
    monkeypatch.setattr(transforms, "physical_memory", lambda: None)
    require_memory(1_281_167, (3, 224, 224))


@pytest.mark.parametrize("shape", [(300, 500), (500, 300), (224, 224), (90, 61)])
def test_the_middle_is_that_of_the_papers_evaluation(shape: tuple[int, int]) -> None:
    image = pictures.to_pil_image(torch.randint(0, 256, (3, *shape), generator=generator()).byte())
    expected = v2.Compose([v2.Resize(256), v2.CenterCrop(224)])(image)
    assert middle(image, (224, 224)).tobytes() == expected.tobytes()
    assert middle(image, (14, 70)).size == (70, 14)


def test_padding_and_scaling_beyond_the_memory_are_refused_with_what_they_would_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(memory, "physical_memory", lambda: 6 * 10**7)
    says = (
        r"^pad: expected what fits in the memory, 0\.1 GB, got images of 1x8x8 padded by 1000000, 1 of them at once: "
    )
    with pytest.raises(ValueError, match=rf"{says}at least 4,000\.0 GB$"):
        load("digits?pad=1000000")
    with pytest.raises(ValueError, match=r"^pad: .* images of 1x8x8 padded by 1000000, .*4,000\.0 GB$"):
        Augment(size=(8, 8), shift=Augmentation(pad=1_000_000))
    assert Augment(size=(8, 8), resized_crop=True, shift=Augmentation(pad=1_000_000)).size == (8, 8)  # pads nothing
    images = torch.zeros(9, 1, 8, 8)
    wide = Augmentation(pad=800)  # 2.6 million numbers an image: 9 of them fit as bytes, not as float32
    assert wide(images[:3], generator()).shape == (3, 1, 8, 8)
    assert wide(images.byte(), generator()).shape == (9, 1, 8, 8)
    with pytest.raises(
        ValueError, match=r"^pad: .* images of 1x8x8 padded by 800, 9 of them at once: at least 0\.1 GB$"
    ):
        wide(images, generator())
    says = (
        r"^size: expected what fits in the memory, 0\.1 GB, got images of 8x8 scaled to 10000x10000: at least 0\.4 GB$"
    )
    with pytest.raises(ValueError, match=says):
        load("digits?size=1x10000")


def test_images_are_scaled_alike_however_many_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    X = np.random.default_rng(0).integers(0, 256, (7, 3, 9, 14), dtype=np.uint8)
    for images in (X, X.astype(np.float32)):
        whole = fitted(images, (12, 5))
        for pixels in (1, 2 * 12 * 19, 10**6):
            monkeypatch.setattr(transforms, "CHUNK", pixels)
            assert np.array_equal(fitted(images, (12, 5)), whole)
