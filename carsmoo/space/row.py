"""A network of a front, with what can be made of it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carsmoo.space.architecture import Architecture
from carsmoo.utils.validation import one_line

if TYPE_CHECKING:
    from carsmoo.space.front import Front


class Row(tuple[Architecture, dict[str, float]]):
    """A network of a front: the pair of its genotype and its objectives by name, which knows its front.

    Args:
        front: the front.
        place: of the network in it, from 0.

    Attributes:
        front: the front.
        place: of the network in it, from 0.
    """

    front: Front
    place: int

    def __new__(cls, front: Front, place: int) -> Row:  # noqa: D102
        values = dict(zip(front.names, front.F[place].tolist(), strict=True))
        row = super().__new__(cls, (front.genotypes[place], values))
        row.front, row.place = front, place
        return row

    def __getnewargs__(self) -> tuple[Front, int]:
        return self.front, self.place

    @property
    def genotype(self) -> Architecture:
        """Its cells."""
        return self[0]

    @property
    def values(self) -> dict[str, float]:
        """Its objectives by name, in the front's units."""
        return self[1]

    def __repr__(self) -> str:
        told = zip(self.front.columns, self.values.values(), strict=True)
        objectives = ", ".join(f"{column.name} {column.text(value)}" for column, value in told)
        return one_line(f"Row({self.place + 1} of {len(self.front)}; {objectives}; {self.genotype!r})")

    def network(self, weights: str | Path = "supernet") -> Any:
        """Return the network with its weights, a :class:`~carsmoo.nets.models.serialization.SavedNetwork`.

        Args:
            weights: ``"supernet"`` for those it has in the search, whose errors the front tells: of the problem that
                made the front, or of the run in whose directory its file lies. Otherwise the directory of a run in
                which ``carsmoo train`` trained it, or the folder of such a network: the weights of its best epoch.

        Raises:
            ValueError: if there are no such weights: the search has gone on since, or the network was not trained.
            OSError: if a file cannot be read.
        """
        networks = import_module("carsmoo.runs.networks")  # when it is called: it needs torch, and all floors below it
        return networks.network_of(self.front, self.place, weights)
