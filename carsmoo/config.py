"""Settings of networks and of supernet training: frozen, keyword-only, checked where they are made."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from carsmoo.notation import shown

Stem = Literal["cifar", "imagenet"]


class CellShape(NamedTuple):
    """Where one cell sits in a network.

    Attributes:
        position: place in the stack, from 0.
        reduction: whether it halves the image (ceil) and doubles the channels.
        halved_before: whether its first input still has twice the size of its second.
        in_before: channels of its first input, the output of the cell before the last.
        in_last: channels of its second input, the output of the last cell.
        channels: channels of each of its states.
        halvings: how often the image has been halved (ceil) before its second input.
        height: rows of its second input.
        width: columns of its second input.
    """

    position: int
    reduction: bool
    halved_before: bool
    in_before: int
    in_last: int
    channels: int
    halvings: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything that shapes a network but its genotype.

    The defaults are the demo's search network. Two ready forms are :meth:`cifar` and :meth:`imagenet`.

    Args:
        channels: channels of a state in the first cell; doubled at each of the two reductions. At least 2.
        layers: cells in the stack, 1 to 1000; those at one and two thirds reduce.
        stem: ``"cifar"``, one 3x3 convolution, or ``"imagenet"``, three of stride 2.
        images: (channels, height, width) of an image. None: those of the data the network meets, or where there is no
            data (costs, a network built by hand) CIFAR-10's (3, 32, 32).
        classes: number of classes. None: the data's, or 10.
        affine: whether batch norm has a scale and a shift. A search network has none, a network for use does.
        stem_multiplier: channels that the CIFAR stem makes, in units of ``channels``.
        auxiliary: whether a second classifier is attached at two thirds for training. It never counts in a cost.
        drop_path: probability with which a path is dropped in training, 0 to below 1.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.
    """

    channels: int = 8
    layers: int = 5
    stem: Stem = "cifar"
    images: tuple[int, int, int] | None = None
    classes: int | None = None
    affine: bool = False
    stem_multiplier: int = 3
    auxiliary: bool = False
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        _integer(self, "channels", least=2)
        _integer(self, "layers", least=1, most=1000)
        _integer(self, "stem_multiplier", least=1)
        _number(self, "drop_path", 0, 1, open_above=True)
        _choice(self, "stem", get_args(Stem))
        _boolean(self, "affine")
        _boolean(self, "auxiliary")
        if self.classes is not None:
            _integer(self, "classes", least=2)
        if self.images is not None:
            images = tuple(self.images) if isinstance(self.images, (tuple, list)) else ()
            if len(images) != 3 or not all(_is_integer(n) and n > 0 for n in images):
                raise ValueError(f"images: expected (channels, height, width), got {self.images!r}")
            object.__setattr__(self, "images", images)

    @classmethod
    def cifar(cls, channels: int = 36, layers: int = 20, **fields: Any) -> NetworkConfig:
        """Return the network that is trained in full on CIFAR-10 (CARS sec. 4.1; DARTS), 3x32x32, 10 classes."""
        defaults = {"stem": "cifar", "images": (3, 32, 32), "classes": 10, "affine": True}
        return cls(channels=channels, layers=layers, **{**defaults, **fields})

    @classmethod
    def imagenet(cls, channels: int = 48, layers: int = 14, **fields: Any) -> NetworkConfig:
        """Return the network that is trained in full on ImageNet (DARTS's mobile setting), 3x224x224, 1000 classes."""
        defaults = {"stem": "imagenet", "images": (3, 224, 224), "classes": 1000, "affine": True}
        return cls(channels=channels, layers=layers, **{**defaults, **fields})

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        return self.images or (3, 32, 32)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return self.classes or 10

    @property
    def auxiliary_cell(self) -> int:
        """Index of the cell after which the auxiliary head is attached."""
        return 2 * self.layers // 3

    def for_data(self, images: tuple[int, int, int], classes: int) -> NetworkConfig:
        """Return the same network for images of this shape and this number of classes.

        Raises:
            ValueError: if another shape or number was asked for.
        """
        if self.images not in (None, images):
            raise ValueError(f"images: expected {self.images} as the network says, got {images} from the data")
        if self.classes not in (None, classes):
            raise ValueError(f"classes: expected {self.classes} as the network says, got {classes} from the data")
        return dataclasses.replace(self, images=images, classes=classes)

    def cells(self, normal_width: int = 4, reduce_width: int = 4) -> Iterator[CellShape]:
        """Yield the cells from the stem to the classifier.

        Args:
            normal_width: states that a normal cell concatenates.
            reduce_width: states that a reduction cell concatenates.
        """
        _, height, width = self.image_shape
        channels = self.channels
        in_before = in_last = channels if self.stem == "imagenet" else self.stem_multiplier * channels
        halvings, halved_before = (3, True) if self.stem == "imagenet" else (0, False)
        for position in range(self.layers):
            reduction = self.reduces(position)
            channels *= 2 if reduction else 1
            size = halved(height, halvings), halved(width, halvings)
            yield CellShape(position, reduction, halved_before, in_before, in_last, channels, halvings, *size)
            halvings += reduction
            in_before, in_last = in_last, channels * (reduce_width if reduction else normal_width)
            halved_before = reduction

    def reduces(self, position: int) -> bool:
        """Return whether the cell at this place is a reduction cell."""
        return position in (self.layers // 3, 2 * self.layers // 3)


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
            and depends on who was scored along with it. :class:`~carsmoo.algorithm.PNSGA3` takes it without protection
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
            _integer(self, name, least=0)
        for name in ("epochs", "population", "architectures", "alike", "parts", "score_batch", "score_memory"):
            _integer(self, name, least=1)
        for name in ("batch", "calibration"):
            _integer(self, name, least=2)
        for name in ("learning_rate", "clip"):
            _number(self, name, 0, math.inf, open_below=True)
        for name in ("learning_rate_min", "weight_decay"):
            _number(self, name, 0, math.inf)
        _number(self, "momentum", 0, 1, open_above=True)
        _choice(self, "statistics", ("recalibrated", "batch"))
        _boolean(self, "racing")
        _choice(self, "memory_format", ("channels_last", "contiguous", "auto"))
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


def halved(size: int, times: int) -> int:
    """Return an image's height or width after so many layers of stride 2, each of which rounds up."""
    return -(-size // (1 << times))


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _integer(config: object, name: str, *, least: int, most: int = 10**9) -> None:
    value = getattr(config, name)
    if not _is_integer(value):
        raise TypeError(f"{name}: expected an integer, got {value!r}")
    if value < least:
        raise ValueError(f"{name}: expected at least {least}, got {value}")
    if value > most:
        raise ValueError(f"{name}: expected at most {most}, got {shown(value)}")


def _number(
    config: object, name: str, low: float, high: float, *, open_below: bool = False, open_above: bool = False
) -> None:
    value = getattr(config, name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: expected a number, got {value!r}")
    if isinstance(value, int) and value > 10**300:
        raise ValueError(f"{name}: expected a number, got one of {value.bit_length()} bits")
    above = low < value if open_below else low <= value
    below = value < high if open_above or high == math.inf else value <= high
    if not (above and below):
        interval = f"{'(' if open_below else '['}{low}, {high}{')' if open_above or high == math.inf else ']'}"
        raise ValueError(f"{name}: expected a number in {interval}, got {value}")


def _choice(config: object, name: str, choices: tuple[str, ...]) -> None:
    value = getattr(config, name)
    if value not in choices:
        raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {value!r}")


def _boolean(config: object, name: str) -> None:
    value = getattr(config, name)
    if not isinstance(value, bool):
        raise TypeError(f"{name}: expected True or False, got {value!r}")
