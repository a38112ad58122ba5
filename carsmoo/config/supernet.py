"""SupernetTraining: how shared weights are trained and subnets evaluated, and the plan of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final, Literal

from carsmoo.config.fields import check_settings, setting
from carsmoo.config.renamed import refuses_old_names
from carsmoo.utils.correlation import FEWEST
from carsmoo.utils.durations import seconds_of

AUTO = "auto"
"""The budget of a plan that follows the images instead of a time."""

POPULATION: Final = "population"
"""Says that main effects are fitted to the networks that live."""

PROBE_STEPS = 60
"""Steps for which each probe is trained alone."""

FEWEST_EFFECTS = 16
"""Networks that main effects are fitted to, so many or more."""

PLANNED = ("warmup_epochs", "n_generations", "epochs_per_generation")
"""Fields that a budget plans."""


@refuses_old_names("training")
@dataclass(frozen=True, kw_only=True)
class SupernetTraining:
    """The plan of a search: how long and how the shared weights are trained, and how subnets are scored.

    The defaults are the demo's; :meth:`paper` gives those of CARS on CIFAR-10.

    Args:
        weights: whether all architectures share the weights of a supernet, ``"shared"``, or each network has ``"own"``
            weights, inherited from its nearest relatives and trained further. Networks take turns at the batches then,
            so that a generation costs what it costs with shared weights, and newborns as much again; the warm-up is the
            first population's training.
        n_supernets: supernets that differ by their seeds, share the epochs, equal parts of the warm-up and generations
            in turn, and score by their mean. One alone orders networks by its first weights as much as by what they
            are.
        warmup_epochs: epochs of training on architectures of the whole space before the first score (E_warm).
        warmup_widening: part of the warm-up over which its architectures widen from a single one, the largest of 16
            drawn, to all of the space: each choice is drawn with a probability that rises from 0 to 1, and is the first
            one's else; the architectures of a step, and of a window, are drawn at one width. 0, the paper's, draws
            uniformly from the first step. It helps where shared weights do not begin to learn, and favours relatives
            of the first one. Each of several supernets has a first one of its own.
        n_generations: generations of evolution that the learning rate is planned for (E_evo).
        epochs_per_generation: epochs of training in a generation (I_param).
        pop_size: architectures kept (N), taken by an algorithm that is not given a size.
        batch_size: images of a training step.
        subnets_per_step: architectures drawn for a step, whose gradients are averaged (N_b, eq. 3).
        flops_grouping_window: steps whose architectures are drawn together and then grouped by multiply-adds, so that
            those of a step are alike and no process waits long for another; times ``subnets_per_step`` it divides
            ``pop_size``, so that no step has one twice. 1, as the paper has it, takes each step's as drawn.
        ghost_batches: parts of nearly equal size that a step's batch is split into, each normalised by itself (Hoffer
            et al. 2017), so that as many processes have the same to do whatever the architectures cost.
        learning_rate: that of SGD at the start.
        learning_rate_min: that at the end of the schedule.
        schedule: ``"cosine"``, one fall from the start to the planned end, kept beyond it, or ``"restarts"``, a fall
            over the warm-up and one over each generation (Loshchilov and Hutter 2017), so that networks are always
            scored at the least rate.
        momentum: of SGD.
        weight_decay: of SGD.
        grad_clip: largest norm of a step's gradient.
        bn_statistics: what a subnet's batch norm uses when it is scored: ``"recalibrated"``, its own statistics on a
            fixed set of training images, or ``"batch"``, those of the validation batch. Networks with weights of their
            own have the running ones of their training, which goes by the former name.
        bn_calibration_images: training images that recalibration uses.
        classifier_images: training images, of each class its share, that a classifier of its own is fitted to for each
            network that is scored, by logistic regression on what its last cell makes of them. The shared classifier,
            which no network's features fit well, is for training alone then. All if there are fewer; about 100 a class
            do. 0, the paper's, scores with the shared one.
        score_images: images of search-validation that networks are scored on, of each class its share; all if not
            given.
        main_effects: what a network's score is fitted to, by Bayesian ridge regression on what its operations add on
            average, which leaves out what is chance in a young network's own score. With shared weights a number:
            random networks, drawn anew each generation, that the supernet scores in place of the population. With own
            weights ``"population"``: the scores of all networks that are alive, parents, newborns, and the newborns
            before them, as if each had been trained for as many steps as their median. 0, the paper's, scores each
            network itself, and so does a population of fewer than 16. An objective that sees networks is still asked
            for each.
        supernet_epochs: with ``weights="own"`` and ``main_effects="population"``, epochs of a supernet that is trained
            before anything else and scores 384 random networks; what operations add there is half of each score. But
            for ``classifier_images``, ``score_images``, ``eval_batch_size`` and ``score_memory`` it has the defaults of
            this class. 0: none.
        probes: networks, as many at most, that are trained alone for 60 steps of 32 images each: of the first
            population after the warm-up, and of the last one planned and its newborns. How far the search's order
            agrees with theirs is part of its :class:`~carsmoo.Trust`. 32 tell something, fewer than 24 little; fewer
            than 6 different ones are not trained. With shared weights only. 0: none.
        eval_batch_size: images scored at a time, at most.
        score_memory: MiB that scoring a population may take. It changes no score: fewer images, then fewer subnets,
            are taken at a time.
        racing: whether a subnet that is beaten for certain is not scored to its end. Its score is then a rougher one,
            and depends on who was scored along with it. :class:`~carsmoo.PNSGA3` takes it without protection
            only, which may keep a subnet that others beat.
        memory_format: how weights and images lie in memory: ``"channels_last"``, ``"contiguous"``, or ``"auto"``, which
            is channels-last unless the other is measured to be much faster on the machine at hand. The last bits of a
            score depend on it, so that with ``"auto"`` one seed may give another run on a busy day. A resumed run
            keeps what it began with.
        budget: the time that the whole search may take, such as ``"10m"``, or ``"auto"`` for about as many steps as the
            demo's. Warm-up, generations and epochs are then planned by the images and, for a time, by what this machine
            is measured to need, and so are width, depth and the size of images where they are the usual ones. A problem
            and the configuration of a run hold what was planned, and no budget.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.

    Example:
        >>> from carsmoo import SupernetTraining
        >>> SupernetTraining(warmup_epochs=10, n_generations=20, epochs_per_generation=2).planned_epochs
        50
    """

    weights: Literal["shared", "own"] = "shared"
    n_supernets: int = setting(1, 1)
    warmup_epochs: int = 110
    warmup_widening: float = setting(0.0, 0, 1)
    n_generations: int = 50
    epochs_per_generation: int = setting(1, 1)
    pop_size: int = setting(16, 1)
    batch_size: int = setting(64, 2)
    subnets_per_step: int = setting(1, 1)
    flops_grouping_window: int = setting(1, 1)
    ghost_batches: int = setting(1, 1)
    learning_rate: float = setting(0.016, open_low=True)
    learning_rate_min: float = 0.001
    schedule: Literal["cosine", "restarts"] = "cosine"
    momentum: float = setting(0.9, 0, 1, open_high=True)
    weight_decay: float = 3e-4
    grad_clip: float = setting(5.0, open_low=True)
    bn_statistics: Literal["recalibrated", "batch"] = "recalibrated"
    bn_calibration_images: int = setting(128, 2)
    classifier_images: int = setting(0, 0)
    score_images: int | None = setting(None, 2)
    main_effects: int | Literal["population"] = setting(0, 0)
    supernet_epochs: int = setting(0, 0)
    probes: int = setting(0, 0)
    eval_batch_size: int = setting(500, 1)
    score_memory: int = setting(2048, 1)
    racing: bool = False
    memory_format: Literal["channels_last", "contiguous", "auto"] = "channels_last"
    budget: str | None = None

    def __post_init__(self) -> None:
        check_settings(self)
        of_one = ("n_supernets", "subnets_per_step", "ghost_batches", "flops_grouping_window")
        of_none = {"racing": False, "warmup_widening": 0, "bn_statistics": "recalibrated", "probes": 0}
        for name, value in {**dict.fromkeys(of_one, 1), **of_none}.items():
            if self.weights == "own" and getattr(self, name) != value:
                raise ValueError(f"{name}: expected {value!r} with weights='own', got {getattr(self, name)!r}")
        self._check_main_effects()
        if self.classifier_images == 1:
            raise ValueError("classifier_images: expected 0 or at least 2, of different classes, got 1")
        if self.classifier_images and self.weights == "own" and not self.supernet_epochs:
            raise ValueError(
                f"classifier_images: expected 0 with weights='own' and no supernet_epochs, got {self.classifier_images}"
            )
        if 0 < self.probes < FEWEST:
            raise ValueError(f"probes: expected 0 or at least {FEWEST}, got {self.probes}")
        if self.main_effects and self.racing:
            raise ValueError("racing: expected False with main_effects, which stop no network early, got True")
        if self.n_supernets > 1 and self.racing:
            raise ValueError(f"racing: expected False with {self.n_supernets} supernets, got True")
        if self.flops_grouping_window > 1 and self.pop_size % (self.flops_grouping_window * self.subnets_per_step):
            raise ValueError(
                f"flops_grouping_window: expected it times subnets_per_step to divide pop_size {self.pop_size}, got "
                f"{self.flops_grouping_window} x {self.subnets_per_step}"
            )
        if self.batch_size < 2 * self.ghost_batches:
            raise ValueError(
                f"ghost_batches: expected at most half of batch_size {self.batch_size}, for batch norm, got "
                f"{self.ghost_batches}"
            )
        if self.bn_statistics == "batch" and self.eval_batch_size < 2:
            raise ValueError(
                f"eval_batch_size: expected at least 2 with bn_statistics='batch', got {self.eval_batch_size}"
            )
        self._check_budget()
        if self.learning_rate_min > self.learning_rate:
            raise ValueError(
                f"learning_rate_min: expected at most learning_rate {self.learning_rate}, got {self.learning_rate_min}"
            )

    def _check_main_effects(self) -> None:
        given, own, epochs = self.main_effects, self.weights == "own", self.supernet_epochs
        if isinstance(given, int):
            if own and given:
                raise ValueError(f"main_effects: expected 0 or {POPULATION!r} with weights='own', got {given}")
            if 0 < given < FEWEST_EFFECTS:
                raise ValueError(f"main_effects: expected 0 or at least {FEWEST_EFFECTS}, got {given}")
            if epochs:
                beside = f"weights='own' and main_effects={POPULATION!r}"
                raise ValueError(f"supernet_epochs: expected 0 without {beside}, got {epochs}")
            return
        if not own:
            raise ValueError(f"main_effects: expected a number of networks with weights='shared', got {given!r}")
        if self.pop_size < FEWEST_EFFECTS:
            raise ValueError(
                f"pop_size: expected at least {FEWEST_EFFECTS} with main_effects={given!r}, got {self.pop_size}"
            )

    def _check_budget(self) -> None:
        if self.budget is None:
            return
        if self.budget != AUTO:
            seconds_of("budget", self.budget)
        for name, value in (("weights", "shared"), ("n_supernets", 1)):
            if getattr(self, name) != value:
                raise ValueError(f"budget: expected {name}={value!r} beside it, got {getattr(self, name)!r}")
        for name in PLANNED if self.budget != AUTO else ():
            if getattr(self, name) != getattr(SupernetTraining, name):
                raise ValueError(f"budget: expected no {name} beside it, which it plans, got {getattr(self, name)}")

    @classmethod
    def paper(cls, **fields: Any) -> SupernetTraining:
        """Return the settings of CARS sec. 4.1: 50 epochs of warm-up, then 45 generations of 10 epochs, N = 128."""
        plan = {"warmup_epochs": 50, "n_generations": 45, "epochs_per_generation": 10, "pop_size": 128}
        return cls(**{**plan, "batch_size": 128, "learning_rate": 0.025, "bn_calibration_images": 512, **fields})

    @property
    def planned_epochs(self) -> int:
        """Epochs of the warm-up and all generations."""
        return self.warmup_epochs + self.n_generations * self.epochs_per_generation

    @property
    def of_supernet(self) -> SupernetTraining | None:
        """The plan of the supernet that trains for ``supernet_epochs`` before own weights do; None if none does."""
        if not self.supernet_epochs:
            return None
        kept = {
            name: getattr(self, name)
            for name in ("score_images", "classifier_images", "eval_batch_size", "score_memory")
        }
        return SupernetTraining(warmup_epochs=self.supernet_epochs, n_generations=0, **kept)

    @property
    def of_probes(self) -> SupernetTraining | None:
        """The plan of the networks that are trained alone as probes; None if none are."""
        if not self.probes:
            return None
        kept = {name: getattr(self, name) for name in ("score_images", "eval_batch_size")}
        quick: dict[str, Any] = {"batch_size": 32, "learning_rate": 0.1, "weight_decay": 5e-4}
        return SupernetTraining(weights="own", n_generations=0, pop_size=self.probes, **quick, **kept)

    @property
    def networks_drawn(self) -> int:
        """Random networks that are scored each generation for main effects."""
        return self.main_effects if isinstance(self.main_effects, int) else 0

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate after ``progress`` epochs, a cosine from the start to the end of the schedule."""
        length = self.planned_epochs
        if self.schedule == "restarts":
            late = progress - self.warmup_epochs
            progress, length = (late, self.epochs_per_generation) if late >= 0 else (progress, self.warmup_epochs)
            progress %= length
        done = min(progress / length, 1.0) if length else 1.0
        span = self.learning_rate - self.learning_rate_min
        return self.learning_rate_min + span * (1 + math.cos(math.pi * done)) / 2
