"""Retraining of one network in a folder of its own: saved after each epoch, resumed exactly, left with its card."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from carsmoo.nets.data import load_for_training
from carsmoo.nets.models.device import environment, pick
from carsmoo.nets.models.model_card import from_json
from carsmoo.nets.models.serialization import CARD, save
from carsmoo.nets.retraining.card import HELD_OUT, TEST, card_of_data, error_in, figures_of
from carsmoo.nets.retraining.folder import (
    BEST,
    LAST,
    Job,
    TrainingStore,
    epochs_left,
    finished,
    making,
    require_place,
    with_settings_of_now,
)
from carsmoo.nets.retraining.trainer import NetworkTrainer
from carsmoo.utils.files import Saved, write_whole
from carsmoo.utils.progress import Listener, unheard
from carsmoo.utils.validation import DivergenceError, shown

__all__ = [
    "HELD_OUT",
    "TEST",
    "Job",
    "TrainingStore",
    "card_of_data",
    "epochs_left",
    "error_in",
    "figures_of",
    "finished",
    "making",
    "require_place",
    "train",
]

Arrays = Mapping[str, NDArray[Any]]


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
            store.require_same("training", with_settings_of_now(saved[1]["making"]), self.making)
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
