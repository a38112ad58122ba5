"""What the card of a trained network tells: its data, and figures of it in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carsmoo.nets.data import TrainingData
from carsmoo.nets.models.model_card import data_card

HELD_OUT, TEST = "held-out", "test"
"""Names of the splits in a card."""


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
