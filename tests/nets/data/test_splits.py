import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from carsmoo import CARSProblem
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.cost import memory
from carsmoo.nets.data import Split, Stream, StreamedData, load, load_for_training, transforms
from carsmoo.nets.data.splits import drawn, in_order
from carsmoo.nets.models.serialization import load as load_network
from carsmoo.nets.retraining.job import error_in, train
from carsmoo.nets.retraining.trainer import NetworkTrainer, augment_for, error_of, split_for
from carsmoo.runs.export import of_trained
from carsmoo.utils.progress import Step
from carsmoo.zoo import GENOTYPES
from tests.nets.retraining.test_job import Stop, job, log, same
from tests.support.images import draw_folder
from tests.support.networks import generator

MOBILE = TrainingRecipe.preset("imagenet")
TINY = dataclasses.replace(MOBILE, channels=2, layers=3, stem="cifar", epochs=3, batch=7, holdout_fraction=0.2)
GENOTYPE = GENOTYPES["CARS-E"]


def draw_imagenet(root: Path) -> Path:
    """Write pictures of several sizes in ImageNet's folders: 24 in train/, 10 in val/."""
    draw_folder(root / "train", {"n01": 8, "n02": 16}, size=(30, 41))
    draw_folder(root / "val", {"n01": 5, "n02": 5}, size=(52, 25), seed=1)
    return root


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_imagenet(tmp_path_factory.mktemp("images") / "imagenet")


@pytest.fixture(scope="module")
def data(imagenet: Path) -> StreamedData:
    found = load_for_training(f"imagenet:{imagenet}?size=14", MOBILE)
    assert isinstance(found.train, Stream)
    return found


def test_a_recipe_that_crops_whole_pictures_reads_them_from_their_files(imagenet: Path, data: StreamedData) -> None:
    assert data.name == "imagenet?size=14x14&stream=yes"
    assert data.image_shape == (3, 14, 14)
    assert data.class_names == ("n01", "n02")
    assert [len(part) for part in (data.train, data.validation, data.test)] == [12, 12, 10]
    assert torch.allclose(data.mean / 255, torch.tensor([0.485, 0.456, 0.406]))
    assert torch.allclose(data.std / 255, torch.tensor([0.229, 0.224, 0.225]))
    for recipe, option, kind in (
        (MOBILE, "", Stream),
        (MOBILE, "&stream=no", Split),
        (TrainingRecipe(), "", Split),
        (TrainingRecipe(), "&stream=yes", Stream),
    ):
        assert type(load_for_training(f"imagenet:{imagenet}?size=14{option}", recipe).train) is kind
    assert load_for_training(f"imagenet:{imagenet}", MOBILE).image_shape == (3, 224, 224)
    assert type(load_for_training("digits", MOBILE).train) is Split
    assert load_for_training(data, TrainingRecipe()) is data


def test_scored_are_the_middles_in_order(data: StreamedData) -> None:
    evaluation = v2.Compose([v2.Resize(16), v2.CenterCrop(14), v2.PILToTensor()])
    expected = torch.stack([evaluation(Image.open(path)) for path in data.test.files])
    batches = list(data.test.batches(4))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    assert torch.equal(torch.cat([images for images, _ in batches]), expected)
    assert torch.equal(torch.cat([labels for _, labels in batches]), data.test.labels)
    assert torch.equal(data.test.first(3), expected[:3])
    assert torch.equal(data.test.first(99), expected)
    loaded = list(DataLoader(data.test, batch_size=4))  # torch's own takes a split, too
    assert all(
        torch.equal(a, b) for one, other in zip(loaded, batches, strict=True) for a, b in zip(one, other, strict=True)
    )


def test_trained_on_are_parts_of_whole_pictures_by_seeds_of_their_own(
    data: StreamedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = torch.tensor([5, 2, 11, 0, 7])
    jitter = v2.ColorJitter(0.4, 0.4, 0.4, 0.2)
    transform = v2.Compose([v2.RandomResizedCrop(14), v2.RandomHorizontalFlip(), jitter, v2.PILToTensor()])
    seeds = torch.randint(2**63 - 1, (12,), generator=generator(3))
    expected = []
    with torch.random.fork_rng():
        for place in order.tolist():
            torch.manual_seed(int(seeds[place]))
            expected.append(transform(Image.open(data.train.files[place])))
    for threads in (1, 4):
        monkeypatch.setattr(torch, "get_num_threads", lambda n=threads: n)
        found = list(data.train.augmented(order.split(2), augment_for(data, MOBILE), generator(3)))
        assert torch.equal(torch.cat([images for images, _ in found]), torch.stack(expected))
        assert torch.equal(torch.cat([labels for _, labels in found]), data.train.labels[order])


def test_without_resized_crops_the_middles_are_shifted(data: StreamedData) -> None:
    recipe = TrainingRecipe(pad=0, flip=True)
    ((found, _),) = data.test.augmented([torch.arange(10)], augment_for(data, recipe), generator())
    whole = data.test.first(10)
    same_or_mirrored = [torch.equal(a, b) or torch.equal(a, b.flip(2)) for a, b in zip(found, whole, strict=True)]
    assert all(same_or_mirrored)
    assert not torch.equal(found, whole)


def test_the_splits_are_those_of_images_in_memory(tmp_path: Path) -> None:
    for k in range(40):  # each in a colour of its own
        folder = tmp_path / ("ant" if k < 15 else "bee")
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (16, 16), (k, 0, 0)).save(folder / f"{k}.png")
    for options in ("size=16", "size=16&images=30&split_seed=2"):
        text = f"folder:{tmp_path}?{options}"
        held, streamed = load(text), load_for_training(text, MOBILE)
        for what in ("train", "validation", "test"):
            one, other = getattr(held, what), getattr(streamed, what)
            assert torch.equal(one.images, other.first(99))
            assert torch.equal(one.labels, other.labels)
        recipe = TrainingRecipe(holdout_fraction=0.25)
        for one, other in zip(split_for(held, recipe), split_for(streamed, recipe), strict=True):
            assert torch.equal(one.images, other.first(99))


def test_the_digest_tells_changed_files_without_reading_them(tmp_path: Path) -> None:
    def digest(root: Path, options: str = "size=14") -> str:
        return load_for_training(f"imagenet:{root}?{options}", MOBILE).digest()

    one, other = draw_imagenet(tmp_path / "one"), tmp_path / "other"
    shutil.copytree(one, other)
    before = digest(one)
    assert digest(other) == before
    assert len({before, *(digest(one, f"size={other}") for other in ("15", "14&split_seed=1", "14&pad=2"))}) == 4
    file = other / "val" / "n02" / "003.png"
    whole = file.read_bytes()
    file.write_bytes(whole + b"\0")
    assert digest(other) != before
    file.write_bytes(whole)
    file.rename(file.with_name("9.png"))
    assert digest(other) != before


def test_a_training_goes_on_bit_for_bit(data: StreamedData) -> None:
    before = torch.get_rng_state()
    whole = NetworkTrainer(GENOTYPE, TINY, data)
    whole.epoch()
    saved = whole.state()
    losses = [whole.epoch(), whole.epoch()]
    other = NetworkTrainer(GENOTYPE, TINY, data)
    other.load_state(saved)
    assert [other.epoch(), other.epoch()] == losses
    assert all(np.array_equal(value, other.state()[name]) for name, value in whole.state().items())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.end_to_end
def test_a_stopped_training_in_a_folder_goes_on_and_its_card_is_true(
    imagenet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hear(step: Step) -> None:
        if step.boundary and step.figures["epoch"] == 1:
            raise Stop

    monkeypatch.setenv("CARSMOO_IMAGES", str(imagenet.parent))
    fields = {"recipe": TINY, "data": "imagenet?size=14"}
    card = train(job(tmp_path / "whole", **fields))
    with pytest.raises(Stop):
        train(job(tmp_path / "parts", **fields), hear)
    assert train(job(tmp_path / "parts", **fields))["accuracy"] == card["accuracy"]
    assert same(tmp_path / "whole", tmp_path / "parts")
    assert log(tmp_path / "whole") == log(tmp_path / "parts")
    assert card["recipe"]["settings"] == dataclasses.asdict(TINY)
    data = load_for_training(card["data"]["name"], TINY)
    assert card["recipe"]["data_sha256"] == data.digest()
    network = load_network(tmp_path / "whole")
    assert error_of(network, data.test, data.normalise) == error_in(card, "test")
    source = of_trained(tmp_path / "whole")
    assert source.images is not None
    assert torch.equal(source.images, data.test.first(64).float())


def test_a_damaged_image_names_its_file(tmp_path: Path) -> None:
    root = draw_imagenet(tmp_path)
    file = root / "train" / "n02" / "003.png"
    file.write_bytes(file.read_bytes()[:300])
    trainer = NetworkTrainer(GENOTYPE, TINY, load_for_training(f"imagenet:{root}?size=14", TINY))
    with pytest.raises(ValueError, match=r"imagenet: expected an image, got a damaged one in .*003\.png") as caught:
        trainer.epoch()
    assert "\n" not in str(caught.value)


def test_a_search_wants_its_images_in_memory(imagenet: Path) -> None:
    for given in (f"imagenet:{imagenet}?stream=yes", load(f"imagenet:{imagenet}?size=14", stream=True)):
        for make in (load, CARSProblem):
            with pytest.raises(ValueError, match=r"^data: expected images in memory, got stream=yes, .*$") as caught:
                make(given)
            assert "\n" not in str(caught.value)
    with pytest.raises(ValueError, match=r"^data: expected stream=yes only for imagenet and folder, got digits$"):
        load_for_training("digits?stream=yes", MOBILE)
    with pytest.raises(ValueError, match=r"^data: expected one of digits, .*, npz, got 'mnits\?stream=yes'$"):
        load_for_training("mnits?stream=yes", MOBILE)
    with pytest.raises(ValueError, match="expected images of at most 24, got 25"):
        load_for_training(f"imagenet:{imagenet}?images=25", MOBILE)


def test_streamed_pictures_that_do_not_fit_are_refused_before_one_is_read(
    imagenet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (memory, transforms):
        monkeypatch.setattr(module, "physical_memory", lambda: 10**9)
    with pytest.raises(ValueError, match=r"^data: expected images that fit in half .*\(1 images of 3x20000x20000\)"):
        load(f"imagenet:{imagenet}?size=20000", stream=True)
    with pytest.raises(
        ValueError, match=r"^pad: expected what fits in the memory, 1\.0 GB, got images of 3x14x14 padded"
    ):
        load(f"imagenet:{imagenet}?size=14&pad=20000", stream=True)


@pytest.mark.parametrize(
    ("counts", "shares", "says"),
    [
        (
            [3] * 20,
            {"test": 0.2},
            "images: expected the test split of 20 % to have an image of each class, got 12 for 20 classes; give more "
            "images or a larger share",
        ),
        (
            [20] * 3,
            {"test": 0.001},
            "images: expected the test split of 0.1 % to have .*, got 0 for 3 classes; ",
        ),
        (
            [20] * 3,
            {"test": 0.999},
            "images: expected what the test split of 99.9 % leaves to have .*, got 0 for 3 classes; .* a smaller share",
        ),
        (
            [10] * 3,
            {"test": 0.2, "validation": 0.1},
            "images: expected the validation split of 10 % to .*, got 2 for",
        ),
        (
            [3, 40],
            {"test": 0.7, "validation": 0.5},
            "class 0: expected at least 2 images, .* got 1 beside those of ",
        ),
        ([3, 97], {"validation": 0.9}, "class 0: expected at least 1 images, .*, got 0 beside those of validation"),
    ],
)
def test_splits_without_room_for_each_class_are_refused(counts: list[int], shares: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}") as caught:
        drawn(np.repeat(np.arange(len(counts)), counts), shares, 0)
    assert "\n" not in str(caught.value)


def test_results_come_in_order_and_no_more_are_begun_than_asked() -> None:
    begun: list[int] = []

    def squared(x: int) -> int:
        begun.append(x)
        if x == 90:
            raise ValueError("90")
        return x * x

    found = in_order(squared, iter(range(100)), 3, 5)
    assert [next(found) for _ in range(4)] == [0, 1, 4, 9]
    found.close()
    assert max(begun) < 4 + 5
    assert list(in_order(squared, range(80), 7, 20)) == [x * x for x in range(80)]
    with pytest.raises(ValueError, match="90"):
        list(in_order(squared, range(100), 2, 4))
    assert list(in_order(squared, [], 2, 4)) == []
