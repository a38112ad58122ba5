"""How a front reads: objectives in engineering units (16 k parameters), provenance, a cell's operations."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from carsmoo.config.network import NetworkConfig

SCORES: tuple[Literal["error", "loss"], ...] = ("error", "loss")
"""Objectives that tell how well networks do and move with their weights; a search has one of them at most."""

_BASES = {  # of a unit: how many of its base unit it is, and that one's sign
    "millions": (1e6, ""),
    "millions of multiply-adds": (1e6, ""),
    "M": (1e6, ""),  # in files of before
    "ms": (1e-3, "s"),
    "s": (1.0, "s"),
}
_PREFIXES = {-9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
_NAMES = {"params": "parameters", "flops": "multiply-adds"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """How an objective is written: its name, and a value as ``value * scale`` with some decimals and a suffix."""

    name: str
    suffix: str
    scale: float
    decimals: int

    @classmethod
    def of(cls, name: str, unit: str, values: Sequence[float]) -> Column:
        """Return how these values of an objective are written: four digits of the largest, in one unit for all."""
        name = _NAMES.get(name, name)
        if unit == "fraction":
            return cls(name=name, suffix="%", scale=100.0, decimals=2)
        size, sign = _BASES.get(unit, (1.0, unit))
        scale, prefix, largest = 1.0, "", max((abs(value) for value in values), default=0.0)
        if unit in _BASES:
            exponent = min(max(3 * (_magnitude(largest * size) // 3), -9 if sign else 0), 12)
            scale, prefix = size / 10.0**exponent, _PREFIXES[exponent]
        decimals = min(max(3 - _magnitude(largest * scale), 0), 8)
        return cls(name=name, suffix=prefix + sign, scale=scale, decimals=decimals)

    @property
    def label(self) -> str:
        """The name with the unit, for an axis or the head of a column."""
        return f"{self.name} ({self.suffix})" if self.suffix else self.name

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{self.number(value)}\N{NO-BREAK SPACE}{self.suffix}".strip("\N{NO-BREAK SPACE}")

    def number(self, value: float) -> str:
        """Return a value without its unit."""
        return f"{value * self.scale:.{self.decimals}f}"

    def span(self, values: Sequence[float]) -> str:
        """Return the name and the range of some values: ``parameters 16.30 to 24.10 k``."""
        ends = dict.fromkeys([self.number(min(values)), self.number(max(values))]) if len(values) else {}
        return " ".join([self.name, " to ".join(ends), self.suffix] if ends else [self.name]).strip()


def count(value: float) -> str:
    """Return a number of parameters or multiply-adds in engineering units: ``16.30 k``."""
    return Column.of("", "M", [value / 1e6]).text(value / 1e6)


def counted(n: int, noun: str) -> str:
    """Return how many of something there are: ``1 epoch``, ``0 epochs``, ``2 epochs``."""
    return f"{n} {noun if n == 1 else f'{noun}s'}"


def cells_in_words(network: NetworkConfig) -> str:
    """Return how many cells of which width a network has: ``5 cells of 8 channels``."""
    return f"{counted(network.layers, 'cell')} of {counted(network.channels, 'channel')}"


def _magnitude(value: float) -> int:
    return math.floor(math.log10(value)) if 0 < value < math.inf else 0


def score_among(names: Sequence[str]) -> Literal["error", "loss"] | None:
    """Return which objective is of :data:`SCORES`; None if none is."""
    return next((score for score in SCORES if score in names), None)


def score_of(names: Sequence[str]) -> str:
    """Return which objective tells how well networks do: the error, or else the loss, or else the first."""
    return score_among(names) or names[0]


def main_axes(names: Sequence[str]) -> tuple[int, int]:
    """Return which of two or more objectives goes along x and which along y: along y the score (:func:`score_of`)."""
    y = names.index(score_of(names))
    return int(y == 0), y


def weights_in_words(weights: str) -> str:
    """Return in words whose weights an error belongs to, as ``about["weights"]`` of a front tells."""
    return {"supernet": "weights of the supernet", "own": "each network's own weights"}.get(weights, weights)


def provenance(about: Mapping[str, Any], split: str = "{} split") -> str:
    """Return what an error belongs to in words: split, what scores but the network itself, weights, classifiers, epoch.

    Args:
        about: of a front.
        split: how the name of a split is written.
    """
    parts = [split.format(about["split"])] if "split" in about else []
    parts += [str(about["scores"])] if "scores" in about else []
    if "weights" in about:
        parts.append(weights_in_words(str(about["weights"])))
    parts += [str(about["classifiers"])] if "classifiers" in about else []
    if "epoch" in about:
        epochs = about["epoch"] if isinstance(about["epoch"], list) and about["epoch"] else [about["epoch"]]
        different = sorted(set(map(str, epochs)), key=lambda text: (len(text), text))
        parts.append(f"epoch {different[0]}" if len(different) == 1 else f"epochs {different[0]} to {different[-1]}")
    return ", ".join(parts) or "split, weights and epoch not recorded"


def operations(ops: Sequence[str]) -> str:
    """Return operations, counted, the most frequent first: ``3 sep 3×3, 2 skip``; those that are absent left out."""
    names = [short_operation(op) for op in ops if op != "none"]
    counts = {name: names.count(name) for name in sorted(set(names))}
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{count}\N{NO-BREAK SPACE}{name}" for name, count in ordered) or "none"


def brief(ops: Sequence[str]) -> str:
    """Return operations, counted, in a few letters: ``3sep3 2skip``; those that are absent left out."""
    letters = {"conv_": "", "pool_": "", "connect": "", "3x3": "3", "5x5": "5", "_": ""}
    short = []
    for op in ops:
        for long, few in letters.items():
            op = op.replace(long, few)
        short.append(op.removesuffix("3") if op[:3] in ("max", "avg") else op)
    return " ".join(f"{short.count(op)}{op}" for op in dict.fromkeys(sorted(short)) if op != "none")


def short_operation(op: str) -> str:
    """Return an operation's name in brief: ``sep 3×3``, ``skip``."""
    words = [word for word in op.split("_") if word not in ("conv", "pool", "connect")]
    return re.sub(r"(\d)x(\d)", r"\1×\2", "\N{NO-BREAK SPACE}".join(words))
