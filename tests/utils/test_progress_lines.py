import json
import math
import threading
from typing import Any

import pytest

from carsmoo.utils.progress import Step
from carsmoo.utils.progress_lines import PULSE, ProgressLines
from carsmoo.utils.time_left import NetworksEstimate, Plan, SearchEstimate


class Hand:
    """Progress lines whose clock is set by hand."""

    def __init__(self, **options: Any) -> None:
        self.at = 0.0
        self.said: list[str] = []
        self.lines = ProgressLines(lambda: self.at, self.said.append, **options)

    def step(self, at: float, phase: str, done: int, total: int, **told: Any) -> None:
        self.at = at
        self.lines(Step(phase=phase, done=done, total=total, **{"unit": "steps", **told}))

    def beat(self, at: float) -> None:
        self.at = at
        self.lines.beat()


def test_a_phase_is_told_when_it_begins_and_every_30_seconds_and_short_steps_are_not() -> None:
    hand = Hand()
    for second in range(0, 101, 10):
        hand.step(second, "warm-up", second, 100, figures={"loss": 1.5} if second == 20 else {})
    hand.step(101, "scoring", 0, 6, unit="networks")
    assert hand.said == [
        "warm-up: 0/100 steps",
        "warm-up: 30/100 steps after 30 s, loss 1.5, 70 s left",
        "warm-up: 60/100 steps after 60 s, loss 1.5, 40 s left",
        "warm-up: 90/100 steps after 90 s, loss 1.5, 10 s left",
        "scoring: 0/6 networks",
    ]


def test_each_epoch_announces_itself_and_is_no_phase_of_its_own_but_each_generation_is() -> None:
    hand = Hand()
    for epoch in range(3):
        hand.step(epoch, "warm-up", 5 * epoch, 15)
        hand.step(epoch, "warm-up", 5 * epoch + 5, 15)
    assert len(hand.said) == 1
    for time in (0, 1):
        hand.step(10, "training", 0, 5, time=time)
        hand.step(11, "training", 5, 5, time=time)
        hand.step(11, "training", 5, 5, time=time)  # an event that nothing was done in
        for _ in range(2):  # newborns, then all
            hand.step(12, "scoring", 0, 4, time=time)
            hand.step(12, "scoring", 0, 4, time=time)
            hand.step(12, "scoring", 4, 4, time=time)
    assert hand.said[1:] == ["training: 0/5 steps", "scoring: 0/4 steps", "scoring: 0/4 steps"] * 2


def test_a_phase_that_is_trained_again_after_it_diverged_begins_again() -> None:
    hand = Hand()
    hand.step(0, "training", 0, 5)
    hand.step(1, "training", 4, 5)
    hand.step(2, "rollback", 1, 1)
    hand.step(2, "training", 0, 5)
    assert hand.said == ["training: 0/5 steps", "rollback: 1/1 steps", "training: 0/5 steps"]


def test_where_no_step_comes_a_beat_tells_the_phase_that_goes_on_if_one_does() -> None:
    hand = Hand()
    hand.beat(100)
    assert hand.said == []
    hand.step(100, "networks", 0, 2, unit="networks")
    hand.step(101, "training", 0, 10)
    hand.beat(128)
    assert len(hand.said) == 2
    hand.beat(129)
    hand.beat(130)
    assert hand.said[2:] == ["training: 0/10 steps after 28 s"]
    hand.step(140, "training", 10, 10)
    hand.beat(161)  # its error on test is measured: the network is not done
    assert hand.said[3:] == ["networks: 0/2 networks after 61 s"]
    hand.step(170, "networks", 2, 2, unit="networks")
    hand.beat(500)
    assert len(hand.said) == 4


def test_a_phase_that_is_resumed_is_estimated_by_what_is_done_now() -> None:
    hand = Hand()
    hand.step(0, "training", 50, 100)
    hand.step(30, "training", 60, 100)
    assert hand.said[1] == "training: 60/100 steps after 30 s, 2 min left"


def test_the_whole_run_is_told_where_its_plan_is_known() -> None:
    hand = Hand(estimate=SearchEstimate(Plan(warmup_epochs=10, generations=20, epochs_per_generation=2)))
    hand.step(0, "warm-up", 0, 100)
    hand.step(30, "warm-up", 50, 100)  # 6 s an epoch
    assert hand.said == ["warm-up: 0/100 steps", "warm-up: 50/100 steps after 30 s, 30 s left, whole run 4 min left"]
    alone = Hand(estimate=NetworksEstimate("networks"))
    alone.step(0, "networks", 0, 4, unit="networks")
    alone.step(30, "networks", 1, 4, unit="networks")
    assert alone.said[1] == "networks: 1/4 networks after 30 s, 90 s left"  # said once: the phase is the run


def test_json_lines_hold_numbers_and_null_for_what_is_not_known_or_finite() -> None:
    hand = Hand(as_json=True, estimate=SearchEstimate(Plan(warmup_epochs=1, generations=1, epochs_per_generation=2)))
    hand.step(0, "warm-up", 0, 4)
    hand.step(30, "warm-up", 2, 4, figures={"loss": math.nan, "epoch": 1})
    begin, later = map(json.loads, hand.said)
    common = {"event": "progress", "phase": "warm-up", "total": 4, "unit": "steps", "generation": 0}
    assert begin == {**common, "done": 0, "seconds": 0.0, "left": None, "run_left": None, "figures": {}}
    figures = {"loss": None, "epoch": 1}
    assert later == {**common, "done": 2, "seconds": 30.0, "left": 30.0, "run_left": 150.0, "figures": figures}


class Turns:
    """What stops a thread after some turns, each of which lets ten seconds pass."""

    def __init__(self, hand: Hand, turns: int) -> None:
        self.hand, self.turns = hand, turns

    def wait(self, timeout: float) -> bool:
        assert timeout == PULSE
        self.hand.at += 10
        self.turns -= 1
        return self.turns < 0


def test_beats_come_until_it_is_time_to_stop() -> None:
    hand = Hand()
    hand.step(0, "networks", 0, 3)
    hand.lines.beat_until(Turns(hand, 6))
    assert hand.said[1:] == ["networks: 0/3 steps after 30 s", "networks: 0/3 steps after 60 s"]


def test_beats_end_with_their_context_and_where_nobody_reads() -> None:
    hand = Hand()
    with hand.lines.beating():
        (thread,) = [thread for thread in threading.enumerate() if thread.name == "progress"]
        assert thread.daemon
    assert not thread.is_alive()

    def closed(line: str) -> None:
        raise BrokenPipeError

    hand.step(0, "networks", 0, 3)
    hand.lines._write = closed
    hand.lines.beat_until(Turns(hand, 6))
    hand.at += 100
    with pytest.raises(BrokenPipeError):
        hand.step(hand.at, "networks", 1, 3)
