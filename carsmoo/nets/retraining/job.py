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
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from carsmoo.config.renamed import with_new_names
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import DataLike, TrainingData, load_for_training
from carsmoo.nets.models.device import environment, pick
from carsmoo.nets.models.model_card import data_card, from_json
from carsmoo.nets.models.serialization import CARD, save
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.space.architecture import Architecture
from carsmoo.utils.files import Saved, write_whole
from carsmoo.utils.owned import require_own
from carsmoo.utils.progress import Listener, unheard
from carsmoo.utils.run_store import LOG, RunStore
from carsmoo.utils.trees import difference
from carsmoo.utils.validation import DivergenceError, finite, shown

BEST, LAST = "best", "last"
_FILES = (LOG, CARD, f"{BEST}.safetensors", f"{LAST}.safetensors")

HELD_OUT, TEST = "held-out", "test"
"""Names of the splits in a card."""

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
    genotype: Architecture
    recipe: TrainingRecipe
    data: DataLike
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
    trainer = NetworkTrainer(job.genotype, job.recipe, data, job.initial)  # refuses before anything is written
    store = TrainingStore(job.folder)
    store.lock()
    try:
        card = finished(job, data)  # another process may have ended it just now
        if card is None:
            require_place(job.folder)
            card = _Training(job, trainer, store, listener).run()
        store.remove()
    finally:
        store.unlock()
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
    return card


class TrainingStore(RunStore):
    """The store of a training."""

    kind = "training"
    fields = MappingProxyType({"making": dict, "environment": dict, "best": dict, "history": list})
    names = _FILES

    def require_own_log(self) -> None:
        """Check that the log begins with the very figures that were saved, unless it is empty or a link to replace.

        Raises:
            FileExistsError: if it is something else.
        """
        log, saved = self.log_path, self.read()
        if saved is None or log.is_symlink() or not log.exists():
            return
        own = "".join(f"{json.dumps(figures)}\n" for figures in saved[1]["history"][:1]).encode()
        if not log.is_file() or not own.startswith(b"".join(log.read_bytes().splitlines(keepends=True)[:1])):
            raise FileExistsError(f"{log}: expected the log of this training, got something else")


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
    store = TrainingStore(folder)
    require_own(*(folder / name for name in _FILES if name != LOG))
    if all((folder / name).is_file() for name in (CARD, f"{LAST}.safetensors")):
        return
    if store.files():
        store.require_own_log()
        return
    log = store.log_path
    empty = log.is_file() and not log.is_symlink() and log.stat().st_size == 0  # of one killed in its first epoch
    others = [path for path in store.others() if not (empty and path == log)]
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
    card = from_json(path.read_text(encoding="utf-8"), str(path), job.genotype.vocabulary)
    made = making(job, data.digest())
    found = difference(made, {name: _with_new_names(card["recipe"]).get(name) for name in made})
    if found is not None:
        raise ValueError(f"{job.folder} holds a network that was trained otherwise: {found}")
    if finite(card["recipe"].get("seconds")) is None:
        raise ValueError(f"{path}: recipe: seconds: expected a number, got {shown(card['recipe'].get('seconds'))}")
    if error_in(card, TEST) is None:
        raise ValueError(f"{path}: accuracy: expected an error on {TEST}, got none")
    return card


class _Training:
    """A training that is under way in a folder."""

    def __init__(self, job: Job, trainer: NetworkTrainer, store: TrainingStore, listener: Listener) -> None:
        self.job, self.trainer, self.store, self.listener = job, trainer, store, listener
        self.data = trainer.data
        self.making = making(job, self.data.digest())
        self.best: dict[str, Any] = {"epoch": 0, "error": math.inf}
        self.best_weights: Arrays = {}
        self.history: list[dict[str, Any]] = []
        saved, threads = store.read(), job.threads
        if saved is not None:
            store.require_same("training", _with_new_names(saved[1]["making"]), self.making)
            threads = saved[1]["environment"].get("threads")
            if not (isinstance(threads, int) and 1 <= threads <= 1024):
                raise ValueError(f"{store.folder}: threads: expected an integer in 1..1024, got {shown(threads)}")
        if threads is not None and threads != torch.get_num_threads():
            torch.set_num_threads(threads)
        self.environment = environment(self.data.train.labels.device)
        if saved is not None:
            if job.exact:
                store.require_same("environment", saved[1]["environment"], self.environment)
            self._resume(*saved)
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
        folder, network = self.job.folder, self.trainer.network
        last, weights = self._card(self.history[-1]), self.trainer.weights()
        self.trainer.load_weights(self.best_weights)
        save(network, folder, self._card(self.best), BEST)
        self.trainer.load_weights(weights)
        save(network, folder, last, LAST)
        path = folder / CARD  # that of the best weights
        return from_json(path.read_text(encoding="utf-8"), str(path), self.job.genotype.vocabulary)

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
        self.store.append(**figures)
        numbers = {name: value for name, value in figures.items() if not isinstance(value, str)}
        self.listener(trainer.progress(figures=numbers, boundary=True))

    def _save(self) -> None:
        error = self.best["error"]
        best = {**self.best, "error": error if math.isfinite(error) else None}
        held = {"making": self.making, "environment": self.environment, "best": best, "history": self.history}
        weights = {f"best/{name}": value for name, value in self.best_weights.items()}
        self.store.write(self.trainer.epochs, held, {**self.trainer.state(), **weights})

    def _resume(self, saved: Saved, document: dict[str, Any]) -> None:
        self.trainer.load_state({k: v for k, v in saved.arrays.items() if not k.startswith("best/")})
        self.best_weights = {k.removeprefix("best/"): v for k, v in saved.arrays.items() if k.startswith("best/")}
        try:
            error = document["best"]["error"]
            self.best = {**document["best"], "error": math.inf if error is None else float(error)}
            self.history = [{**figures, "seconds": float(figures["seconds"])} for figures in document["history"]]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{self.store.folder}: expected a training's state, got another ({error!r})") from None

    def _write_log(self) -> None:
        """Write the log as it was when the state was saved."""
        lines = "".join(json.dumps(figures) + "\n" for figures in self.history)
        write_whole(self.store.log_path, lines.encode())

    def _card(self, figures: Mapping[str, Any]) -> dict[str, Any]:
        """Return the card of the network with the weights of an epoch, whose figures tell the error held out."""
        errors = {} if self.trainer.held_out is None else {HELD_OUT: figures["error"]}
        errors[TEST] = self.trainer.error(self.data.test, self.listener)
        common = {"epoch": figures["epoch"], "weights": "stand-alone"}
        accuracy = [{"split": split, **common, "error": error} for split, error in errors.items()]
        how = {**self.making, "epochs": self.trainer.epochs, "seconds": self.seconds, "environment": self.environment}
        return {"data": card_of_data(self.data), "recipe": how, "accuracy": accuracy}


def card_of_data(data: TrainingData) -> dict[str, Any]:
    """Return what a card tells of data."""
    moments = data.mean.tolist(), data.std.tolist()
    reading = None if data.reading is None else data.reading.to_plain()
    return data_card(data.name, data.image_shape, data.classes, *moments, data.class_names, reading)


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
    saved = TrainingStore(job.folder).newest()
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
