import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import log_softmax

from carsmoo.nets.supernet.classifiers import STRENGTH, OwnClassifier, fitted, pooled, require_each_class
from tests.support.networks import generator


def drawn(n: int = 90, d: int = 5, classes: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features (n, d) of different means and spreads, which tell classes apart somewhat, and labels (n,)."""
    labels = torch.arange(n) % classes
    centres = torch.randn(classes, d, generator=generator(1))
    features = centres[labels] + torch.randn(n, d, generator=generator(2))
    return features * torch.logspace(-2, 2, d) + torch.linspace(-3, 300, d), labels


def penalised(features: torch.Tensor, labels: torch.Tensor, classes: int) -> np.ndarray:
    """Return the log probabilities (n, classes) of a multinomial regression, minimised by another method."""
    X, y = features.double().numpy(), labels.numpy()
    X = (X - X.mean(axis=0)) / X.std(axis=0)

    def logits(parameters: np.ndarray) -> np.ndarray:
        weight, bias = np.split(parameters.reshape(classes, -1), [X.shape[1]], axis=1)
        return X @ weight.T + bias[:, 0]

    def objective(parameters: np.ndarray) -> float:
        weight = parameters.reshape(classes, -1)[:, :-1]
        chosen = log_softmax(logits(parameters), axis=1)[np.arange(len(y)), y]
        return float((weight**2).sum() / 2 - STRENGTH * chosen.sum())

    found = minimize(objective, np.zeros(classes * (X.shape[1] + 1)), method="BFGS", tol=1e-7)
    told: np.ndarray = log_softmax(logits(found.x), axis=1)
    return told


def test_a_fit_is_the_penalised_regression_on_standardised_features() -> None:
    features, labels = drawn()
    found = fitted(features, labels, 3)
    told = log_softmax(torch.nn.functional.linear(features, found.weight, found.bias).double().numpy(), axis=1)
    assert told == pytest.approx(penalised(features, labels, 3), abs=5e-3)
    assert np.ptp(told) > 0.3  # a penalty ten times as strong leaves less


def test_two_classes_are_told_apart_by_the_difference_of_two_logits() -> None:
    features, labels = drawn(classes=2)
    found = fitted(features, labels, 2)
    logits = torch.nn.functional.linear(features, found.weight, found.bias)
    assert torch.equal(found.weight[0], torch.zeros(5))
    X = features.double().numpy()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = np.where(labels.numpy() == 1, 1, -1)

    def objective(parameters: np.ndarray) -> float:
        margins = y * (X @ parameters[:-1] + parameters[-1])
        return float((parameters[:-1] ** 2).sum() / 2 + STRENGTH * np.logaddexp(0, -margins).sum())

    best = minimize(objective, np.zeros(6), method="BFGS", tol=1e-7).x
    assert logits[:, 1].numpy() == pytest.approx(X @ best[:-1] + best[-1], abs=5e-3)


def test_a_class_without_images_is_never_told() -> None:
    features, labels = drawn(classes=3)
    found = fitted(features, 2 * labels, 6)
    logits = torch.nn.functional.linear(features, found.weight, found.bias)
    assert set(logits.argmax(dim=1).tolist()) == {0, 2, 4}
    assert logits.softmax(dim=1)[:, [1, 3, 5]].max() == 0


def test_there_may_be_nearly_as_many_classes_as_images() -> None:
    labels = torch.arange(45) % 30
    features = torch.eye(30)[labels] + 0.01 * torch.randn(45, 30, generator=generator())
    found = fitted(features, labels, 30)  # scikit-learn warns of so many
    told = torch.nn.functional.linear(features, found.weight, found.bias).argmax(dim=1)
    assert torch.equal(told[:15], labels[:15])  # of two images each


def test_features_that_are_all_alike_tell_how_often_classes_are() -> None:
    labels = torch.tensor([0] * 30 + [1] * 10)
    found = fitted(torch.full((40, 3), 7.0), labels, 2)
    chances = torch.nn.functional.linear(torch.full((1, 3), 7.0), found.weight, found.bias).softmax(dim=1)
    assert chances[0].tolist() == pytest.approx([0.75, 0.25], abs=1e-2)


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_without_finite_features_no_logit_is_a_number(value: float) -> None:
    features, labels = drawn()
    features[4, 2] = value
    found = fitted(features, labels, 3)
    assert OwnClassifier(*found).logits(torch.ones(2, 5, 1, 1)).isnan().all()


def test_a_classifier_reads_means_over_pixels_as_a_linear_layer_does() -> None:
    x = torch.randn(4, 5, 3, 2, generator=generator())
    own = OwnClassifier(torch.randn(3, 5, generator=generator(1)), torch.randn(3, generator=generator(2)))
    layer = torch.nn.Linear(5, 3)
    own.put_into(layer)
    assert torch.equal(own.logits(x), layer(pooled(x)))
    assert torch.allclose(pooled(x), x.flatten(2).sum(dim=2) / 6)
    assert torch.equal(pooled(pooled(x)), pooled(x))


def test_images_to_fit_to_have_every_class() -> None:
    require_each_class(torch.tensor([0, 2, 2]), torch.tensor([0, 2, 2, 2]))
    with pytest.raises(
        ValueError, match=r"^classifier_images: expected an image of each of 3 classes, got 2 images of 2"
    ):
        require_each_class(torch.tensor([0, 1]), torch.tensor([0, 1, 2]))
