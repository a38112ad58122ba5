"""The card of a saved network: what it is, what it was trained on and how, how good it is and what it costs.

A card is a mapping of plain values, written as JSON beside the weights and into them. Its fields:

- ``format``: version of the card's form, :data:`FORMAT`;
- ``file``: name of the file with the weights;
- ``genotype``: the four fields of a :class:`~carsmoo.Genotype`;
- ``network``: all fields of a :class:`~carsmoo.NetworkConfig`;
- ``data``: None for a network without training, else ``name``, ``images`` (channels, height, width), ``classes``,
  ``class_names`` (their numbers as text where they have no names, None in old cards), ``mean`` and ``std`` by colour,
  in the units of the images' pixels, and ``reading``, by which other images are read as those of the data were
  (:meth:`carsmoo.nets.data.reading.Reading.to_plain`; None if not known, which old cards leave out);
- ``recipe``: how the weights came about, a mapping of the trainer's own;
- ``accuracy``: a list of what was measured, each with ``split``, ``epoch``, ``weights`` and ``error`` (a fraction);
- ``costs``: ``params`` and ``flops`` (multiply-adds of one image);
- ``versions``: of the packages that made it, by name.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from carsmoo import cost
from carsmoo.config.network import NetworkConfig
from carsmoo.config.renamed import with_new_names
from carsmoo.nets.data.reading import Reading
from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.known import architecture_of
from carsmoo.utils.validation import finite, integer, number, one_line, shown

FORMAT = 1
"""Version of the card's form; others are refused."""

FIELDS = ("format", "file", "genotype", "network", "data", "recipe", "accuracy", "costs", "versions")
_DATA = ("name", "images", "classes", "class_names", "mean", "std", "reading")
_ACCURACY = ("split", "epoch", "weights", "error")


def data_card(
    name: str,
    images: Sequence[int],
    classes: int,
    mean: Sequence[float],
    std: Sequence[float],
    class_names: Sequence[str] | None = None,
    reading: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the part ``data`` of a card, with class names in the order of their numbers."""
    names = list(class_names) if class_names else list(map(str, range(classes)))
    numbers = {"mean": [float(m) for m in mean], "std": [float(s) for s in std]}
    told = {"name": name, "images": list(images), "classes": classes, "class_names": names, **numbers}
    return {**told, "reading": None if reading is None else dict(reading)}


def to_json(card: Mapping[str, Any]) -> str:
    """Return a card as JSON, or refuse with a ValueError what JSON does not hold."""
    try:
        text = json.dumps(card, indent=1, allow_nan=False)
        again = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"card: expected values that JSON holds, got others ({error})") from None
    return json.dumps(again, indent=1) + "\n"


def from_json(text: str, where: str = "card", ops: Vocabulary = PRIMITIVES) -> dict[str, Any]:
    """Return the card that :func:`to_json` wrote, checked in every field as :func:`checked` does."""
    try:
        found = json.loads(text, parse_constant=_no_number, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: expected a card as JSON, got {one_line(error, 250)}") from None
    return checked(found, where, ops)


def checked(card: Any, where: str = "card", ops: Vocabulary = PRIMITIVES) -> dict[str, Any]:
    """Return a card as a mapping of its own, checked in every field.

    Args:
        card: the card.
        where: what to call it.
        ops: operations that its genotype may have, with those of one's own.

    Raises:
        ValueError: naming ``where``, the field, what was expected and what was given.
    """
    try:
        return _checked(card, ops)
    except (ValueError, TypeError, OverflowError) as error:
        raise ValueError(f"{where}: {one_line(error, 250)}") from None


def genotype_of(card: Mapping[str, Any], ops: Vocabulary = PRIMITIVES) -> Architecture:
    """Return the genotype of a card, which has operations among ``ops``."""
    return architecture_of(card["genotype"], ops)


def network_of(card: Mapping[str, Any]) -> NetworkConfig:
    """Return the network of a card."""
    return NetworkConfig(**card["network"])


def _checked(card: Any, ops: Vocabulary) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(_fields("card", card, FIELDS), allow_nan=False))
    if isinstance(found["network"], dict):
        found["network"] = with_new_names(found["network"], "network")
    _require("format", found["format"] == FORMAT and type(found["format"]) is int, str(FORMAT), found["format"])
    _check_file(found["file"])
    genotype = genotype_of(found, ops)
    fields = [field.name for field in dataclasses.fields(NetworkConfig)]
    try:
        config = NetworkConfig(**_fields("network", found["network"], fields))
    except TypeError as error:
        raise ValueError(f"network: {error}") from None
    if isinstance(found["data"], dict):
        found["data"].setdefault("reading", None)
    if found["data"] is not None:
        _check_data(_fields("data", found["data"], _DATA), config)
    _require("recipe", isinstance(found["recipe"], dict), "an object", found["recipe"])
    _require("accuracy", isinstance(found["accuracy"], list), "a list", found["accuracy"])
    for entry in found["accuracy"]:
        _check_accuracy(_fields("accuracy", entry, _ACCURACY))
    expected = cost.cost(genotype, config)._asdict()
    costs = _fields("costs", found["costs"], tuple(expected))
    _require("costs", costs == expected, f"{expected} as counted", costs)
    texts = isinstance(found["versions"], dict) and all(isinstance(v, str) for v in found["versions"].values())
    _require("versions", texts, "an object of texts", found["versions"])
    return found


def _check_file(name: Any) -> None:
    plain = isinstance(name, str) and name == PurePath(name).name and not set(name) & set('\\/:\0"')
    plain = plain and name.endswith(".safetensors") and not name.startswith(".")
    _require("file", plain, "the name of a .safetensors file beside the card", name)


def _check_data(data: Mapping[str, Any], config: NetworkConfig) -> None:
    colours = config.input_shape[0]
    names = data["class_names"]
    _require("data.name", isinstance(data["name"], str), "a text", data["name"])
    _require("data.images", data["images"] == list(config.input_shape), str(list(config.input_shape)), data["images"])
    same = type(data["classes"]) is int and data["classes"] == config.output_classes
    _require("data.classes", same, str(config.output_classes), data["classes"])
    texts = isinstance(names, list) and len(names) == config.output_classes and all(isinstance(n, str) for n in names)
    _require("data.class_names", names is None or texts, f"null or {config.output_classes} texts", names)
    for name, least in (("mean", -math.inf), ("std", 0.0)):
        values = data[name]
        fits = isinstance(values, list) and len(values) == colours
        fits = fits and all((found := finite(v)) is not None and found > least for v in values)
        _require(f"data.{name}", fits, f"{colours} numbers{'' if name == 'mean' else ' above 0'}", values)
    if data["reading"] is not None:
        Reading.from_plain(data["reading"], "data.reading").require_colours(colours, "data.reading")


def _check_accuracy(entry: Mapping[str, Any]) -> None:
    for name in ("split", "weights"):
        _require(f"accuracy.{name}", isinstance(entry[name], str), "a text", entry[name])
    integer("accuracy.epoch", entry["epoch"], 0)
    number("accuracy.error", entry["error"], 0, 1)


def _fields(what: str, value: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a mapping that has just these fields."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{what}: expected an object with {', '.join(names)}, got {shown(value)}")  # noqa: TRY004
    for name in names:
        if name not in value:
            raise ValueError(f"{what}: expected the field {name!r}, got none")
    for name in value:
        if name not in names:
            raise ValueError(f"{what}: expected the fields {', '.join(names)}, got {shown(name)}")
    return dict(value)


def _require(what: str, holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise ValueError(f"{what}: expected {expected}, got {shown(got)}")


def _no_number(text: str) -> Any:
    raise ValueError(f"no finite number: {text}")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a field that comes twice")
    return found
