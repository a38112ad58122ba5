"""Problems over measured networks: NAS-Bench-Macro with its true front, and tables of learning curves that move."""

from __future__ import annotations

import csv
import itertools
import json
import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from moocore import is_nondominated
from numpy.typing import ArrayLike, NDArray
from pymoo.core.problem import Problem
from pymoo.termination.max_gen import MaximumGenerationTermination

from carsmoo.operators import GenotypeSampling, NodeCrossover, NodeMutation, RowDuplicates, cars_operators
from carsmoo.problems.moving import ClockProblem
from carsmoo.problems.unseen import UnseenRows
from carsmoo.utils.validation import array, integer, numbers, shown

__all__ = ["CurveTable", "NASBenchMacro", "UnseenRows", "data_file", "deep_resnets", "metaqnn", "naap440"]


def data_file(relative: str, source: str) -> Path:
    """Return the path of a benchmark's file below the folder that ``CARSMOO_DATA`` names.

    Raises:
        FileNotFoundError: if it is not there, saying what to get and where to put it.
    """
    root = os.environ.get("CARSMOO_DATA")
    path = Path(root or "$CARSMOO_DATA") / relative
    if root is None or not path.is_file():
        raise FileNotFoundError(
            f"{relative}: expected {path}, got {'no CARSMOO_DATA' if root is None else 'no such file'}; "
            f"get it from {source} and set CARSMOO_DATA to the folder above it"
        )
    return path


class NASBenchMacro(Problem):  # type: ignore[misc]
    """NAS-Bench-Macro (Su et al., CVPR 2021): all 3^8 networks of a macro space, trained three times on CIFAR-10.

    A vector holds the block of each of 8 layers: 0 identity, 1 MB3_K3, 2 MB6_K5. Objectives: mean test error of the
    three runs (fraction) and, as asked, ``params`` or ``flops`` (millions). It does not move, and its Pareto front is
    the true one, from the whole table.

    Args:
        cost: ``"params"``, ``"flops"`` or both as a tuple.
        path: the table; by default ``nas-bench-macro/nas-bench-macro_cifar10.json`` in ``CARSMOO_DATA``.

    Raises:
        ValueError: for an unknown cost, or a table that is not whole.
        FileNotFoundError: if the table is missing.
    """

    def __init__(
        self, cost: Literal["params", "flops"] | tuple[str, ...] = "params", path: str | Path | None = None
    ) -> None:
        costs = cost if isinstance(cost, tuple) else (cost,)
        if not costs or not all(name in ("params", "flops") for name in costs) or len(set(costs)) < len(costs):
            raise ValueError(f"cost: expected params, flops or both, got {cost!r}")
        file = path or data_file("nas-bench-macro/nas-bench-macro_cifar10.json", "github.com/xiusu/NAS-Bench-Macro")
        try:
            table = json.loads(Path(file).read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise ValueError(f"{file}: expected JSON, got something else ({error})") from None
        self.X_all = np.array(list(itertools.product(range(3), repeat=8)), dtype=np.int64)
        try:
            entries = [table["".join(map(str, row))] for row in self.X_all.tolist()]
            columns = [[1 - entry["mean_acc"] / 100 for entry in entries]]
            columns += [[entry[name] / 1e6 for entry in entries] for name in costs]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{file}: expected all 6561 networks, got none under {error}") from None
        self.F_all = np.array(columns).T
        if not np.isfinite(self.F_all).all():
            raise ValueError(f"{file}: expected finite numbers, got NaN or infinity")
        self.objective_names = ("error", *costs)
        self.default_pop_size = 32
        self.default_termination = MaximumGenerationTermination(20)
        super().__init__(n_var=8, n_obj=1 + len(costs), xl=0, xu=2, vtype=int)

    def default_operators(self) -> dict[str, Any]:
        """CARS's mix, a layer's block in the place of a node."""
        crossover, mutation = NodeCrossover(genes=1), NodeMutation(prob_node=1 / 8, genes=1)
        return cars_operators(GenotypeSampling(), crossover, mutation, RowDuplicates())

    def final_values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the objectives, (n, n_obj); nothing moves here."""
        values: NDArray[np.float64] = self.evaluate(np.asarray(X), return_values_of=["F"])
        return values

    def evaluate(self, X: Any, *args: Any, **kwargs: Any) -> Any:
        """Evaluate as pymoo does.

        Raises:
            ValueError: for another shape, or a block that is none of 0, 1 and 2.
        """
        A = array("X", X)
        if A.ndim not in (1, 2) or A.shape[-1] != self.n_var:
            raise ValueError(f"X: expected (n, {self.n_var}), got {A.shape}")
        return super().evaluate(A, *args, **kwargs)

    def _evaluate(self, X: NDArray[Any], out: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        wrong = ~np.isin(X, (0, 1, 2))
        if wrong.any():
            raise ValueError(f"X: expected blocks 0, 1 or 2, got {X[wrong][0]}")
        out["F"] = self.F_all[X.astype(np.int64) @ 3 ** np.arange(7, -1, -1)]

    def _calc_pareto_front(self) -> NDArray[np.float64]:
        front: NDArray[np.float64] = self.F_all[is_nondominated(self.F_all)]
        return front


class CurveTable(ClockProblem):
    """Measured learning curves as a moving problem: a network is a row, its error that of the epoch reached.

    The rows have no genes, so offspring are rows that the run has not seen yet, whatever the parents; what is compared
    is selection. A generation advances by ``epochs`` epochs, up to the last one.

    Args:
        cost: what each network costs, (n,), minimised.
        accuracy: accuracy after each epoch, (n, e), fractions.
        cost_name: of the cost.
        epochs: epochs that a generation advances by.
        first: epoch, from 1, at which the first population is scored.
        population: default population size; at most 5 % of the rows, which is also the default.
        seed: for an algorithm that is given none.

    Raises:
        ValueError: for arrays that do not fit each other or hold NaN, or numbers out of their range.
    """

    def __init__(
        self,
        cost: ArrayLike,
        accuracy: ArrayLike,
        *,
        cost_name: str = "params",
        epochs: int = 1,
        first: int = 1,
        population: int | None = None,
        seed: int = 0,
    ) -> None:
        self.cost, self.error = numbers("cost", cost), 1 - numbers("accuracy", accuracy)
        if self.cost.ndim != 1 or len(self.cost) < 2:
            raise ValueError(f"cost: expected (n,) with n > 1, got {self.cost.shape}")
        if self.error.ndim != 2 or len(self.cost) != len(self.error):
            raise ValueError(f"accuracy: expected ({len(self.cost)}, epochs), got {self.error.shape}")
        if np.isnan(self.cost).any() or np.isnan(self.error).any():
            raise ValueError("table: expected numbers, got NaN")
        if np.isinf(self.cost).any() or ((self.error < 0) | (self.error > 1)).any():
            raise ValueError("table: expected finite costs and accuracies in 0..1, got others")
        rows, self.n_epochs = self.error.shape
        first, epochs = integer("first", first, 1, self.n_epochs), integer("epochs", epochs, 1)
        most = max(rows // 20, 2)
        population = most if population is None else population
        if not 1 <= integer("population", population, -1) <= most:
            raise ValueError(f"population: expected 1..{most}, 5 % of {rows} rows, got {population}")
        lasts = min((self.n_epochs - first) // epochs, rows // population - 1)  # as long as there is something new
        plan = {"generations": max(lasts, 1), "population": population, "seed": seed}
        super().__init__(**plan, n_var=1, n_obj=2, xl=0, xu=rows - 1, vtype=int)
        self.objective_names = ("error", cost_name)
        self.epochs_per_generation, self.first = epochs, first

    @classmethod
    def read(
        cls, path: str | Path, *, cost: str, accuracy: str, unit: float = 1e-6, percent: bool = False, **fields: Any
    ) -> CurveTable:
        """Read a CSV with a header.

        Args:
            path: the file.
            cost: column of the cost.
            accuracy: columns of the accuracies by epoch, with ``{}`` for the epoch, from 1 without a gap.
            unit: what a cost is multiplied by.
            percent: whether accuracies are percent.
            **fields: as for the class.

        Raises:
            ValueError: naming the file, if a column is missing, a row is cut or a value is no number.
            OSError: if the file cannot be read.
        """
        if not isinstance(accuracy, str) or accuracy.count("{}") != 1:
            raise ValueError(f"accuracy: expected a name with {{}} for the epoch, got {shown(accuracy)}")
        try:
            with Path(path).open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file)
                rows, names = list(reader), set(reader.fieldnames or ())
        except (UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path}: expected CSV, got something else ({error})") from None
        columns = list(itertools.takewhile(names.__contains__, map(accuracy.format, itertools.count(1))))
        if cost not in names or not columns:
            raise ValueError(f"{path}: expected columns {cost} and {accuracy.format(1)}, got {shown(sorted(names))}")
        if (cut := next((k for k, row in enumerate(rows, 1) if None in row or None in row.values()), 0)) > 0:
            raise ValueError(f"{path}: expected {len(names)} values in row {cut}, got more or fewer")
        try:
            costs = [float(row[cost]) * unit for row in rows]
            accuracies = np.array([[float(row[name]) for name in columns] for row in rows])
        except ValueError as error:
            raise ValueError(f"{path}: expected numbers, got {error}") from None
        if not (np.isfinite(costs).all() and np.isfinite(accuracies).all()):
            raise ValueError(f"{path}: expected finite numbers, got NaN or infinity")
        return cls(costs, accuracies / (100 if percent else 1), **fields)

    def default_operators(self) -> dict[str, Any]:
        """Rows not seen yet, both at the start and as offspring."""
        unseen = UnseenRows(len(self.cost))
        return {"sampling": unseen.sampling, "mating": unseen}

    @property
    def epoch(self) -> int:
        """The epoch that the networks have reached, from 1."""
        return int(min(self.first + self.time * self.epochs_per_generation, self.n_epochs))

    def final_values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the objectives after the last epoch, (n, 2)."""
        rows = self._rows(self.check(X))
        return np.column_stack([self.error[rows, -1], self.cost[rows]])

    def _moving_values(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(self.error[self._rows(X), self.epoch - 1])

    def _fixed_values(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray(self.cost[self._rows(X)])

    def _rows(self, X: NDArray[Any]) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = np.rint(X[:, 0]).astype(np.int64)
        if ((rows != X[:, 0]) | (rows < 0) | (rows >= len(self.cost))).any():
            raise ValueError(f"X: expected row numbers 0..{len(self.cost) - 1}, got {X[:, 0].tolist()}")
        return rows

    def _calc_pareto_front(self) -> NDArray[np.float64]:
        """The true front after the last epoch, from the whole table."""
        F = np.column_stack([self.error[:, -1], self.cost])
        front: NDArray[np.float64] = F[is_nondominated(F)]
        return front


def _published(path: Path, shape: tuple[int, int], **fields: Any) -> CurveTable:
    """Read a table that is known to have this many rows and epochs and to end with a whole line."""
    table = CurveTable.read(path, **fields)
    whole_line = path.read_bytes().endswith(b"\n")
    if table.error.shape != shape or not whole_line:
        got = f"{len(table.error)} of {table.n_epochs}{'' if whole_line else ', the last one cut'}"
        raise ValueError(f"{path}: expected {shape[0]} rows of {shape[1]} epochs, got {got}")
    return table


def naap440(**fields: Any) -> CurveTable:
    """NAAP-440: 440 small CNNs on CIFAR-10, 90 epochs, cost in millions of multiply-adds.

    The learning rate cycles over three epochs, so a generation advances by three.
    """
    path = data_file("naap-440/naap440v2.csv", "github.com/talcs/NAAP-440")
    fields = {"cost_name": "macs", "epochs": 3, "first": 3, **fields}
    return _published(path, (440, 90), cost="NumMACs", accuracy="e{}Accuracy", **fields)


def metaqnn(**fields: Any) -> CurveTable:
    """MetaQNN: 1000 CNNs on CIFAR-10, 20 epochs, cost in millions of parameters."""
    path = data_file("accelerating-nas/metaqnn_cifar10.csv", "github.com/MITAutoML/accelerating_nas")
    return _published(path, (1000, 20), cost="num_params", accuracy="acc_{}", **fields)


def deep_resnets(**fields: Any) -> CurveTable:
    """Deep ResNets: 486 ResNets on CIFAR-10, 49 epochs after the first, cost in millions of parameters."""
    path = data_file("accelerating-nas/deep_resnets_cifar10.csv", "github.com/MITAutoML/accelerating_nas")
    fields = {"epochs": 2, **fields}
    return _published(path, (486, 49), cost="num_params", accuracy="acc_{}", **fields)
