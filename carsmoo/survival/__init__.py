"""pNSGA-III's survival as the paper states it."""

from carsmoo.survival.selection import (
    PNSGA3Survival,
    Protection,
    Selection,
    merge_stages,
    pareto_stages,
    protected_objectives,
    select,
    selection,
)

__all__ = [
    "PNSGA3Survival",
    "Protection",
    "Selection",
    "merge_stages",
    "pareto_stages",
    "protected_objectives",
    "select",
    "selection",
]
