"""What commands share: saying something, and reading a genotype that a user names."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from carsmoo.space.genotype import Genotype
from carsmoo.zoo import GENOTYPES

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group


def say(text: str) -> None:
    """Print a line."""
    print(text)


def genotype_of(text: str) -> Genotype:
    """Return the genotype of a published name, of its text or of its JSON.

    Raises:
        ValueError: for anything else.
    """
    if text in GENOTYPES:
        return GENOTYPES[text]
    if "(" not in text and not text.lstrip().startswith("{"):
        raise ValueError(f"genotype: expected one of {', '.join(GENOTYPES)}, or Genotype(...), got {text!r}")
    return Genotype.from_json(text) if text.lstrip().startswith("{") else Genotype.parse(text)


@contextmanager
def together(device: str | None) -> Iterator[Group]:
    """Join the processes that were launched together, for as long as the context lasts."""
    from carsmoo.nets.distributed.group import joined

    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # what waits here for others is deaf to Python's handlers
    try:
        with joined(device) as group:
            signal.signal(signal.SIGINT, before)
            yield group
    finally:
        signal.signal(signal.SIGINT, before)


def saying(group: Group) -> Callable[[str], None]:
    """Return what says something: rank 0 alone does."""
    return say if group.is_main else lambda text: None
