import dataclasses
import random

import numpy as np
import pytest
import torch
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.optimize import minimize

import carsmoo
from carsmoo import CARSProblem, DARTSSpace, Genotype, NetworkConfig, SupernetTraining, cost
from carsmoo.algorithm.pnsga3 import PNSGA3
from carsmoo.cost.closed_form import flops, params
from carsmoo.nets.data import ImageData, Split
from carsmoo.nets.data.splits import stratified
from carsmoo.nets.supernet import current_scores
from carsmoo.nets.supernet.racing import Race
from carsmoo.nets.supernet.trainer import SupernetTrainer
from carsmoo.nets.supernet.training_state import SupernetState

NETWORK = NetworkConfig(channels=4, layers=3)
PLAN = SupernetTraining(warmup_epochs=1, n_generations=2, epochs_per_generation=1, pop_size=6, bn_calibration_images=64)
RNG = np.random.default_rng(0)
DATA = ImageData.from_arrays(RNG.random((200, 8, 8)), np.arange(200) % 10, name="noise")


def problem(**fields: object) -> CARSProblem:
    return CARSProblem(**{"data": DATA, "network": NETWORK, "training": PLAN, **fields})  # type: ignore[arg-type]


def draw(n: int, seed: int = 0) -> np.ndarray:
    space = DARTSSpace()
    return np.random.default_rng(seed).integers(space.xl, space.xu + 1, size=(n, 24))


def n_convolutions(genotype: Genotype) -> int:
    return sum("conv" in op for op, _ in genotype.normal + genotype.reduce)


def lambda_of_three(genotype: Genotype, network: object, more: object) -> float:
    return 0.0


def test_the_objectives_are_what_they_are_called() -> None:
    made = problem(objectives=("params", "error", n_convolutions, "flops"))
    assert made.objective_names == ("params", "error", "n_convolutions", "flops")
    assert made.objective_units == ("millions", "fraction", "", "millions of multiply-adds")
    assert made.moving == (1,)
    X = draw(5)
    F = made.evaluate(X)
    genotypes = made.space.decode(X)
    assert F[:, 0].tolist() == [params(g, made.network) / 1e6 for g in genotypes]
    assert F[:, 2].tolist() == [n_convolutions(g) for g in genotypes]
    assert F[:, 3].tolist() == [flops(g, made.network) / 1e6 for g in genotypes]
    assert ((F[:, 1] >= 0) & (F[:, 1] <= 1)).all()
    assert np.allclose(F[:, 1] * len(DATA.validation), np.rint(F[:, 1] * len(DATA.validation)))


def test_a_loss_is_the_mean_cross_entropy_of_the_images_that_score() -> None:
    made, X = problem(objectives=("params", "loss"), training=dataclasses.replace(PLAN, score_images=30)), draw(5)
    F = made.evaluate(X)
    assert (made.objective_units, made.moving) == (("millions", "nats"), (1,))
    chosen = stratified(DATA.validation.labels.numpy(), 30, 0)
    part = DATA.validation.at(torch.from_numpy(chosen))
    for genotype, loss in zip(made.space.decode(X), F[:, 1], strict=True):
        with torch.no_grad():
            logits = made.subnet(genotype)(DATA.normalise(part.images)).double()
        assert loss == pytest.approx(-float(logits.log_softmax(dim=1)[range(30), part.labels].mean()), abs=1e-5)
    front = made.front_of(X, F)
    assert front.best() == int(front.column("loss").argmin())
    assert made.trust is not None
    assert made.trust.distinct is not None


def test_an_objective_sees_the_network_as_its_weights_are_now() -> None:
    asked: list[Genotype] = []

    def wrong(genotype: Genotype, network: torch.nn.Module) -> float:
        asked.append(genotype)
        assert not network.training
        split = DATA.validation
        with torch.no_grad():
            found = network(DATA.normalise(split.images)).argmax(dim=1)
        return 2 * float((found != split.labels).sum()) / len(split)

    fast = dataclasses.replace(PLAN, learning_rate=0.5)
    made, X = problem(objectives=("params", wrong, "error", n_convolutions), training=fast), draw(4)
    assert made.moving == (1, 2)
    before = made.evaluate(X)
    assert before[:, 1].tolist() == (2 * before[:, 2]).tolist()
    assert before[:, 3].tolist() == [n_convolutions(g) for g in made.space.decode(X)]
    assert np.array_equal(made.evaluate(np.concatenate([X, X])), np.concatenate([before, before]))
    assert len(asked) == 4
    made.advance(X)
    after = made.evaluate(X)
    assert len(asked) == 8
    assert after[:, 1].tolist() == (2 * after[:, 2]).tolist()
    assert not np.array_equal(before[:, 1], after[:, 1])
    assert np.array_equal(before[:, [0, 3]], after[:, [0, 3]])
    with pytest.raises(ValueError, match="racing: expected False with wrong, which moves"):
        problem(objectives=("error", wrong), training=dataclasses.replace(PLAN, racing=True))


@pytest.mark.end_to_end
@pytest.mark.parametrize("others", [("error", "params"), ("params",)])
def test_a_search_by_an_objective_that_sees_networks_ends_and_goes_on_bit_for_bit(others: tuple[str, ...]) -> None:
    def confidence(genotype: Genotype, network: torch.nn.Module) -> float:
        with torch.no_grad():
            return -float(network(DATA.normalise(DATA.validation.images)).softmax(dim=1).max(dim=1).values.mean())

    def run(n: int) -> CARSProblem:
        made = problem(objectives=(confidence, *others), network=TINY)
        minimize(made, PNSGA3(), ("n_gen", n), seed=1)
        return made

    whole, part = run(3), run(2)
    again = problem(objectives=(confidence, *others), network=TINY)
    again.load_state_dict(part.state_dict())
    X = draw(6, 3)
    assert np.array_equal(part.evaluate(X), again.evaluate(X))
    assert not np.array_equal(part.evaluate(X), whole.evaluate(X))
    assert (part.trust is None) == ("error" not in others)  # it is told of errors and losses


def test_statistics_come_from_as_many_training_images_as_asked_for() -> None:
    made = problem()
    made.evaluate(draw(1))
    images = torch.cat(made._running().calibration)
    assert len(images) == PLAN.bn_calibration_images
    training = {image.numpy().tobytes() for image in DATA.normalise(DATA.train.images)}
    assert {image.numpy().tobytes() for image in images} <= training


def test_classifiers_are_fitted_to_training_images_of_each_class_its_share_which_the_seed_draws() -> None:
    made = problem(training=dataclasses.replace(PLAN, classifier_images=20))
    made.evaluate(draw(1))
    fitted_to = made._running().fitted_to
    assert np.bincount(fitted_to.labels).tolist() == [2] * 10
    training = {image.numpy().tobytes() for image in made.images.train.images}
    assert {image.numpy().tobytes() for image in fitted_to.images} <= training
    assert made.provenance()["classifiers"] == "classifiers of their own, fitted to 20 images"
    assert "scikit-learn" in made.reproducibility()
    assert made.trust is not None
    assert made.trust.shared  # young weights may order networks steadily and wrong by their own classifiers, too
    other = problem(training=dataclasses.replace(PLAN, classifier_images=20), seed=1)
    other.evaluate(draw(1))
    assert not torch.equal(other._running().fitted_to.images, fitted_to.images)
    with pytest.raises(ValueError, match=r"^classifier_images: expected an image of each of 10 classes, got 9 images"):
        problem(training=dataclasses.replace(PLAN, classifier_images=9))


def test_a_supernet_that_is_not_trained_knows_something_by_own_classifiers() -> None:
    images = torch.zeros(120, 1, 8, 8)
    for k in range(120):
        images[k, 0, 2 * (k % 3) : 2 * (k % 3) + 3, 2:6] = 1 + 0.1 * (k // 3 % 4)
    data = ImageData.from_arrays(images.numpy(), np.arange(120) % 3, name="bars")
    plan = dataclasses.replace(PLAN, warmup_epochs=0, n_generations=0)
    shared = problem(data=data, training=plan).evaluate(draw(6))[:, 0]
    own = problem(data=data, training=dataclasses.replace(plan, classifier_images=40)).evaluate(draw(6))[:, 0]
    assert own.mean() < 0.2 < shared.mean()


def test_warm_up_and_generations_last_as_long_as_planned_and_warm_up_is_uniform() -> None:
    plan = SupernetTraining(**{**PLAN.__dict__, "warmup_epochs": 3, "epochs_per_generation": 2})
    made = problem(training=plan)
    made.evaluate(draw(1))
    assert made.epoch == 3
    made.advance(draw(4))
    assert made.epoch == 5
    drawn = [next(stream)[0] for stream in (made._running().uniform(1),) for _ in range(3000)]
    X = made.space.encode(drawn)
    for gene in (1, 2):
        ops = np.bincount(X[:, gene], minlength=8)
        assert ops.min() > 0.7 * 3000 / 8


def test_training_gives_every_architecture_a_turn() -> None:
    made = problem()
    made.evaluate(draw(1))
    genotypes = made.space.decode(draw(5))
    stream = made._running().drawn_from(draw(5), 2)
    drawn = [genotype for _ in range(5) for genotype in next(stream)]
    assert all(drawn.count(genotype) == 2 for genotype in genotypes)


def watch_steps(monkeypatch: pytest.MonkeyPatch) -> list[list[Genotype]]:
    """Return a list that the architectures of each training step are added to."""
    seen: list[list[Genotype]] = []
    step = SupernetTrainer.step

    def watched(self: SupernetTrainer, x: torch.Tensor, y: torch.Tensor, chosen: list[Genotype]) -> torch.Tensor:
        seen.append(list(chosen))
        return step(self, x, y, chosen)

    monkeypatch.setattr(SupernetTrainer, "step", watched)
    return seen


SHORT = dataclasses.replace(PLAN, epochs_per_generation=2, batch_size=40, subnets_per_step=3)  # 2 steps an epoch
TINY = NetworkConfig(channels=2, layers=3)


def test_steps_take_as_many_architectures_as_planned_anew_in_warm_up_then_of_the_population(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen, X = watch_steps(monkeypatch), draw(6)
    warm_ups = []
    for seed in (0, 1):
        made = problem(training=SHORT, network=TINY, seed=seed)
        made.evaluate(X[:1])
        warm_ups.append(seen.copy())
        seen.clear()
    assert [len(step) for part in warm_ups for step in part] == [3] * 4
    assert len({genotype for part in warm_ups for step in part for genotype in step}) == 12
    made.advance(X)
    assert [len(step) for step in seen] == [3] * 4
    population = made.space.decode(X)
    counts = [sum(step.count(genotype) for step in seen) for genotype in population]
    assert counts == [2] * 6


def test_a_warm_up_that_widens_begins_with_one_architecture_and_ends_with_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watch_steps(monkeypatch)
    plan = dataclasses.replace(SHORT, warmup_epochs=40, warmup_widening=0.5, subnets_per_step=1)
    made = problem(training=plan, network=TINY)
    made.evaluate(draw(1))
    (first,), *others = seen
    X, x = made.space.encode([genotype for (genotype,) in others]), made.space.encode([first])
    same = (x == X).mean(axis=1)
    median = np.median([cost.flops(genotype, made.network) for (genotype,) in seen[-40:]])
    assert cost.flops(first, made.network) > median
    part = len(seen) // 2  # of the warm-up it is wider from step to step, then uniform
    assert same[: part // 4].mean() > 0.8 > same[part // 4 : part].mean() > same[part:].mean() + 0.1
    assert same[part:].max() < 0.8
    assert len({genotype for (genotype,) in others[part:]}) == len(others) - part


def test_a_warm_up_that_widens_begins_with_another_architecture_for_another_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = watch_steps(monkeypatch)
    plan = dataclasses.replace(SHORT, warmup_epochs=1, warmup_widening=1.0, subnets_per_step=1)
    for seed in (0, 0, 1):
        problem(training=plan, network=TINY, seed=seed).evaluate(draw(1))
    assert seen[0] == seen[2] != seen[4]


def test_a_generation_trains_what_its_population_uses_and_leaves_all_else_its_weights_and_momentum() -> None:
    made, X = (
        problem(training=dataclasses.replace(SHORT, warmup_epochs=6, subnets_per_step=1), network=TINY),
        draw(2, seed=3),
    )
    made.evaluate(X)
    supernet, momenta = made.supernet, made._running().trainer.optimizer.state

    def now() -> list[tuple[torch.Tensor, torch.Tensor | None]]:
        buffers = [momenta.get(p, {}).get("momentum_buffer") for p in supernet.parameters()]
        pairs = zip(supernet.parameters(), buffers, strict=True)
        return [(p.detach().clone(), None if buffer is None else buffer.clone()) for p, buffer in pairs]

    before = now()
    made.advance(X)
    used = {id(p) for genotype in made.space.decode(X) for p in supernet.chosen_parameters(genotype)}
    moved = 0
    for p, (weight, momentum), (weight_now, momentum_now) in zip(supernet.parameters(), before, now(), strict=True):
        if id(p) in used:
            assert not torch.equal(weight_now, weight)
            continue
        assert torch.equal(weight_now, weight)
        if momentum is None:
            assert momentum_now is None
        else:
            assert torch.equal(momentum_now, momentum)
            moved += bool(momentum.any())
    assert moved > 20  # the warm-up left momentum where the population is not
    assert np.array_equal(made.moving_values(X)[:, 0], made.validation_errors(made.space.decode(X)))


def test_an_inherited_network_has_the_score_of_its_genotype_image_by_image() -> None:
    made, X = problem(training=dataclasses.replace(SHORT, bn_calibration_images=80), network=TINY), draw(5, seed=2)
    scores = made.evaluate(X)[:, 0]
    split = DATA.validation
    for genotype, score in zip(made.space.decode(X), scores, strict=True):
        network = made.subnet(genotype)
        assert not network.training
        with torch.no_grad():
            guesses = network(DATA.normalise(split.images)).argmax(dim=1)
            assert int((guesses != split.labels).sum()) / len(split) == score
            assert network(DATA.normalise(split.images[:1])).argmax(dim=1) == guesses[:1]


def test_a_race_is_run_for_the_places_that_a_run_has_among_more_candidates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    races: list[Race | None] = []

    def scores(
        self: SupernetState, genotypes: list[Genotype], score: str, listener: object, race: Race | None = None
    ) -> np.ndarray:
        races.append(race)
        return np.ones((len(genotypes), 2, 2), dtype=int)

    monkeypatch.setattr(SupernetState, "scores", scores)
    monkeypatch.setattr(SupernetState, "train", lambda *told: None)
    made = problem(training=dataclasses.replace(SHORT, warmup_epochs=0, racing=True), network=TINY)
    made.evaluate(draw(20))
    assert races == [None]
    for n, survivors, keep in ((20, 10, 10), (8, 6, 6), (6, 6, None), (20, None, None)):
        made.advance(draw(6))
        made.survivors = survivors
        made.evaluate(draw(n))
        race = races.pop()
        assert (None if race is None else race.keep) == keep


def test_a_search_runs_by_itself_and_one_seed_gives_one_front() -> None:
    state, numpys, pythons = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002
    made = problem(network=TINY)
    result = minimize(made, PNSGA3())
    again = minimize(made, PNSGA3())
    other = minimize(problem(network=TINY), PNSGA3())
    assert np.array_equal(result.pop.get("X"), again.pop.get("X"))
    assert np.array_equal(result.pop.get("F"), again.pop.get("F"))
    assert np.array_equal(result.pop.get("F"), other.pop.get("F"))
    front = made.front(again)
    assert front.names == ("error", "params")
    assert front.about == {
        "data": "noise",
        "split": "search-validation",
        "weights": "supernet",
        "epoch": 3,
        "generation": 2,
        "seed": 0,
    }
    assert (np.diff(front.column("error")) >= 0).all()
    assert (np.diff(front.column("params")) <= 0).all()
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == numpys  # noqa: NPY002
    assert random.getstate() == pythons
    seeded = minimize(problem(seed=1, network=TINY), PNSGA3())
    assert not np.array_equal(seeded.pop.get("F"), result.pop.get("F"))


def test_statistics_of_the_batch_are_an_option_that_matters() -> None:
    plan = SupernetTraining(**{**PLAN.__dict__, "bn_statistics": "batch"})
    X = draw(8)
    assert not np.array_equal(problem().moving_values(X), problem(training=plan).moving_values(X))


def test_the_test_split_is_asked_for_by_name_only() -> None:
    poison = dataclasses.replace(DATA, test=Split(torch.full((40, 1, 8, 8), torch.nan), torch.full((40,), 99)))
    clean, poisoned = (minimize(problem(data=data, network=TINY), PNSGA3()) for data in (DATA, poison))
    assert np.array_equal(clean.pop.get("F"), poisoned.pop.get("F"))
    made = problem()
    X = draw(1)
    made.evaluate(X)
    error = made.evaluate_on_test(made.space.decode(X)[0])
    assert error * len(DATA.test) == pytest.approx(round(error * len(DATA.test)))


def test_floating_operators_are_told_which_to_use() -> None:
    made = problem()
    with pytest.raises(ValueError, match=r"whole numbers, got .*; GenotypeSampling, NodeCrossover and NodeMutation"):
        minimize(made, NSGA2(pop_size=4), ("n_gen", 2), seed=1)
    assert made.epoch == 0
    made.check(np.zeros((1, 24), dtype=float))


@pytest.mark.parametrize(
    ("fields", "error", "says"),
    [
        (
            {"objectives": ("error", "speed")},
            ValueError,
            "objectives: expected among error, loss, params, flops, latency .* got 'speed'",
        ),
        ({"objectives": "error"}, TypeError, "objectives: expected a sequence, got 'error'"),
        ({"objectives": ("params", "flops")}, ValueError, "objectives: expected one of 'error' and 'loss' among them"),
        ({"objectives": ("loss", "error")}, ValueError, "objectives: expected one of 'error' and 'loss' among them"),
        (
            {"objectives": ("loss",), "training": dataclasses.replace(PLAN, racing=True)},
            ValueError,
            "racing: expected False with 'loss'",
        ),
        ({"objectives": ("error", "error")}, ValueError, "objectives: expected each once, got 'error' again"),
        ({"objectives": ("error", params)}, ValueError, "expected a function with a name of its own, got 'params'"),
        ({"objectives": ("error", ["params"])}, ValueError, "objectives: expected among"),
        (
            {"objectives": ("error", lambda_of_three)},
            ValueError,
            "network, got lambda_of_three of 3",
        ),
        ({"budget": 60}, ValueError, "budget: expected a time such as 90s, 10m or 1h30m, got 60"),
        ({"device": "meta"}, ValueError, "device: expected one that torch can compute on, got 'meta'"),
        ({"objectives": ("error", lambda genotype: 0)}, ValueError, "objectives: expected a function with a name"),
        ({"data": "mnits"}, ValueError, "data: expected one of digits, cluttered-digits, mnist, .*, npz, got 'mnits'"),
        ({"data": (np.zeros((9, 8)), np.zeros(9, int))}, ValueError, "images: expected"),
        ({"space": 4}, TypeError, "space: expected SearchSpace, got 4"),
        ({"network": {}}, TypeError, "network: expected NetworkConfig, got {}"),
        ({"training": 3}, TypeError, "training: expected SupernetTraining, got 3"),
        (
            {"network": NetworkConfig.cifar(4, 3)},
            ValueError,
            r"image_shape: expected \(3, 32, 32\) as the network",
        ),
        ({"seed": -1}, ValueError, "seed: expected at least 0, got -1"),
        ({"device": "abacus"}, ValueError, "device: expected one that torch can compute on, got 'abacus'"),
    ],
)
def test_wrong_arguments_are_refused(fields: dict, error: type, says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        problem(**fields)
    assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="unexpected keyword argument 'dat'"):
        CARSProblem(dat="digits")  # type: ignore[call-arg]


def test_a_function_that_gives_no_number_is_named() -> None:
    def odd(genotype: Genotype) -> float:
        return float("nan")

    with pytest.raises(ValueError, match="odd: expected a finite number, got nan"):
        problem(objectives=("error", odd)).evaluate(draw(2))


def test_a_result_without_population_has_no_front() -> None:
    with pytest.raises(ValueError, match="result: expected one with a population, got none"):
        problem().front(PNSGA3())


def test_the_public_names_are_there() -> None:
    for name in carsmoo.__all__:
        assert getattr(carsmoo, name).__name__ == name
    assert set(carsmoo.__all__) <= set(dir(carsmoo))
    with pytest.raises(AttributeError, match="no attribute 'PNSGA4'"):
        carsmoo.PNSGA4  # noqa: B018


RACING = dataclasses.replace(PLAN, n_generations=3, racing=True)


@pytest.mark.end_to_end
def test_a_raced_search_repeats_and_its_front_is_scored_in_full() -> None:
    first, second = (
        minimize(problem(training=RACING, network=TINY), PNSGA3(protection=None), seed=2) for _ in range(2)
    )
    assert np.array_equal(first.pop.get("F"), second.pop.get("F"))
    front = first.problem.front(first)
    errors = front.column("error") * len(DATA.validation)
    assert np.allclose(errors, np.round(errors))


def test_a_race_is_for_as_many_places_as_the_run_keeps_and_for_its_candidates_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, races = problem(training=dataclasses.replace(PLAN, warmup_epochs=0, racing=True)), []

    def watched(fixed: np.ndarray, keep: int) -> Race:
        races.append((len(fixed), keep))
        return Race(fixed, keep)

    monkeypatch.setattr(current_scores, "Race", watched)
    algorithm = PNSGA3(pop_size=9, n_offsprings=2, protection=None).setup(made)
    algorithm.run()
    assert races == [(11, 9)] * 2  # not the first population, nor newborns by themselves
    made.front(algorithm)
    made.evaluate(draw(12))
    made.advance(draw(2))
    made.evaluate(draw(12, seed=1))
    assert len(races) == 2


@pytest.mark.parametrize("protection", ["growth", "size"])
def test_racing_is_refused_where_protection_may_keep_whom_others_beat(protection: str) -> None:
    made = problem(training=RACING)
    with pytest.raises(ValueError, match=f"^racing: expected False with protection='{protection}'.*got True$"):
        minimize(made, PNSGA3(protection=protection))  # type: ignore[arg-type]
    assert made.epoch == 0
