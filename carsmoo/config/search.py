"""The whole configuration of a search: presets, strict TOML, and single settings from the command line."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args, get_type_hints

import tomli_w

from carsmoo.config.network import NetworkConfig
from carsmoo.config.renamed import sections_with_new_names
from carsmoo.config.supernet import SupernetTraining
from carsmoo.config.toml import _read, changed, plain
from carsmoo.space.genotype import DARTSSpace
from carsmoo.utils.validation import instance, shown

if sys.version_info >= (3, 11):
    pass
else:
    pass


@dataclass(frozen=True, kw_only=True)
class AlgorithmConfig:
    """Settings of :class:`~carsmoo.PNSGA3`; ``protection`` "none" is NSGA-III.

    Raises:
        ValueError: naming the field, what was expected and what was given.
    """

    protection: Literal["growth", "size", "none"] = "growth"
    newborn_growth: Literal["measure", "parents"] = "measure"
    pop_size: int | None = None
    n_offsprings: int | None = None

    def __post_init__(self) -> None:
        for name in ("protection", "newborn_growth"):
            choices = get_args(get_type_hints(AlgorithmConfig)[name])
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: expected one of {', '.join(choices)}, got {getattr(self, name)!r}")
        for name in ("pop_size", "n_offsprings"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
                raise ValueError(f"{name}: expected an integer of at least 1, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Everything that ``carsmoo search`` needs to know, and all that decides its result; the defaults are the demo.

    Args:
        data: name of the images, see :func:`carsmoo.load`.
        objectives: names of the objectives.
        seed: of the problem and of the algorithm, at least 0.
        device: where to compute; chosen by what there is if not given.
        latency: file of the latency table (``carsmoo latency build``); measured where it is an objective if not given.
        space: the architectures.
        network: the networks searched for.
        training: the plan of the search.
        algorithm: how survivors are chosen.

    Raises:
        TypeError: for a field of another type.
    """

    data: str = "digits"
    objectives: tuple[str, ...] = ("error", "params")
    seed: int = 0
    device: str | None = None
    latency: str | None = None
    space: DARTSSpace = field(default_factory=DARTSSpace)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    training: SupernetTraining = field(default_factory=SupernetTraining)
    algorithm: AlgorithmConfig = field(default_factory=AlgorithmConfig)

    def __post_init__(self) -> None:
        if not isinstance(self.data, str):
            raise TypeError(f"data: expected a name, got {self.data!r}")
        if not isinstance(self.objectives, (tuple, list)) or not all(isinstance(name, str) for name in self.objectives):
            raise TypeError(f"objectives: expected a list of names, got {self.objectives!r}")
        object.__setattr__(self, "objectives", tuple(self.objectives))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise TypeError(f"seed: expected an integer of at least 0, got {self.seed!r}")
        for name, value in (("device", self.device), ("latency", self.latency)):
            if value is not None and not isinstance(value, str):
                raise TypeError(f"{name}: expected a name, got {value!r}")
        kinds = {"space": DARTSSpace, "network": NetworkConfig, "training": SupernetTraining}
        for name, kind in {**kinds, "algorithm": AlgorithmConfig}.items():
            instance(name, getattr(self, name), kind)

    @classmethod
    def preset(cls, name: str) -> SearchConfig:
        """Return ``demo``, ``cifar10-paper`` (the settings of CARS sec. 4.1) or ``smoke`` (the demo in seconds).

        Raises:
            ValueError: for another name.
        """
        presets: dict[str, Callable[[], SearchConfig]] = {
            "demo": cls,
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
        if not isinstance(name, str) or name not in presets:
            raise ValueError(f"preset: expected one of {', '.join(presets)}, got {name!r}")
        return presets[name]()

    def updated(self, settings: Mapping[str, Any]) -> SearchConfig:
        """Return a copy with nested settings changed, as a TOML file holds them.

        Raises:
            ValueError, TypeError: naming the setting, what was expected and what was given.
        """
        if not isinstance(settings, Mapping):
            raise TypeError(f"settings: expected a mapping, got {shown(settings)}")
        return cast(SearchConfig, changed(self, settings, ""))

    @classmethod
    def from_toml(cls, text: str) -> SearchConfig:
        """Return the configuration that :meth:`to_toml` wrote, also with the names that fields had before.

        Raises:
            ValueError, TypeError: naming what was expected and what was given.
        """
        return cls().updated(sections_with_new_names(_read("configuration", text)))

    def to_toml(self) -> str:
        """Return the whole configuration as TOML; what is None is left out."""
        return tomli_w.dumps(plain(dataclasses.asdict(self)))
