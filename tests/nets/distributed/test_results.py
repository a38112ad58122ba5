import threading
from typing import Any

import pytest
import torch.distributed as dist

from carsmoo.nets.distributed import results
from carsmoo.nets.distributed.group import Group
from carsmoo.nets.distributed.results import SharedResults
from carsmoo.utils.validation import StoppedError
from tests.support.groups import together


def test_all_ranks_read_what_each_has_posted_in_order_and_as_soon_as_it_is_there() -> None:
    slow = threading.Event()

    def work(group: Group) -> list[str]:
        with SharedResults(group, 3) as shared:
            if group.rank == 2:  # it hears of two while it has still to post
                found = iter(shared)
                first = [next(found), next(found)]
                slow.set()
                shared.post(2, "of 2")
                return [*first, *found]
            if group.rank == 0:
                assert slow.wait(60)
                return list(shared)
            for place in (1, 0):
                shared.post(place, f"of {place}")
            return list(shared)

    assert together(3, work) == [["of 0", "of 1", "of 2"]] * 3


def test_a_second_use_holds_nothing_of_the_first() -> None:
    def work(group: Group) -> list[list[str]]:
        found = []
        for word in ("one", "two"):
            with SharedResults(group, 2) as shared:
                shared.post(group.rank, word)
                found.append(list(shared))
        return found

    assert together(2, work) == [[["one"] * 2, ["two"] * 2]] * 2


def work_of(group: Group, shared: SharedResults) -> None:
    if group.rank == 0:
        raise ValueError("loss:\n expected a finite one")
    list(shared)


def test_nobody_waits_for_a_rank_that_stopped() -> None:
    def work(group: Group) -> str:
        with pytest.raises((ValueError, StoppedError)) as caught, SharedResults(group, 2) as shared:
            work_of(group, shared)
        return " ".join(str(caught.value).split())

    assert together(2, work) == ["loss: expected a finite one", "rank 0 stopped: loss: expected a finite one"]


def test_a_rank_that_gives_no_sign_any_more_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SILENT", -1.0)  # whoever has not beaten between two looks
    monkeypatch.setattr(results, "LEAVING", 0.0)
    ended = threading.Event()

    def work(group: Group) -> str:
        if group.rank == 1:
            group.store().add("beat/1", 1)  # all that it does before it dies
            assert ended.wait(60)
            return ""
        with pytest.raises(StoppedError) as caught, SharedResults(group, 2) as shared:
            list(shared)
        ended.set()
        return str(caught.value)

    assert together(2, work)[0] == "group: expected a sign of all processes, got none of rank 1 for -1 s"


def test_a_rank_that_only_beats_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "SILENT", -1.0)
    with SharedResults(Group(), 1) as shared:
        for _ in range(3):
            shared.check()


def test_a_rank_by_itself_reads_its_own() -> None:
    with SharedResults(Group(), 1) as shared:
        shared.post(0, [1])
        assert list(shared) == [[1]]
        shared.check()


def test_connections_that_break_are_told() -> None:
    class Broken(dist.HashStore):
        def check(self, keys: list[str]) -> bool:
            raise dist.DistNetworkError("connection reset")

    class Apart(Group):
        def store(self) -> dist.Store:
            return Broken()

    with SharedResults(Apart(), 1) as shared:
        with pytest.raises(StoppedError, match=r"got none of one \(connection reset\)"):
            list(shared)
        with pytest.raises(StoppedError, match="got none of one"):
            shared.check()


def post_and_read(group: Group, shared: SharedResults) -> None:
    values: list[Any] = [object(), 1]
    shared.post(group.rank, values[group.rank])
    list(shared)


def test_what_json_cannot_hold_stops_all_instead_of_keeping_them_waiting() -> None:
    def work(group: Group) -> str:
        with pytest.raises((TypeError, StoppedError)) as caught, SharedResults(group, 2) as shared:
            post_and_read(group, shared)
        return str(caught.value)

    said = together(2, work)
    assert all("not JSON serializable" in text for text in said)
    assert said[1].startswith("rank 0 stopped: ")
