"""Zero-cost proxies against their definitions on networks small enough to do by hand."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from carsmoo import CARSProblem, NetworkConfig, SupernetTraining
from carsmoo.nets.data import ImageData
from carsmoo.nets.supernet.classifiers import STRENGTH
from carsmoo.nets.supernet.proxies import PROXIES, grad_norm, naswot, proxy, random_features, synflow
from carsmoo.zoo import GENOTYPES

IMAGES = torch.randn(6, 2, 5, 5, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 3


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 3, 3)
        self.norm = nn.BatchNorm2d(3)
        self.linear = nn.Linear(27, 4, bias=False)
        self.classifier = nn.Linear(4, 3)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(F.relu(self.norm(self.conv(x))).flatten(1))
        return self.classifier(F.relu(x))


def test_synaptic_flow_is_as_many_times_the_output_as_there_are_layers_in_a_row() -> None:
    network = Small()
    before = copy.deepcopy(network.state_dict())
    weights = [layer.weight.detach().double().abs() for layer in (network.conv, network.linear, network.classifier)]
    inner = F.conv2d(torch.ones(1, 2, 5, 5, dtype=torch.float64), weights[0]).flatten(1)
    output = float((inner @ weights[1].T @ weights[2].T).sum())
    assert synflow(network, IMAGES, LABELS) == pytest.approx(3 * output)  # it is linear in each layer's weights
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_images_are_told_apart_by_the_states_of_all_relus() -> None:
    network = Small().eval()
    with torch.no_grad():
        first = network.norm(network.conv(IMAGES)).flatten(1)
        second = network.linear(F.relu(first))
        codes = torch.cat([first, second], dim=1) > 0
    same = np.array([[int((a == b).sum()) for b in codes] for a in codes], dtype=float)
    assert naswot(network, IMAGES, LABELS) == pytest.approx(np.log(abs(np.linalg.det(same))))
    twice = torch.cat([IMAGES[:2], IMAGES[:1]])
    assert naswot(network, twice, LABELS[:3]) < -20


def test_the_gradients_norm_is_that_of_a_backward_pass() -> None:
    network = Small()
    F.cross_entropy(network(IMAGES), LABELS).backward()
    expected = sum(float(p.grad.norm()) for p in network.parameters() if p.grad is not None)
    again = Small()
    assert grad_norm(again, IMAGES, LABELS) == pytest.approx(expected)
    assert all(p.grad is None for p in again.parameters())


def test_random_features_are_worth_what_a_classifier_fitted_to_other_images_makes_of_them() -> None:
    network = Small()
    images = torch.randn(40, 2, 5, 5, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(40) % 2
    images[labels == 1] += 1
    with torch.no_grad():
        features = F.relu(network.linear(F.relu(Small().norm(network.conv(images))).flatten(1))).double().numpy()
    apart = [[k for c in (0, 1) for k in np.flatnonzero(labels == c)[half::2]] for half in (0, 1)]
    losses = []
    for told, other in (apart, apart[::-1]):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, tol=1e-3))
        chances = model.fit(features[other], labels[other]).predict_proba(features[told])
        losses += (-np.log(chances[np.arange(20), labels[told].numpy()])).tolist()
    assert random_features(network, images, labels) == pytest.approx(-np.mean(losses), abs=1e-3)
    shuffled = labels[torch.randperm(40, generator=torch.Generator().manual_seed(0))]
    assert random_features(network, images, labels) > -np.log(2) > random_features(network, images, shuffled) - 0.1


def test_images_of_all_classes_are_taken_and_nothing_is_dropped() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (90, 8, 8), dtype=np.uint8)
    labels = np.repeat(np.arange(3), 30)  # in the order of their classes, as where a folder has splits of its own
    data = ImageData.from_arrays(pixels, labels, validation=(pixels, labels), test=(pixels, labels))
    network = NetworkConfig(channels=2, layers=3, drop_path_prob=0.3)
    problem = CARSProblem(data, network=network, training=SupernetTraining(warmup_epochs=1, pop_size=4))
    seen: list[Tensor] = []

    def spy(network: nn.Module, images: Tensor, labels: Tensor) -> float:
        seen.append(labels)
        return grad_norm(network, images, labels)

    objective = proxy("grad_norm", problem, images=12)
    assert objective(GENOTYPES["CARS-A"]) == objective(GENOTYPES["CARS-A"])
    with torch.inference_mode(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("carsmoo.nets.supernet.proxies.PROXIES", {"grad_norm": spy})
        proxy("grad_norm", problem, images=12)(GENOTYPES["CARS-A"])
    assert torch.bincount(seen[0]).tolist() == [4, 4, 4]


@pytest.mark.parametrize("name", PROXIES)
def test_a_proxy_is_an_objective_of_a_search(name: str) -> None:
    small = {"network": NetworkConfig(channels=2, layers=3), "training": SupernetTraining(warmup_epochs=1, pop_size=4)}
    objective = proxy(name, CARSProblem(**small), images=40)
    assert objective(GENOTYPES["CARS-A"]) == objective(GENOTYPES["CARS-A"])
    assert objective(GENOTYPES["CARS-A"]) != objective(GENOTYPES["CARS-I"])
    assert CARSProblem(**small, objectives=("error", objective)).objective_names == ("error", name)
    with pytest.raises(
        ValueError, match="proxy: expected one of synflow, naswot, grad_norm, random_features, got 'zen'"
    ):
        proxy("zen", CARSProblem(**small))


def test_random_features_need_two_images_of_a_class() -> None:
    problem = CARSProblem(network=NetworkConfig(channels=2, layers=3))
    with pytest.raises(
        ValueError, match=r"^images: expected two or more of each class for random_features, got 0 in 8"
    ):
        proxy("random_features", problem, images=8)
