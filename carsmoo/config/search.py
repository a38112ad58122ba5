"""The whole configuration of a search: presets, strict TOML, and single settings from the command line."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from carsmoo.config.fields import check_settings, setting
from carsmoo.config.network import NetworkConfig
from carsmoo.config.renamed import sections_with_new_names
from carsmoo.config.supernet import AUTO, PLANNED, SupernetTraining
from carsmoo.config.toml import TomlSettings, _read, plain
from carsmoo.space.darts import DARTSSpace
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import choice, instance, shown

Tracker: TypeAlias = Literal["tensorboard", "mlflow", "wandb"]
"""Trackers of experiments that a search may tell what it measures."""


@dataclass(frozen=True, kw_only=True)
class AlgorithmConfig:
    """Settings of :class:`~carsmoo.PNSGA3`.

    Args:
        protection: what keeps large networks alive: ``"growth"``, the paper's, ``"size"``, the released code's, or
            ``"none"``, which is NSGA-III.
        newborn_growth: a newborn's growth: ``"measure"``, which scores it twice, or ``"parents"``, their mean.
        pop_size: architectures kept (N); that of ``training`` if not given.
        n_offsprings: newborns of a generation; as many as are kept if not given.

    Raises:
        TypeError, ValueError: naming the field, what was expected and what was given.
    """

    protection: Literal["growth", "size", "none"] = "growth"
    newborn_growth: Literal["measure", "parents"] = "measure"
    pop_size: int | None = setting(None, 1, math.inf)
    n_offsprings: int | None = setting(None, 1, math.inf)

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True, kw_only=True)
class SearchConfig(TomlSettings):
    """Everything that ``carsmoo search`` needs to know, and all that decides its result; the defaults are the demo.

    Args:
        data: name of the images, with where they are and options, see :mod:`carsmoo.nets.data`.
        objectives: what is minimised: ``"error"`` or ``"loss"``, and any of ``"params"``, ``"flops"`` and
            ``"latency"``.
        seed: of the problem and of the algorithm, at least 0.
        device: where to compute; chosen by what there is if not given.
        latency: file of the latency table (``carsmoo latency build``); measured where it is an objective if not given.
        log: who is told what is measured, beside the run's own log: ``"tensorboard"``, ``"mlflow"``, ``"wandb"``.
        space: the architectures.
        network: the networks searched for.
        training: the plan of the search.
        algorithm: how survivors are chosen.

    Raises:
        TypeError: for a field of another type.
        ValueError: for another tracker.
    """

    data: str = "digits"
    objectives: tuple[str, ...] = ("error", "params")
    seed: int = setting(0, 0, math.inf)
    device: str | None = None
    latency: str | None = None
    log: tuple[Tracker, ...] = ()
    space: SearchSpace = field(default_factory=DARTSSpace)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: SupernetTraining = field(default_factory=SupernetTraining)
    algorithm: AlgorithmConfig = field(default_factory=AlgorithmConfig)

    def __post_init__(self) -> None:
        check_settings(self)
        instance("space", self.space, SearchSpace)
        for field_name in ("objectives", "log"):
            names = getattr(self, field_name)
            if not isinstance(names, (tuple, list)) or not all(isinstance(name, str) for name in names):
                raise TypeError(f"{field_name}: expected a list of names, got {shown(names)}")
            object.__setattr__(self, field_name, tuple(names))
        for tracker in self.log:
            choice("log", tracker, get_args(Tracker))

    @classmethod
    def preset(cls, name: str) -> SearchConfig:
        """Return ``demo``, ``clutter``, ``cifar10-paper`` (CARS sec. 4.1) or ``smoke`` (``demo`` in seconds).

        ``clutter``, which ``make demo`` runs, searches narrow networks on cluttered digits.

        Raises:
            ValueError: for another name.
        """
        presets: dict[str, Callable[[], SearchConfig]] = {
            "demo": cls,
            "clutter": lambda: cls(
                data="cluttered-digits",
                network=NetworkConfig(channels=4, layers=3),
                training=SupernetTraining(
                    warmup_epochs=14,
                    warmup_widening=0.8,
                    n_generations=10,
                    batch_size=32,
                    learning_rate=0.1,
                    score_images=300,
                ),
            ),
            "cifar10-paper": lambda: cls(
                data="cifar10",
                network=NetworkConfig(channels=16, layers=8),
                training=SupernetTraining.paper(),
            ),
            "smoke": lambda: cls(
                network=NetworkConfig(channels=4, layers=3),
                training=SupernetTraining(
                    warmup_epochs=1, n_generations=2, epochs_per_generation=1, pop_size=6, bn_calibration_images=64
                ),
            ),
        }
        return presets[choice("preset", name, presets)]()

    def in_space(self, space: SearchSpace, settings: Mapping[str, Any]) -> SearchConfig:
        """Return the configuration in a space of one's own, with other settings changed.

        Args:
            space: the space.
            settings: as for :meth:`updated`; those of the space, if there are any, say what it is.

        Raises:
            ValueError: if they say something else; and as :meth:`updated`.
            TypeError: as :meth:`updated`.
        """
        told, expected = settings.get("space"), plain(space.to_plain())
        if told is not None and told != expected:
            raise ValueError(f"space: expected {shown(expected)}, which is given, got settings of {shown(told)}")
        others = {name: value for name, value in settings.items() if name != "space"}
        return dataclasses.replace(self, space=space).updated(others)

    def with_budget(self, budget: str) -> SearchConfig:
        """Return the configuration with a budget in the place of its warm-up, generations and epochs.

        The budget ``"auto"`` leaves those that differ from the usual ones.

        Raises:
            ValueError: for a budget of another form.
        """
        usual = {name: getattr(SupernetTraining, name) for name in PLANNED if budget != AUTO}
        return dataclasses.replace(self, training=dataclasses.replace(self.training, **usual, budget=budget))

    def to_plain(self) -> dict[str, Any]:
        """Return the settings by name; those of a space with its kind, but for DARTS's."""
        return {**dataclasses.asdict(self), "space": self.space.to_plain()}

    @classmethod
    def from_toml(cls, text: str) -> SearchConfig:
        """Return the configuration that :meth:`to_toml` wrote, also with the names that fields had before.

        Raises:
            ValueError, TypeError: naming what was expected and what was given.
        """
        return cls().updated(sections_with_new_names(_read("configuration", text)))
