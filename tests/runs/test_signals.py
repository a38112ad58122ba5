"""Signals that a run notices."""

import os
import signal

import pytest

from carsmoo.runs.signals import InterruptedRunError, Interruption
from carsmoo.utils.progress import Step

SIGNALS = (signal.SIGINT, signal.SIGTERM)
STEP = Step(phase="training", done=1, total=2, unit="steps")


@pytest.mark.parametrize("first", SIGNALS)
@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("launched", [False, True])
def test_the_first_signal_leaves_after_the_step_and_the_second_at_once(
    first: signal.Signals, second: signal.Signals, launched: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    told: list[bool] = []
    interruption = Interruption(lambda: told.append(True), launched=launched)
    with interruption.listening():
        interruption.hear(STEP)
        os.kill(os.getpid(), first)
        assert (told, exits) == ([True], [])
        os.kill(os.getpid(), second)
    passed_on = launched and second == signal.SIGTERM  # by a launcher
    assert exits == ([] if passed_on else [128 + second])
    with pytest.raises(InterruptedRunError) as left:
        interruption.hear(STEP)
    assert left.value.exit_code == 128 + first
