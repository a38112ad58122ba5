import dataclasses
import math

import pytest

from carsmoo.config.network import NetworkConfig
from carsmoo.config.retraining import TrainingRecipe


def test_the_recipe_of_the_paper_on_cifar() -> None:
    recipe = TrainingRecipe.preset("cifar")
    told = {"epochs": 600, "batch": 96, "learning_rate": 0.025, "momentum": 0.9, "weight_decay": 3e-4, "clip": 5.0}
    told |= {"cutout": 16, "auxiliary_weight": 0.4, "drop_path_prob": 0.2, "label_smoothing": 0.0, "schedule": "cosine"}
    told |= {"pad": 4, "flip": True, "resized_crop": False, "brightness": 0.0, "hue": 0.0}
    assert {name: getattr(recipe, name) for name in told} == told
    assert recipe.network((3, 32, 32), 10) == NetworkConfig.cifar(auxiliary_head=True)


def test_the_mobile_recipe_on_imagenet() -> None:
    recipe = TrainingRecipe.preset("imagenet")
    told = {"epochs": 250, "batch": 128, "learning_rate": 0.1, "momentum": 0.9, "weight_decay": 3e-5, "clip": 5.0}
    told |= {
        "auxiliary_weight": 0.4,
        "drop_path_prob": 0.0,
        "label_smoothing": 0.1,
        "schedule": "exponential",
        "decay": 0.97,
    }
    told |= {"resized_crop": True, "pad": 0, "flip": True, "cutout": 0}
    told |= {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.2}
    assert {name: getattr(recipe, name) for name in told} == told
    assert recipe.network((3, 224, 224), 1000) == NetworkConfig.imagenet(auxiliary_head=True)


def test_the_cosine_ends_at_zero_and_is_halved_in_the_middle() -> None:
    recipe = TrainingRecipe.preset("cifar")
    assert recipe.learning_rate_in(0) == 0.025
    assert recipe.learning_rate_in(300) == pytest.approx(0.0125)
    assert recipe.learning_rate_in(200) == pytest.approx(0.025 * 0.75)  # cos 60° = 1/2
    assert recipe.learning_rate_in(600) == pytest.approx(0.0, abs=1e-12)


def test_the_cosine_is_that_of_torch() -> None:
    import torch

    recipe = TrainingRecipe(epochs=7, learning_rate=0.3)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 7)
    for epoch in range(7):
        assert recipe.learning_rate_in(epoch) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()


def test_the_exponential_falls_by_its_factor_each_epoch() -> None:
    recipe = TrainingRecipe.preset("imagenet")
    assert recipe.learning_rate_in(0) == 0.1
    assert math.log(recipe.learning_rate_in(100) / 0.1) == pytest.approx(100 * math.log(0.97))


def test_one_cycle_rises_over_three_twentieths_of_the_steps_and_falls_to_nothing() -> None:
    recipe = TrainingRecipe(schedule="one-cycle", epochs=10, learning_rate=0.2)
    told = {(1, 0.5): 0.2, (0, 0.75): 0.1, (0, 0.0): 0.0, (5, 0.75): 0.1, (9, 0.15): 0.02, (10, 0.0): 0.0}
    for (epoch, within), rate in told.items():
        assert recipe.learning_rate_in(epoch, within) == pytest.approx(rate, abs=1e-12)


def test_drop_path_rises_linearly_from_zero() -> None:
    recipe = TrainingRecipe.preset("cifar")
    assert [recipe.drop_path_in(epoch) for epoch in (0, 150, 300, 600)] == pytest.approx([0.0, 0.05, 0.1, 0.2])


def test_settings_change_a_copy_and_come_back_from_toml() -> None:
    import tomli_w

    from carsmoo.config.toml import tomllib

    recipe = TrainingRecipe.preset("cifar").updated({"epochs": 3, "flip": False})
    assert (recipe.epochs, recipe.flip, recipe.batch) == (3, False, 96)
    assert TrainingRecipe.preset("cifar").epochs == 600
    document = {k: v for k, v in dataclasses.asdict(recipe).items() if v is not None}
    assert recipe.to_toml() == tomli_w.dumps(document)
    mobile = TrainingRecipe.preset("imagenet").updated({"hue": 0.1})
    assert (mobile.hue, mobile.brightness) == (0.1, 0.4)
    assert TrainingRecipe().updated(tomllib.loads(mobile.to_toml())) == mobile


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epoch": 3}, "epoch: expected one of "),
        ({"epochs": 0}, "epochs: expected at least 1, got 0"),
        ({"epochs": 1.5}, "epochs: expected an integer, got 1.5"),
        ({"schedule": "linear"}, "schedule: expected one of cosine, exponential, one-cycle, got 'linear'"),
        ({"drop_path_prob": 1.0}, r"drop_path_prob: expected a number in \[0, 1\), got 1.0"),
        ({"holdout_fraction": -0.1}, "holdout_fraction: expected a number"),
        ({"learning_rate": 0}, "learning_rate: expected a number"),
        ({"flip": 1}, "flip: expected True or False, got 1"),
        ({"pad": -1}, "pad: expected at least 0, got -1"),
        ({"resized_crop": 1, "pad": 0}, "resized_crop: expected True or False, got 1"),
        ({"resized_crop": True}, "pad: expected 0 beside resized_crop, got 1"),
        ({"brightness": -0.1}, r"brightness: expected a number in \[0, inf\), got -0.1"),
        ({"saturation": "much"}, "saturation: expected a number, got 'much'"),
        ({"hue": 0.6}, r"hue: expected a number in \[0, 0.5\], got 0.6"),
        ({"batch": {"size": 3}}, "batch: expected a value, got a section"),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, object], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=f"^{message}") as caught:
        TrainingRecipe().updated(settings)
    assert "\n" not in str(caught.value)


def test_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^recipe: expected one of quick, clutter, cifar, imagenet, got 'paper'"):
        TrainingRecipe.preset("paper")
