"""NAS-Bench-301's surrogate as a moving problem: learning curves in the DARTS space itself."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from moocore import is_nondominated
from numpy.typing import ArrayLike, NDArray

from carsmoo.config.network import NetworkConfig
from carsmoo.cost.closed_form import CostTable
from carsmoo.problems.genotypes import GenotypeProblem
from carsmoo.problems.moving import ClockProblem
from carsmoo.problems.tabular import data_file
from carsmoo.space.darts import GENES_PER_NODE, DARTSSpace
from carsmoo.space.genotype import PRIMITIVES
from carsmoo.utils.extras import needing
from carsmoo.utils.validation import choice, one_line

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

FRONT = Path(__file__).with_name("nb301_front.csv")
"""Vectors of the best known front for each cost, found by ``benchmarks/best_known_nb301.py``."""

EPOCHS = 98
"""The last epoch that the surrogate tells."""

_CODES = ("#na#", *sorted(PRIMITIVES[1:]))
_FIRST_EDGE = (0, 2, 5, 9)


class NASBench301(GenotypeProblem, ClockProblem):
    """DARTS genotypes scored by a surrogate of their training (Zela et al., ICLR 2022; YAHPO Gym's, in ONNX).

    Objectives: error (fraction, 1 - validation accuracy) at the epoch that the generation has reached, and parameters
    or multiply-adds (millions) of the surrogate's network, 8 cells of 32 channels on CIFAR-10, in closed form. The
    surrogate's vocabulary has no ``none``. What moves is the epoch, whatever population asks for it; the surrogate
    gives accuracies to 0.001.

    Args:
        cost: ``"params"`` or ``"flops"``.
        generations: planned length of a run, over which the epoch goes from the first to the last.
        population: default population size.
        path: the surrogate; by default ``nb301/model_v2.onnx`` in ``CARSMOO_DATA``.
        seed: for an algorithm that is given none.

    Raises:
        ValueError: for another cost or a number below 1.
        FileNotFoundError: if the surrogate is missing.
        ValueError: at the first score, if the surrogate is damaged.
        ModuleNotFoundError: at the first score, if onnxruntime (the extra ``nb301``) is not installed.
    """

    def __init__(
        self,
        cost: str = "params",
        *,
        generations: int = 48,
        population: int = 32,
        path: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        choice("cost", cost, ("params", "flops"))
        self.path = Path(path or data_file("nb301/model_v2.onnx", "github.com/slds-lmu/yahpo_data (v2_final)"))
        if not self.path.is_file():
            raise FileNotFoundError(f"path: expected the surrogate's ONNX file, got {self.path}")
        self.network = NetworkConfig.cifar(channels=32, layers=8)
        self.cost_name = cost
        super().__init__(
            space=DARTSSpace(ops=PRIMITIVES[1:]),
            objectives={"error": "fraction", cost: "millions"},
            generations=generations,
            population=population,
            seed=seed,
        )

    @property
    def epoch(self) -> int:
        """The epoch that the networks have reached, 1 to 98."""
        return min(1 + round(self.time * (EPOCHS - 1) / self.generations), EPOCHS)

    def error_at(self, X: ArrayLike, epoch: int) -> NDArray[np.float64]:
        """Return the error of each network after ``epoch`` epochs, (n,), a fraction."""
        inputs = {
            "x_cat": self.categories(self.check(X)),
            "x_cont": np.full((len(np.asarray(X)), 1), epoch, dtype=np.float32),
        }
        outputs = self._session.run(None, inputs)
        return 1 - np.asarray(outputs[0], dtype=np.float64).reshape(len(inputs["x_cont"]), -1)[:, 0]

    space: DARTSSpace

    def final_values(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the objectives after the last epoch, (n, 2)."""
        X = self.check(X)
        return np.column_stack([self.error_at(X, EPOCHS), self._fixed_values(X)])

    def provenance(self) -> dict[str, Any]:
        """Return what the current figures belong to: the surrogate, trained networks, the epoch they have reached."""
        made = {"data": "NAS-Bench-301 surrogate", "split": "validation", "weights": "stand-alone"}
        return {**made, "epoch": self.epoch}

    def categories(self, X: NDArray[np.int64]) -> NDArray[np.int32]:
        """Return what the surrogate reads, (n, 34): 14 normal edges, 14 reduction edges, inputs of the later nodes."""
        code = np.array([_CODES.index(op) for op in self.space.ops], dtype=np.int32)
        edges = np.zeros((len(X), 2, 14), dtype=np.int32)
        inputs = np.zeros((len(X), 2, self.space.nodes), dtype=np.int32)
        rows = np.arange(len(X))
        for cell in range(2):
            for node in range(self.space.nodes):
                pair, a, b = X[:, GENES_PER_NODE * (cell * self.space.nodes + node) :].T[:GENES_PER_NODE]
                low, high = np.array(self.space.pairs[node])[pair].T
                edges[rows, cell, _FIRST_EDGE[node] + low] = code[a]
                edges[rows, cell, _FIRST_EDGE[node] + high] = code[b]
                inputs[:, cell, node] = 1 + pair
        return np.concatenate([edges.reshape(len(X), 28), inputs[:, :, 1:].reshape(len(X), 6)], axis=1)

    def _moving_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.error_at(X, self.epoch)

    def _fixed_values(self, X: NDArray[np.int64]) -> NDArray[np.float64]:
        table = CostTable(self.space, self.network)
        return (table.params(X) if self.cost_name == "params" else table.flops(X)) / 1e6

    def _calc_pareto_front(self) -> NDArray[np.float64]:
        """The best known front after the last epoch; where it comes from stands at :data:`FRONT`."""
        rows = [line.split(",") for line in FRONT.read_text(encoding="utf-8").splitlines()]
        X = np.array([row[1:] for row in rows if row[0] == self.cost_name], dtype=np.int64)
        F = self.final_values(X)
        front: NDArray[np.float64] = F[is_nondominated(F)]
        return front

    @cached_property
    def _session(self) -> InferenceSession:
        with needing("NASBench301", "nb301"):
            import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own kinds have no common base
            reason = one_line(error)
            raise ValueError(
                f"{self.path}: expected the surrogate's ONNX file, got something else ({reason})"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the session, which is opened again where it is needed."""
        return {name: value for name, value in super().__getstate__().items() if name != "_session"}
