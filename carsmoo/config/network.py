"""Settings of networks and of supernet training: frozen, keyword-only, checked where they are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from carsmoo.config.fields import check_settings, setting
from carsmoo.config.renamed import refuses_old_names
from carsmoo.space.graph import halved

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


@refuses_old_names("network")
@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Everything that shapes a network but its genotype.

    The defaults are the demo's search network. Two ready forms are :meth:`cifar` and :meth:`imagenet`.

    Args:
        channels: channels of a state in the first cell; doubled at each of the two reductions. At least 2.
        layers: cells in the stack, 1 to 1000; those at one and two thirds reduce.
        stem: ``"cifar"``, one 3x3 convolution, or ``"imagenet"``, three of stride 2.
        image_shape: (channels, height, width) of an image. None: those of the data the network meets, or where there is
            no data (costs, a network built by hand) CIFAR-10's (3, 32, 32).
        n_classes: number of classes. None: the data's, or 10.
        bn_affine: whether batch norm has a scale and a shift. A search network has none, a network for use does.
        stem_multiplier: channels that the CIFAR stem makes, in units of ``channels``.
        auxiliary_head: whether a second classifier is attached at two thirds for training alone. It never counts in a
            cost, and a search has none.
        drop_path_prob: probability with which a path is dropped in training alone, 0 to below 1; a search drops none.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.

    Example:
        >>> from carsmoo import NetworkConfig
        >>> NetworkConfig(channels=16, layers=8).input_shape
        (3, 32, 32)
    """

    channels: int = setting(8, 2)
    layers: int = setting(5, 1, 1000)
    stem: Stem = "cifar"
    image_shape: tuple[int, int, int] | None = None
    n_classes: int | None = setting(None, 2)
    bn_affine: bool = False
    stem_multiplier: int = setting(3, 1)
    auxiliary_head: bool = False
    drop_path_prob: float = setting(0.0, 0, 1, open_high=True)

    def __post_init__(self) -> None:
        check_settings(self)
        if self.image_shape is not None:
            shape = tuple(self.image_shape) if isinstance(self.image_shape, (tuple, list)) else ()
            if len(shape) != 3 or not all(type(n) is int and n > 0 for n in shape):
                raise ValueError(f"image_shape: expected (channels, height, width), got {self.image_shape!r}")
            object.__setattr__(self, "image_shape", shape)

    @classmethod
    def cifar(cls, channels: int = 36, layers: int = 20, **fields: Any) -> NetworkConfig:
        """Return the network that is retrained on CIFAR-10 (CARS sec. 4.1; DARTS), 3x32x32, 10 classes.

        Example:
            >>> from carsmoo import NetworkConfig
            >>> config = NetworkConfig.cifar(auxiliary_head=True)
            >>> config.channels, config.layers, config.output_classes
            (36, 20, 10)
        """
        defaults = {"stem": "cifar", "image_shape": (3, 32, 32), "n_classes": 10, "bn_affine": True}
        return cls(channels=channels, layers=layers, **{**defaults, **fields})

    @classmethod
    def imagenet(cls, channels: int = 48, layers: int = 14, **fields: Any) -> NetworkConfig:
        """Return the network that is retrained on ImageNet (DARTS's mobile setting), 3x224x224, 1000 classes.

        Example:
            >>> from carsmoo import NetworkConfig
            >>> config = NetworkConfig.imagenet()
            >>> config.channels, config.layers, config.output_classes
            (48, 14, 1000)
        """
        defaults = {"stem": "imagenet", "image_shape": (3, 224, 224), "n_classes": 1000, "bn_affine": True}
        return cls(channels=channels, layers=layers, **{**defaults, **fields})

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(channels, height, width) of an image."""
        return self.image_shape or (3, 32, 32)

    @property
    def output_classes(self) -> int:
        """Number of classes."""
        return self.n_classes or 10

    @property
    def auxiliary_cell(self) -> int:
        """Index of the cell after which the auxiliary head is attached."""
        return 2 * self.layers // 3

    def for_data(self, images: tuple[int, int, int], classes: int) -> NetworkConfig:
        """Return the same network for images of this shape and this number of classes.

        Raises:
            ValueError: if another shape or number was asked for.
        """
        if self.image_shape not in (None, images):
            raise ValueError(
                f"image_shape: expected {self.image_shape} as the network says, got {images} from the data"
            )
        if self.n_classes not in (None, classes):
            raise ValueError(f"n_classes: expected {self.n_classes} as the network says, got {classes} from the data")
        return dataclasses.replace(self, image_shape=images, n_classes=classes)

    def cells(self, width: int = 4, reduced_width: int = 4) -> Iterator[CellShape]:
        """Yield the cells from the stem to the classifier.

        Args:
            width: states that a cell concatenates which keeps the image's size.
            reduced_width: states that one concatenates which halves it.
        """
        _, height, columns = self.input_shape
        channels = self.channels
        in_before = in_last = channels if self.stem == "imagenet" else self.stem_multiplier * channels
        halvings, halved_before = (3, True) if self.stem == "imagenet" else (0, False)
        for position in range(self.layers):
            reduction = self.reduces(position)
            channels *= 2 if reduction else 1
            size = halved(height, halvings), halved(columns, halvings)
            yield CellShape(position, reduction, halved_before, in_before, in_last, channels, halvings, *size)
            halvings += reduction
            in_before, in_last = in_last, channels * (reduced_width if reduction else width)
            halved_before = reduction

    def reduces(self, position: int) -> bool:
        """Return whether the cell at this place is a reduction cell."""
        return position in (self.layers // 3, 2 * self.layers // 3)
