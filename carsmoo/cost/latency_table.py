"""A measured table of the times of layers, and its file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from carsmoo.config.network import NetworkConfig
from carsmoo.config.renamed import with_new_names
from carsmoo.space.architecture import Vocabulary
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.graph import CHAIN, FRAME, Layer, text_of
from carsmoo.space.known import space_of
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import counted
from carsmoo.utils.files import write_whole
from carsmoo.utils.validation import choice, instance, integer, number, one_line, shown

FORMATS = ("channels_last", "contiguous")
"""Memory formats, the usual one first."""

PER_MS = 10**9
"""Sums are taken in whole picoseconds, so that they do not depend on an order."""

LONGEST = 1e6
"""Milliseconds that a layer takes at most; 64 bits hold the picoseconds of thousands of such layers."""

_PLAIN = ("device", "threads", "memory_format", "about", "between", "scale")

VERSION = 2
"""Of the file format."""


class Timing(NamedTuple):
    """A measured time in ms: the median of several, and their quartiles."""

    ms: float
    low: float
    high: float


class Additivity(NamedTuple):
    """How predictions compare with measured whole networks that took no part in the fit.

    Attributes:
        networks: how many networks.
        spearman: rank correlation of predicted and measured latency.
        mean_error: mean of ``|predicted - measured|`` / measured.
        fitted: how many other networks the predictions were fitted to.
    """

    networks: int
    spearman: float
    mean_error: float
    fitted: int


@dataclass(frozen=True, kw_only=True)
class LatencyTable:
    """The measured times of layers on one device, at batch 1, in ms.

    Args:
        device: name of the device.
        threads: threads that computed.
        memory_format: the one of :data:`FORMATS` that predictions are for.
        layers: times by layer and memory format.
        between: what each layer of a network takes beside its own time, in ms.
        scale: what the time of each layer is multiplied by.
        space: the architectures that the table was built for.
        network: the network that it was built for.
        additivity: how well it predicts, where that was looked at.
        about: whatever else is worth telling: versions, rounds.

    Raises:
        TypeError: for a value of another kind.
        ValueError: for one out of its range, or a layer that adds more than :data:`LONGEST` to a network.
    """

    device: str
    threads: int
    memory_format: str
    layers: Mapping[tuple[Layer, str], Timing]
    space: SearchSpace
    network: NetworkConfig
    between: float = 0.0
    scale: float = 1.0
    additivity: Additivity | None = None
    about: Mapping[str, str | int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.device, str) or not self.device:
            raise TypeError(f"device: expected a name, got {shown(self.device)}")
        integer("threads", self.threads, 1)
        choice("memory_format", self.memory_format, FORMATS)
        number("between", self.between, 0)
        if number("scale", self.scale, 0) == 0:
            raise ValueError(f"scale: expected more than 0, got {shown(self.scale)}")
        instance("space", self.space, SearchSpace)
        instance("network", self.network, NetworkConfig)
        most = self.between + self.scale * max((timing.ms for timing in self.layers.values()), default=0.0)
        if most > LONGEST:
            raise ValueError(f"layers: expected each to add at most {LONGEST:g} ms to a network, got {most:g}")

    @property
    def where(self) -> str:
        """What the times hold for: device, threads, batch and memory format."""
        return f"{self.device}, {counted(self.threads, 'thread')}, batch 1, {self.memory_format}"

    def picoseconds(self, layer: Layer) -> int:
        """Return what a layer adds to a network's latency, in the table's memory format.

        Raises:
            ValueError: if the table does not have it.
        """
        timing = self.layers.get((layer, self.memory_format))
        if timing is None:
            raise ValueError(f"latency: expected a table with {text_of(layer)}, {self.memory_format}, got one without")
        return round((self.between + self.scale * timing.ms) * PER_MS)

    def require(self, space: SearchSpace, network: NetworkConfig) -> None:
        """Check that the table has all layers of the networks of a space.

        Raises:
            ValueError: naming the first that it does not have.
        """
        needed = space.layers_needed(network)
        missing = [layer for layer in needed if (layer, self.memory_format) not in self.layers]
        if missing:
            raise ValueError(
                f"latency: expected a table with the {len(needed)} layers of the network, got one without "
                f"{len(missing)} of them, such as {text_of(missing[0])}, {self.memory_format}"
            )

    def to_json(self) -> str:
        """Return the table as JSON that a person can read, a line a layer."""
        rows = [
            "  " + json.dumps({**layer._asdict(), "memory_format": memory_format, **timing._asdict()})
            for (layer, memory_format), timing in self.layers.items()
        ]
        head = {
            "carsmoo_latency": VERSION,
            "unit": "ms",
            "batch": 1,
            **{name: getattr(self, name) for name in _PLAIN},
            "additivity": None if self.additivity is None else self.additivity._asdict(),
            "space": self.space.to_plain(),
            "network": dataclasses.asdict(self.network),
        }
        text = json.dumps(head, indent=1)[:-2]
        return text + ',\n "layers": [\n' + ",\n".join(rows) + "\n ]\n}\n"

    @classmethod
    def from_json(cls, text: str, ops: Vocabulary = PRIMITIVES) -> LatencyTable:
        """Read what :meth:`to_json` wrote; ``ops`` are operations that may occur, or the space.

        Raises:
            ValueError: if the text is no such table, naming what is wrong.
        """
        try:
            return _table(json.loads(text), ops)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"latency: expected a table as JSON, got something else ({error})") from None
        except (TypeError, KeyError, AttributeError, OverflowError) as error:
            what = f"no {error}" if isinstance(error, KeyError) else one_line(error, 200)
            raise ValueError(f"latency: expected a table, got something else ({what})") from None

    def write(self, path: str | Path) -> None:
        """Write the table as JSON.

        Raises:
            OSError: if it cannot be written.
        """
        write_whole(Path(path), self.to_json().encode())

    @classmethod
    def read(cls, path: str | Path, ops: Vocabulary = PRIMITIVES) -> LatencyTable:
        """Read a table that :meth:`write` wrote, here or elsewhere.

        Raises:
            TypeError: for no path.
            ValueError: if the file is no such table.
            OSError: if it cannot be read.
        """
        if not isinstance(path, (str, Path)):
            raise TypeError(f"latency: expected the path of a table, got {shown(path)}")
        try:
            text = Path(path).read_bytes().decode()
        except OSError as error:
            what = error.strerror or type(error).__name__
            raise type(error)(f"latency: expected the file of a table, got {path}: {what}") from None
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: expected a latency table, got something else ({error})") from None
        try:
            return cls.from_json(text, ops)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _table(document: Any, ops: Vocabulary) -> LatencyTable:
    """Return the table that a JSON document holds, of layers with operations among ``ops``, or of that space."""
    if not isinstance(document, dict) or document.get("carsmoo_latency") != VERSION:
        raise ValueError(f"latency: expected a table of format {VERSION}, got {shown(document)}")
    expected = {*_PLAIN, "carsmoo_latency", "unit", "batch", "additivity", "space", "network", "layers"}
    if set(document) != expected:
        odd = sorted(expected ^ set(document))
        raise ValueError(f"latency: expected the fields {', '.join(sorted(expected))}, got another set ({shown(odd)})")
    if document["unit"] != "ms" or document["batch"] != 1:
        raise ValueError(
            f"latency: expected ms at batch 1, got {shown(document['unit'])} at batch {shown(document['batch'])}"
        )
    about = document["about"]
    if not isinstance(about, dict) or not all(isinstance(value, (str, int)) for value in about.values()):
        raise ValueError(f"about: expected texts and integers, got {shown(about)}")
    space = space_of(document["space"], ops)
    known = () if isinstance(ops, SearchSpace) else ops
    kinds = [*FRAME, *CHAIN, *PRIMITIVES[1:], *space.ops, *known]
    if not isinstance(document["layers"], list) or not document["layers"]:
        raise ValueError(f"layers: expected a list of rows, got {shown(document['layers'])}")
    layers: dict[tuple[Layer, str], Timing] = {}
    for row in document["layers"]:
        layer, memory_format, timing = _row(row, kinds)
        if (layer, memory_format) in layers:
            raise ValueError(f"layers: expected each once, got {text_of(layer)}, {memory_format} again")
        layers[layer, memory_format] = timing
    network = with_new_names(document["network"], "network")
    network["image_shape"] = None if network["image_shape"] is None else tuple(network["image_shape"])
    return LatencyTable(
        **{name: document[name] for name in _PLAIN},
        layers=layers,
        additivity=_additivity(document["additivity"]),
        space=space,
        network=NetworkConfig(**network),
    )


def _row(row: Any, kinds: Sequence[str]) -> tuple[Layer, str, Timing]:
    if not isinstance(row, dict) or set(row) != {*Layer._fields, "memory_format", *Timing._fields}:
        wanted = ", ".join((*Layer._fields, "memory_format", *Timing._fields))
        raise ValueError(f"layers: expected rows of {wanted}, got {shown(row)}")
    choice("kind", row["kind"], kinds)
    choice("memory_format", row["memory_format"], FORMATS)
    sizes = [integer(name, row[name], 1, 2 if name == "stride" else None) for name in Layer._fields[1:]]
    timing = Timing(*(number(name, row[name], 0) for name in Timing._fields))
    if not timing.low <= timing.ms <= timing.high:
        raise ValueError(f"ms: expected a median between its quartiles, got {shown(tuple(timing))}")
    if timing.high > LONGEST:
        raise ValueError(f"high: expected at most {LONGEST:g} ms, got {timing.high:g}")
    return Layer(row["kind"], *sizes), row["memory_format"], timing


def _additivity(value: Any) -> Additivity | None:
    if value is None:
        return None
    found = Additivity(**value)
    integer("networks", found.networks, 2)
    integer("fitted", found.fitted, 0)
    number("mean_error", found.mean_error, 0)
    number("spearman", found.spearman, -1, 1)
    return found
