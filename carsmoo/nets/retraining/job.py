"""Retraining of one network in a folder of its own: saved after each epoch, resumed exactly, left with its card."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.config.renamed import with_new_names
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data.load import DataLike, load_for_training
from carsmoo.nets.data.streaming import StreamedData, TrainingData
from carsmoo.nets.models.device import environment, pick
from carsmoo.nets.models.model_card import data_card, from_json
from carsmoo.nets.models.serialization import CARD, save
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.nets.supernet.training_state import DivergenceError
from carsmoo.space.genotype import Genotype
from carsmoo.utils.files import Saved, Store, append, unfinished, unfinished_name, write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener, unheard
from carsmoo.utils.trees import difference

BEST, LAST, LOG, FOLDER = "best", "last", "log.jsonl", "checkpoint"
_FILES = (LOG, CARD, f"{BEST}.safetensors", f"{LAST}.safetensors")

HELD_OUT, TEST = "held-out", "test"
"""Names of the splits in a card."""

FORMAT = 2
"""Version of a training's state. It rises with any change of what it means, and others are refused."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A network to train.

    Args:
        folder: its own; made if need be.
        genotype: its cells.
        recipe: how it is trained.
        data: images, see :func:`carsmoo.nets.data.load_for_training`.
        device: where to compute; chosen by what there is if not given.
        threads: that compute; torch's number if not given. A resumed job keeps those it began with.
        initial: weights to start from, by name, such as those of a supernet.
        exact: whether resuming with other versions or on another device, with which the last bits may differ, is
            refused.
    """

    folder: Path
    genotype: Genotype
    recipe: TrainingRecipe
    data: DataLike | StreamedData
    device: str | None = None
    threads: int | None = None
    initial: Arrays | None = None
    exact: bool = True


def train(job: Job, listener: Listener = unheard) -> dict[str, Any]:
    """Train a network to its end, resuming from its newest save if there is one, and return its card.

    After each epoch the state is saved, in the folder ``checkpoint``, and a line is added to ``log.jsonl``. At the end
    the best and the last weights are written (``best.safetensors``, ``last.safetensors``, ``network.json``), their
    errors on the test split are measured, and the checkpoint is removed. A network that is there already is left alone.

    Args:
        job: the network.
        listener: called after each step; at the end of an epoch, once it is saved, with ``epoch``, ``loss``,
            ``learning_rate``, ``seconds`` and, where images are held out, ``error``.

    Raises:
        ValueError: if the folder holds a network of another genotype, recipe or data, naming the first difference.
        FileExistsError: if the folder holds anything but a training.
        BlockingIOError: if another process trains there.
        DivergenceError: if the loss is not finite any more.
        OSError: if something cannot be written.
    """
    threads = torch.get_num_threads()
    require_place(job.folder)
    data = load_for_training(job.data, job.recipe).to(pick(job.device))
    card = finished(job, data)
    if card is not None:
        return card
    store = Store(job.folder / FOLDER)
    store.lock()
    try:
        card = finished(job, data)  # another process may have ended it just now
        if card is None:
            require_place(job.folder)
            for left, name in unfinished(job.folder).items():
                if name in _FILES:
                    left.unlink(missing_ok=True)
            card = _Training(job, data, store, listener).run()
        store.remove()
    finally:
        store.unlock()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
    return card


def require_place(folder: Path) -> None:
    """Check that a network may be trained in a folder: it is new or empty, or holds a training and its files.

    Beside a training there may be other files, which are left alone.

    Raises:
        FileExistsError: naming what else is there.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder}: expected a directory, got a file")
    store = Store(folder / FOLDER)
    require_own(*(folder / name for name in _FILES))
    ended = all((folder / name).is_file() for name in (CARD, f"{LAST}.safetensors"))
    if ended or store.files():
        return
    remains = [path for path in folder.iterdir() if unfinished_name(path) in _FILES]
    log = folder / LOG
    if log.is_file() and not log.is_symlink() and log.stat().st_size == 0:  # of one killed in its first epoch
        remains.append(log)
    others = sorted(path for path in folder.iterdir() if path not in (store.folder, *remains))
    others += store.foreign()
    if others:
        raise FileExistsError(
            f"{folder}: expected a new or empty directory or a training, got one with {others[0].name}"
        )


def finished(job: Job, data: TrainingData) -> dict[str, Any] | None:
    """Return the card of a network that has been trained to its end; None if there is none.

    Raises:
        ValueError: if it is another network than the job's, naming the first difference.
    """
    path = job.folder / CARD
    if not (path.is_file() and (job.folder / f"{LAST}.safetensors").is_file()):
        return None
    card = from_json(path.read_text(encoding="utf-8"), str(path))
    made = making(job, data.digest())
    found = difference(made, {name: _with_new_names(card["recipe"]).get(name) for name in made})
    if found is not None:
        raise ValueError(f"{job.folder} holds a network that was trained otherwise: {found}")
    return card


class _Training:
    """A training that is under way in a folder."""

    def __init__(self, job: Job, data: TrainingData, store: Store, listener: Listener) -> None:
        self.job, self.data, self.store, self.listener = job, data, store, listener
        self.making = making(job, data.digest())
        self.best: dict[str, Any] = {"epoch": 0, "error": math.inf}
        self.best_weights: Arrays = {}
        self.history: list[dict[str, Any]] = []
        saved = store.newest()
        document = None if saved is None else self._checked(saved)
        threads = job.threads if document is None else document["environment"]["threads"]
        if threads is not None and threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        self.environment = environment(data.train.labels.device)
        if document is not None and job.exact:
            self._require("environment", document["environment"], self.environment)
        self.trainer = NetworkTrainer(job.genotype, job.recipe, data, job.initial)
        if saved is not None and document is not None:
            self._resume(saved, document)
        self._begin = time.monotonic() - self.seconds

    @property
    def seconds(self) -> float:
        """Seconds of training up to the last epoch."""
        return float(self.history[-1]["seconds"]) if self.history else 0.0

    def run(self) -> dict[str, Any]:
        """Train all epochs that are left, and write what came of it."""
        self._write_log()
        self.listener(self.trainer.progress())
        while self.trainer.epochs < self.job.recipe.epochs:
            self._epoch()
        held_out = [self._accuracy(HELD_OUT, self.history[-1])] if self.trainer.held_out is not None else []
        last = [*held_out, self._test(self.trainer.epochs)]
        weights = self.trainer.weights()
        self.trainer.load_weights(self.best_weights)
        held_out = [self._accuracy(HELD_OUT, self.best)] if self.trainer.held_out is not None else []
        save(self.trainer.network, self.job.folder, self._card([*held_out, self._test(self.best["epoch"])]), BEST)
        self.trainer.load_weights(weights)
        save(self.trainer.network, self.job.folder, self._card(last), LAST)
        path = self.job.folder / CARD  # that of the best weights
        return from_json(path.read_text(encoding="utf-8"), str(path))

    def _epoch(self) -> None:
        trainer, recipe = self.trainer, self.job.recipe
        rate = recipe.learning_rate_in(trainer.epochs)
        loss = trainer.epoch(self.listener)
        if not math.isfinite(loss):
            raise DivergenceError(
                f"training: expected a finite loss, got {loss} in epoch {trainer.epochs} at learning rate {rate:.3g}"
            )
        figures: dict[str, Any] = {"epoch": trainer.epochs, "loss": loss, "learning_rate": rate}
        if trainer.held_out is not None:
            figures |= {
                "error": trainer.error(trainer.held_out, self.listener),
                "split": HELD_OUT,
                "weights": "stand-alone",
            }
        figures["seconds"] = round(time.monotonic() - self._begin, 2)
        self.history.append(figures)
        if trainer.held_out is None or figures["error"] <= self.best["error"]:  # of equal ones the later
            self.best = {"epoch": trainer.epochs, "error": figures.get("error", math.inf)}
            self.best_weights = trainer.weights()
        self._save()
        append(self.job.folder / LOG, f"{json.dumps(figures)}\n".encode())
        numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
        self.listener(trainer.progress(figures=numbers, boundary=True))

    def _save(self) -> None:
        best = {**self.best, "error": _or_none(self.best["error"])}
        held = {"making": self.making, "environment": self.environment, "best": best, "history": self.history}
        text = json.dumps({"format": FORMAT, **held})
        weights = {f"best/{name}": value for name, value in self.best_weights.items()}
        self.store.save(self.trainer.epochs, text, {**self.trainer.state(), **weights})

    def _checked(self, saved: Saved) -> dict[str, Any]:
        try:
            document: dict[str, Any] = json.loads(saved.text)
            if document.get("format", 1) != FORMAT:
                raise ValueError(
                    f"{self.store.folder}: expected a training of format {FORMAT}, got {document.get('format', 1)}"
                )
            threads = document["environment"]["threads"]
            if not (isinstance(threads, int) and 1 <= threads <= 1024 and isinstance(document["history"], list)):
                raise ValueError("unfit values")
            self._require("training", _with_new_names(document["making"]), self.making)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{self.store.folder}: expected a training's state, got another ({error!r})") from None
        return document

    def _require(self, what: str, expected: Any, got: Any) -> None:
        found = difference(expected, got)
        if found is not None:
            raise ValueError(f"{self.job.folder}: {what} is not that of the network under way: {found}")

    def _resume(self, saved: Saved, document: dict[str, Any]) -> None:
        self.trainer.load_state({k: v for k, v in saved.arrays.items() if not k.startswith("best/")})
        self.best_weights = {k.removeprefix("best/"): v for k, v in saved.arrays.items() if k.startswith("best/")}
        error = document["best"]["error"]
        self.best = {**document["best"], "error": math.inf if error is None else error}
        self.history = document["history"]

    def _write_log(self) -> None:
        """Write the log as it was when the state was saved."""
        lines = "".join(json.dumps(figures) + "\n" for figures in self.history)
        write_whole(self.job.folder / LOG, lines.encode())

    def _test(self, epoch: int) -> dict[str, Any]:
        return self._accuracy(TEST, {"epoch": epoch, "error": self.trainer.error(self.data.test, self.listener)})

    def _accuracy(self, split: str, figures: Mapping[str, Any]) -> dict[str, Any]:
        return {"split": split, "epoch": figures["epoch"], "weights": "stand-alone", "error": figures["error"]}

    def _card(self, accuracy: list[dict[str, Any]]) -> dict[str, Any]:
        data = self.data
        told = data_card(
            data.name,
            data.image_shape,
            data.classes,
            data.mean.tolist(),
            data.std.tolist(),
            data.class_names,
        )
        how = {**self.making, "epochs": self.trainer.epochs, "seconds": self.seconds, "environment": self.environment}
        return {"data": told, "recipe": how, "accuracy": accuracy}


def error_in(card: Mapping[str, Any], split: str) -> float | None:
    """Return the error that a card tells of a split; None if it tells of none."""
    return next((float(one["error"]) for one in card["accuracy"] if one["split"] == split), None)


def figures_of(card: Mapping[str, Any]) -> dict[str, float]:
    """Return what a card tells in numbers: ``params``, ``epoch`` of its weights, each split's error, ``seconds``."""
    errors = {one["split"]: one["error"] for one in card["accuracy"]}
    epoch = max(one["epoch"] for one in card["accuracy"])
    return {"params": card["costs"]["params"], "epoch": epoch, **errors, "seconds": card["recipe"]["seconds"]}


def epochs_left(job: Job, data: TrainingData) -> int:
    """Return how many epochs a training has still to go, one more for its end; 0 if it has been trained to its end.

    Raises:
        ValueError: if its folder holds another network's training, or a damaged one.
    """
    if finished(job, data) is not None:
        return 0
    saved = Store(job.folder / FOLDER).newest()
    return job.recipe.epochs + 1 - (0 if saved is None else saved.number)


def making(job: Job, data_sha256: str) -> dict[str, Any]:
    """Return all that decides the result of a training on images of a digest, as plain values."""
    splits = {"train": "search-train + search-validation", "held out": job.recipe.holdout_fraction}
    made = {
        "trainer": "carsmoo train",
        "genotype": str(job.genotype),
        "settings": dataclasses.asdict(job.recipe),
        "splits": splits,
        "data_sha256": data_sha256,
        "start": "random" if job.initial is None else f"supernet {_digest(job.initial)}",
    }
    plain: dict[str, Any] = json.loads(json.dumps(made))
    return plain


def _with_new_names(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a network was trained, as a file of before may tell it, with the names of today."""
    settings = made.get("settings")
    return {**made, "settings": with_new_names(settings, "recipe")} if isinstance(settings, Mapping) else dict(made)


def _digest(weights: Arrays) -> str:
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(weights[name]).data)
    return found.hexdigest()[:16]


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
