"""SupernetTraining: how shared weights are trained and subnets evaluated, and the plan of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from carsmoo.config.fields import boolean, choice, integer, number


@dataclass(frozen=True, kw_only=True)
class SupernetTraining:
    """The plan of a search: how long and how the shared weights are trained, and how subnets are scored.

    The defaults are the demo's; :meth:`paper` gives those of CARS on CIFAR-10.

    Args:
        warmup: epochs of training on uniformly drawn architectures before the first score (E_warm).
        generations: generations of evolution that the learning rate is planned for (E_evo).
        epochs: epochs of training in a generation (I_param).
        population: architectures kept (N), taken by an algorithm that is not given a size.
        batch: images of a training step.
        architectures: architectures drawn for a step, whose gradients are averaged (N_b, eq. 3).
        alike: steps whose architectures are drawn together and then dealt by multiply-adds, so that those of a step are
            alike and no process waits long for another; times ``architectures`` it divides ``population``, so that no
            step has one twice. 1, as the paper has it, takes each step's as drawn.
        parts: parts of nearly equal size that a step's batch is split into, each normalised by itself ("ghost batches",
            Hoffer et al. 2017), so that as many processes have the same to do whatever the architectures cost.
        learning_rate: that of SGD at the start.
        learning_rate_min: that at the planned end, reached by a cosine and kept beyond it.
        momentum: of SGD.
        weight_decay: of SGD.
        clip: largest norm of a step's gradient.
        statistics: what a subnet's batch norm uses when it is scored: ``"recalibrated"``, its own statistics on a
            fixed set of training images, or ``"batch"``, those of the validation batch.
        calibration: training images that recalibration uses.
        score_batch: images scored at a time, at most.
        score_memory: MiB that scoring a population may take. It changes no score: fewer images, then fewer subnets,
            are taken at a time.
        racing: whether a subnet that is beaten for certain is not scored to its end. Its score is then a rougher one,
            and depends on who was scored along with it. :class:`~carsmoo.PNSGA3` takes it without protection
            only, which may keep a subnet that others beat.
        memory_format: how weights and images lie in memory: ``"channels_last"``, ``"contiguous"``, or ``"auto"``, which
            is channels-last unless the other is measured to be much faster on the machine at hand. The last bits of a
            score depend on it, so that with ``"auto"`` one seed may give another run on a busy day. A run that goes on
            keeps what it began with.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.
    """

    warmup: int = 110
    generations: int = 50
    epochs: int = 1
    population: int = 16
    batch: int = 64
    architectures: int = 1
    alike: int = 1
    parts: int = 1
    learning_rate: float = 0.016
    learning_rate_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    statistics: Literal["recalibrated", "batch"] = "recalibrated"
    calibration: int = 128
    score_batch: int = 500
    score_memory: int = 2048
    racing: bool = False
    memory_format: Literal["channels_last", "contiguous", "auto"] = "channels_last"

    def __post_init__(self) -> None:
        for name in ("warmup", "generations"):
            integer(self, name, least=0)
        for name in ("epochs", "population", "architectures", "alike", "parts", "score_batch", "score_memory"):
            integer(self, name, least=1)
        for name in ("batch", "calibration"):
            integer(self, name, least=2)
        for name in ("learning_rate", "clip"):
            number(self, name, 0, math.inf, open_below=True)
        for name in ("learning_rate_min", "weight_decay"):
            number(self, name, 0, math.inf)
        number(self, "momentum", 0, 1, open_above=True)
        choice(self, "statistics", ("recalibrated", "batch"))
        boolean(self, "racing")
        choice(self, "memory_format", ("channels_last", "contiguous", "auto"))
        if self.alike > 1 and self.population % (self.alike * self.architectures):
            raise ValueError(
                f"alike: expected alike times architectures to divide population {self.population}, got {self.alike} x "
                f"{self.architectures}"
            )
        if self.batch < 2 * self.parts:
            raise ValueError(f"parts: expected at most half of batch {self.batch}, for batch norm, got {self.parts}")
        if self.learning_rate_min > self.learning_rate:
            raise ValueError(
                f"learning_rate_min: expected at most learning_rate {self.learning_rate}, got {self.learning_rate_min}"
            )

    @classmethod
    def paper(cls, **fields: Any) -> SupernetTraining:
        """Return the settings of CARS sec. 4.1: 50 epochs of warm-up, then 45 generations of 10 epochs, N = 128."""
        defaults = {"warmup": 50, "generations": 45, "epochs": 10, "population": 128, "batch": 128}
        return cls(**{**defaults, "learning_rate": 0.025, "calibration": 512, **fields})

    @property
    def planned_epochs(self) -> int:
        """Epochs over which the learning rate falls."""
        return self.warmup + self.generations * self.epochs

    def learning_rate_at(self, progress: float) -> float:
        """Return the learning rate after ``progress`` epochs, a cosine from the start to the planned end."""
        done = min(progress / self.planned_epochs, 1.0) if self.planned_epochs else 1.0
        span = self.learning_rate - self.learning_rate_min
        return self.learning_rate_min + span * (1 + math.cos(math.pi * done)) / 2
