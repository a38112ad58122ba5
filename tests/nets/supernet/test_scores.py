import numpy as np
import torch

from carsmoo.nets.supernet.scores import CAP, UNIT, in_units, of_images


def test_an_image_is_wrong_or_costs_the_log_of_the_chance_that_it_was_given() -> None:
    chances = torch.tensor([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125]])
    labels = torch.tensor([1, 1])
    assert of_images("error", chances.log(), labels).tolist() == [1, 0]
    found = of_images("loss", chances.log() + 3, labels).double() * UNIT
    assert torch.allclose(found, torch.tensor([4.0, 4 / 3]).log().double(), atol=2 * UNIT)


def test_a_loss_is_capped_and_what_is_no_number_costs_as_much() -> None:
    logits = torch.tensor([[1000.0, 0.0], [torch.nan, 0.0], [torch.inf, 0.0], [0.0, 1000.0]])
    assert (of_images("loss", logits, torch.tensor([1, 1, 1, 1])) * UNIT).tolist() == [CAP, CAP, CAP, 0]


def test_counts_stay_whole_and_losses_are_in_nats() -> None:
    tallies = np.array([[[3, 1 << 20], [5, 4]]])
    assert in_units("error", tallies) is tallies
    assert in_units("loss", tallies).tolist() == [[[3 * UNIT, 1.0], [5.0, 4.0]]]
