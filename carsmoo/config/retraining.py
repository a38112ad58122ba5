"""Recipes: how a network is retrained, from its first weights to those that are used."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from carsmoo.config.fields import check_settings, setting
from carsmoo.config.network import NetworkConfig, Stem
from carsmoo.config.renamed import refuses_old_names
from carsmoo.config.schedules import one_cycle
from carsmoo.config.toml import TomlSettings
from carsmoo.utils.validation import choice, instance

Schedule = Literal["cosine", "exponential", "one-cycle"]


@refuses_old_names("recipe")
@dataclass(frozen=True, kw_only=True)
class TrainingRecipe(TomlSettings):
    """How a network is retrained, and which widths and depth it then has.

    The defaults are the recipe ``quick``, for images as small as scikit-learn's digits on a few cores. A network is
    trained on search-train and search-validation together. A share of them is held out, never trained on, and the
    epoch with the lowest error there is the best one. With nothing held out, as in the recipes of the papers, the last
    epoch is the best one. Either way the test split is scored once, when all training is done, and decides nothing.

    Args:
        channels: channels of the first cell.
        layers: cells.
        stem: see :class:`~carsmoo.NetworkConfig`.
        epochs: passes over the training images.
        batch: images of a step, at most; an epoch is cut into steps of nearly equal size.
        learning_rate: that of SGD at the start; the highest of ``"one-cycle"``.
        schedule: ``"cosine"``, to 0 after the last epoch, or ``"exponential"``, by ``decay`` each epoch, both constant
            within an epoch; or ``"one-cycle"``, from 0 up over the first 15 % of the steps and down to 0 at the end,
            linearly, for trainings of a few epochs (Smith and Topin 2018).
        decay: factor on the learning rate from one epoch to the next, for the exponential schedule.
        momentum: of SGD.
        weight_decay: of SGD.
        clip: largest norm of a step's gradient.
        cutout: side of the square that is cut out of each training image, in px; 0 for none.
        auxiliary_weight: weight of the auxiliary head's loss; 0 for no head.
        drop_path_prob: probability with which a path is dropped, reached linearly from 0 after the last epoch.
        label_smoothing: share of the label that is spread over all classes.
        resized_crop: whether each training image is a part of a picture, of random area (0.08 to 1 of it) and ratio
            (3/4 to 4/3), scaled to the size; the pictures of a folder are then read from their files as they are needed
            (see :mod:`carsmoo.nets.data`).
        pad: zero pixels added on each side before a crop of the old size; that of the data if not given. 0 beside
            ``resized_crop``.
        flip: whether half of the training images are mirrored; as the data say if not given.
        brightness: largest change of a training image's brightness, a random factor from 1 - x to 1 + x; 0 for none.
        contrast: likewise of its contrast.
        saturation: likewise of its saturation; a grey image has none.
        hue: largest turn of its hue, either way, at most 0.5; a grey image has none.
        holdout_fraction: share of the training images that is held out to choose the best epoch.
        seed: of initial weights, held-out images, order, augmentation and dropped paths.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.
    """

    channels: int = setting(16, 2)
    layers: int = setting(5, 1, 1000)
    stem: Stem = "cifar"
    epochs: int = setting(30, 1)
    batch: int = setting(64, 2)
    learning_rate: float = setting(0.05, open_low=True)
    schedule: Schedule = "cosine"
    decay: float = setting(0.97, 0, 1, open_low=True)
    momentum: float = setting(0.9, 0, 1, open_high=True)
    weight_decay: float = 5e-4
    clip: float = setting(5.0, open_low=True)
    cutout: int = 0
    auxiliary_weight: float = 0.0
    drop_path_prob: float = setting(0.0, 0, 1, open_high=True)
    label_smoothing: float = setting(0.1, 0, 1, open_high=True)
    resized_crop: bool = False
    pad: int | None = setting(1, 0, 10**4)
    flip: bool | None = None
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = setting(0.0, 0, 0.5)
    holdout_fraction: float = setting(0.1, 0, 1, open_high=True)
    seed: int = setting(0, 0, 2**63)

    def __post_init__(self) -> None:
        check_settings(self)
        if self.resized_crop and self.pad != 0:
            raise ValueError(f"pad: expected 0 beside resized_crop, got {self.pad}")

    @classmethod
    def preset(cls, name: str) -> TrainingRecipe:
        """Return ``quick``, ``clutter``, ``cifar`` (CARS sec. 4.1 and DARTS on CIFAR-10) or ``imagenet``.

        ``clutter`` trains the networks of the search of that name, at its widths and depth, for four epochs.

        The latter two, ``imagenet`` by DARTS (mobile), hold nothing out, as the papers. Departs: the papers report the
        best test error of all epochs or do not say; here it is that of the last epoch. An epoch's steps are nearly
        equal in size, where DARTS's last one is what is left over.

        Raises:
            ValueError: for another name.
        """
        common: dict[str, Any] = {"auxiliary_weight": 0.4, "holdout_fraction": 0.0, "flip": True}
        presets: dict[str, Callable[[], TrainingRecipe]] = {
            "quick": cls,
            "clutter": lambda: cls(
                channels=4,
                layers=3,
                epochs=4,
                batch=32,
                learning_rate=0.1,
                schedule="one-cycle",
                label_smoothing=0.0,
                pad=0,
            ),
            "cifar": lambda: cls(
                **common,
                channels=36,
                layers=20,
                epochs=600,
                batch=96,
                learning_rate=0.025,
                weight_decay=3e-4,
                cutout=16,
                drop_path_prob=0.2,
                label_smoothing=0.0,
                pad=4,
            ),
            "imagenet": lambda: cls(
                **common,
                channels=48,
                layers=14,
                stem="imagenet",
                epochs=250,
                batch=128,
                learning_rate=0.1,
                schedule="exponential",
                weight_decay=3e-5,
                resized_crop=True,
                pad=0,
                brightness=0.4,
                contrast=0.4,
                saturation=0.4,
                hue=0.2,
            ),
        }
        return presets[choice("recipe", name, presets)]()

    def network(self, images: tuple[int, int, int], classes: int) -> NetworkConfig:
        """Return the network that is trained on images (channels, height, width) of so many classes."""
        shape: dict[str, Any] = {"channels": self.channels, "layers": self.layers, "stem": self.stem}
        return NetworkConfig(
            **shape, image_shape=images, n_classes=classes, bn_affine=True, auxiliary_head=self.auxiliary_weight > 0
        )

    def learning_rate_in(self, epoch: int, within: float = 0.0) -> float:
        """Return the learning rate of an epoch, counted from 0; of a one-cycle schedule that ``within`` it, 0 to 1."""
        instance("epoch", epoch, int)
        if self.schedule == "exponential":
            return float(self.learning_rate * self.decay**epoch)
        if self.schedule == "one-cycle":
            return self.learning_rate * one_cycle((epoch + within) / self.epochs)
        return self.learning_rate * (1 + math.cos(math.pi * min(epoch / self.epochs, 1.0))) / 2

    def drop_path_in(self, epoch: int) -> float:
        """Return the probability with which a path is dropped in an epoch, counted from 0."""
        return self.drop_path_prob * epoch / self.epochs
