"""Settings as TOML: reading files and ``key=value`` assignments, and changing nested settings."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import tomli_w

from carsmoo.config.renamed import renamed_fields
from carsmoo.space.known import of_kind
from carsmoo.space.search_space import SearchSpace
from carsmoo.utils.validation import instance, one_line, shown

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(frozen=True, kw_only=True)
class TomlSettings:
    """Settings that a TOML file may hold, and change."""

    def updated(self, settings: Mapping[str, Any]) -> Self:
        """Return a copy with settings changed, nested ones too, as a TOML file holds them.

        Raises:
            ValueError, TypeError: naming the setting, what was expected and what was given.
        """
        if not isinstance(settings, Mapping):
            raise TypeError(f"settings: expected a mapping, got {shown(settings)}")
        return cast("Self", changed(self, settings))

    def to_toml(self) -> str:
        """Return the settings as TOML; what is None is left out."""
        return tomli_w.dumps(plain(self.to_plain()))

    def to_plain(self) -> dict[str, Any]:
        """Return the settings by name, those of a section as a dictionary."""
        return dataclasses.asdict(self)


def read_toml(path: str | Path) -> dict[str, Any]:
    """Return the settings of a TOML file.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is not TOML.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected TOML, got {error}") from None
    except FileNotFoundError:
        raise FileNotFoundError(f"config: expected a TOML file, got nothing at {path}") from None
    return _read(str(path), text)


def parse_settings(assignments: Iterable[str]) -> dict[str, Any]:
    """Return nested settings from texts such as ``training.warmup_epochs=3``; a value is TOML, or else a text.

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
                raise ValueError(f"{one_line(section)}: expected one setting or a section of them, got both")  # noqa: TRY004
        merge(place, {name: value})
    return settings


def merge(into: dict[str, Any], settings: Mapping[str, Any]) -> None:
    """Put nested settings into others, of which they replace those of the same name and leave the rest."""
    for name, value in settings.items():
        held = into.get(name)
        if isinstance(held, dict) and isinstance(value, Mapping):
            merge(held, value)
        else:
            into[name] = value


def changed(config: Any, settings: Mapping[str, Any], prefix: str = "") -> Any:
    """Return a copy of a frozen dataclass with nested settings changed, as a TOML file holds them.

    A list of sections is given as a whole. A space's ``kind`` makes a space of that kind of it, with its defaults.

    Raises:
        ValueError, TypeError: naming the setting, after the ``prefix``, what was expected and what was given.
    """
    fields = {f.name for f in dataclasses.fields(config)}
    known = fields | {"kind"} if isinstance(config, SearchSpace) else fields
    changes = {}
    for name, value in settings.items():
        now = renamed_fields(config).get(name)
        if now is not None:
            raise ValueError(
                f"{one_line(prefix + name)}: expected {prefix}{now}, which is the name of this setting now"
            )
        if name not in fields:
            raise ValueError(
                f"{one_line(prefix + name)}: expected one of {', '.join(sorted(known))}, got an unknown setting"
            )
        current = getattr(config, name)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, Mapping):
                raise ValueError(f"{prefix}{name}: expected a section, got {value!r}")
            changes[name] = _section(current, value, f"{prefix}{name}.")
        elif isinstance(current, tuple) and dataclasses.is_dataclass(next(iter(current), None)):
            changes[name] = _sections(type(current[0]), value, f"{prefix}{name}")
        elif isinstance(value, Mapping):
            raise ValueError(f"{prefix}{name}: expected a value, got a section")
        else:
            changes[name] = tuple(value) if isinstance(value, list) else value
    try:
        return dataclasses.replace(config, **changes)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{prefix}{error}") from None


def _section(current: Any, settings: Mapping[str, Any], prefix: str) -> Any:
    if isinstance(current, SearchSpace) and "kind" in settings:
        try:
            current = of_kind(current, settings["kind"])
        except (TypeError, ValueError) as error:
            raise type(error)(f"{prefix}{error}") from None
        settings = {name: value for name, value in settings.items() if name != "kind"}
    return changed(current, settings, prefix)


def _sections(made: Callable[[], Any], value: Any, name: str) -> tuple[Any, ...]:
    if not isinstance(value, list) or not all(isinstance(section, Mapping) for section in value):
        raise ValueError(f"{name}: expected a list of sections, got {shown(value)}")
    return tuple(changed(made(), section, f"{name}[{k}].") for k, section in enumerate(value))


def toml_value(value: Any) -> str:
    """Return a value as the TOML of one line that an assignment holds."""
    if dataclasses.is_dataclass(value):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return "{" + ", ".join(f"{name} = {toml_value(one)}" for name, one in fields) + "}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(toml_value, value))}]"
    return tomli_w.dumps({"value": value}).partition(" = ")[2].strip()


def _read(what: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(instance(what, text, str))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{what}: expected TOML, got {one_line(error)}") from None


def plain(value: Any) -> Any:
    """Return a dataclass's dictionary as TOML holds it: tuples as lists, what is None left out."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None}
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value
