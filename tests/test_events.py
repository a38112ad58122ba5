import io

from rich.console import Console

from carsmoo.events import ProgressBars, Step


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


def test_a_new_phase_starts_its_own_bar() -> None:
    screen = io.StringIO()
    bars = ProgressBars(Console(file=screen, force_terminal=True, width=100))
    bars(Step(phase="warm-up", time=0, done=1, total=9, unit="steps"))
    bars(Step(phase="scoring", time=0, done=1, total=2, unit="networks"))
    bars.close()
    assert "scoring" in screen.getvalue()
    assert "1/2" in screen.getvalue()
