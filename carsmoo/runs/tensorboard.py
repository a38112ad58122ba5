"""A run's figures for TensorBoard, written by tensorboardX, which needs no torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from carsmoo.algorithm.continuous import RunCallback
from carsmoo.utils.progress import Step


class TensorBoardLog(RunCallback):
    """A callback that writes losses by epoch, and best objectives and evaluations by generation.

    Args:
        path: directory of the event files.
        generation: generations that are done; what TensorBoard knows of later ones is taken back.

    Raises:
        ImportError: if tensorboardX is not installed.
        FileExistsError: if there is something else than a directory.
    """

    def __init__(self, path: Path, generation: int = 0) -> None:
        super().__init__()
        try:
            from tensorboardX import SummaryWriter
        except ImportError:
            raise ImportError("tensorboard: expected tensorboardX, got none; pip install tensorboardX") from None
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise FileExistsError(f"{path}: expected a directory, got something else")
        self._open = partial(SummaryWriter, str(path), purge_step=generation + 1)

    def begin(self, algorithm: Any) -> None:
        """Open the files, and listen to the problem's steps."""
        super().begin(algorithm)
        self._writer = self._open()

    def notify(self, algorithm: Any) -> None:
        """Write the generation that has just ended."""
        problem, F = algorithm.problem, algorithm.pop.get("F")
        names = getattr(problem, "objective_names", None) or [f"f{k + 1}" for k in range(problem.n_obj)]
        for name, value in zip(names, F.min(axis=0).tolist(), strict=True):
            self._writer.add_scalar(f"best/{name}", value, algorithm.n_gen)
        self._writer.add_scalar("evaluations", algorithm.evaluator.n_eval, algorithm.n_gen)
        self._writer.flush()

    def hear(self, step: Step) -> None:
        """Write what was measured in a step."""
        for name in step.figures.keys() - {"epoch"}:
            at = step.figures.get("epoch", step.time)
            self._writer.add_scalar(f"{step.phase}/{name}", step.figures[name], int(at))
