"""The folder of a training: the network that it is for, what may be in it, and how far the training has come."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from carsmoo.config.renamed import with_new_names
from carsmoo.config.retraining import TrainingRecipe
from carsmoo.nets.data import DataLike, TrainingData
from carsmoo.nets.models.model_card import from_json
from carsmoo.nets.models.serialization import CARD
from carsmoo.nets.retraining.card import TEST, error_in
from carsmoo.space.architecture import Architecture
from carsmoo.utils.owned import require_own
from carsmoo.utils.run_store import LOG, RunStore
from carsmoo.utils.trees import difference
from carsmoo.utils.validation import finite, shown

BEST, LAST = "best", "last"
"""Names of the weights in a folder."""

FILES = (LOG, CARD, f"{BEST}.safetensors", f"{LAST}.safetensors")

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


class TrainingStore(RunStore):
    """The store of a training."""

    kind = "training"
    fields = MappingProxyType({"making": dict, "environment": dict, "best": dict, "history": list})
    names = FILES

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
    require_own(*(folder / name for name in FILES if name != LOG))
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
    found = difference(made, {name: with_settings_of_now(card["recipe"]).get(name) for name in made})
    if found is not None:
        raise ValueError(f"{job.folder} holds a network that was trained otherwise: {found}")
    if finite(card["recipe"].get("seconds")) is None:
        raise ValueError(f"{path}: recipe: seconds: expected a number, got {shown(card['recipe'].get('seconds'))}")
    if error_in(card, TEST) is None:
        raise ValueError(f"{path}: accuracy: expected an error on {TEST}, got none")
    return card


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


def with_settings_of_now(made: Mapping[str, Any]) -> dict[str, Any]:
    """Return how a network was trained, as a file of before may tell it, with the names of today."""
    settings = made.get("settings")
    return {**made, "settings": with_new_names(settings, "recipe")} if isinstance(settings, Mapping) else dict(made)


def _digest(weights: Arrays) -> str:
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode())
        found.update(np.ascontiguousarray(weights[name]).data)
    return found.hexdigest()[:16]
