"""What several ranks have done, each at its own pace, told to all of them while they work."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any

from carsmoo.utils.validation import StoppedError

if TYPE_CHECKING:
    from carsmoo.nets.distributed.group import Group

EVERY = 0.5
"""Seconds between two exchanges."""

LEAVING = 10.0
"""Seconds that a rank which stops waits for the others to hear of it."""


class Board:
    """A context in which each rank posts what it has done, and reads what any has.

    Beside the work a thread exchanges what is new every half second, on connections of its own. Nobody waits in a
    collective for the work of another, which may take longer than the half hour after which a collective gives up; and
    a rank that stops or is gone is noticed by all, also on other hosts.

    Args:
        group: the ranks, all of which make a board alike.
        n: how many posts there will be in all.
    """

    def __init__(self, group: Group, n: int) -> None:
        self.n = n
        self._group = group.aside()
        self._changed = threading.Condition()
        self._new: list[tuple[int, Any]] = []
        self._posted: dict[int, Any] = {}
        self._stopped: str | None = None
        self._leaving: str | None = None
        self._thread = threading.Thread(target=self._exchange, name="carsmoo-board", daemon=True)

    def __enter__(self) -> Board:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            if error is not None:
                self._leaving = " ".join(str(error).split()) or type(error).__name__
            self._changed.notify_all()
        self._thread.join(LEAVING)

    def post(self, place: int, value: Any) -> None:
        """Tell all ranks of something, which JSON can hold, at a place of its own from 0 to ``n`` - 1."""
        with self._changed:
            self._new.append((place, value))
            self._changed.notify_all()

    def check(self) -> None:
        """Look whether all ranks are still there.

        Raises:
            StoppedError: if one has stopped or is gone, naming it where it said so.
        """
        with self._changed:
            if self._stopped is not None:
                raise StoppedError(self._stopped)

    def read(self, more_than: int = -1) -> dict[int, Any]:
        """Return what has been posted, by its place, as soon as it is more than a number.

        Raises:
            StoppedError: if a rank has stopped or is gone, naming it where it said so.
        """
        with self._changed:
            while len(self._posted) <= more_than and self._stopped is None:
                self._changed.wait(EVERY)  # in pieces, so that signals are heard on every system
            if self._stopped is not None:
                raise StoppedError(self._stopped)
            return dict(self._posted)

    def _exchange(self) -> None:
        try:
            while self._stopped is None and len(self._posted) < self.n:  # found alike by all after each exchange
                with self._changed:
                    if not self._new and self._leaving is None:
                        self._changed.wait(EVERY)
                    told, self._new = {"posts": self._new, "leaving": self._leaving}, []
                self._hear(self._group.gather_json(told))
        except Exception as error:  # of whatever kind: who reads would wait for ever for a thread that is gone
            with self._changed:
                self._stopped = " ".join(str(error).split()) or type(error).__name__
                self._changed.notify_all()

    def _hear(self, told: list[dict[str, Any]]) -> None:
        with self._changed:
            for rank, one in enumerate(told):
                self._posted.update(dict(one["posts"]))
                if one["leaving"] is not None and self._stopped is None:
                    self._stopped = f"rank {rank} stopped: {one['leaving']}"
            self._changed.notify_all()
