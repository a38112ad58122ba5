import math

import pytest

from carsmoo.config.network import NetworkConfig, halved
from carsmoo.config.supernet import SupernetTraining


def test_cells_follow_darts() -> None:
    cells = list(NetworkConfig.cifar(channels=36, layers=20).cells())
    assert [c.position for c in cells if c.reduction] == [6, 13]
    assert [c.channels for c in cells] == [36] * 6 + [72] * 7 + [144] * 7
    assert (cells[0].in_before, cells[0].in_last) == (108, 108)
    assert (cells[7].in_before, cells[7].in_last, cells[7].halved_before) == (144, 288, True)
    assert [c.height for c in cells] == [32] * 7 + [16] * 7 + [8] * 6
    imagenet = list(NetworkConfig.imagenet().cells())
    assert (imagenet[0].height, imagenet[0].in_before, imagenet[0].halved_before) == (28, 48, True)
    assert imagenet[-1].height == 7


@pytest.mark.parametrize("size", range(1, 60))
def test_rounding_up_once_is_rounding_up_each_time(size: int) -> None:
    step = size
    for times in range(5):
        assert halved(size, times) == step
        step = math.ceil(step / 2)


def test_what_is_not_said_comes_from_the_data() -> None:
    config = NetworkConfig()
    assert config.input_shape == (3, 32, 32)
    assert config.for_data((1, 8, 8), 7).input_shape == (1, 8, 8)
    assert config.for_data((1, 8, 8), 7).output_classes == 7
    with pytest.raises(ValueError, match=r"image_shape: expected \(3, 32, 32\)"):
        NetworkConfig.cifar().for_data((1, 8, 8), 10)
    with pytest.raises(ValueError, match="classes: expected 10"):
        NetworkConfig.cifar().for_data((3, 32, 32), 11)


def test_the_learning_rate_is_a_cosine_to_the_floor_and_stays_there() -> None:
    plan = SupernetTraining.paper()
    assert (plan.planned_epochs, plan.warmup_epochs, plan.pop_size, plan.batch_size) == (500, 50, 128, 128)
    assert plan.learning_rate_at(0) == pytest.approx(0.025)
    assert plan.learning_rate_at(250) == pytest.approx((0.025 + 0.001) / 2)
    assert plan.learning_rate_at(500) == plan.learning_rate_at(900) == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"channels": 1}, ValueError, "channels: expected at least 2, got 1"),
        ({"channels": 8.0}, TypeError, "channels: expected an integer, got 8.0"),
        ({"layers": True}, TypeError, "layers: expected an integer"),
        ({"stem": "mnist"}, ValueError, "stem: expected one of cifar, imagenet, got 'mnist'"),
        ({"image_shape": (8, 8)}, ValueError, "image_shape: expected"),
        ({"n_classes": 1}, ValueError, "n_classes: expected at least 2"),
        ({"drop_path_prob": 1.0}, ValueError, r"drop_path_prob: expected a number in \[0, 1\), got 1.0"),
        ({"bn_affine": 1}, TypeError, "bn_affine: expected True or False"),
        ({"chanels": 8}, TypeError, "chanels"),
    ],
)
def test_wrong_networks_are_refused(fields: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        NetworkConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        ({"warmup_epochs": -1}, ValueError, "warmup_epochs: expected at least 0, got -1"),
        ({"batch_size": 1}, ValueError, "batch_size: expected at least 2"),
        ({"momentum": 1.0}, ValueError, "momentum"),
        ({"grad_clip": 0}, ValueError, r"grad_clip: expected a number in \(0, inf\), got 0"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate: expected a number"),
        ({"learning_rate": float("nan")}, ValueError, "learning_rate: expected a number"),
        ({"learning_rate_min": 1.0}, ValueError, "learning_rate_min: expected at most learning_rate"),
        ({"bn_statistics": "running"}, ValueError, "bn_statistics: expected one of recalibrated, batch"),
        ({"ghost_batches": 0}, ValueError, "ghost_batches: expected at least 1, got 0"),
        (
            {"batch_size": 9, "ghost_batches": 5},
            ValueError,
            "ghost_batches: expected at most half of batch_size 9, for batch norm, got 5",
        ),
        (
            {"flops_grouping_window": 16, "subnets_per_step": 2},
            ValueError,
            "flops_grouping_window: expected it times subnets_per_step to divide",
        ),
        ({"weights": "mine"}, ValueError, "weights: expected one of shared, own, got 'mine'"),
        ({"weights": "own", "racing": True}, ValueError, "racing: expected False with weights='own', got True"),
        (
            {"weights": "own", "warmup_widening": 0.5},
            ValueError,
            "warmup_widening: expected 0 with weights='own', got 0.5",
        ),
        ({"warmup_widening": 1.5}, ValueError, "warmup_widening: expected"),
        ({"weights": "own", "subnets_per_step": 2}, ValueError, "subnets_per_step: expected 1 with weights='own'"),
        ({"score_images": 1}, ValueError, "score_images: expected at least 2"),
        (
            {"weights": "own", "bn_statistics": "batch"},
            ValueError,
            "bn_statistics: expected 'recalibrated' with weights='own', got 'batch'",
        ),
        (
            {"bn_statistics": "batch", "eval_batch_size": 1},
            ValueError,
            "eval_batch_size: expected at least 2 with bn_statistics='batch', got 1",
        ),
        ({"main_effects": 8}, ValueError, "main_effects: expected 0 or at least 16, got 8"),
        (
            {"weights": "own", "main_effects": 99},
            ValueError,
            "main_effects: expected 0 or 'population' with weights='own', got 99",
        ),
        (
            {"main_effects": "population"},
            ValueError,
            "main_effects: expected a number of networks with weights='shared', got 'population'",
        ),
        (
            {"weights": "own", "pop_size": 15, "main_effects": "population"},
            ValueError,
            "pop_size: expected at least 16 with main_effects='population', got 15",
        ),
        (
            {"weights": "own", "supernet_epochs": 3},
            ValueError,
            "supernet_epochs: expected 0 without weights='own' and main_effects='population', got 3",
        ),
        (
            {"weights": "own", "classifier_images": 9},
            ValueError,
            "classifier_images: expected 0 with weights='own' and no supernet_epochs, got 9",
        ),
        (
            {"classifier_images": 1},
            ValueError,
            "classifier_images: expected 0 or at least 2, of different classes, got 1",
        ),
        ({"classifier_images": -1}, ValueError, "classifier_images: expected at least 0, got -1"),
        ({"probes": 5}, ValueError, "probes: expected 0 or at least 6, got 5"),
        ({"probes": -1}, ValueError, "probes: expected at least 0, got -1"),
        ({"weights": "own", "probes": 8}, ValueError, "probes: expected 0 with weights='own', got 8"),
        (
            {"weights": "own", "main_effects": "all"},
            ValueError,
            "main_effects: expected a number or 'population', got 'all'",
        ),
        ({"main_effects": 2.5}, TypeError, "main_effects: expected an integer, got 2.5"),
        ({"racing": True, "main_effects": 99}, ValueError, "racing: expected False with main_effects"),
    ],
)
def test_wrong_plans_are_refused(fields: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says):
        SupernetTraining(**fields)


def test_the_supernet_that_own_weights_ask_is_scored_as_the_plan_says() -> None:
    scored = {"classifier_images": 50, "score_images": 40, "eval_batch_size": 30, "score_memory": 20}
    own: dict = {"weights": "own", "main_effects": "population", "learning_rate": 0.5}
    asked = SupernetTraining(supernet_epochs=3, **own, **scored).of_supernet
    assert asked == SupernetTraining(warmup_epochs=3, n_generations=0, **scored)
    assert SupernetTraining(**own).of_supernet is None
