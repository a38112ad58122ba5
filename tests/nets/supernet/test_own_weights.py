"""Own weights: births, inheritance, rounds of training, who lives on; the same bits after a resume and on two ranks."""

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.optimize import minimize
from torch import nn

from carsmoo import PNSGA3, CARSProblem, Continuous, NetworkConfig, SupernetTraining
from carsmoo.nets.data import Augmentation, ImageData
from carsmoo.nets.distributed.group import ALONE, Group
from carsmoo.nets.models.network import Network
from carsmoo.nets.supernet.own_weights import OwnWeights
from carsmoo.problems.trust import scores_of
from carsmoo.space.darts import DARTSSpace
from carsmoo.testing import check_moving_problem
from carsmoo.utils.validation import DivergenceError
from tests.support.groups import together

SPACE = DARTSSpace(nodes=2)  # of small cells, which train quickly
SMALL = NetworkConfig(channels=2, layers=3, image_shape=(1, 6, 6), n_classes=3)
PLAN = SupernetTraining(
    weights="own",
    warmup_epochs=4,
    n_generations=2,
    epochs_per_generation=2,
    pop_size=4,
    batch_size=8,
    learning_rate=0.1,
    bn_calibration_images=16,
    score_images=12,
)


def images() -> ImageData:
    """Return 72 images whose class is the third that is bright, 36 of them search-train."""
    rng, labels = np.random.default_rng(0), np.arange(90) % 3
    pixels = rng.random((90, 6, 6)) * 0.5
    for k, label in enumerate(labels):
        pixels[k, 2 * label : 2 * label + 2] += 0.5
    return ImageData.from_arrays(pixels, labels, augmentation=Augmentation(flip=True))


def world(seed: int = 0, group: Group = ALONE, **plan: Any) -> OwnWeights:
    return OwnWeights(SPACE, SMALL, dataclasses.replace(PLAN, **plan), images(), seed, group=group)


def problem(**plan: Any) -> CARSProblem:
    shape = NetworkConfig(channels=2, layers=3)
    return CARSProblem(images(), SPACE, network=shape, training=dataclasses.replace(PLAN, **plan), seed=3)


def vectors(n: int, seed: int = 0) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(SPACE.xl, SPACE.xu + 1, size=(n, SPACE.n_var))


def steps(made: OwnWeights, X: NDArray[np.int64]) -> list[int | None]:
    keys = [row.tobytes() for row in SPACE.canonical(X)]
    return [made.living[key].steps if key in made.living else None for key in keys]


def equal(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


# ---------------------------------------------------------------------- a generation


def test_who_is_only_asked_for_changes_no_birth_and_no_figure() -> None:
    A, B, C = vectors(4), vectors(4, 1), vectors(4, 2)
    found = []
    for asked in (False, True):
        made = problem()
        made.evaluate(A)
        if asked:
            made.moving_values(C)
        values = made.moving_values(B)
        trust = made.trust
        found.append((values.tolist(), made.evaluate(B).tolist(), trust and trust.updates))
    assert found[0] == found[1]


def test_an_error_on_the_images_that_score_is_the_score_and_of_no_batchs_statistics() -> None:
    X, made = vectors(3), problem(score_images=None)
    scored = made.evaluate(X)[:, 0]
    genotypes = SPACE.decode(X)
    assert np.array_equal(made.validation_errors(genotypes), scored)
    with pytest.raises(ValueError, match=r"^statistics: expected 'recalibrated' with weights='own', got 'batch'$"):
        made.validation_errors(genotypes, "batch")


def test_no_part_of_what_measures_statistics_is_a_single_image() -> None:
    made = world(bn_calibration_images=17)
    assert [len(part) for part in made.calibration] == [9, 8]
    assert [len(part) for part in world(bn_calibration_images=5).calibration] == [5]


def test_a_network_that_a_population_has_twice_is_trained_once() -> None:
    X = vectors(2)
    once, twice = world(), world()
    for made, population in ((once, X), (twice, X[[0, 1, 0]])):
        made.join(population)
        made.train_on(population)
    assert steps(twice, X) == steps(once, X)
    assert twice.digest() == once.digest()


def test_members_train_a_round_each_and_of_the_others_the_newborns_alone_live_on() -> None:
    made, first, newborns = world(), vectors(4), vectors(3, seed=1)
    per_epoch = len(made.data.train) // 8
    begun, later = round(4 * per_epoch / 4), round(2 * per_epoch / 4)
    made.join(first)
    assert steps(made, first) == [begun] * 4
    made.scores(SPACE.decode(newborns))  # asked for before the generation: born, and not trained
    assert steps(made, newborns) == [0] * 3
    made.train_on(first[:2])
    assert steps(made, first) == [begun + later] * 2 + [begun] * 2  # born in this generation
    made.join(np.concatenate([first[:2], newborns]))
    assert steps(made, newborns) == [begun] * 3
    made.train_on(newborns)
    assert steps(made, np.concatenate([first, newborns])) == [None] * 4 + [begun + later] * 3
    assert made.steps == 7 * begun + 5 * later
    assert not made.join(newborns)


def test_training_lowers_the_error_and_a_question_changes_nothing() -> None:
    made, X = world(warmup_epochs=40), vectors(4)
    asked = scores_of(made.scores(SPACE.decode(X)))
    again = scores_of(made.scores(SPACE.decode(X)))
    made.join(X)
    assert np.array_equal(asked, again)
    found = made.scores(SPACE.decode(X))
    assert scores_of(found).mean() < asked.mean() - 0.2
    assert found[:, 1].tolist() == [[6, 6]] * 4


def test_a_loss_is_the_mean_cross_entropy_of_the_scored_images() -> None:
    made, X = world(), vectors(3)
    made.join(X)
    for genotype, loss in zip(SPACE.decode(X), scores_of(made.scores(SPACE.decode(X), "loss")), strict=True):
        with torch.no_grad():
            logits = made.subnet(genotype)(made.data.normalise(made.scored.images))
        chosen = logits.double().log_softmax(dim=1)[torch.arange(12), made.scored.labels]
        assert loss == pytest.approx(-float(chosen.mean()), abs=1e-6)


def test_what_becomes_of_a_network_does_not_depend_on_who_was_born_along_with_it() -> None:
    X = vectors(4)
    together_, backwards, other_seed = world(), world(), world(seed=1)
    for made, order in ((together_, X), (backwards, X[::-1]), (other_seed, X)):
        made.join(order)
    genotypes = SPACE.decode(X)
    for genotype in genotypes:
        assert equal(together_.subnet(genotype), backwards.subnet(genotype))
    assert not equal(together_.subnet(genotypes[0]), other_seed.subnet(genotypes[0]))


def test_a_newborn_inherits_and_its_batch_norm_is_measured_anew() -> None:
    made = world(warmup_epochs=40)
    X = vectors(2)
    made.join(X[:1])
    made.scores(SPACE.decode(X[1:]))
    parent, child = (made.subnet(genotype) for genotype in SPACE.decode(X))
    assert equal(child.classifier, parent.classifier)
    mean = {name: value for name, value in child.named_buffers() if name.endswith("running_mean")}
    assert any(not torch.equal(value, dict(parent.named_buffers())[name]) for name, value in mean.items())


def test_to_ask_for_a_stranger_leaves_everybody_as_they_were() -> None:
    made = world()
    made.join(vectors(3))
    before, (stranger,) = made.digest(), SPACE.decode(vectors(1, seed=9))
    made.errors([stranger], made.data.test)
    made.subnet(stranger)
    assert made.digest() == before


def test_training_in_which_no_loss_is_finite_is_told() -> None:
    made, X = world(), vectors(2)
    made.join(X)
    with torch.no_grad():
        for one in made.living.values():
            one.network.classifier.bias.fill_(torch.nan)
    with pytest.raises(DivergenceError, match="training: expected a finite loss, got none in 2 networks"):
        made.train_on(X)


# ---------------------------------------------------------------------- as a problem


@pytest.mark.end_to_end
def test_it_keeps_the_rules_of_a_moving_problem() -> None:
    check_moving_problem(problem(warmup_epochs=2, epochs_per_generation=1), n_gen=2)


@pytest.mark.end_to_end
@pytest.mark.parametrize("algorithm", [PNSGA3, type("ContinuousNSGA2", (Continuous, NSGA2), {})])
def test_algorithms_search_it_and_one_seed_is_one_run(algorithm: Any) -> None:
    made = problem()
    found, again = (minimize(each, algorithm(pop_size=4), ("n_gen", 3)) for each in (made, problem()))
    assert np.array_equal(found.pop.get("F"), again.pop.get("F"))
    front = made.front(found)
    assert front.about["weights"] == "own"
    X = SPACE.encode(front.genotypes)
    assert np.array_equal(front.column("error"), made.moving_values(X)[:, 0])
    kept = made.state_dict()["living"]
    assert {row.tobytes() for row in SPACE.canonical(X)} <= {row.tobytes() for row in kept}


def test_a_state_brings_back_everybody_and_what_follows() -> None:
    made, X = problem(), vectors(4)
    made.evaluate(X)
    made.advance(X[:2])
    state = {name: np.array(value) for name, value in made.state_dict().items()}
    other = problem()
    other.load_state_dict(state)
    for one in (made, other):
        one.advance(X[1:3])
    new = np.concatenate([X, vectors(2, seed=5)])
    assert np.array_equal(made.evaluate(new), other.evaluate(new))
    one, two = made.state_dict(), other.state_dict()
    assert all(np.array_equal(one[name], two[name]) for name in one)
    with pytest.raises(ValueError, match=r"state: expected \d+ weights"):
        problem().load_state_dict({**state, "weights": state["weights"][1:]})
    with pytest.raises(ValueError, match="got no 'living'"):
        problem().load_state_dict({name: value for name, value in state.items() if name != "living"})


def test_two_ranks_find_what_one_does_bit_for_bit() -> None:
    X, new = vectors(5), vectors(3, seed=1)

    def work(group: Group) -> tuple[NDArray[np.int64], bytes]:
        made = world(group=group)
        made.join(X)
        made.train_on(X[:3])
        made.join(new)
        return made.scores(SPACE.decode(np.concatenate([X[:3], new]))), made.digest()

    alone = work(ALONE)
    for found, digest in together(2, work):
        assert np.array_equal(found, alone[0])
        assert digest == alone[1]


def test_there_is_no_supernet() -> None:
    made = problem()
    made.evaluate(vectors(2))
    with pytest.raises(TypeError, match="supernet: expected a problem with one supernet, got one with weights='own'"):
        _ = made.supernet
    network = made.subnet(SPACE.decode(vectors(2)[0]))
    assert isinstance(network, Network)
    assert not network.training
