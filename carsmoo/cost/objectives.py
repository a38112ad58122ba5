"""What is minimised: the names a user gives, and the values of those objectives that no training moves."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import CostTable
from carsmoo.cost.latency import LatencyCosts
from carsmoo.cost.latency_table import LatencyTable
from carsmoo.space.search_space import SearchSpace
from carsmoo.space.words import SCORES, score_among
from carsmoo.utils.validation import finite, one_line, shown

Objective: TypeAlias = str | Callable[[Any], float] | Callable[[Any, Any], float]

OBJECTIVES: Mapping[str, str] = {
    "error": "fraction",
    "loss": "nats",
    "params": "millions",
    "flops": "millions of multiply-adds",
    "latency": "ms",
}
"""The named objectives and their units."""


class ValueCache:
    """A value of each architecture of a space, computed once whatever vector it is asked for by."""

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        self.known: dict[bytes, Any] = {}

    def look_up(self, X: NDArray[np.int64], compute: Callable[[NDArray[np.int64]], Iterable[Any]]) -> NDArray[Any]:
        """Return the value of each row of ``X`` (n, n_var), (n, ...); ``compute`` is given the rows not known yet."""
        keys = [row.tobytes() for row in self.space.canonical(X)]
        new = {key: k for k, key in enumerate(keys) if key not in self.known}
        if new:
            for key, value in zip(new, compute(X[list(new.values())]), strict=True):
                self.known[key] = value
        return np.array([self.known[key] for key in keys])

    def clear(self) -> None:
        """Forget all values."""
        self.known.clear()


class Objectives:
    """The objectives of an architecture search, and their values where these do not move.

    Args:
        given: minimised, in this order: names of ``OBJECTIVES``, or functions of a genotype, known by their names, that
            return a finite number. A function is called once a genotype; one of a genotype and its network moves with
            the weights, as ``"error"`` and ``"loss"`` do. One that moves is among them, and not both of the latter.
        space: the architectures.
        network: the networks whose costs are counted.
        latency: the table that latencies are taken from, or the path of its file; None if :meth:`use` brings one
            that is measured.

    Attributes:
        score: which of ``SCORES`` is among them; None if a function of a network moves in its place.
        moving: the names of those that move.
        units: the objectives' units by their names, empty for a function's.
        latency: what tells the latencies; None until there is a table.
        latency_file: the absolute path of the table's file, if one was given.
        latency_given: the SHA-256 of the table that was given, or ``"measured"``.

    Raises:
        TypeError, ValueError: naming what was expected and what was given.
    """

    def __init__(
        self,
        given: Sequence[Objective],
        space: SearchSpace,
        network: NetworkConfig,
        latency: LatencyTable | str | Path | None = None,
    ) -> None:
        self.names, self._functions = _named(given)
        self.score = score_among(self.names)
        self.of_networks = tuple(name for name in self.names if _takes_a_network(self._functions.get(name)))
        self.moving = tuple(name for name in self.names if name == self.score or name in self.of_networks)
        self.units = {name: OBJECTIVES.get(name, "") for name in self.names}
        self.space, self.network = space, network
        self.costs = CostTable(space, network)
        self._known = {name: ValueCache(space) for name in self._functions if name not in self.of_networks}
        self.latency: LatencyCosts | None = None
        self.latency_file: str | None = None
        self.latency_given = "measured"
        if latency is not None:
            if "latency" not in self.names:
                raise ValueError(f"latency: expected it among the objectives of a table, got {self.names}")
            table = latency if isinstance(latency, LatencyTable) else LatencyTable.read(latency, space)
            self.use(table)
            self.latency_file = None if isinstance(latency, LatencyTable) else str(Path(latency).resolve())
            self.latency_given = hashlib.sha256(table.to_json().encode()).hexdigest()

    def use(self, table: LatencyTable) -> None:
        """Take latencies from a table that has all layers of the networks."""
        self.latency = LatencyCosts(self.space, self.network, table)

    @property
    def measured(self) -> bool:
        """Whether there are functions among them, which might measure and find something else another time."""
        return bool(self._functions)

    @property
    def named(self) -> bool:
        """Whether names and the paths of files say all that was given, functions by their names."""
        return self.latency_given == "measured" or self.latency_file is not None

    def fixed(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the objectives that do not move, (n, k), in their order, of vectors ``X`` (n, n_var).

        Raises:
            ValueError: if a function returns no finite number.
            RuntimeError: if a function raises.
        """
        columns = [self._column(name, X) for name in self.names if name not in self.moving]
        return np.stack(columns, axis=1, dtype=np.float64) if columns else np.empty((len(X), 0))

    def of_network(self, genotype: Any, network: Any) -> list[float]:
        """Return those of a genotype's network as its weights are now, in the order of ``of_networks``.

        Raises:
            ValueError, RuntimeError: as :meth:`fixed`.
        """
        return [self._value(name, genotype, network) for name in self.of_networks]

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return what was measured: values of functions that are known, and the latency table; as plain arrays."""
        state: dict[str, NDArray[Any]] = {}
        if self.latency is not None:
            state["latency"] = np.frombuffer(self.latency.table.to_json().encode(), dtype=np.uint8)
        for name, values in self._known.items():
            if values.known:
                X = [np.frombuffer(key, np.int64) for key in values.known]
                state |= {f"values/{name}/X": np.stack(X), f"values/{name}/F": np.array([*values.known.values()])}
        return state

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what :meth:`state_dict` returned."""
        if "latency" in self.names and "latency" in state:
            self.use(LatencyTable.from_json(bytes(state["latency"]).decode(errors="replace"), self.space))
        for name, cache in self._known.items():
            X, values = (state.get(f"values/{name}/{part}", np.empty(0)) for part in "XF")
            cache.known = {x.tobytes(): float(v) for x, v in zip(X, values, strict=True)}

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what can be counted again."""
        known = {name: ValueCache(self.space) for name in self._known}
        return {**vars(self), "_known": known, "costs": CostTable(self.space, self.network)}

    def _column(self, name: str, X: NDArray[np.int64]) -> NDArray[np.float64]:
        if name == "params":
            return self.costs.params(X) / 1e6
        if name == "flops":
            return self.costs.flops(X) / 1e6
        if name == "latency":
            if self.latency is None:
                raise RuntimeError("latency: expected a problem that has begun, or a table, got neither")
            return self.latency.ms(X)
        return self._known[name].look_up(X, lambda new: (self._value(name, self.space.decode(x)) for x in new))

    def _value(self, name: str, genotype: Any, *network: Any) -> float:
        try:
            value = self._functions[name](genotype, *network)
        except Exception as error:
            what = f"{type(error).__name__}: {one_line(error, 200)}; of {genotype}"
            raise RuntimeError(f"{name}: expected a number, got {what}") from error
        item = getattr(value, "item", None)
        number = finite(item() if callable(item) and getattr(value, "shape", None) == () else value)
        if number is None:
            raise ValueError(f"{name}: expected a finite number, got {shown(value)}; of {genotype}")
        return number


def _takes_a_network(function: Callable[..., float] | None) -> bool:
    """Return whether a function has two parameters that have to be given."""
    return function is not None and _required(function) == 2


def _required(function: Callable[..., float]) -> int | None:
    """Return how many parameters of a function have to be given by position; None where it does not tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # of some that are written in C
        return None
    if any(p.kind == inspect.Parameter.VAR_POSITIONAL for p in parameters):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = sum(p.kind in positional and p.default is inspect.Parameter.empty for p in parameters)
    return needed or (1 if any(p.kind in positional for p in parameters) else 0)


def _named(given: Sequence[Objective]) -> tuple[tuple[str, ...], dict[str, Callable[..., float]]]:
    """Return the names of the objectives, and the functions behind those that are functions."""
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise TypeError(f"objectives: expected a sequence, got {given!r}")
    names: list[str] = []
    functions: dict[str, Callable[..., float]] = {}
    for objective in given:
        if callable(objective):
            name = getattr(objective, "__name__", "<unnamed>")
            if not name.isidentifier():
                raise ValueError(f"objectives: expected a function with a name, got {name}")
            if name in OBJECTIVES:
                raise ValueError(f"objectives: expected a function with a name of its own, got {name!r}")
            if _required(objective) not in (None, 1, 2):
                raise ValueError(
                    f"objectives: expected a function of a genotype, or of a genotype and its network, got {name} of "
                    f"{_required(objective)}"
                )
            functions[name] = objective
        elif isinstance(objective, str) and objective in OBJECTIVES:
            name = objective
        else:
            raise ValueError(f"objectives: expected among {', '.join(OBJECTIVES)} or a function, got {objective!r}")
        if name in names:
            raise ValueError(f"objectives: expected each once, got {name!r} again")
        names.append(name)
    if {*SCORES} <= {*names}:
        raise ValueError(f"objectives: expected one of 'error' and 'loss' among them, got {names}")
    if not {*SCORES} & {*names} and not any(map(_takes_a_network, functions.values())):
        expected = "one of 'error' and 'loss' among them, or a function of a genotype and its network"
        raise ValueError(f"objectives: expected {expected}, got {names}")
    return tuple(names), functions
