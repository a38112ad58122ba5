import io
import sys

import pytest
from rich.console import Console

from carsmoo.utils.progress import PhaseClock, ProgressBars, Step, error_console, has_bars


def test_bars_show_the_phase_and_what_is_left_and_go_away_at_its_end() -> None:
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen, force_terminal=True, width=100))
    for done in range(4):
        bars(Step(phase="training", time=2, done=done, total=3, unit="steps", figures={"loss": 1.5}))
    shown = screen.getvalue()
    assert "training" in shown
    assert "3/3" in shown
    assert "loss 1.5" in shown
    assert "left" in shown
    bars(Step(phase="scoring", time=2, done=1, total=9, unit="networks"))
    bars.close()
    bars.close()
    assert "scoring" in screen.getvalue()


def test_figures_stay_until_others_come() -> None:
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen, force_terminal=True, width=100))
    bars(Step(phase="training", done=1, total=9, unit="steps", figures={"error": 0.25}))
    with bars.hidden():
        before = len(screen.getvalue())
        bars(Step(phase="training", done=2, total=9, unit="steps"))
    assert "error 0.25" in screen.getvalue()[before:]
    bars(Step(phase="training", done=3, total=9, unit="steps", figures={"error": 0.125}))
    with bars.hidden():
        before = len(screen.getvalue())
    assert "error 0.125" in screen.getvalue()[before:]
    assert "error 0.25" not in screen.getvalue()[before:]
    bars.close()


def test_a_new_phase_starts_its_own_bar() -> None:
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen, force_terminal=True, width=100))
    bars(Step(phase="warm-up", time=0, done=1, total=9, unit="steps"))
    bars(Step(phase="scoring", time=0, done=1, total=2, unit="networks"))
    bars.close()
    assert "scoring" in screen.getvalue()
    assert "1/2" in screen.getvalue()


def test_a_hidden_bar_leaves_the_console_to_others_and_comes_back_where_it_was() -> None:
    screen, out = io.StringIO(), sys.stdout
    bars = ProgressBars(Console(file=screen, force_terminal=True, width=100))
    with bars.hidden():  # there is none yet
        assert sys.stdout is out
    bars(Step(phase="networks", done=3, total=9, unit="networks"))
    assert sys.stdout is not out  # what is printed now goes where the bar is
    with bars.hidden():
        assert sys.stdout is out
        before = len(screen.getvalue())
    assert "3/9" in screen.getvalue()[before:]
    bars.close()
    assert sys.stdout is out


def test_what_is_no_terminal_is_left_alone() -> None:
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen))
    bars(Step(phase="networks", done=3, total=9, unit="networks"))
    with bars.hidden():
        pass
    bars.close()
    assert screen.getvalue() == ""


def test_a_pipe_is_no_terminal_where_colours_are_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as notebooks do
    bars = ProgressBars()
    bars(Step(phase="networks", done=3, total=9, unit="networks"))
    bars.close()
    assert screen.getvalue() == ""


def test_a_terminal_that_moves_no_cursor_has_no_bars_nor_has_what_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert has_bars(Console(force_terminal=True, _environ={"TERM": "xterm"}))
    assert not has_bars(Console(force_terminal=True, _environ={"TERM": "dumb"}))
    monkeypatch.setattr(sys, "stderr", None)
    assert not has_bars(error_console())
    bars = ProgressBars()
    bars(Step(phase="networks", done=3, total=9, unit="networks"))
    bars.close()


def test_a_clock_counts_each_phase_and_not_what_lies_between() -> None:
    at = 0.0
    clock = PhaseClock(lambda: at)

    def step(when: float, phase: str, done: int) -> None:
        nonlocal at
        at = when
        clock(Step(phase=phase, time=0, done=done, total=2, unit="steps"))

    step(1.0, "scoring", 0)
    step(3.0, "scoring", 2)
    step(10.0, "training", 0)
    step(10.5, "training", 1)
    assert clock.take() == {"scoring": 2.0, "training": 0.5}
    step(11.0, "training", 2)
    step(20.0, "training", 0)  # the next epoch, announced after something else
    step(21.0, "training", 1)
    step(30.0, "scoring", 0)  # scored again: announced, not gone on with
    step(31.0, "scoring", 1)
    assert clock.take() == {"training": 1.5, "scoring": 1.0}
    step(33.0, "scoring", 1)  # of three supernets two have scored a network: as many are done as before
    step(36.0, "scoring", 2)
    step(40.0, "training", 0)
    step(41.0, "training", 0)  # announced twice, nothing done
    assert clock.take() == {"scoring": 5.0}
    assert clock.take() == {}
