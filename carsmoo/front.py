"""A Pareto front of networks: genotypes with named objectives, as CSV and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from moocore import is_nondominated
from numpy.typing import ArrayLike, NDArray

from carsmoo.genotype import Genotype


@dataclass(frozen=True, eq=False)
class Front:
    """Networks none of which another one of them beats, sorted by their objectives, the first one first.

    Args:
        genotypes: the networks, n of them.
        F: their objectives, (n, m), minimised, in ``units``.
        names: names of the objectives, m of them.
        units: units of the objectives, m of them; empty for a number without one.
        about: what the figures belong to: data, split, weights, epoch.
    """

    genotypes: tuple[Genotype, ...]
    F: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    about: dict[str, Any]

    @classmethod
    def of(
        cls,
        genotypes: Sequence[Genotype],
        F: ArrayLike,
        names: Sequence[str],
        units: Sequence[str],
        about: dict[str, Any] | None = None,
    ) -> Front:
        """Return the non-dominated of some networks as a front; of equal genotypes one is kept.

        Raises:
            ValueError: if the lengths do not fit each other or a value is NaN.
        """
        values = np.array(F, dtype=np.float64).reshape(len(genotypes), len(names))
        if len(units) != len(names):
            raise ValueError(f"units: expected {len(names)} as there are names, got {len(units)}")
        if np.isnan(values).any():
            raise ValueError("F: expected numbers, got NaN")
        keep = np.flatnonzero(is_nondominated(values, keep_weakly=True)) if len(values) else np.empty(0, dtype=int)
        order = sorted(keep.tolist(), key=lambda k: (*values[k], str(genotypes[k])))
        unique = list({genotypes[k]: k for k in reversed(order)}.values())[::-1]
        return cls(tuple(genotypes[k] for k in unique), values[unique], tuple(names), tuple(units), dict(about or {}))

    def __len__(self) -> int:
        return len(self.genotypes)

    def __iter__(self) -> Iterator[tuple[Genotype, dict[str, float]]]:
        for genotype, row in zip(self.genotypes, self.F.tolist(), strict=True):
            yield genotype, dict(zip(self.names, row, strict=True))

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the values of one objective, (n,).

        Raises:
            ValueError: if there is no such objective.
        """
        if name not in self.names:
            raise ValueError(f"objective: expected one of {', '.join(self.names)}, got {name!r}")
        return self.F[:, self.names.index(name)]

    def to_csv(self, path: str | Path) -> None:
        """Write a row a network: its objectives under their names, then the genotype as text."""
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow([*self.names, "genotype"])
            for genotype, row in zip(self.genotypes, self.F.tolist(), strict=True):
                writer.writerow([*(repr(value) for value in row), str(genotype)])

    def to_json(self, path: str | Path) -> None:
        """Write everything: objectives with their units, what they belong to, networks."""
        networks = [{"objectives": values, "genotype": json.loads(genotype.to_json())} for genotype, values in self]
        document = {"objectives": dict(zip(self.names, self.units, strict=True)), "about": self.about}
        Path(path).write_text(json.dumps({**document, "networks": networks}, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path) -> Front:
        """Read a front that :meth:`to_json` or :meth:`to_csv` wrote, by the ending; a CSV has no units.

        Raises:
            ValueError: if the file is not such a front.
            OSError: if it cannot be read.
        """
        path = Path(path)
        text = path.read_text(encoding="utf-8")
        try:
            return _from_csv(text) if path.suffix == ".csv" else _from_json(text)
        except (KeyError, TypeError, AttributeError, json.JSONDecodeError, csv.Error) as error:
            raise ValueError(f"{path}: expected a front, got something else ({error!r})") from None
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _from_json(text: str) -> Front:
    document = json.loads(text)
    names, units = tuple(document["objectives"]), tuple(document["objectives"].values())
    networks = document["networks"]
    rows = [[float(network["objectives"][name]) for name in names] for network in networks]
    genotypes = tuple(Genotype.from_json(json.dumps(network["genotype"])) for network in networks)
    return Front(genotypes, np.array(rows).reshape(len(rows), len(names)), names, units, dict(document["about"]))


def _from_csv(text: str) -> Front:
    header, *rows = list(csv.reader(text.splitlines()))
    *names, last = header
    if last != "genotype":
        raise ValueError(f"expected a last column 'genotype', got {last!r}")
    F = np.array([[float(value) for value in row[:-1]] for row in rows]).reshape(len(rows), len(names))
    return Front(tuple(Genotype.parse(row[-1]) for row in rows), F, tuple(names), ("",) * len(names), {})
