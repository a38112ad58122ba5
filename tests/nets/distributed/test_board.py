import threading

import pytest

from carsmoo.nets.distributed.board import Board
from carsmoo.nets.distributed.group import Group
from carsmoo.utils.validation import StoppedError
from tests.support.groups import together


def test_all_ranks_read_what_each_has_posted() -> None:
    slow = threading.Event()

    def work(group: Group) -> tuple[int, dict[int, str]]:
        with Board(group, 3) as board:
            if group.rank == 2:  # the others hear of two while it has still to post
                assert set(board.read(more_than=1)) == {0, 1}
                slow.set()
            board.post(group.rank, f"of {group.rank}")
            first = len(board.read(more_than=1))
            if group.rank < 2:
                assert slow.wait(60)
            return first, board.read(more_than=2)

    found = together(3, work)
    assert [posts for _, posts in found] == [{0: "of 0", 1: "of 1", 2: "of 2"}] * 3
    assert {first for first, _ in found} <= {2, 3}


def work_of(group: Group, board: Board) -> None:
    if group.rank == 0:
        raise ValueError("loss:\n expected a finite one")
    board.read(more_than=0)


def test_nobody_waits_for_a_rank_that_stopped() -> None:
    def work(group: Group) -> str:
        with pytest.raises((ValueError, StoppedError)) as caught, Board(group, 2) as board:
            work_of(group, board)
        return " ".join(str(caught.value).split())

    assert together(2, work) == ["loss: expected a finite one", "rank 0 stopped: loss: expected a finite one"]


def test_a_rank_by_itself_reads_its_own() -> None:
    with Board(Group(), 1) as board:
        board.post(0, [1])
        assert board.read(more_than=0) == {0: [1]}
        board.check()


def test_connections_that_break_are_told() -> None:
    class Broken(Group):
        def gather_json(self, value: object) -> list[object]:
            raise StoppedError("group: expected an answer of all processes, got none of one")

    with Board(Broken(), 1) as board:
        with pytest.raises(StoppedError, match="got none of one"):
            board.read(more_than=0)
        with pytest.raises(StoppedError, match="got none of one"):
            board.check()


def test_what_json_cannot_hold_stops_all_instead_of_keeping_them_waiting() -> None:
    with Board(Group(), 2) as board:
        board.post(0, object())
        with pytest.raises(StoppedError, match="not JSON serializable"):
            board.read(more_than=1)
