"""Experiment trackers as loggers: TensorBoard, MLflow, and Weights & Biases."""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import tomli_w

from carsmoo.runs.logger import Logger, LoggerError
from carsmoo.utils.extras import needing
from carsmoo.utils.files import write_whole
from carsmoo.utils.validation import choice, one_line

PROJECT = "carsmoo"
"""Experiment in MLflow, and project in Weights & Biases, where the environment names no other."""


def logger_of(name: str, path: str | Path) -> Logger:
    """Return the logger of a tracker for the run in a directory.

    Raises:
        ValueError: for another name.
        ModuleNotFoundError: naming the extra, if its package is not installed.
    """
    kinds: dict[str, Callable[[str | Path], Logger]] = {
        "tensorboard": TensorBoardLogger,
        "mlflow": MLflowLogger,
        "wandb": WandbLogger,
    }
    return kinds[choice("log", name, kinds)](path)


class TensorBoardLogger:
    """A logger for TensorBoard, by tensorboardX, which needs no torch.

    What an earlier part of the run logged of the steps that come again is taken back.

    Args:
        path: directory of the run; the event files go to its folder ``tensorboard``.

    Raises:
        ModuleNotFoundError: if tensorboardX is not installed.
        FileExistsError: if there is something else than a folder.
    """

    def __init__(self, path: str | Path) -> None:
        with needing("tensorboard", "tensorboard"):
            from tensorboardX import SummaryWriter
        self._folder = Path(path) / "tensorboard"
        if self._folder.is_symlink() or (self._folder.exists() and not self._folder.is_dir()):
            raise FileExistsError(f"{self._folder}: expected a directory, got something else")
        self._open = partial(SummaryWriter, str(self._folder))
        self._config: Mapping[str, Any] = {}
        self._writer: Any = None

    def begin(self, config: Mapping[str, Any]) -> None:
        """Keep the settings, which are written with the first values."""
        self._config = config

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Write values."""
        if self._writer is None:
            first = not self._folder.exists()
            self._writer = self._open(purge_step=step, filename_suffix=f".{step}")
            if first:
                text = tomli_w.dumps(self._config)
                self._writer.add_text("config", "\n".join(f"    {line}" for line in text.splitlines()), 0)
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, finished: bool) -> None:
        """Close the files."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


class MLflowLogger:
    """A logger for MLflow: a run of its own, its settings as parameters, its values as metrics.

    Where it goes is MLflow's own to say: ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``. A run that goes on goes
    on in the same run of MLflow; of the steps that come again it then has the same values twice.

    Args:
        path: directory of the run, after which the run of MLflow is called; its id is kept in ``mlflow.json``.

    Raises:
        ModuleNotFoundError: if MLflow is not installed.
        LoggerError: while it logs, if MLflow fails.
    """

    def __init__(self, path: str | Path) -> None:
        with needing("mlflow", "mlflow"):
            import mlflow  # noqa: F401
        self._path = Path(path)
        self._client: Any = None
        self._run = ""

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begin a run of MLflow, or go on with the one that was begun."""
        from mlflow import MlflowClient

        with _failing_as("mlflow"):
            self._client, file = MlflowClient(), self._path / "mlflow.json"
            kept = _kept_id(file)
            if kept is not None:
                self._run = kept
                self._client.update_run(kept, status="RUNNING")
                return
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
            found = self._client.get_experiment_by_name(name)
            experiment = self._client.create_experiment(name) if found is None else found.experiment_id
            self._run = self._client.create_run(experiment, run_name=self._path.resolve().name).info.run_id
            self._send("params", [(key, str(value)) for key, value in _flat(config)])
            _keep_id(file, self._run)  # last: a run that goes on is one whose settings are told

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send values."""
        now = time.time_ns() // 1_000_000
        named = ((re.sub(r"[^\w./ :-]", "_", name), value) for name, value in values.items())
        with _failing_as("mlflow"):
            self._send("metrics", [(name, value, now, step) for name, value in named])

    def end(self, finished: bool) -> None:
        """End the run of MLflow, as finished or as killed."""
        with _failing_as("mlflow"):
            self._client.set_terminated(self._run, "FINISHED" if finished else "KILLED")
        self._client = None

    def _send(self, what: str, rows: list[tuple[Any, ...]]) -> None:
        """Send parameters or metrics, of which MLflow takes a hundred at a time."""
        from mlflow.entities import Metric, Param

        made = [(Param if what == "params" else Metric)(*row) for row in rows]
        for start in range(0, len(made), 100):
            self._client.log_batch(self._run, **{what: made[start : start + 100]})


class WandbLogger:
    """A logger for Weights & Biases: a run of its own, its settings as the run's.

    Where it goes is its own to say: ``WANDB_PROJECT``, ``WANDB_ENTITY``, ``WANDB_MODE`` (``offline`` needs no
    account). A run that goes on goes on in the same run, of which Weights & Biases keeps each step once.

    Args:
        path: directory of the run, after which that of Weights & Biases is called; its files go to the folder
            ``wandb``, its id is kept in ``wandb.json``.

    Raises:
        ModuleNotFoundError: if wandb is not installed.
        LoggerError: while it logs, if wandb fails.
    """

    def __init__(self, path: str | Path) -> None:
        with needing("wandb", "wandb"):
            import wandb  # noqa: F401
        self._path = Path(path)
        self._run: Any = None

    def begin(self, config: Mapping[str, Any]) -> None:
        """Begin a run, or go on with the one that was begun."""
        import wandb

        self._path.mkdir(parents=True, exist_ok=True)
        file = self._path / "wandb.json"
        kept = _kept_id(file)
        with _failing_as("wandb"):
            self._run = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=self._path.resolve().name,
                dir=self._path,
                id=kept or secrets.token_hex(4),
                resume="allow",
                config=dict(config),
                settings=wandb.Settings(console="off"),
            )
        if kept is None:
            _keep_id(file, self._run.id)

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Send values."""
        with _failing_as("wandb"):
            self._run.log(dict(values), step=step)

    def end(self, finished: bool) -> None:
        """End the run, as finished or as failed."""
        with _failing_as("wandb"):
            self._run.finish(exit_code=0 if finished else 1)
        self._run = None


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield settings with the names of their sections before theirs."""
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _kept_id(file: Path) -> str | None:
    """Return the id that was kept in a file; None if there is no file.

    Raises:
        ValueError: if it holds something else.
    """
    if not file.exists():
        return None
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))["run_id"]
        if isinstance(kept, str):
            return kept
    except (ValueError, KeyError, TypeError):
        kept = None
    raise ValueError(f"{file}: expected the id of a run, got something else")


def _keep_id(file: Path, run: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, (json.dumps({"run_id": run}) + "\n").encode())


@contextmanager
def _failing_as(name: str) -> Iterator[None]:
    """Return a context in which a tracker's own errors become one line."""
    if name == "mlflow":
        from mlflow.exceptions import MlflowException as Failure
    else:
        from wandb.errors import Error as Failure
    try:
        yield
    except Failure as error:
        raise LoggerError(f"{name}: {one_line(error).rstrip('.')}") from None
