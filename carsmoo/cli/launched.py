"""What a command does when ``torchrun`` has launched it in several processes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from carsmoo.cli.saying import say
from carsmoo.launch import Launch

if TYPE_CHECKING:
    from carsmoo.distributed import Group


@contextmanager
def together(device: str | None) -> Iterator[Group | None]:
    """Join the processes that were launched together, for as long as the context lasts; None for one by itself."""
    if Launch.here().size == 1:
        yield None
        return
    from carsmoo.distributed import joined

    before = signal.signal(signal.SIGINT, signal.SIG_DFL)  # what waits here for others is deaf to Python's handlers
    try:
        with joined(device) as group:
            signal.signal(signal.SIGINT, before)
            yield group
    finally:
        signal.signal(signal.SIGINT, before)


def saying(group: Group | None) -> Callable[[str], None]:
    """Return what says something: rank 0 alone does."""
    return say if group is None or group.rank == 0 else _unsaid


def _unsaid(text: str) -> None:
    """Say nothing."""
