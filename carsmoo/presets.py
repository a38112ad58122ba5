"""The whole configuration of a search: presets, strict TOML, and single settings from the command line."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args, get_type_hints

import tomli_w

from carsmoo.checks import instance
from carsmoo.config import NetworkConfig, SupernetTraining
from carsmoo.genotype import DARTSSpace
from carsmoo.memory import require_count
from carsmoo.notation import shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True, kw_only=True)
class AlgorithmConfig:
    """Settings of :class:`~carsmoo.algorithm.PNSGA3`; ``protection`` "none" is NSGA-III.

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
        data: name of the images, see :func:`carsmoo.nets.data.load`.
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
                training=SupernetTraining(warmup=1, generations=2, epochs=1, population=6, calibration=64),
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
        """Return the configuration that :meth:`to_toml` wrote.

        Raises:
            ValueError, TypeError: naming what was expected and what was given.
        """
        return cls().updated(_read("configuration", text))

    def to_toml(self) -> str:
        """Return the whole configuration as TOML; what is None is left out."""
        return tomli_w.dumps(plain(dataclasses.asdict(self)))


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected TOML, got {error}") from None
    return _read(str(path), text)


def parse_settings(assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings from texts such as ``training.warmup=3``; a value is TOML, or else a text.

    Raises:
        TypeError: for what is no text.
        ValueError: for a text without ``=``.
    """
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, found, text = instance("setting", assignment, str).partition("=")
        if not found or not key.strip():
            raise ValueError(f"setting: expected key=value, got {assignment!r}")
        try:
            document = tomllib.loads(f"value = {text}")
        except (ValueError, RecursionError):
            document = {}
        value = document["value"] if len(document) == 1 else text  # a line more is no value
        *sections, name = key.strip().split(".")
        place = settings
        for section in sections:
            place = place.setdefault(section, {})
            if not isinstance(place, dict):
                raise ValueError(f"{_line(section)}: expected one setting or a section of them, got both")  # noqa: TRY004
        place[name] = value
    return settings


def build(config: SearchConfig, group: Any = None) -> tuple[Any, Any]:
    """Return the problem and the algorithm of a configuration, a CARSProblem and a PNSGA3.

    Args:
        config: the configuration.
        group: the processes that work together, see :class:`~carsmoo.nets.problem.CARSProblem`.

    Raises:
        TypeError, ValueError, OSError: as they do; ValueError too if the population does not fit in the memory.
    """
    from carsmoo.algorithm import PNSGA3
    from carsmoo.nets.problem import CARSProblem

    problem = CARSProblem(
        config.data,
        config.space,
        config.objectives,
        config.network,
        config.training,
        config.device,
        config.seed,
        config.latency,
        group,
    )
    settings = dataclasses.asdict(config.algorithm)
    for name in ("pop_size", "n_offsprings"):
        require_count(name, settings[name] or 0, problem.n_var)
    protection = None if settings["protection"] == "none" else settings["protection"]
    return problem, PNSGA3(**{**settings, "protection": protection})


def config_of(problem: Any, algorithm: Any) -> SearchConfig | None:
    """Return the configuration that :func:`build` makes this problem and this algorithm of; None if there is none."""
    parts = [made.settings() if callable(getattr(made, "settings", None)) else None for made in (problem, algorithm)]
    if parts[0] is None or parts[1] is None:
        return None
    chosen = {**parts[1], "protection": parts[1]["protection"] or "none"}
    return SearchConfig(**parts[0], algorithm=AlgorithmConfig(**chosen))


def changed(config: Any, settings: Mapping[str, Any], prefix: str = "") -> Any:
    """Return a copy of a frozen dataclass with nested settings changed, as a TOML file holds them.

    Raises:
        ValueError, TypeError: naming the setting, after the ``prefix``, what was expected and what was given.
    """
    fields = {f.name for f in dataclasses.fields(config)}
    changes = {}
    for name, value in settings.items():
        if name not in fields:
            raise ValueError(
                f"{_line(prefix, name)}: expected one of {', '.join(sorted(fields))}, got an unknown setting"
            )
        current = getattr(config, name)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ValueError(f"{prefix}{name}: expected a section, got {value!r}")
            changes[name] = changed(current, value, f"{prefix}{name}.")
        elif isinstance(value, Mapping):
            raise ValueError(f"{prefix}{name}: expected a value, got a section")
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    try:
        return dataclasses.replace(config, **changes)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{prefix}{error}") from None


def _read(what: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(instance(what, text, str))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what}: expected TOML, got {_line(error)}") from None


def _line(*parts: object) -> str:
    """Return parts as text on one line."""
    return " ".join("".join(map(str, parts)).split())


def plain(value: Any) -> Any:
    """Return a dataclass's dictionary as TOML holds it: tuples as lists, what is None left out."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value
