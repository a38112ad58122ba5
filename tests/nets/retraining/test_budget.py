"""The training of networks in a time."""

import numpy as np
import pytest

from carsmoo import DARTSSpace
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import ImageData
from carsmoo.nets.retraining.budget import FEWEST, MOST, RESERVE, epoch_seconds, fitting

QUICK = TrainingRecipe()
EACH = [1.0, 2.0, 3.0, 4.0, 5.0]


@pytest.mark.parametrize("seconds", [60, 120, 200, 400, 10**6])
def test_as_many_networks_as_can_be_trained_long_enough_fill_the_time(seconds: float) -> None:
    chosen, epochs = fitting(seconds, EACH, [3, 0, 1, 2, 4], QUICK)
    usable, total = seconds * (1 - RESERVE[1]) - RESERVE[0], sum(EACH[k] for k in chosen)
    assert chosen[0] == 3
    assert len(set(chosen)) == len(chosen)
    assert FEWEST <= epochs <= MOST
    assert epochs * total <= usable
    assert epochs == MOST or (epochs + 1) * total > usable


def test_of_few_networks_the_wanted_one_and_the_ends_of_the_others() -> None:
    seconds = (FEWEST * (4 + 1 + 5) + RESERVE[0]) / (1 - RESERVE[1]) + 1
    assert fitting(seconds, EACH, [3, 0, 1, 2, 4], QUICK)[0] == [3, 0, 4]


def test_too_little_time_for_one_network_names_what_is_enough() -> None:
    with pytest.raises(ValueError, match=r"budget: expected at least 54s for 10 epochs of one network, got 50s"):
        fitting(50, EACH, [3, 0, 1, 2, 4], QUICK)
    assert fitting(50, EACH, [3, 0], TrainingRecipe(epochs=3))[1] >= 3


def test_time_that_is_spent_and_networks_at_once_count() -> None:
    assert fitting(120, EACH, [0], QUICK, spent=20)[1] == int(100 * (1 - RESERVE[1]) - RESERVE[0])
    assert fitting(120, EACH, [0, 1], QUICK, at_once=2)[1] == 2 * int(120 * (1 - RESERVE[1]) - RESERVE[0]) // 3
    with pytest.raises(ValueError, match=r"budget: expected at least 74s for 10 epochs of one network, got 50s"):
        fitting(50, EACH, [3, 0, 1, 2, 4], QUICK, spent=20)


def test_an_epoch_is_measured_for_each_network() -> None:
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8), dtype=np.uint8)
    data = ImageData.from_arrays(images, np.arange(400) % 2)
    space = DARTSSpace()
    X = np.random.default_rng(1).integers(space.xl, space.xu + 1, (5, space.n_var))
    recipe = TrainingRecipe(channels=2, layers=2, batch=16, epochs=2)
    each = epoch_seconds(space.decode(X), recipe, data)
    assert len(each) == 5
    assert min(each) > 0
    more = ImageData.from_arrays(np.tile(images, (20, 1, 1)), np.arange(8000) % 2)
    assert epoch_seconds(space.decode(X[:1]), recipe, more)[0] > 4 * each[0]  # of twenty times the images
