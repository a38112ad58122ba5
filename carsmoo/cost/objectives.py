"""What is minimised: the names a user gives, and the values of those objectives that no training moves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import CostTable
from carsmoo.cost.latency import LatencyCosts
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.space.genotype import DARTSSpace, Genotype
from carsmoo.utils.validation import finite, shown

Objective: TypeAlias = str | Callable[[Genotype], float]

OBJECTIVES: Mapping[str, str] = {
    "error": "fraction",
    "params": "millions",
    "flops": "millions of multiply-adds",
    "latency": "ms",
}
"""The named objectives and their units."""


class Objectives:
    """The objectives of an architecture search, and their values where these do not move.

    Args:
        given: minimised, in this order, ``"error"`` among them: names of ``OBJECTIVES``, or functions of a
            genotype, known by their names, that return a finite number. A function is called once a genotype.
        space: the architectures.
        network: the networks whose costs are counted.
        latency: the table that latencies are taken from, or the path of its file; None if :meth:`use` brings one
            that is measured.

    Attributes:
        names: the objectives' names.
        units: the objectives' units, empty for a function's.
        latency: what tells the latencies; None until there is a table.
        latency_file: the absolute path of the table's file, if one was given.
        latency_given: the SHA-256 of the table that was given, or ``"measured"``.

    Raises:
        TypeError, ValueError: naming what was expected and what was given.
    """

    def __init__(
        self,
        given: Sequence[Objective],
        space: DARTSSpace,
        network: NetworkConfig,
        latency: LatencyTable | str | Path | None = None,
    ) -> None:
        self.names, self._functions = _named(given)
        self.units = tuple(OBJECTIVES.get(name, "") for name in self.names)
        self.space, self.network = space, network
        self.costs = CostTable(space, network)
        self._known: dict[tuple[str, bytes], float] = {}
        self.latency: LatencyCosts | None = None
        self.latency_file: str | None = None
        self.latency_given = "measured"
        if latency is not None:
            if "latency" not in self.names:
                raise ValueError(f"latency: expected it among the objectives of a table, got {self.names}")
            table = latency if isinstance(latency, LatencyTable) else LatencyTable.read(latency)
            self.use(table)
            self.latency_file = None if isinstance(latency, LatencyTable) else str(Path(latency).resolve())
            self.latency_given = hashlib.sha256(table.to_json().encode()).hexdigest()

    def use(self, table: LatencyTable) -> None:
        """Take latencies from a table.

        Raises:
            TypeError: for anything else.
            ValueError: if it does not have all layers of the networks.
        """
        self.latency = LatencyCosts(self.space, self.network, table)

    @property
    def measured(self) -> bool:
        """Whether there are functions among them, which might measure and find something else another time."""
        return bool(self._functions)

    def fixed(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return all objectives but the error, (n, m - 1), in their order, of vectors ``X`` (n, n_var).

        Raises:
            ValueError: if a function returns no finite number.
            RuntimeError: if a function raises.
        """
        columns = [self._column(name, X) for name in self.names if name != "error"]
        return np.stack(columns, axis=1, dtype=np.float64)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return what was measured: values of functions that are known, and the latency table; as plain arrays."""
        state: dict[str, NDArray[Any]] = {}
        if self.latency is not None:
            state["latency"] = np.frombuffer(self.latency.table.to_json().encode(), dtype=np.uint8)
        for name in self._functions:
            known = [(np.frombuffer(key, np.int64), value) for (of, key), value in self._known.items() if of == name]
            if known:
                X, values = zip(*known, strict=True)
                state |= {f"values/{name}/X": np.stack(X), f"values/{name}/F": np.array(values)}
        return state

    def load_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state` returned.

        Raises:
            ValueError: if its latency table is damaged.
        """
        self._known.clear()
        if "latency" in self.names and "latency" in state:
            self.use(LatencyTable.from_json(bytes(state["latency"]).decode(errors="replace")))
        for name in self._functions:
            X, values = (state.get(f"values/{name}/{part}", np.empty(0)) for part in "XF")
            self._known |= {(name, x.tobytes()): float(v) for x, v in zip(X, values, strict=True)}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be counted again."""
        return {**vars(self), "_known": {}, "costs": CostTable(self.space, self.network)}

    def _column(self, name: str, X: NDArray[np.int64]) -> NDArray[np.float64]:
        if name == "params":
            return self.costs.params(X) / 1e6
        if name == "flops":
            return self.costs.flops(X) / 1e6
        if name == "latency":
            if self.latency is None:
                raise RuntimeError("latency: expected a problem that has begun, or a table, got neither")
            return self.latency.ms(X)
        keys = [(name, row.tobytes()) for row in self.space.canonical(X)]
        for key, x in zip(keys, X, strict=True):
            if key not in self._known:
                self._known[key] = self._value(name, self.space.decode(x))
        return np.array([self._known[key] for key in keys])

    def _value(self, name: str, genotype: Genotype) -> float:
        try:
            value = self._functions[name](genotype)
        except Exception as error:
            what = f"{type(error).__name__}: {_line(error)}; of {genotype}"
            raise RuntimeError(f"{name}: expected a number, got {what}") from error
        number = finite(value)
        if number is None:
            raise ValueError(f"{name}: expected a finite number, got {shown(value)}; of {genotype}")
        return number


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _named(given: Sequence[Objective]) -> tuple[tuple[str, ...], dict[str, Callable[[Genotype], float]]]:
    """Return the names of the objectives, and the functions behind those that are functions."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f"objectives: expected a sequence, got {given!r}")
    names, functions = [], {}
    for objective in given:
        if callable(objective):
            name = getattr(objective, "__name__", "<unnamed>")
            if not name.isidentifier():
                raise ValueError(f"objectives: expected a function with a name, got {name}")
            if name in OBJECTIVES:
                raise ValueError(f"objectives: expected a function with a name of its own, got {name!r}")
            functions[name] = objective
        elif isinstance(objective, str) and objective in OBJECTIVES:
            name = objective
        else:
            raise ValueError(f"objectives: expected among {', '.join(OBJECTIVES)} or a function, got {objective!r}")
        if name in names:
            raise ValueError(f"objectives: expected each once, got {name!r} again")
        names.append(name)
    if "error" not in names:
        raise ValueError(f"objectives: expected 'error' among them, got {names}")
    return tuple(names), functions
