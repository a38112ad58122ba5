"""Fields that had another name, or were not there: what files of before mean by today's names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeVar

T = TypeVar("T")

RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "network": {
            "images": "image_shape",
            "classes": "n_classes",
            "affine": "bn_affine",
            "auxiliary": "auxiliary_head",
            "drop_path": "drop_path_prob",
        },
        "training": {
            "epochs": "epochs_per_generation",
            "warmup": "warmup_epochs",
            "generations": "n_generations",
            "population": "pop_size",
            "batch": "batch_size",
            "score_batch": "eval_batch_size",
            "architectures": "subnets_per_step",
            "parts": "ghost_batches",
            "alike": "flops_grouping_window",
            "clip": "grad_clip",
            "statistics": "bn_statistics",
            "calibration": "bn_calibration_images",
        },
        "recipe": {"auxiliary": "auxiliary_weight", "holdout": "holdout_fraction", "drop_path": "drop_path_prob"},
    }
)
"""New names by old ones, by the section of the settings. An old name is refused where somebody writes it."""

ADDED: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "training": {
            "weights": "shared",
            "warmup_widening": 0.0,
            "score_images": None,
            "classifier_images": 0,
            "main_effects": 0,
            "supernet_epochs": 0,
            "probes": 0,
            "n_supernets": 1,
            "schedule": "cosine",
            "budget": None,
        },
    }
)
"""What held before a field was there, by the section of the settings."""


def refuses_old_names(section: str) -> Callable[[type[T]], type[T]]:
    """Return a decorator for a dataclass of settings, which then refuses a field's old name with its new one."""

    def decorate(cls: type[T]) -> type[T]:
        make = cls.__init__

        @functools.wraps(make)
        def checked(self: T, *args: Any, **fields: Any) -> None:
            for name in RENAMED[section].keys() & fields.keys():
                raise TypeError(f"{name}: expected {RENAMED[section][name]}, which is the name of this setting now")
            make(self, *args, **fields)

        setattr(cls, "__init__", checked)  # noqa: B010  mypy takes no assignment to a method
        setattr(cls, "_renamed", RENAMED[section])  # noqa: B010
        return cls

    return decorate


def renamed_fields(config: Any) -> Mapping[str, str]:
    """Return the new names of a dataclass's fields by the old ones; empty where none was renamed."""
    found: Mapping[str, str] = getattr(config, "_renamed", {})
    return found


def with_new_names(settings: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return the settings of a section, as a file of before may hold them, under their names of today."""
    now = {RENAMED[section].get(name, name): value for name, value in settings.items()}
    return {**ADDED.get(section, {}), **now}


def sections_with_new_names(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with the names of today in each section that has renamed fields."""
    return {
        name: with_new_names(value, name) if name in RENAMED and isinstance(value, Mapping) else value
        for name, value in settings.items()
    }
