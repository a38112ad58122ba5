"""A Pareto front of networks: genotypes with named objectives, as CSV and as JSON."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

import numpy as np
from moocore import is_nondominated
from numpy.typing import ArrayLike, NDArray

from carsmoo.space.architecture import Architecture, Vocabulary
from carsmoo.space.front_files import read_front, require_finite
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.space.html import front_html
from carsmoo.space.row import Row
from carsmoo.space.words import Column, counted, provenance, score_of
from carsmoo.utils.extras import needing
from carsmoo.utils.files import write_whole
from carsmoo.utils.validation import choice, instance, numbers, one_line, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class Front:
    """Networks none of which another one of them beats, sorted by their objectives, the first one first.

    Args:
        genotypes: the networks, n of them.
        F: their objectives, (n, m), minimised, in ``units``.
        names: names of the objectives, m of them.
        units: units of the objectives, m of them; empty for a number without one.
        about: what the figures belong to: data, split, weights, epoch.
        origin: where the weights of the search are found: the problem that made the front, or the directory that its
            file was read from; None if nobody knows. It is not written to files, nor pickled.
        ops: what its file was read with, see :meth:`load`.

    Example:
        >>> from carsmoo import Front
        >>> from carsmoo.zoo import GENOTYPES
        >>> networks = [GENOTYPES[name] for name in ("CARS-A", "CARS-B", "DARTS-V1")]
        >>> F = [[3.0, 2.4], [2.87, 2.7], [3.0, 3.3]]
        >>> about = {"weights": "as published"}
        >>> front = Front.from_objectives(networks, F, ("error", "params"), ("percent", "millions"), about)
        >>> len(front), front.column("params").tolist()
        (2, [2.7, 2.4])
        >>> genotype, values = front[0]
        >>> values
        {'error': 2.87, 'params': 2.7}
        >>> front
        Front(2 networks; error 2.870 to 3.000 percent, parameters 2.400 to 2.700 M; as published)
    """

    genotypes: tuple[Architecture, ...]
    F: NDArray[np.float64]
    names: tuple[str, ...]
    units: tuple[str, ...]
    about: dict[str, Any]
    origin: Any = field(default=None, repr=False)
    ops: Vocabulary = field(default=PRIMITIVES, repr=False)

    @classmethod
    def from_objectives(
        cls,
        genotypes: Sequence[Architecture],
        F: ArrayLike,
        names: Sequence[str],
        units: Sequence[str],
        about: dict[str, Any] | None = None,
        origin: Any = None,
    ) -> Front:
        """Return the non-dominated of some networks as a front; of equal genotypes one is kept.

        Raises:
            TypeError: if something else is among the genotypes.
            ValueError: if the lengths do not fit each other, a name comes twice or a value is NaN or infinite.
        """
        for genotype in genotypes:
            instance("genotypes", genotype, Architecture)
        if not names or len(set(names)) < len(names):
            raise ValueError(f"names: expected different ones, got {list(names)}")
        values = numbers("F", F)
        if len(genotypes) == values.size == 0:
            values = values.reshape(0, len(names))
        if values.shape != (len(genotypes), len(names)):
            raise ValueError(f"F: expected ({len(genotypes)}, {len(names)}), got {values.shape}")
        if len(units) != len(names):
            raise ValueError(f"units: expected {len(names)} as there are names, got {len(units)}")
        require_finite("F: ", values)
        keep = np.flatnonzero(is_nondominated(values, keep_weakly=True)) if len(values) else np.empty(0, dtype=int)
        order = sorted(keep.tolist(), key=lambda k: (*values[k], str(genotypes[k])))
        first: dict[Architecture, int] = {}
        for k in order:
            first.setdefault(genotypes[k], k)
        unique = list(first.values())
        kept = tuple(genotypes[k] for k in unique)
        return cls(kept, values[unique], tuple(names), tuple(units), dict(about or {}), origin)

    def __len__(self) -> int:
        return len(self.genotypes)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "origin": None}

    def __iter__(self) -> Iterator[Row]:
        for k in range(len(self)):
            yield Row(self, k)

    @overload
    def __getitem__(self, place: SupportsIndex) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> Front: ...

    def __getitem__(self, place: SupportsIndex | slice) -> Row | Front:
        """Return the network at a place, as iterating yields them: a pair of genotype and objectives by name.

        Of a slice it is a front.

        Raises:
            TypeError: for a place that is no integer.
            IndexError: if there is no such place.
        """
        if isinstance(place, slice):
            return dataclasses.replace(
                self, genotypes=self.genotypes[place], F=self.F[place].copy(), about=dict(self.about)
            )
        try:
            k = operator.index(place)
        except TypeError:
            raise TypeError(f"front: expected a place as an integer, or a slice, got {shown(place)}") from None
        if not -len(self) <= k < len(self):
            raise IndexError(f"front: expected the place of one of {self._size}, got {k}")
        return Row(self, k % len(self))

    def __repr__(self) -> str:
        ranges = ", ".join(column.span(values) for column, values in zip(self.columns, self.F.T.tolist(), strict=True))
        return one_line(f"Front({self._size}; {ranges}; {provenance(self.about)})")

    def _repr_html_(self) -> str:
        """Return the front as a table and a picture, for notebooks."""
        cells = [" | ".join(genotype.summary.values()) for genotype in self.genotypes]
        return front_html(self.columns, self.F, cells, f"Pareto front of {self._size}; {provenance(self.about)}")

    def plot(self, **options: Any) -> Figure:
        """Draw the front: a new figure, which a notebook shows and ``show()`` opens in a window.

        Args:
            **options: as for :func:`carsmoo.plots.plot_front`, such as ``population``.

        Raises:
            ValueError: if the front has no network or a single objective.
        """
        plots = import_module("carsmoo.plots")  # when it is called: all else here needs no matplotlib
        figure: Figure = plots.plot_front(self, **options).get_figure(root=True)
        return figure

    @property
    def _size(self) -> str:
        return counted(len(self), "network") if len(self) else "no network"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the objectives with their units, for an axis or the head of a column."""
        return tuple(f"{name} ({unit})" if unit else name for name, unit in zip(self.names, self.units, strict=True))

    @property
    def columns(self) -> tuple[Column, ...]:
        """How the objectives are written in engineering units: 16 k parameters, not 0.016 millions."""
        parts = zip(self.names, self.units, self.F.T.tolist(), strict=True)
        return tuple(Column.of(name, unit, values) for name, unit, values in parts)

    @property
    def score(self) -> str:
        """The objective that tells how well the networks do: ``error``, else ``loss``, else the first."""
        return score_of(self.names)

    def best(self, name: str | None = None) -> int:
        """Return the place of the network with the lowest value of an objective, from 0; of equal ones the first.

        The objective is the :attr:`score` if none is named.

        Raises:
            ValueError: if there is no such objective, or no network.
        """
        values = self.column(self.score if name is None else name)
        if len(values) == 0:
            raise ValueError("front: expected a network or more, got none")
        return int(values.argmin())

    def column(self, name: str) -> NDArray[np.float64]:
        """Return the values of one objective, (n,).

        Raises:
            ValueError: if there is no such objective.
        """
        return self.F[:, self.names.index(choice("objective", name, self.names))]

    def to_csv(self, path: str | Path) -> None:
        """Write a row a network: its objectives under their names, then the genotype as text."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([*self.names, "genotype"])
        for genotype, row in zip(self.genotypes, self.F.tolist(), strict=True):
            writer.writerow([*(repr(value) for value in row), str(genotype)])
        write_whole(Path(path), text.getvalue().encode())

    def to_json(self, path: str | Path) -> None:
        """Write everything: objectives with their units, what they belong to, networks."""
        networks = [{"objectives": values, "genotype": json.loads(genotype.to_json())} for genotype, values in self]
        document = {"objectives": dict(zip(self.names, self.units, strict=True)), "about": self.about}
        write_whole(Path(path), (json.dumps({**document, "networks": networks}, indent=1) + "\n").encode())

    def to_frame(self) -> DataFrame:
        """Return a pandas frame: a row a network, its objectives under their names, then its architecture.

        Values are in the front's units; ``frame.attrs`` holds ``units`` by name and ``about``.

        Raises:
            ModuleNotFoundError: if pandas is missing.
        """
        with needing("to_frame", "frame"):
            from pandas import DataFrame
        frame = DataFrame(self.F, columns=list(self.names))
        frame.insert(len(self.names), "genotype", list(self.genotypes))
        frame.attrs = {"units": dict(zip(self.names, self.units, strict=True)), "about": dict(self.about)}
        return frame

    @classmethod
    def load(cls, path: str | Path, ops: Vocabulary = PRIMITIVES) -> Front:
        """Read a front that :meth:`to_json` or :meth:`to_csv` wrote, by the ending; a CSV has no units.

        Args:
            path: the file, or the directory of a run, whose ``front.json`` is read.
            ops: operations that may occur, such as ``space.ops`` of a space with those of one's own, or the space.

        Raises:
            ValueError: if the file is not such a front.
            OSError: if it cannot be read.
        """
        path = Path(path)
        where = path.absolute()
        return cls(*read_front(path, ops), origin=where if path.is_dir() else where.parent, ops=ops)
