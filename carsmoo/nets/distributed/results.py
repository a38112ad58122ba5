"""Results shared between ranks that work each at its own pace, by the key-value store of ``torch.distributed``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any

from carsmoo.nets.distributed.group import Group, all_there
from carsmoo.utils.validation import StoppedError, one_line

EVERY = 0.2
"""Seconds between two looks at the store."""

LEAVING = 10.0
"""Seconds that a rank which stops waits for the others to hear of it."""

SILENT = 1800.0
"""Seconds without a heartbeat after which a rank counts as lost, as many as a collective waits for it."""


class SharedResults:
    """A context in which each rank posts its results, and iterates over all of them in their order.

    Nobody waits in a collective for the work of another, which may take longer than a collective waits. A rank that
    stops tells why; one that neither posts nor beats is noticed by those that read or check.

    Args:
        group: the ranks, all of which make one alike.
        n: how many results there will be in all.
    """

    def __init__(self, group: Group, n: int) -> None:
        self.n = n
        self._group, self._store = group, group.store()
        self._beats: dict[int, tuple[int, float]] = {}

    def __enter__(self) -> SharedResults:
        self.beat()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Tell the others why this rank stops, and wait until they have heard it, or have all that is in the store."""
        with suppress(StoppedError), all_there():  # what goes wrong here is less than the error at hand
            if error is not None:
                self._store.compare_set("stopped", "", f"rank {self._group.rank} stopped: {one_line(error)}")
            # Signals come to all ranks, so that none waits for another to hear of one.
            waits = self._group.is_main if error is None else not isinstance(error, KeyboardInterrupt)
            left, end = self._store.add("left", 1), time.monotonic() + LEAVING
            while waits and left < self._group.size and time.monotonic() < end:
                time.sleep(EVERY)
                left = self._store.add("left", 0)

    def __iter__(self) -> Iterator[Any]:
        """Yield the results in their order, each as soon as it is there.

        Raises:
            StoppedError: as :meth:`check`.
        """
        for place in range(self.n):
            while not self._holds(f"result/{place}"):
                self.check()
                time.sleep(EVERY)
            yield json.loads(self._store.get(f"result/{place}"))

    def post(self, place: int, value: Any) -> None:
        """Tell all ranks of a result, which JSON can hold, at a place of its own from 0 to ``n`` - 1."""
        with all_there():
            self._store.set(f"result/{place}", json.dumps(value))

    def beat(self) -> None:
        """Tell the others that this rank is still there."""
        with all_there():
            self._store.add(f"beat/{self._group.rank}", 1)

    def check(self) -> None:
        """Look whether all ranks are still there, and tell that this one is.

        Raises:
            StoppedError: if one has stopped, naming it and why, or is lost.
        """
        self.beat()
        if self._holds("stopped"):
            raise StoppedError(self._store.get("stopped").decode())
        for rank in range(self._group.size):
            with all_there():
                beat = self._store.add(f"beat/{rank}", 0)
            known, since = self._beats.get(rank, (None, 0.0))
            if beat != known:
                self._beats[rank] = (beat, time.monotonic())
            elif time.monotonic() - since > SILENT:
                raise StoppedError(f"group: expected a sign of all processes, got none of rank {rank} for {SILENT:g} s")

    def _holds(self, key: str) -> bool:
        with all_there():
            return bool(self._store.check([key]))
